// Building the page: elements from names, attributes and children. Text is always text.

const SVG = "http://www.w3.org/2000/svg";
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
  warn: "M8 2l6.5 11.5h-13zM8 6.5v3.5M8 11.8v.2",
  down: "M4 6l4 4 4-4",
};

/** An element. `on…` are listeners, `true` and `false` switch an attribute, everything else is an attribute. */
export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** An element of a drawing. */
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value") element.value = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false),
  );
  return element;
}

/** A small drawing, for the eyes only: its meaning always stands beside it in words. */
export function icon(name) {
  return svg(
    "svg",
    { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" },
    svg("path", { d: ICONS[name] }),
  );
}

/** Puts these children in place of those that are there. */
export function show(place, ...children) {
  place.replaceChildren(
    ...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false),
  );
  return place;
}

let count = 0;
/** An id that nothing else on the page has. */
export function freshId(name) {
  count += 1;
  return `${name}-${count}`;
}

/** Runs `work` with the button switched off, so that a second press does nothing. */
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

/** A button. `work` may take its time; until it has ended, the button does nothing. */
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
