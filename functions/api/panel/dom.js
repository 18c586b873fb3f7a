// Builds the page: elements from names, attributes and children. Text is always text.

const SVG = "http://www.w3.org/2000/svg";
/** @type {Record<string, string>} */
const ICONS = {
  good: "M3 8.5l3.2 3.2L13 5",
  bad: "M4 4l8 8M12 4l-8 8",
  waiting: "M8 4v4l3 2M8 1.5a6.5 6.5 0 1 0 .01 0",
  parked: "M5.5 3.5v9M10.5 3.5v9",
  off: "M8 1.5v6M4.2 4a5.5 5.5 0 1 0 7.6 0",
  plus: "M8 3v10M3 8h10",
  edit: "M3 13l.7-3L11 2.7l2.3 2.3L6 12.3zM9.5 4.2l2.3 2.3",
  close: "M4 4l8 8M12 4l-8 8",
  back: "M10 3L5 8l5 5",
  down: "M4 6l4 4 4-4",
};

/**
 * Makes an element. `on…` are listeners, `true` and `false` switch an attribute, the others are attributes.
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, any>} [attributes]
 * @param {...Children} children
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/**
 * Makes an element of a drawing.
 * @param {string} name
 * @param {Record<string, any>} [attributes]
 * @param {...Children} children
 */
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

/**
 * @template {Element} Made
 * @param {Made} element
 * @param {Record<string, any>} attributes
 * @param {Children} children
 */
function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value" && "value" in element) element.value = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...present(children));
  return element;
}

/** @param {Children} children @returns {(Node | string)[]} */
function present(children) {
  const all = /** @type {any[]} */ ([children]).flat(Infinity);
  return all.filter((child) => child !== undefined && child !== null && child !== false);
}

/** Makes a small drawing, for the eyes only: its meaning is always said in words too. @param {string} name */
export function icon(name) {
  const path = svg("path", { d: ICONS[name] });
  return svg("svg", { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" }, path);
}

/**
 * Replaces the children of an element.
 * @template {Element} Place
 * @param {Place} place
 * @param {...Children} children
 */
export function show(place, ...children) {
  place.replaceChildren(...present(children));
  return place;
}

/** Returns the element of this selector, which must be there. @param {ParentNode} root @param {string} selector */
export function find(root, selector) {
  const found = root.querySelector(selector);
  if (!(found instanceof HTMLElement)) throw new Error(`there is no ${selector}`);
  return found;
}

/** Returns the focused element inside another one, or null. @param {Element} root */
export function focusIn(root) {
  const { activeElement: focused } = document;
  return focused instanceof HTMLElement && root.contains(focused) ? focused : null;
}

let count = 0;
/** Returns an id that nothing else on the page has. @param {string} name */
export function freshId(name) {
  count += 1;
  return `${name}-${count}`;
}

/**
 * Runs `work` with the button switched off, so that a second press does nothing.
 * @template Result
 * @param {HTMLElement} button
 * @param {() => Result | Promise<Result>} work
 */
export async function busy(button, work) {
  button.setAttribute("aria-disabled", "true");
  button.classList.add("busy");
  try {
    return await work();
  } finally {
    button.removeAttribute("aria-disabled");
    button.classList.remove("busy");
  }
}

/**
 * Makes a button. It does nothing while its work is running.
 * @param {Children} label
 * @param {(event: MouseEvent) => unknown} work
 * @param {{ kind?: string, mark?: string, [attribute: string]: any }} [options]
 */
export function button(label, work, { kind = "", mark, ...attributes } = {}) {
  const made = el(
    "button",
    { type: "button", class: kind, ...attributes },
    mark && icon(mark),
    el("span", {}, label),
  );
  made.addEventListener("click", (event) => {
    if (made.getAttribute("aria-disabled") !== "true") busy(made, () => work(event));
  });
  return made;
}

/**
 * Makes a select.
 * @param {Record<string, any>} attributes
 * @param {readonly (readonly (string | number)[])[]} options values and labels
 * @param {string | number} [chosen]
 */
export function select(attributes, options, chosen) {
  return el(
    "select",
    attributes,
    options.map(([value, label]) => el("option", { value, selected: value === chosen }, String(label))),
  );
}

/** Makes a text input without suggestions. @param {Record<string, any>} attributes */
export function textInput(attributes) {
  return el("input", { type: "text", autocomplete: "off", spellcheck: "false", ...attributes });
}
