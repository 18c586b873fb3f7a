// What stands beside a list: one of its entries in full. It takes the focus, and gives it back.

import { copy } from "./dialog.js";
import { button, el, show } from "./dom.js";
import { t } from "./text.js";

/** Shows entries in `side`. `dismiss` is called when a person is done with one; `opener` finds what opens the entry of
 * an id. */
export function sidePanel(side, { dismiss, opener }) {
  let shown = null;

  side.addEventListener("keydown", (event) => {
    if (event.key === "Escape") dismiss();
  });

  return {
    isOpen: (id) => shown === id,

    /** Says whose entry is drawn from now on; returns whether it is another one than before. */
    open(id) {
      const isOther = shown !== id;
      shown = id;
      return isOther;
    },

    draw(title, content, actions = []) {
      const focused = side.contains(document.activeElement) ? document.activeElement.id : null;
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
      if (focused) (document.getElementById(focused) ?? side.querySelector("h2")).focus();
    },

    focus: () => side.querySelector("h2").focus(),

    close() {
      if (!shown) return;
      const id = shown;
      shown = null;
      show(side);
      opener(id)?.focus();
    },
  };
}

/** A part of what is shown, with a button that copies its text. */
export function block(title, text, content) {
  return el(
    "section",
    {},
    el(
      "div",
      { class: "title" },
      el("h3", {}, title),
      text && button(t("copy"), () => copy(text()), { kind: "quiet", "aria-label": t("copy.of", { title }) }),
    ),
    content,
  );
}

/** A text as it came, to the byte. */
export function verbatim(text, label) {
  return el("pre", { class: "response", tabindex: 0, "aria-label": label }, text);
}

/** Names and what is known of each; what is null is left out. */
export function facts(list) {
  return el(
    "dl",
    { class: "facts" },
    list
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
  );
}
