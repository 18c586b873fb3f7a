// What is asked before webhooks are switched off.

import { confirm } from "./dialog.js";
import { el } from "./dom.js";
import { t } from "./text.js";

const NAMES_MAX = 5;

/** Asks; resolves to what becomes of the events that wait (`keep` or `drop`), or null. */
export function deactivation(webhooks) {
  const named = webhooks
    .slice(0, NAMES_MAX)
    .map((webhook) => webhook.name)
    .join(", ");
  const rest = webhooks.length - NAMES_MAX;
  const names = 0 < rest ? t("names.more", { names: named, count: rest }) : named;
  const choice = (value, checked) =>
    el(
      "label",
      { class: "choice" },
      el("input", { type: "radio", name: "waiting", value, checked }),
      el("span", {}, t(`waiting.${value}`)),
    );
  const choices = el("fieldset", {}, el("legend", {}, t("waiting")), choice("keep", true), choice("drop", false));
  return confirm(
    webhooks.length === 1
      ? t("deactivate.one", { name: named })
      : t("deactivate.title", { count: webhooks.length }),
    [t("deactivate.body", { names }), choices],
    {
      yes: t("deactivate"),
      read: () => choices.querySelector("input:checked").value,
    },
  );
}
