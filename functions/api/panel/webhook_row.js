// A webhook in the list: what it is, and how it is doing.

import { may } from "./api.js";
import { stateBadge } from "./badges.js";
import { el, icon, show } from "./dom.js";
import { dayOf, queueOf, stateOf } from "./facts.js";
import { link } from "./route.js";
import { t } from "./text.js";
import { labelOf } from "./triggers.js";

/** A row; `selected(isSelected)` hears of its box. It asks how the webhook is doing when it hears that it is seen. */
export function webhookRow(webhook, catalogue, { selected, signal }) {
  const box = el("input", { type: "checkbox", "aria-label": t("select", { name: webhook.name }) });
  box.addEventListener("change", () => selected(box.checked));
  const [state, day] = [
    el("td", { class: "stated" }, stateBadge(stateOf(webhook))),
    el("td", { class: "day", "data-label": t("day") }),
  ];
  const made = el(
    "tr",
    { "data-id": webhook._id },
    may("webhooks:write") && el("td", { class: "check" }, box),
    el("th", { scope: "row" }, el("a", { href: link(["webhooks", webhook._id, "logs"]) }, webhook.name)),
    el("td", { title: webhook.trigger }, labelOf(catalogue, webhook.trigger)),
    el("td", { class: "url" }, webhook.url),
    state,
    day,
    el(
      "td",
      {},
      el(
        "a",
        {
          class: "button quiet",
          href: link(["webhooks", webhook._id]),
          title: t("edit"),
          "aria-label": t("edit.one", { name: webhook.name }),
        },
        icon("edit"),
      ),
    ),
  );
  made.addEventListener("seen", () => may("logs:read") && facts(webhook, { state, day, signal }).catch(() => {}), {
    once: true,
  });
  return made;
}

async function facts(webhook, { state, day, signal }) {
  const [queue, counts] = await Promise.all([queueOf(webhook._id, signal), dayOf(webhook._id, signal)]);
  show(state, stateBadge(stateOf(webhook, queue)));
  const text = (name, number) =>
    el(
      "span",
      { class: name, title: t(`day.${name}`) },
      icon(name),
      String(number),
      el("span", { class: "hidden" }, ` ${t(`day.${name}`)}`),
    );
  show(
    day,
    counts.good + counts.bad === 0
      ? el("span", { class: "note" }, t("day.none"))
      : [
          text("good", counts.good),
          " ",
          text("bad", counts.bad),
          counts.more && el("span", { class: "note", title: t("day.latest") }, "+"),
        ],
  );
}

/** What is shown until rows are there. */
export function skeleton() {
  return Array.from({ length: 5 }, () =>
    el("tr", { class: "skeleton", "aria-hidden": "true" }, el("td", { colspan: 7 }, el("div"))),
  );
}
