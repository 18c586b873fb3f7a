// The catalogue of triggers: the events that a webhook can get, and the ids that it can be limited to.

import { call } from "./api.js";
import { maybe } from "./text.js";

/** @type {Promise<Trigger[]> | null} */
let asked = null;

/** Returns the catalogue, which is read once. */
export function triggers() {
  asked ??= call("GET", "/api/v3/trigger").then(
    ({ body }) => body,
    (problem) => {
      asked = null;
      throw problem;
    },
  );
  return asked;
}

/** Returns the ids that a trigger can be limited to. @param {Trigger[]} catalogue @param {string} name */
export function slotsOf(catalogue, name) {
  const found = catalogue.find((trigger) => trigger.name === name);
  return found ? found.context.map(({ slot }) => slot) : [];
}

/** Returns what a trigger is called. @param {Trigger[]} catalogue @param {string} name */
export function labelOf(catalogue, name) {
  return maybe(`trigger.${name}`) ?? catalogue.find((trigger) => trigger.name === name)?.label ?? name;
}
