// The frame of a webhook's settings: the bar of actions, and a guard of unsaved changes.

import { confirm } from "./dialog.js";
import { busy, button, el } from "./dom.js";
import { askBeforeLeaving } from "./route.js";
import { t } from "./text.js";

/**
 * Makes the form of a webhook, or of a new one. Without the scope to write it shows `sections` and no button.
 * @param {object} options
 * @param {{ isActive: boolean } | null} options.webhook
 * @param {boolean} options.canWrite
 * @param {() => Promise<void>} options.submit
 * @param {() => Promise<void>} options.toggle
 * @param {Children} [options.more] other buttons
 * @param {HTMLElement} options.problems
 * @param {...Children} sections
 */
export function settingsForm({ webhook, canWrite, submit, toggle, more, problems }, ...sections) {
  const save = el("button", { class: "primary", id: "save" }, el("span", {}, t("save")));
  const onOff =
    webhook &&
    button(t(webhook.isActive ? "deactivate" : "activate"), toggle, {
      mark: "off",
      id: "toggle",
      kind: webhook.isActive ? "danger" : "",
    });
  const form = el(
    "form",
    { novalidate: true },
    el("div", { class: "bar" }, more, onOff, save),
    problems,
    !canWrite && el("p", { class: "notice" }, t("read.only")),
    sections,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (save.getAttribute("aria-disabled") !== "true") busy(save, submit);
  });
  if (!canWrite) lock(form);
  return form;
}

/** @param {HTMLFormElement} form */
function lock(form) {
  /** @type {NodeListOf<HTMLInputElement>} */
  const inputs = form.querySelectorAll("input, select, textarea");
  for (const input of inputs) input.disabled = true;
  /** @type {NodeListOf<HTMLElement>} */
  const buttons = form.querySelectorAll("button, details");
  for (const each of buttons) each.hidden = true;
}

/** Asks whether changes may be lost. */
export function mayLose() {
  return confirm(t("leave.title"), t("leave.body"), { yes: t("leave") });
}

/** Asks before changes are left behind. @param {() => boolean} isNeeded */
export function guardChanges(isNeeded) {
  askBeforeLeaving({ isNeeded, ask: mayLose });
}
