// The list that list screens share: inputs that filter it, a table, what is said of an empty one, and its pages. The
// address holds what is shown; a list loads when that part of the address changes.

import { reason } from "./dialog.js";
import { button, el, show } from "./dom.js";
import { place, query } from "./route.js";
import { t } from "./text.js";

/** Milliseconds without a key press after which a typed filter applies. */
const TYPING_MS = 200;

/**
 * An input that stands for a parameter of the address.
 * @typedef {object} Filter
 * @property {(queries: Queries) => void} follow shows what the address says
 */

/**
 * Binds an input to a parameter. `resets` are the parameters that a change removes.
 * @param {HTMLInputElement | HTMLSelectElement} input
 * @param {string} name
 * @param {object} options
 * @param {string[]} options.resets
 * @param {boolean} [options.isTyped] whether the filter applies while a person types
 * @param {(input: any) => string} [options.read]
 * @param {(input: any, value: string) => void} [options.write]
 * @returns {Filter}
 */
export function filterBy(input, name, { resets, isTyped = false, read = valueOf, write = setValue }) {
  const removed = Object.fromEntries(resets.map((each) => [each, ""]));
  /** @param {{ inPlace?: boolean }} how */
  const apply = (how) => query({ ...removed, [name]: read(input) }, how);
  let typing = 0;
  if (isTyped) {
    input.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => apply({ inPlace: true }), TYPING_MS);
    });
  } else input.addEventListener("change", () => apply({}));
  /** @param {Queries} queries */
  const follow = (queries) => {
    if (!isTyped || document.activeElement !== input) write(input, queries[name] ?? "");
  };
  return { follow };
}

/** @param {{ value: string }} input */
const valueOf = (input) => input.value;
/** @param {{ value: string }} input @param {string} value */
const setValue = (input, value) => {
  input.value = value;
};

/** Makes the labelled place of an input in a toolbar. @param {string} label @param {HTMLElement} input */
export function labelled(label, input) {
  return el("label", {}, label, " ", input);
}

/** Makes the heads of columns from their names. @param {string[]} names */
export function columns(names) {
  return names.map((name) => el("th", { scope: "col" }, t(name)));
}

/**
 * What a list needs to know.
 * @template Row
 * @typedef {object} List
 * @property {string} name the class of its table
 * @property {string} caption
 * @property {Children} head the heads of its columns
 * @property {Filter[]} filters
 * @property {(queries: Queries) => string} key what the list shows; another key loads it again
 * @property {(queries: Queries, isCurrent: () => boolean) => Promise<Shown<Row> | null>} load null is not shown
 * @property {(row: Row) => HTMLElement} row
 * @property {(queries: Queries) => Children} empty
 * @property {() => void} [opened] called when the list was drawn, and when only the rest of the address changed
 * @property {boolean} [isGrouped] whether a row is a body of the table
 */

/**
 * A page of a list.
 * @template Row
 * @typedef {{ rows: Row[], pager: Children }} Shown
 */

/** @template Row */
export class ListView {
  /** @param {List<Row>} list */
  constructor(list) {
    this.list = list;
    this.body = el("tbody");
    this.table = el(
      "table",
      { class: list.name },
      el("caption", { class: "hidden" }, list.caption),
      el("thead", {}, el("tr", {}, list.head)),
      this.body,
    );
    this.none = el("div");
    this.pages = el("div");
    /** Where the list is on the page. */
    this.element = el("div", { class: "scroll" }, this.table, this.none, this.pages);
    this.asked = null;
    this.round = 0;
  }

  /** Follows the address. */
  changed() {
    const { queries } = place();
    for (const filter of this.list.filters) filter.follow(queries);
    if (this.asked === this.list.key(queries)) this.list.opened?.();
    else this.load();
  }

  /** Loads the page of the address. A later call overtakes an earlier one. */
  async load() {
    try {
      await this.reload();
    } catch (problem) {
      this.failed(problem);
    }
  }

  /** Loads the page, and leaves a failure to the caller. */
  async reload() {
    const { queries } = place();
    this.round += 1;
    const { round } = this;
    const isCurrent = () => round === this.round;
    this.asked = this.list.key(queries);
    const shown = await this.list.load(queries, isCurrent).catch((problem) => {
      if (isCurrent()) throw problem;
      return null;
    });
    if (shown && isCurrent()) this.draw(shown, queries);
  }

  /** @param {Shown<Row>} shown @param {Queries} queries */
  draw({ rows, pager }, queries) {
    const made = rows.map((row) => this.list.row(row));
    if (this.list.isGrouped) {
      for (const body of [...this.table.tBodies]) body.remove();
      this.table.append(...made);
    } else show(this.body, made);
    const isEmpty = rows.length === 0;
    this.table.hidden = isEmpty;
    show(this.none, isEmpty && el("div", { class: "empty" }, this.list.empty(queries)));
    show(this.pages, pager);
    this.list.opened?.();
  }

  /** Shows that rows are on their way. */
  wait() {
    const cells = () => el("td", { colspan: 100 }, el("div"));
    this.table.hidden = false;
    show(this.none);
    show(
      this.body,
      Array.from({ length: 5 }, () => el("tr", { class: "skeleton", "aria-hidden": "true" }, cells())),
    );
  }

  /** Shows why the list could not be loaded. @param {any} problem */
  failed(problem) {
    if (problem.name === "AbortError" || problem.status === 401) return;
    this.asked = null;
    for (const row of this.body.querySelectorAll(".skeleton")) row.remove();
    show(
      this.pages,
      el("p", { class: "notice bad", role: "alert" }, reason(problem)),
      button(t("again"), () => this.load()),
    );
  }
}
