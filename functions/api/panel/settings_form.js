// What the settings of any webhook stand in: the bar of what can be done, and a guard of what is not saved.

import { confirm } from "./dialog.js";
import { busy, button, el } from "./dom.js";
import { askBeforeLeaving } from "./route.js";
import { t } from "./text.js";

/** The form of a webhook, or with none of one to be made. `more` are other buttons; who may not write sees `sections`
 * as they are, and no button. */
export function settingsForm({ webhook, canWrite, submit, toggle, more, problems }, ...sections) {
  const save = el("button", { class: "primary", id: "save" }, el("span", {}, t("save")));
  const onOff =
    webhook &&
    button(webhook.isActive ? t("deactivate") : t("activate"), toggle, {
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
  if (!canWrite) {
    for (const input of form.querySelectorAll("input, select, textarea")) input.disabled = true;
    for (const each of form.querySelectorAll("button, details")) each.hidden = true;
  }
  return form;
}

/** Asks whether what was changed may be lost. */
export function mayLose() {
  return confirm(t("leave.title"), t("leave.body"), { yes: t("leave") });
}

/** Asks before changes are left behind. */
export function guardChanges(isNeeded) {
  askBeforeLeaving({ isNeeded, ask: mayLose });
}
