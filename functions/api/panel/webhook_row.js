// A webhook in the list: what it is, and how it is doing.

import { may } from "./api.js";
import { stateBadge } from "./badges.js";
import { el, icon, show } from "./dom.js";
import { dayOf, queueOf, stateOf } from "./facts.js";
import { link } from "./route.js";
import { t } from "./text.js";
import { labelOf } from "./triggers.js";

/**
 * Makes a row. It asks how the webhook is doing when it can be seen (event `seen`).
 * @param {Webhook} webhook
 * @param {Trigger[]} catalogue
 * @param {{ selected: (isSelected: boolean) => void, signal: AbortSignal }} options
 */
export function webhookRow(webhook, catalogue, { selected, signal }) {
  const box = el("input", { type: "checkbox", "aria-label": t("select", { name: webhook.name }) });
  box.addEventListener("change", () => selected(box.checked));
  const state = el("td", { class: "stated" }, stateBadge(stateOf(webhook)));
  const day = el("td", { class: "day", "data-label": t("day") });
  const edit = {
    class: "button quiet",
    href: link(["webhooks", webhook._id]),
    title: t("edit"),
    "aria-label": t("edit.one", { name: webhook.name }),
  };
  const made = el(
    "tr",
    { "data-id": webhook._id },
    may("webhooks:write") && el("td", { class: "check" }, box),
    el("th", { scope: "row" }, el("a", { href: link(["webhooks", webhook._id, "logs"]) }, webhook.name)),
    el("td", { title: webhook.trigger }, labelOf(catalogue, webhook.trigger)),
    el("td", { class: "url" }, webhook.url),
    state,
    day,
    el("td", {}, el("a", edit, icon("edit"))),
  );
  const ask = () => may("logs:read") && showFacts(webhook, { state, day, signal }).catch(() => {});
  made.addEventListener("seen", ask, { once: true });
  return made;
}

/** @param {Webhook} webhook @param {{ state: Element, day: Element, signal: AbortSignal }} options */
async function showFacts(webhook, { state, day, signal }) {
  const [queue, counts] = await Promise.all([queueOf(webhook._id, signal), dayOf(webhook._id, signal)]);
  show(state, stateBadge(stateOf(webhook, queue)));
  /** @param {string} name @param {number} number */
  const count = (name, number) =>
    el(
      "span",
      { class: name, title: t(`day.${name}`) },
      icon(name),
      String(number),
      el("span", { class: "hidden" }, ` ${t(`day.${name}`)}`),
    );
  const more = counts.more && el("span", { class: "note", title: t("day.latest") }, "+");
  const isQuiet = counts.good + counts.bad === 0;
  show(
    day,
    isQuiet
      ? el("span", { class: "note" }, t("day.none"))
      : [count("good", counts.good), " ", count("bad", counts.bad), more],
  );
}
