// Results and states as words with a mark; never by colour alone.

import { el, icon } from "./dom.js";
import { t } from "./text.js";

const RESULTS = { SUCCESS: "good", FAILED: "bad", WAITING: "waiting", PARKED: "parked" };
const STATES = { active: "good", failing: "bad", suspended: "parked", lagging: "waiting", disabled: "off" };

const JOBS = { Queued: "waiting", "In Progress": "waiting", Complete: "good", Failed: "bad", Cancelled: "off" };

/** How far a job has come. */
export function jobBadge(status) {
  return badge(JOBS[status] ?? "off", t(`job.${status}`));
}

/** What became of an attempt. */
export function resultBadge(result) {
  return badge(RESULTS[result] ?? "off", t(`result.${result}`));
}

/** How a webhook is, and why if that is known. */
export function stateBadge({ state, why }) {
  return el(
    "span",
    { class: "state" },
    badge(STATES[state], t(`state.${state}`)),
    why && el("span", { class: "why" }, why),
  );
}

function badge(kind, text) {
  return el("span", { class: `badge ${kind}` }, icon(kind), text);
}
