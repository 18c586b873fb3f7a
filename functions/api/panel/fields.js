// The fields of a form: a label, an input, a note, and the server's reason against its value.

import { open, reason } from "./dialog.js";
import { button, el, freshId, show } from "./dom.js";
import { t } from "./text.js";

/**
 * @template {HTMLElement} Input
 * @typedef {object} Field
 * @property {string} name
 * @property {Input} input
 * @property {HTMLElement} element
 * @property {(reason: string | null) => void} refuse
 */

/**
 * Makes a field.
 * @template {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Input
 * @param {string} name
 * @param {string} label
 * @param {Input} input
 * @param {{ note?: string, required?: boolean, after?: Children }} [options]
 * @returns {Field<Input>}
 */
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
  /** @param {string | null} why */
  const refuse = (why) => {
    show(error, why ?? "");
    if (why) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
  input.addEventListener("input", () => refuse(null));
  return { name, input, element, refuse };
}

/**
 * Shows each reason of a problem at its field, and puts the cursor into the first one. Returns the other reasons.
 * @param {{ fields?: FieldProblem[] }} problem
 * @param {Field<HTMLElement>[]} fields
 */
export function refuseFields(problem, fields) {
  accept(fields);
  const others = [];
  let first = null;
  for (const { field: name, reason: why } of problem.fields ?? []) {
    const found =
      fields.find((each) => each.name === name) ?? fields.find((each) => name.startsWith(`${each.name}.`));
    if (!found) others.push(`${name} ${why}`.trim());
    else {
      found.refuse(found.name === name ? why : `${name.slice(found.name.length + 1)} ${why}`);
      first ??= found;
    }
  }
  first?.input.focus();
  return others;
}

/**
 * Does the same, and returns the reasons that belong to no field as one text.
 * @param {any} problem
 * @param {Field<HTMLElement>[]} fields
 */
export function refusal(problem, fields) {
  const others = refuseFields(problem, fields);
  return others.length || problem.fields?.length ? others.join("; ") : reason(problem);
}

/** Removes the reasons at the fields. @param {Field<HTMLElement>[]} fields */
export function accept(fields) {
  for (const each of fields) each.refuse(null);
}

/** Returns whether a text is JSON. @param {string} text */
export function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Asks for fields in a dialog and sends them. Resolves to what `send` returned, or to null.
 * @param {string} title
 * @param {Children} body
 * @param {Field<HTMLElement>[]} fields
 * @param {{ yes: string, kind?: string, send: () => Promise<any> }} options
 */
export function ask(title, body, fields, { yes, kind = "primary", send }) {
  const others = el("p", { class: "error", role: "alert" });
  return open(title, (close) => {
    const submit = async () => {
      try {
        close(await send());
      } catch (problem) {
        show(others, refusal(problem, fields));
      }
    };
    const cancel = button(t("cancel"), () => close(), { autofocus: true });
    const actions = el("div", { class: "actions" }, cancel, button(yes, submit, { kind }));
    return [body, fields.map((each) => each.element), others, actions];
  });
}

/** Suggests a code for a name: lower case letters, digits and underscores. @param {string} name */
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
