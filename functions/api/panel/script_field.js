// A field for a filter or a URL, with the functions that it may call, to be inserted at the cursor.

import { button, el, show } from "./dom.js";
import { field } from "./fields.js";
import { t } from "./text.js";

/** Returns whether a name must still be written behind it. @param {string} key */
const isOpen = (key) => key === "" || key.endsWith(":");

/**
 * Makes a field around `input`. `offer(bindings)` sets the functions that can be inserted.
 * @param {string} name
 * @param {string} label
 * @param {HTMLTextAreaElement} input
 * @param {{ note?: string, required?: boolean, wrap?: (text: string) => string }} options
 */
export function scriptField(name, label, input, { note, required, wrap = (text) => text }) {
  const list = el("dl", { class: "bindings" });
  const menu = el("details", { class: "insert" }, el("summary", {}, t("bindings")), list);
  const made = field(name, label, input, { note, required, after: menu });

  /**
   * Inserts a call. The cursor goes to the name that is missing, or behind the call.
   * @param {string} binding
   * @param {string} key
   */
  function insert(binding, key) {
    const text = wrap(`${binding}('${key}')`);
    const start = input.selectionStart;
    input.setRangeText(text, start, input.selectionEnd, "end");
    if (isOpen(key)) {
      const at = start + text.indexOf("'", text.indexOf("'") + 1);
      input.setSelectionRange(at, at);
    }
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.focus();
  }

  /** @param {string} binding @param {string} key */
  function choice(binding, key) {
    const shown = isOpen(key) ? `${key}…` : key;
    const hidden = el("span", { class: "hidden" }, t("binding.insert", { binding }), " ");
    const label = [hidden, key === "" ? t("binding.any") : shown];
    const attributes = { kind: "mono", "data-binding": `${binding}.${key}` };
    return button(label, () => insert(binding, key), attributes);
  }

  /** @param {Binding[]} bindings */
  function offer(bindings) {
    menu.hidden = bindings.length === 0;
    const rows = bindings.map(({ name: binding, keys, takesAnyKey }) => [
      el("dt", {}, binding),
      el(
        "dd",
        {},
        [...keys, ...(takesAnyKey ? [""] : [])].map((key) => choice(binding, key)),
      ),
    ]);
    show(list, rows);
  }

  return { ...made, offer };
}
