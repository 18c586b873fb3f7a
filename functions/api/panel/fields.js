// Fields of a form: a label, an input, a note, and beside it what the server has against its value.

import { open, reason } from "./dialog.js";
import { button, el, freshId, show } from "./dom.js";
import { t } from "./text.js";

/** A field: `{name, input, element, refuse(reason)}`. */
export function field(name, label, input, { note, required, after } = {}) {
  const id = freshId(name);
  const [noteId, errorId] = [`${id}-note`, `${id}-error`];
  input.id = id;
  input.name = name;
  if (required) input.setAttribute("aria-required", "true");
  input.setAttribute("aria-describedby", note ? `${noteId} ${errorId}` : errorId);
  const error = el("p", { id: errorId, class: "error" });
  const star = required && el("span", { class: "star", "aria-hidden": "true" }, "*");
  const element = el(
    "div",
    { class: "field", "data-field": name },
    el("label", { for: id }, label, star),
    input,
    after,
    note && el("p", { class: "note", id: noteId }, note),
    error,
  );
  const refuse = (reason) => {
    show(error, reason ?? "");
    if (reason) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
  input.addEventListener("input", () => refuse(null));
  return { name, input, element, refuse };
}

/** Puts each of the problem's reasons beside its field and the first of them under the cursor; returns the others. */
export function refuseFields(problem, fields) {
  for (const each of fields) each.refuse(null);
  const others = [];
  let first = null;
  for (const { field: name, reason } of problem.fields) {
    const found =
      fields.find((each) => each.name === name) ?? fields.find((each) => name.startsWith(`${each.name}.`));
    if (!found) others.push(`${name} ${reason}`.trim());
    else {
      found.refuse(found.name === name ? reason : `${name.slice(found.name.length + 1)} ${reason}`);
      first ??= found;
    }
  }
  first?.input.focus();
  return others;
}

/** Asks for fields and sends them; what the server has against one stands beside it. Resolves to what `send` gave, or
 * to null. */
export function ask(title, body, fields, { yes, kind = "primary", send }) {
  const others = el("p", { class: "error", role: "alert" });
  return open(title, (close) => {
    const answer = async () => {
      try {
        close(await send());
      } catch (problem) {
        const rest = refuseFields(problem, fields);
        show(others, rest.join("; ") || (problem.fields.length ? "" : reason(problem)));
      }
    };
    const cancel = button(t("cancel"), () => close(), { autofocus: true });
    const actions = el("div", { class: "actions" }, cancel, button(yes, answer, { kind }));
    return [body, fields.map((each) => each.element), others, actions].flat();
  });
}

/** A suggestion for a code: lower case letters, digits and underscores. */
export function codeOf(name) {
  const plain = name
    .normalize("NFD")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase();
  return plain
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^[^a-z]+|_+$/g, "")
    .slice(0, 64);
}
