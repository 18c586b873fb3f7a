// What webhooks can be told of, and by which ids each can be narrowed.

import { call } from "./api.js";
import { maybe } from "./text.js";

/** What a server without a catalogue knows. */
const BUILT_IN = [
  ["create-edit-delete-user", "Create / Edit / Remove User", []],
  ["create-edit-delete-task", "Create / Edit / Remove Task", ["taskGroup"]],
  ["create-edit-delete-survey", "Create / Edit / Remove Survey", ["survey", "group"]],
  ["create-edit-delete-property", "Create / Edit / Remove Element", []],
  ["create-edit-delete-note", "Edit Note", []],
  ["logout-user", "User Logout", []],
  ["hookrail-operational", "Webhooks Themselves", []],
].map(([name, label, slots]) => ({ name, label, slots, example: null }));

let asked = null;

/** The catalogue: `{name, label, slots, example}` each. Asked for once. */
export function triggers() {
  asked ??= call("GET", "/api/v3/trigger").then(
    ({ body }) => body.map(read),
    (problem) => {
      asked = null;
      if (problem.status === 404) return BUILT_IN;
      throw problem;
    },
  );
  return asked;
}

function read(entry) {
  const slots = entry.slots ?? entry.context ?? [];
  return {
    name: entry.name ?? entry.trigger,
    label: entry.label,
    slots: slots.map((slot) => slot.slot ?? slot.name ?? slot),
    example: entry.example ?? null,
  };
}

/** What people call the trigger of this name. */
export function labelOf(catalogue, name) {
  return maybe(`trigger.${name}`) ?? catalogue.find((entry) => entry.name === name)?.label ?? name;
}
