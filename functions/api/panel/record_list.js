// The list of webhooks on records, of the space and of its kapps.

import { may } from "./api.js";
import { stateBadge } from "./badges.js";
import { sayProblem } from "./dialog.js";
import { button, el, icon, show } from "./dom.js";
import { stateOf } from "./facts.js";
import { pager, sizeOf } from "./pager.js";
import { removed } from "./record_form.js";
import { kappOf, recordTypes, recordWebhooks, scopeName, typeName } from "./records.js";
import { go, link, place, query } from "./route.js";
import { t } from "./text.js";
import { ago } from "./time.js";
import { skeleton } from "./webhook_row.js";

const COLUMNS = ["name", "scope", "type", "filter", "url", "state", "updated"];
/** What a kapp is called in the query, apart from the space. */
const SPACE = "space";
const KAPP = "kapp:";

export function recordsScreen(main) {
  const life = new AbortController();
  let webhooks = null;
  let types = [];

  const count = el("p", { class: "note", role: "status" });
  const rows = el("tbody");
  const table = el(
    "table",
    { class: "webhooks records" },
    el("caption", { class: "hidden" }, t("records")),
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        COLUMNS.map((name) => el("th", { scope: "col" }, t(name))),
        el("th", { scope: "col" }, el("span", { class: "hidden" }, t("remove"))),
      ),
    ),
    rows,
  );
  const body = el("div", { class: "scroll" }, table);
  const pages = el("div");
  const starts = el("input", { type: "search", id: "starts", "aria-label": t("starts"), placeholder: t("starts") });
  const [scope, type, event] = ["scope", "type", "event"].map((id) => el("select", { id, "aria-label": t(id) }));
  let typing;
  starts.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => query({ name: starts.value, page: "" }, { inPlace: true }), 200);
  });
  scope.addEventListener("change", () => query({ scope: scope.value, page: "" }));
  type.addEventListener("change", () => query({ type: type.value, event: "", page: "" }));
  event.addEventListener("change", () => query({ event: event.value, page: "" }));

  const create = el("a", { class: "button primary", id: "create" }, icon("plus"), el("span", {}, t("create")));
  show(
    main,
    el("div", { class: "title" }, el("h1", {}, t("records")), may("webhooks:write") && create),
    el(
      "div",
      { class: "toolbar" },
      starts,
      el("label", {}, t("scope"), " ", scope),
      el("label", {}, t("type"), " ", type),
      el("label", {}, t("event"), " ", event),
      count,
    ),
    body,
    pages,
  );

  async function load() {
    show(rows, skeleton());
    [webhooks, types] = await Promise.all([recordWebhooks(life.signal), recordTypes()]);
    draw();
  }

  /** Whatever of the query the list does not know stays among the choices: its list may be empty. */
  function choices(input, all, value = "") {
    const known = value === "" || all.some(([each]) => each === value) ? all : [...all, [value, value]];
    show(
      input,
      el("option", { value: "" }, t("all")),
      known.map(([each, label]) => el("option", { value: each, selected: each === value }, label)),
    );
  }

  function draw() {
    const { queries } = place();
    const kapps = [...new Set(webhooks.map(kappOf).filter(Boolean))].sort();
    choices(
      scope,
      [[SPACE, scopeName("")], ...kapps.map((kapp) => [`${KAPP}${kapp}`, scopeName(kapp)])],
      queries.scope,
    );
    choices(
      type,
      types.map((each) => [each.name, typeName(each)]),
      queries.type,
    );
    const typed = types.filter((each) => !queries.type || each.name === queries.type);
    const events = [...new Set(typed.flatMap((each) => each.events))].sort();
    choices(
      event,
      events.map((each) => [each, each]),
      queries.event,
    );
    const kapp = queries.scope?.startsWith(KAPP) ? queries.scope.slice(KAPP.length) : "";
    create.href = link(["records", "new"], { kapp });

    const found = webhooks.filter(filter(queries)).sort((one, other) => one.name.localeCompare(other.name));
    const [size, page] = [sizeOf(queries), Math.max(1, Number(queries.page) || 1)];
    const first = (page - 1) * size;
    const seen = found.slice(first, first + size);
    show(
      count,
      t("range", { first: seen.length && first + 1, last: first + seen.length, of: found.length }),
    );
    show(rows, seen.map(row));
    show(pages, pager({ size, page, hasNext: first + size < found.length }));
    body.querySelector(".empty")?.remove();
    table.hidden = seen.length === 0;
    if (seen.length === 0) body.append(empty(kapp));
  }

  function row(webhook) {
    const cell = (name, ...content) => el("td", { class: name, "data-label": t(name) }, ...content);
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
      el(
        "td",
        {},
        may("webhooks:write") &&
          button(t("remove"), () => remove(webhook), {
            kind: "quiet danger",
            "aria-label": t("remove.one", { name: webhook.name }),
          }),
      ),
    );
  }

  async function remove(webhook) {
    if (!(await removed(webhook))) return;
    webhooks = webhooks.filter(({ id }) => id !== webhook.id);
    draw();
    main.focus({ preventScroll: true });
  }

  function empty(kapp) {
    const isNarrowed = webhooks.length !== 0;
    const reset = { name: "", scope: "", type: "", event: "", page: "" };
    return el(
      "div",
      { class: "empty" },
      el("p", {}, t(isNarrowed ? "records.no.match" : "records.empty")),
      isNarrowed
        ? button(t("search.clear"), () => query(reset), { kind: "primary" })
        : may("webhooks:write") &&
            button(t("create.first"), () => go(["records", "new"], { kapp }), { kind: "primary", mark: "plus" }),
    );
  }

  function changed() {
    if (document.activeElement !== starts) starts.value = place().queries.name ?? "";
    if (webhooks) return draw();
    load().catch(failed);
  }

  function failed(problem) {
    if (problem.name === "AbortError") return;
    sayProblem(problem);
    const again = button(t("again"), () => load().catch(failed));
    show(rows, el("tr", {}, el("td", { colspan: COLUMNS.length + 1 }, again)));
  }

  changed();
  return { title: t("records"), changed, leave: () => life.abort() };
}

function filter({ name = "", scope, type, event }) {
  const start = name.toLowerCase();
  const kapp = scope === SPACE ? "" : scope?.slice(KAPP.length);
  return (webhook) =>
    webhook.name.toLowerCase().startsWith(start) &&
    (!scope || kappOf(webhook) === kapp) &&
    (!type || webhook.type === type) &&
    (!event || webhook.event === event);
}
