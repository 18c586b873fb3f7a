// The question before webhooks are deactivated.

import { confirm } from "./dialog.js";
import { el } from "./dom.js";
import { t } from "./text.js";

const NAMES_MAX = 5;

/**
 * Asks. Resolves to what happens to waiting events (`keep` or `drop`), or null.
 * @param {Webhook[]} webhooks
 * @returns {Promise<string | null>}
 */
export function deactivation(webhooks) {
  const named = webhooks
    .slice(0, NAMES_MAX)
    .map((webhook) => webhook.name)
    .join(", ");
  const rest = webhooks.length - NAMES_MAX;
  const names = 0 < rest ? t("names.more", { names: named, count: rest }) : named;
  /** @param {string} value @param {boolean} checked */
  /** @param {string} value @param {boolean} checked */
  const choice = (value, checked) =>
    el(
      "label",
      { class: "choice" },
      el("input", { type: "radio", name: "waiting", value, checked }),
      el("span", {}, t(`waiting.${value}`)),
    );
  const choices = el(
    "fieldset",
    {},
    el("legend", {}, t("waiting")),
    choice("keep", true),
    choice("drop", false),
  );
  const isOne = webhooks.length === 1;
  const title = isOne
    ? t("deactivate.one", { name: named })
    : t("deactivate.title", { count: webhooks.length });
  return confirm(title, [el("p", {}, t("deactivate.body", { names })), choices], {
    yes: t("deactivate"),
    read: () => /** @type {HTMLInputElement} */ (choices.querySelector("input:checked")).value,
  });
}
