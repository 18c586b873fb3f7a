// First, previous, next, and the number of rows in a page.

import { button, el, select } from "./dom.js";
import { place, query } from "./route.js";
import { t } from "./text.js";

const SIZES = [10, 25, 50, 100];
/** The pages that led to the one of a cursor, so that there is a way back. @type {Map<string, string>} */
const before = new Map();

/** Returns the number of rows that a page has. @param {Queries} queries */
export function sizeOf({ size }) {
  return SIZES.includes(Number(size)) ? Number(size) : SIZES[0];
}

/** Returns the size and the number (from 1) of the page. @param {Queries} queries */
export function pageOf(queries) {
  return { size: sizeOf(queries), page: Math.max(1, Number(queries.page) || 1) };
}

/** Says which rows are shown. @param {number} before rows before @param {number} count @param {number | null} of */
export function range(before, count, of) {
  const marks = { first: count && before + 1, last: before + count, of };
  return t(of === null ? "range.more" : "range", marks);
}

/**
 * Makes the foot of a list by pages.
 * @param {{ size: number, page: number, hasNext: boolean }} options
 */
export function pager({ size, page, hasNext }) {
  /** @param {number} number */
  const to = (number) => () => query({ page: number === 1 ? "" : String(number) });
  return foot(size, { page: "" }, [
    [t("first"), 1 < page && to(1)],
    [t("previous"), 1 < page && to(page - 1)],
    [t("next"), hasNext && to(page + 1)],
  ]);
}

/** Makes the foot of a list by cursors. @param {string | null} next the cursor of the next page */
export function cursorPager(next) {
  const { queries } = place();
  const { cursor } = queries;
  if (next) before.set(next, cursor ?? "");
  return foot(sizeOf(queries), { cursor: "" }, [
    [t("first"), cursor && (() => query({ cursor: "" }))],
    [t("previous"), cursor && before.has(cursor) && (() => query({ cursor: before.get(cursor) }))],
    [t("next"), next && (() => query({ cursor: next }))],
  ]);
}

/** @param {number} size @param {Queries} reset @param {[label: string, work: any][]} steps */
function foot(size, reset, steps) {
  const options = SIZES.map((each) => [each, String(each)]);
  const sizes = select({ "aria-label": t("size") }, options, size);
  sizes.addEventListener("change", () => query({ ...reset, size: sizes.value }));
  return el(
    "nav",
    { class: "pager", "aria-label": t("pages") },
    el("label", {}, t("size"), " ", sizes),
    steps.map(([label, work]) => button(label, work || (() => {}), { kind: "quiet", disabled: !work })),
  );
}
