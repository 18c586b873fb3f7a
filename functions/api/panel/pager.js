// First, previous, next, and how many a page has.

import { button, el } from "./dom.js";
import { query } from "./route.js";
import { t } from "./text.js";

const SIZES = [10, 25, 50, 100];

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
