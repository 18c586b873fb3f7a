// A field for a filter or a URL, with the functions that it may call, to be put where the cursor is.

import { button, el, show } from "./dom.js";
import { field } from "./fields.js";
import { t } from "./text.js";

/** Whether a name is still to be written behind it. */
const isOpen = (key) => key === "" || key.endsWith(":");

/** A field around `input`; `wrap` makes of a call what stands in the text. `offer(bindings)` says what is offered. */
export function scriptField(name, label, input, { note, required, wrap = (text) => text } = {}) {
  const list = el("dl", { class: "bindings" });
  const menu = el("details", { class: "insert" }, el("summary", {}, t("bindings")), list);
  const made = field(name, label, input, { note, required, after: menu });

  /** The cursor goes to where a name is still to be written, else behind the call. */
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

  function offer(bindings) {
    menu.hidden = bindings.length === 0;
    show(
      list,
      bindings.map(({ name: binding, keys, takesAnyKey }) => [
        el("dt", {}, binding),
        el(
          "dd",
          {},
          [...keys, ...(takesAnyKey ? [""] : [])].map((key) =>
            button(
              [
                el("span", { class: "hidden" }, t("binding.insert", { binding }), " "),
                key === "" ? t("binding.any") : isOpen(key) ? `${key}…` : key,
              ],
              () => insert(binding, key),
              { kind: "mono", "data-binding": `${binding}.${key}` },
            ),
          ),
        ),
      ]),
    );
  }

  return { ...made, offer };
}
