// The list of webhooks.

import { WEBHOOKS, call, filled, may } from "./api.js";
import { deactivation } from "./deactivate.js";
import { reason, say } from "./dialog.js";
import { button, el, icon, show } from "./dom.js";
import { ListView, columns, filterBy } from "./list_view.js";
import { pageOf, pager, range } from "./pager.js";
import { go, link, query, withQuery } from "./route.js";
import { t } from "./text.js";
import { triggers } from "./triggers.js";
import { webhookRow } from "./webhook_row.js";

/** The most webhooks that the API lists in one page. */
const PAGE = 100;

/** @param {HTMLElement} main @returns {PanelScreen} */
export function webhooksScreen(main) {
  return new Webhooks(main);
}

class Webhooks {
  /** @param {HTMLElement} main */
  constructor(main) {
    this.title = t("webhooks");
    this.main = main;
    this.life = new AbortController();
    /** @type {{ key: string, rows: Webhook[], next: string | null } | null} */
    /** @type {{ key: string, rows: Webhook[], next: string | null } | null} */
    this.source = null;
    /** @type {Trigger[]} */
    this.catalogue = [];
    this.count = el("p", { class: "note", role: "status" });
    this.selection = new Selection(() => this.start());
    this.seen = whenSeen();
    const search = el("input", {
      type: "search",
      id: "search",
      placeholder: t("search.note"),
      "aria-label": t("search"),
    });
    const disabled = el("input", { type: "checkbox", id: "disabled" });
    this.view = new ListView({
      name: "webhooks",
      caption: t("webhooks"),
      head: [
        may("webhooks:write") && this.selection.head,
        columns(["name", "trigger", "url", "state", "day"]),
        el("th", { scope: "col" }, el("span", { class: "hidden" }, t("edit"))),
      ],
      filters: [
        filterBy(search, "search", { resets: ["page"], isTyped: true, read: (input) => input.value.trim() }),
        filterBy(disabled, "disabled", {
          resets: ["page"],
          read: (input) => (input.checked ? "1" : ""),
          write: (input, value) => {
            input.checked = value === "1";
          },
        }),
      ],
      key: (queries) => JSON.stringify(queries),
      load: (queries, isCurrent) => this.load(queries, isCurrent),
      row: (webhook) => this.row(webhook),
      empty,
    });
    show(
      main,
      el("div", { class: "title" }, el("h1", {}, t("webhooks")), createLink(), menu(disabled)),
      el("div", { class: "toolbar" }, search, this.count),
      this.selection.bar,
      this.view.element,
    );
    this.view.changed();
  }

  changed() {
    this.view.changed();
  }

  /**
   * Reads as many pages of the API as the page of the address needs.
   * @param {Queries} queries
   * @param {() => boolean} isCurrent
   */
  async load(queries, isCurrent) {
    const { size, page } = pageOf(queries);
    const key = withQuery(WEBHOOKS, {
      limit: PAGE,
      isActive: queries.disabled === "1" ? "all" : "true",
      search: queries.search,
    });
    if (this.source?.key !== key) {
      this.source = { key, rows: [], next: key };
      this.view.wait();
    }
    const { source } = this;
    const catalogue = triggers();
    while (source.rows.length <= page * size && source.next) {
      const missing = page * size + 1 - source.rows.length;
      const more = await filled(source.next, passes(queries), missing, this.life.signal);
      if (source !== this.source || !isCurrent()) return null;
      source.rows.push(...more.rows);
      source.next = more.next;
    }
    this.catalogue = await catalogue;
    if (!isCurrent()) return null;
    this.selection.clear(this.view.body);
    this.seen.disconnect();
    const first = (page - 1) * size;
    const rows = source.rows.slice(first, first + size);
    show(this.count, range(first, rows.length, source.next ? null : source.rows.length));
    return { rows, pager: pager({ size, page, hasNext: first + size < source.rows.length }) };
  }

  /** @param {Webhook} webhook */
  row(webhook) {
    const made = webhookRow(webhook, this.catalogue, {
      selected: (isSelected) => this.selection.set(webhook, isSelected),
      signal: this.life.signal,
    });
    this.seen.observe(made);
    return made;
  }

  /** Reads the list again, after webhooks have changed. */
  async start() {
    this.source = null;
    await this.view.load();
    this.main.focus({ preventScroll: true });
  }

  leave() {
    this.life.abort();
    this.seen.disconnect();
  }
}

