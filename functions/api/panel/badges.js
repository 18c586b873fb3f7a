// Results and states as words with a mark; never by colour alone.

import { el, icon } from "./dom.js";
import { t } from "./text.js";

/** @type {Record<string, string>} */
const RESULTS = { SUCCESS: "good", FAILED: "bad", WAITING: "waiting", PARKED: "parked" };
/** @type {Record<string, string>} */
const STATES = { active: "good", failing: "bad", suspended: "parked", lagging: "waiting", disabled: "off" };

/** @type {Record<string, string>} */
const JOBS = {
  Queued: "waiting",
  "In Progress": "waiting",
  Complete: "good",
  Failed: "bad",
  Cancelled: "off",
};

/** Shows the status of a job. @param {string} status */
export function jobBadge(status) {
  return badge(JOBS[status] ?? "off", t(`job.status.${status}`));
}

/** Shows the result of an attempt. @param {string} result */
export function resultBadge(result) {
  return badge(RESULTS[result] ?? "off", t(`result.${result}`));
}

/** Shows the state of a webhook, and the reason. @param {{ state: string, why: Children }} state */
export function stateBadge({ state, why }) {
  return el(
    "span",
    { class: "state" },
    badge(STATES[state], t(`state.${state}`)),
    why && el("span", { class: "why" }, why),
  );
}

/** @param {string} kind @param {string} text */
function badge(kind, text) {
  return el("span", { class: `badge ${kind}` }, icon(kind), text);
}
