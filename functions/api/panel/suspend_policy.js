// The number of exhausted events in a row after which a webhook is suspended.

import { el, select } from "./dom.js";
import { field } from "./fields.js";
import { t } from "./text.js";

/** By name, the value of the API. @type {Record<string, number | null>} */
const POLICIES = { default: null, hold: 1, never: 0, number: 5 };
const NUMBER_MAX = 100;

/** @param {{ suspendAfter?: number | null }} webhook */
export function suspendPolicy({ suspendAfter = null }) {
  const names = Object.keys(POLICIES);
  const kind = names.find((name) => name !== "number" && POLICIES[name] === suspendAfter) ?? "number";
  const options = names.map((name) => [name, t(`policy.${name}`)]);
  const choice = select({}, options, kind);
  const count = el("input", {
    type: "number",
    min: 0,
    max: NUMBER_MAX,
    value: String(kind === "number" ? suspendAfter : POLICIES.number),
    "aria-label": t("policy.count"),
  });
  const made = field("suspendAfter", t("policy"), choice, { note: t("policy.note"), after: count });
  const follow = () => {
    count.hidden = choice.value !== "number";
  };
  choice.addEventListener("change", follow);
  follow();
  const number = () => (count.value === "" ? "" : Number(count.value));
  const read = () => (choice.value === "number" ? number() : POLICIES[choice.value]);
  return { field: made, element: made.element, read };
}
