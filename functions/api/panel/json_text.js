// JSON as text: finds the values inside a text and leaves each as it was written. `JSON.parse` would round numbers, sort
// names that look like numbers, and keep one of two members with the same name.
//
// The reader is tolerant: a text that is not JSON gives fewer entries, never an error. It does not recurse.

const BLANK = " \t\n\r";
const STRUCTURE = /["{}[\]]/g;
const SCALAR_END = /[,\]}\s]/g;

/** @typedef {{ name: string | null, value: string }} Entry */

/**
 * Returns the entries of an object or an array in their order; a scalar has none. Names and values are slices.
 * @param {string} text
 * @returns {Entry[]}
 */
export function entriesOf(text) {
  /** @type {Entry[]} */
  const entries = [];
  const start = skipBlank(text, 0);
  const hasNames = text[start] === "{";
  if (!hasNames && text[start] !== "[") return entries;
  let at = skipBlank(text, start + 1);
  while (at < text.length && text[at] !== "}" && text[at] !== "]") {
    let name = null;
    if (hasNames) {
      const end = endOf(text, at);
      name = text.slice(at, end);
      at = skipBlank(text, end);
      if (text[at] !== ":") return entries;
      at = skipBlank(text, at + 1);
    }
    const end = endOf(text, at);
    if (end === at) return entries;
    entries.push({ name, value: text.slice(at, end) });
    at = skipBlank(text, end);
    if (text[at] === ",") at = skipBlank(text, at + 1);
  }
  return entries;
}

/**
 * Returns the text of an object's member, the last one of that name, or null.
 * @param {string} text
 * @param {string} name
 */
export function memberOf(text, name) {
  const found = entriesOf(text).filter((entry) => entry.name !== null && nameOf(entry.name) === name);
  return found.at(-1)?.value ?? null;
}

/** Returns what a name says, or its text if it is not a JSON string. @param {string} text */
export function nameOf(text) {
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}

/** Returns the kind of a value. @param {string} text @returns {"object" | "array" | "string" | "number" | "word"} */
export function kindOf(text) {
  const first = text[skipBlank(text, 0)] ?? "";
  if (first === "{") return "object";
  if (first === "[") return "array";
  if (first === '"') return "string";
  return /[-0-9]/.test(first) ? "number" : "word";
}

/** @param {string} text @param {number} at */
function skipBlank(text, at) {
  while (at < text.length && BLANK.includes(text[at])) at += 1;
  return at;
}

/** The end of the value that begins here. @param {string} text @param {number} at */
function endOf(text, at) {
  if (text[at] === '"') return endOfString(text, at);
  if (text[at] === "{" || text[at] === "[") return endOfNested(text, at);
  SCALAR_END.lastIndex = at;
  return SCALAR_END.exec(text)?.index ?? text.length;
}

/** @param {string} text @param {number} at */
function endOfString(text, at) {
  let end = text.indexOf('"', at + 1);
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end === -1 ? text.length : end + 1;
}

/** An odd number of backslashes stands before it. @param {string} text @param {number} at */
function isEscaped(text, at) {
  let start = at;
  while (text[start - 1] === "\\") start -= 1;
  return (at - start) % 2 === 1;
}

/** @param {string} text @param {number} at */
function endOfNested(text, at) {
  let depth = 0;
  STRUCTURE.lastIndex = at;
  for (let found = STRUCTURE.exec(text); found; found = STRUCTURE.exec(text)) {
    const [mark] = found;
    if (mark === '"') STRUCTURE.lastIndex = endOfString(text, found.index);
    else depth += mark === "{" || mark === "[" ? 1 : -1;
    if (depth === 0) return found.index + 1;
  }
  return text.length;
}
