// JSON as a tree that opens and closes, and the changes of an edit as a table. Values are shown as they were written.

import { button, el } from "./dom.js";
import { entriesOf, kindOf, memberOf, nameOf } from "./json_text.js";
import { t } from "./text.js";

/** @typedef {import("./json_text.js").Entry} Entry */

/** Levels that are open at first. */
const DEPTH_OPEN = 2;
/** Entries of one level that are shown before the rest is asked for. */
const ENTRIES_SHOWN = 200;

/** Shows a JSON text as a tree. @param {string} text */
export function tree(text) {
  return el("div", { class: "json" }, node({ name: null, value: text }, 0));
}

/** @param {Entry} entry @param {number} depth */
function node({ name, value }, depth) {
  const label = name === null ? null : [el("span", { class: "key" }, nameOf(name)), ": "];
  const kind = kindOf(value);
  if (kind !== "object" && kind !== "array") return el("div", {}, label, leaf(value));
  const entries = entriesOf(value);
  const [open, close] = kind === "array" ? "[]" : "{}";
  if (entries.length === 0) return el("div", {}, label, open + close);
  const size = el("span", { class: "note" }, open + entries.length + close);
  const details = el("details", {}, el("summary", {}, label, size));
  let isDrawn = false;
  const draw = () => {
    if (isDrawn) return;
    isDrawn = true;
    const named = entries.map((each, index) => ({ ...each, name: each.name ?? String(index) }));
    append(details, named, (each) => node(each, depth + 1));
  };
  details.addEventListener("toggle", draw);
  if (depth < DEPTH_OPEN) {
    draw();
    details.open = true;
  }
  return details;
}

/**
 * Appends an element for each entry: the first ones now, the others when the button in `foot` is pressed.
 * @param {Element} place
 * @param {Entry[]} entries
 * @param {(entry: Entry) => Element} make
 */
function append(place, entries, make, foot = place) {
  place.append(...entries.slice(0, ENTRIES_SHOWN).map(make));
  const left = entries.slice(ENTRIES_SHOWN);
  if (left.length === 0) return;
  const rest = button(
    t("rest", { count: left.length }),
    () => {
      rest.remove();
      place.append(...left.map(make));
    },
    { kind: "quiet" },
  );
  foot.append(rest);
}

/** @param {string} value */
function leaf(value) {
  return el("span", { class: kindOf(value) }, value);
}

/** Shows the changes of an event as a table, or nothing if it has none. @param {string} event */
export function changes(event) {
  const entries = entriesOf(memberOf(event, "diff") ?? "").filter(({ name }) => name !== null);
  if (entries.length === 0) return null;
  /** @param {string} change @param {string} name */
  const cell = (change, name) => el("td", { class: "mono" }, leaf(memberOf(change, name) ?? "null"));
  /** @param {Entry} entry */
  const row = ({ name, value }) =>
    el(
      "tr",
      {},
      el("th", { scope: "row", class: "mono" }, nameOf(name ?? "")),
      cell(value, "previous"),
      cell(value, "changedTo"),
    );
  const columns = ["diff.path", "diff.before", "diff.after"].map((name) =>
    el("th", { scope: "col" }, t(name)),
  );
  const rows = el("tbody");
  const head = el("thead", {}, el("tr", {}, columns));
  const made = el(
    "div",
    { class: "scroll" },
    el("table", { class: "diff" }, el("caption", {}, t("diff")), head, rows),
  );
  append(rows, entries, row, made);
  return made;
}
