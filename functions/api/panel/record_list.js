// The list of platform webhooks, of the space and of its kapps.

import { may } from "./api.js";
import { stateBadge } from "./badges.js";
import { button, el, icon, show } from "./dom.js";
import { stateOf } from "./facts.js";
import { ListView, columns, filterBy, labelled } from "./list_view.js";
import { pageOf, pager, range } from "./pager.js";
import { kappOf, recordTypes, recordWebhooks, scopeName, typeName } from "./records.js";
import { recordRemoved } from "./record_remove.js";
import { go, link, query } from "./route.js";
import { t } from "./text.js";
import { ago } from "./time.js";

const COLUMNS = ["name", "scope", "type", "filter", "url", "state", "updated"];
/** What the space and a kapp are called in the address. */
const SPACE = "space";
const KAPP = "kapp:";

/** @param {HTMLElement} main @returns {PanelScreen} */
export function recordsScreen(main) {
  return new Records(main);
}

class Records {
  /** @param {HTMLElement} main */
  constructor(main) {
    this.title = t("records");
    this.main = main;
    this.life = new AbortController();
    this.isLoaded = false;
    /** @type {PlatformWebhook[]} */
    this.webhooks = [];
    /** @type {RecordType[]} */
    this.types = [];
    this.count = el("p", { class: "note", role: "status" });
    const starts = { type: "search", id: "starts", "aria-label": t("starts"), placeholder: t("starts") };
    this.starts = el("input", starts);
    /** @param {string} id */
    const choice = (id) => el("select", { id, "aria-label": t(id) });
    this.scope = choice("scope");
    this.type = choice("type");
    this.event = choice("event");
    const plus = [icon("plus"), el("span", {}, t("create"))];
    this.create = el("a", { class: "button primary", id: "create" }, plus);
    this.view = this.makeView();
    show(
      main,
      el("div", { class: "title" }, el("h1", {}, t("records")), may("webhooks:write") && this.create),
      el(
        "div",
        { class: "toolbar" },
        this.starts,
        labelled(t("scope"), this.scope),
        labelled(t("type"), this.type),
        labelled(t("event"), this.event),
        this.count,
      ),
      this.view.element,
    );
    this.view.changed();
  }

  makeView() {
    return new ListView({
      name: "webhooks records",
      caption: t("records"),
      head: [columns(COLUMNS), el("th", { scope: "col" }, el("span", { class: "hidden" }, t("remove")))],
      filters: [
        filterBy(this.starts, "name", { resets: ["page"], isTyped: true }),
        filterBy(this.scope, "scope", { resets: ["page"] }),
        filterBy(this.type, "type", { resets: ["event", "page"] }),
        filterBy(this.event, "event", { resets: ["page"] }),
      ],
      key: (queries) => JSON.stringify(queries),
      load: (queries) => this.load(queries),
      row: (webhook) => this.row(webhook),
      empty: (queries) => this.empty(queries),
    });
  }

  changed() {
    this.view.changed();
  }

  /** @param {Queries} queries */
  async load(queries) {
    if (!this.isLoaded) {
      this.view.wait();
      const { signal } = this.life;
      [this.webhooks, this.types] = await Promise.all([recordWebhooks(signal), recordTypes()]);
      this.isLoaded = true;
    }
    this.offer(queries);
    const found = this.webhooks
      .filter(passes(queries))
      .sort((one, other) => one.name.localeCompare(other.name));
    const { size, page } = pageOf(queries);
    const first = (page - 1) * size;
    const rows = found.slice(first, first + size);
    show(this.count, range(first, rows.length, found.length));
    return { rows, pager: pager({ size, page, hasNext: first + size < found.length }) };
  }

  /** Offers what the list can be filtered by. @param {Queries} queries */
  offer(queries) {
    const kapps = [...new Set(this.webhooks.map(kappOf).filter(Boolean))].sort();
    const places = [[SPACE, scopeName("")], ...kapps.map((kapp) => [KAPP + kapp, scopeName(kapp)])];
    const typed = this.types.filter((each) => !queries.type || each.name === queries.type);
    const events = [...new Set(typed.flatMap((each) => each.events))].sort();
    const types = this.types.map((each) => [each.name, typeName(each)]);
    choices(this.scope, places, queries.scope);
    choices(this.type, types, queries.type);
    choices(
      this.event,
      events.map((each) => [each, each]),
      queries.event,
    );
    this.create.href = link(["records", "new"], { kapp: kappIn(queries) });
  }

  /** @param {PlatformWebhook} webhook */
  row(webhook) {
    /** @param {string} name @param {...Children} content */
    const cell = (name, ...content) => el("td", { class: name, "data-label": t(name) }, ...content);
    const remove =
      may("webhooks:write") &&
      button(t("remove"), () => this.remove(webhook), {
        kind: "quiet danger",
        "aria-label": t("remove.one", { name: webhook.name }),
      });
    return el(
      "tr",
      { "data-id": webhook.id },
      el("th", { scope: "row" }, el("a", { href: link(["records", webhook.id]) }, webhook.name)),
      cell("scope", scopeName(kappOf(webhook))),
      cell("type", `${webhook.type} · ${webhook.event}`),
      cell("filter", webhook.filter.trim() ? el("code", {}, webhook.filter) : t("filter.none")),
      cell("url", webhook.url),
      el("td", { class: "stated" }, stateBadge(stateOf(webhook))),
      cell("updated", ago(webhook.updatedAt), el("span", { class: "by" }, webhook.updatedBy)),
      el("td", {}, remove),
    );
  }

  /** @param {PlatformWebhook} webhook */
  async remove(webhook) {
    if (!(await recordRemoved(webhook))) return;
    this.webhooks = this.webhooks.filter(({ id }) => id !== webhook.id);
    await this.view.load();
    this.main.focus({ preventScroll: true });
  }

  /** @param {Queries} queries */
  empty(queries) {
    if (this.webhooks.length !== 0) {
      const clear = () => query({ name: "", scope: "", type: "", event: "", page: "" });
      return [el("p", {}, t("records.no.match")), button(t("search.clear"), clear, { kind: "primary" })];
    }
    const create = () => go(["records", "new"], { kapp: kappIn(queries) });
    return [
      el("p", {}, t("records.empty")),
      may("webhooks:write") && button(t("create.first"), create, { kind: "primary", mark: "plus" }),
    ];
  }

  leave() {
    this.life.abort();
  }
}

/**
 * Shows choices. A value of the address that is not among them stays: its list is empty.
 * @param {HTMLSelectElement} input
 * @param {string[][]} all
 * @param {string} [value]
 */
function choices(input, all, value = "") {
  const known = value === "" || all.some(([each]) => each === value) ? all : [...all, [value, value]];
  show(
    input,
    el("option", { value: "" }, t("all")),
    known.map(([each, label]) => el("option", { value: each, selected: each === value }, label)),
  );
}

/** The kapp that the list is filtered by. @param {Queries} queries */
function kappIn({ scope }) {
  return scope?.startsWith(KAPP) ? scope.slice(KAPP.length) : "";
}

/** @param {Queries} queries @returns {(webhook: PlatformWebhook) => boolean} */
function passes({ name = "", scope, type, event }) {
  const start = name.toLowerCase();
  const kapp = scope === SPACE ? "" : scope?.slice(KAPP.length);
  return (webhook) =>
    webhook.name.toLowerCase().startsWith(start) &&
    (!scope || kappOf(webhook) === kapp) &&
    (!type || webhook.type === type) &&
    (!event || webhook.event === event);
}
