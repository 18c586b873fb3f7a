// First, previous, next, and how many a page has.

import { button, el } from "./dom.js";
import { place, query } from "./route.js";
import { t } from "./text.js";

const SIZES = [10, 25, 50, 100];
/** The pages that led to the one of a cursor, so that there is a way back. */
const before = new Map();

/** How many rows a page is asked to have. */
export function sizeOf({ size }) {
  return SIZES.includes(Number(size)) ? Number(size) : SIZES[0];
}

/** The foot of a list by pages. */
export function pager({ size, page, hasNext }) {
  const to = (number) => () => query({ page: number === 1 ? "" : String(number) });
  return foot(size, { page: "" }, [
    [t("first"), 1 < page && to(1)],
    [t("previous"), 1 < page && to(page - 1)],
    [t("next"), hasNext && to(page + 1)],
  ]);
}

/** The foot of a list by cursors: `next` is that of the next page, or null. */
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

/** The foot of a list: steps are `[label, work or false]`. */
export function foot(size, reset, steps) {
  const sizes = el(
    "select",
    { "aria-label": t("size") },
    SIZES.map((each) => el("option", { value: each, selected: each === size }, String(each))),
  );
  sizes.addEventListener("change", () => query({ ...reset, size: sizes.value }));
  return el(
    "nav",
    { class: "pager", "aria-label": t("pages") },
    el("label", {}, t("size"), " ", sizes),
    steps.map(([label, work]) => button(label, work || (() => {}), { kind: "quiet", disabled: !work })),
  );
}
