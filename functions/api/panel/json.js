// JSON as a tree that opens and closes, and the changes of an edit as a table.

import { el } from "./dom.js";
import { t } from "./text.js";

/** Levels that are open at first. */
const DEPTH_OPEN = 2;
/** Entries of one level that are shown before one asks for the rest. */
const ENTRIES = 200;

/** A value as a tree. */
export function tree(value) {
  return el("div", { class: "json" }, node(value, null, 0));
}

function node(value, key, depth) {
  const name = key === null ? null : [el("span", { class: "key" }, key), ": "];
  if (value === null || typeof value !== "object") return el("div", {}, name, leaf(value));
  const entries = Array.isArray(value) ? value.map((each, index) => [String(index), each]) : ordered(value);
  const size = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
  if (entries.length === 0) return el("div", {}, name, Array.isArray(value) ? "[]" : "{}");
  const details = el("details", {}, el("summary", {}, name, el("span", { class: "note" }, size)));
  let isDrawn = false;
  const draw = () => {
    if (isDrawn) return;
    isDrawn = true;
    fill(details, entries, ([each, inner]) => node(inner, each, depth + 1));
  };
  details.addEventListener("toggle", draw);
  if (depth < DEPTH_OPEN) {
    draw();
    details.open = true;
  }
  return details;
}

/** Puts what `make` gives for each entry into a place: the first ones now, the rest when `foot` is asked for them. */
function fill(place, entries, make, foot = place) {
  place.append(...entries.slice(0, ENTRIES).map(make));
  const left = entries.slice(ENTRIES);
  if (left.length === 0) return;
  const rest = el("button", { type: "button", class: "quiet" }, t("rest", { count: left.length }));
  rest.addEventListener("click", () => {
    rest.remove();
    place.append(...left.map(make));
  });
  foot.append(rest);
}

/** What has changed comes first. */
function ordered(value) {
  const entries = Object.entries(value);
  return [...entries.filter(([key]) => key === "diff"), ...entries.filter(([key]) => key !== "diff")];
}

function leaf(value) {
  return el("span", { class: value === null ? "null" : typeof value }, JSON.stringify(value));
}

/** The changes of an edit, or nothing if there are none. */
export function changes(diff) {
  if (diff === null || typeof diff !== "object" || Object.keys(diff).length === 0) return null;
  const row = ([path, change]) =>
    el(
      "tr",
      {},
      el("th", { scope: "row", class: "mono" }, path),
      el("td", { class: "mono" }, leaf(change?.previous ?? null)),
      el("td", { class: "mono" }, leaf(change?.changedTo ?? null)),
    );
  const rows = el("tbody");
  const made = el(
    "div",
    { class: "scroll" },
    el(
      "table",
      { class: "diff" },
      el("caption", {}, t("diff")),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          ["diff.path", "diff.before", "diff.after"].map((name) => el("th", { scope: "col" }, t(name))),
        ),
      ),
      rows,
    ),
  );
  fill(rows, Object.entries(diff), row, made);
  return made;
}