/** The webhooks that are chosen, and what can be done with all of them. */
class Selection {
  /** @param {() => Promise<void>} changed called when webhooks have changed */
  constructor(changed) {
    /** @type {Set<Webhook>} */
    this.chosen = new Set();
    this.changed = changed;
    /** @type {HTMLElement | null} */
    this.rows = null;
    this.all = el("input", { type: "checkbox", "aria-label": t("select.all") });
    this.all.addEventListener("change", () => this.setAll(this.all.checked));
    const narrow = el("span", { class: "narrow" }, ` ${t("select.all")}`);
    this.head = el("th", { class: "check" }, el("label", {}, this.all, narrow));
    this.text = el("span", { id: "selected", role: "status" });
    this.off = button(t("deactivate"), () => this.deactivate(), { kind: "danger", mark: "off" });
    this.on = button(t("activate"), () => this.activate(), { mark: "good" });
    this.bar = el("div", { class: "bulk", hidden: true }, this.text, this.off, this.on);
  }

  /** @returns {HTMLInputElement[]} */
  boxes() {
    return [...(this.rows?.querySelectorAll("input") ?? [])].filter((input) => input.type === "checkbox");
  }

  /** @param {boolean} isChosen */
  setAll(isChosen) {
    for (const box of this.boxes()) if (box.checked !== isChosen) box.click();
  }

  /** Chooses none; the boxes are in these rows from now on. @param {HTMLElement} rows */
  clear(rows) {
    this.rows = rows;
    this.chosen.clear();
    this.draw([]);
  }

  /** @param {Webhook} webhook @param {boolean} isChosen */
  set(webhook, isChosen) {
    if (isChosen) this.chosen.add(webhook);
    else this.chosen.delete(webhook);
    this.draw(this.boxes());
  }

  /** @param {HTMLInputElement[]} boxes */
  draw(boxes) {
    const checked = boxes.filter((box) => box.checked).length;
    this.all.checked = 0 < checked && checked === boxes.length;
    this.all.indeterminate = 0 < checked && checked < boxes.length;
    this.bar.hidden = this.chosen.size === 0;
    show(this.text, this.chosen.size ? t("selected", { count: this.chosen.size }) : "");
    this.off.hidden = this.those(true).length === 0;
    this.on.hidden = this.those(false).length === 0;
  }

  /** @param {boolean} isActive */
  those(isActive) {
    return [...this.chosen].filter((webhook) => webhook.isActive === isActive);
  }

  async deactivate() {
    const webhooks = this.those(true);
    const waiting = await deactivation(webhooks);
    if (waiting) await this.change(webhooks, { isActive: false, waiting }, "deactivated");
  }

  activate() {
    return this.change(this.those(false), { isActive: true }, "activated");
  }

  /** @param {Webhook[]} webhooks @param {object} change @param {string} done */
  async change(webhooks, change, done) {
    /** @type {string[]} */
    const refused = [];
    for (const webhook of webhooks) {
      await call("PATCH", `${WEBHOOKS}/${webhook._id}`, change).catch((problem) =>
        refused.push(`${webhook.name}: ${reason(problem)}`),
      );
    }
    if (refused.length) say(refused.join("; "), "bad");
    else say(t(done, { count: webhooks.length }));
    await this.changed();
  }
}

function createLink() {
  if (!may("webhooks:write")) return null;
  const attributes = { class: "button primary", id: "create", href: link(["webhooks", "new"]) };
  return el("a", attributes, icon("plus"), el("span", {}, t("create")));
}

/** @param {HTMLInputElement} disabled */
function menu(disabled) {
  const choice = el("label", {}, disabled, " ", t("show.disabled"));
  const summary = el("summary", { "aria-label": t("more") }, "⋮");
  return el("details", { class: "menu" }, summary, el("div", { class: "card" }, choice));
}

/** Tells each row once when it can be seen. */
function whenSeen() {
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      target.dispatchEvent(new Event("seen"));
    }
  });
  return seen;
}

/** @param {Queries} queries */
function empty({ search }) {
  if (search) {
    const clear = () => query({ search: "", page: "" });
    return [
      el("p", {}, t("empty.search", { search })),
      button(t("search.clear"), clear, { kind: "primary" }),
    ];
  }
  const create = () => go(["webhooks", "new"]);
  return [
    el("p", {}, t("empty.webhooks")),
    may("webhooks:write") && button(t("create.first"), create, { kind: "primary", mark: "plus" }),
  ];
}

/** @param {Queries} queries @returns {(webhook: Webhook) => boolean} */
function passes({ search = "", disabled }) {
  const wanted = search.toLowerCase();
  return (webhook) =>
    (disabled === "1" || webhook.isActive) &&
    [webhook.name, webhook.code, webhook.url].some((text) => text.toLowerCase().includes(wanted));
}
