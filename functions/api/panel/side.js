// The panel beside a list: one of its entries in full. It takes the focus, and gives it back.

import { copy } from "./dialog.js";
import { button, el, find, focusIn, show } from "./dom.js";
import { tree } from "./json.js";
import { t } from "./text.js";

/**
 * Shows entries in `side`.
 * @param {HTMLElement} side
 * @param {{ dismiss: () => void, opener: (id: string) => HTMLElement | null }} options `dismiss` is called when a
 * person closes an entry; `opener` finds the button that opened it
 */
export function sidePanel(side, { dismiss, opener }) {
  /** @type {string | null} */
  let shown = null;

  side.addEventListener("keydown", (event) => {
    if (event.key === "Escape") dismiss();
  });

  return {
    /** @param {string} id */
    isOpen: (id) => shown === id,

    /**
     * Sets the entry that is drawn from now on. Returns whether it is another one than before.
     * @param {string} id
     */
    open(id) {
      const isOther = shown !== id;
      shown = id;
      return isOther;
    },

    /** @param {string} title @param {Children} content @param {Children} [actions] */
    draw(title, content, actions = []) {
      const focused = focusIn(side)?.id;
      show(
        side,
        el(
          "aside",
          { class: "card detail", "aria-labelledby": "detail-title" },
          el(
            "div",
            { class: "title" },
            el("h2", { id: "detail-title", tabindex: "-1" }, title),
            button(t("close"), () => dismiss(), { kind: "quiet", mark: "close", id: "close" }),
          ),
          el("div", { class: "actions" }, actions),
          content,
        ),
      );
      if (focused) (document.getElementById(focused) ?? find(side, "h2")).focus();
    },

    focus: () => find(side, "h2").focus(),

    close() {
      if (!shown) return;
      const id = shown;
      shown = null;
      show(side);
      opener(id)?.focus();
    },
  };
}

/**
 * Makes a part of an entry, with a button that copies a text.
 * @param {string} title
 * @param {string | null} text null has no button
 * @param {Children} content
 */
export function block(title, text, content) {
  return el(
    "section",
    {},
    el(
      "div",
      { class: "title" },
      el("h3", {}, title),
      text !== null &&
        button(t("copy"), () => copy(text), { kind: "quiet", "aria-label": t("copy.of", { title }) }),
    ),
    content,
  );
}

/** Shows a text exactly as it is stored. @param {string} text @param {string} label */
export function verbatim(text, label) {
  return el("pre", { class: "response", tabindex: 0, "aria-label": label }, text);
}

/** Shows a JSON text as a tree, and on demand exactly as it is stored. @param {string} text @param {string} label */
export function stored(text, label) {
  const summary = el("summary", {}, t("stored"));
  return [tree(text), el("details", { class: "bytes" }, summary, verbatim(text, label))];
}

/** Shows names and their values, without those that are null. @param {[string, Children][]} list */
export function facts(list) {
  return el(
    "dl",
    { class: "facts" },
    list
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
  );
}
