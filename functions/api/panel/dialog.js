// Dialogs and short messages. A dialog takes the focus and gives it back to where it was.

import { button, el, find, freshId, show } from "./dom.js";
import { t } from "./text.js";

/**
 * Opens a dialog. Resolves to the value that `close` was called with, or null.
 * @param {string} title
 * @param {(close: (value?: any) => void) => Children} make returns its content
 * @returns {Promise<any>}
 */
export function open(title, make) {
  return new Promise((resolve) => {
    const before = document.activeElement;
    const id = freshId("dialog");
    const dialog = el("dialog", { "aria-labelledby": id });
    /** @type {any} */
    let result = null;
    const close = (value = null) => {
      result = value;
      dialog.close();
    };
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
      resolve(result);
    });
    show(dialog, el("h2", { id }, title), make(close));
    document.body.append(dialog);
    dialog.showModal();
  });
}

/**
 * Asks before something is done. Resolves to what `read` finds in the dialog (true by default), or null.
 * @param {string} title
 * @param {string | Children[]} body
 * @param {{ yes: string, kind?: string, read?: () => any }} options
 */
export function confirm(title, body, { yes, kind = "danger", read = () => true }) {
  return open(title, (close) => [
    typeof body === "string" ? el("p", {}, body) : body,
    el(
      "div",
      { class: "actions" },
      button(t("cancel"), () => close(), { autofocus: true }),
      button(yes, () => close(read()), { kind }),
    ),
  ]);
}

/** How long a good message stays. */
const MESSAGE_MS = 6000;
/** Shows a message. A bad one stays until it is closed. @param {string} text @param {"good" | "bad"} [kind] */
export function say(text, kind = "good") {
  const message = el("div", { class: `message ${kind}` }, el("span", {}, text));
  const remove = () => message.remove();
  message.append(button(t("close"), remove, { kind: "quiet" }));
  show(find(document, "#messages"), message);
  if (kind === "good") setTimeout(remove, MESSAGE_MS);
}

/** Shows why a call failed. @param {any} problem */
export function sayProblem(problem) {
  if (problem.name === "AbortError" || problem.status === 401) return;
  say(reason(problem), "bad");
}

/** Returns why a call failed, in words. @param {any} problem @returns {string} */
export function reason(problem) {
  if (problem.status === undefined) throw problem;
  return problem.status === 0
    ? t("problem.away")
    : problem.message || t("problem.status", { status: problem.status });
}

/** Copies a text, and says so. @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say(t("copied"));
  } catch {
    say(t("copy.failed"), "bad");
  }
}
