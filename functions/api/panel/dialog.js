// Dialogs and short messages. A dialog takes the focus and gives it back to where it was.

import { button, el, freshId, show } from "./dom.js";
import { t } from "./text.js";

/** Opens a dialog. `make(close)` gives its content; resolves to what `close` was called with, or null. */
export function open(title, make, { kind = "" } = {}) {
  return new Promise((resolve) => {
    const before = document.activeElement;
    const id = freshId("dialog");
    const dialog = el("dialog", { class: kind, "aria-labelledby": id });
    let result = null;
    const close = (value = null) => {
      result = value;
      dialog.close();
    };
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (before?.isConnected) before.focus();
      resolve(result);
    });
    dialog.append(el("h2", { id }, title), ...[make(close)].flat());
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Asks before something is done; resolves to what `read` finds in the dialog (true if nothing is read), or null. */
export function confirm(title, body, { yes, kind = "danger", extra, read = () => true } = {}) {
  return open(title, (close) =>
    [
      ...[body].flat().map((text) => (typeof text === "string" ? el("p", {}, text) : text)),
      extra,
      el(
        "div",
        { class: "actions" },
        button(t("cancel"), () => close(), { autofocus: true }),
        button(yes, () => close(read()), { kind }),
      ),
    ].filter(Boolean),
  );
}

const messages = () => document.getElementById("messages");

/** Says what was done, or what went wrong; the latter stays until it is closed. */
export function say(text, kind = "good") {
  const message = el("div", { class: `message ${kind}` }, el("span", {}, text));
  const remove = () => message.remove();
  message.append(button(t("close"), remove, { kind: "quiet" }));
  show(messages(), message);
  if (kind === "good") setTimeout(remove, 6000);
}

/** Says why a call failed. */
export function sayProblem(problem) {
  if (problem.name === "AbortError" || problem.status === 401) return;
  say(reason(problem), "bad");
}

/** Why a call failed, in words. */
export function reason(problem) {
  if (problem.status === undefined) throw problem;
  return problem.status === 0
    ? t("problem.away")
    : problem.message || t("problem.status", { status: problem.status });
}

/** Copies a text, and says so. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say(t("copied"));
  } catch {
    say(t("copy.failed"), "bad");
  }
}
