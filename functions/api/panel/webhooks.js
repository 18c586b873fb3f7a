// The list of webhooks.

import { WEBHOOKS, call, filled, may, withQuery } from "./api.js";
import { deactivation } from "./deactivate.js";
import { reason, say, sayProblem } from "./dialog.js";
import { button, el, icon, show } from "./dom.js";
import { pager, sizeOf } from "./pager.js";
import { go, link, place, query } from "./route.js";
import { t } from "./text.js";
import { triggers } from "./triggers.js";
import { skeleton, webhookRow } from "./webhook_row.js";

/** What the API lists in one page at most. */
const PAGE = 100;

export function webhooksScreen(main) {
  const life = new AbortController();
  const selected = new Set();
  let source = null;
  let round = 0;

  const count = el("p", { class: "note", role: "status" });
  const rows = el("tbody");
  const all = el("input", { type: "checkbox", "aria-label": t("select.all") });
  const table = el(
    "table",
    { class: "webhooks" },
    el("caption", { class: "hidden" }, t("webhooks")),
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        may("webhooks:write") &&
          el("th", { class: "check" }, el("label", {}, all, el("span", { class: "narrow" }, ` ${t("select.all")}`))),
        ["name", "trigger", "url", "state", "day"].map((name) => el("th", { scope: "col" }, t(name))),
        el("th", { scope: "col" }, el("span", { class: "hidden" }, t("edit"))),
      ),
    ),
    rows,
  );
  const body = el("div", { class: "scroll", "aria-live": "off" }, table);
  const pages = el("div");
  const search = el("input", {
    type: "search",
    id: "search",
    placeholder: t("search.note"),
    "aria-label": t("search"),
  });
  const disabled = el("input", { type: "checkbox", id: "disabled" });
  const deactivate = button(t("deactivate"), deactivateSelected, { kind: "danger", mark: "off" });
  const activate = button(t("activate"), activateSelected, { mark: "good" });
  const bulk = el(
    "div",
    { class: "bulk", hidden: true },
    el("span", { id: "selected", role: "status" }),
    [deactivate, activate],
  );

  all.addEventListener("change", () => {
    const wanted = all.checked;
    for (const box of rows.querySelectorAll("input[type=checkbox]")) if (box.checked !== wanted) box.click();
  });
  let typing;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => query({ search: search.value.trim(), page: "" }, { inPlace: true }), 200);
  });
  disabled.addEventListener("change", () => query({ disabled: disabled.checked ? "1" : "", page: "" }));

  show(
    main,
    el(
      "div",
      { class: "title" },
      el("h1", {}, t("webhooks")),
      may("webhooks:write") &&
        el(
          "a",
          { class: "button primary", id: "create", href: link(["webhooks", "new"]) },
          icon("plus"),
          el("span", {}, t("create")),
        ),
      el(
        "details",
        { class: "menu" },
        el("summary", { "aria-label": t("more") }, "⋮"),
        el("div", { class: "card" }, el("label", {}, disabled, " ", t("show.disabled"))),
      ),
    ),
    el("div", { class: "toolbar" }, search, count),
    bulk,
    body,
    pages,
  );

  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      target.dispatchEvent(new Event("seen"));
    }
  });

  function changed() {
    const { queries } = place();
    if (document.activeElement !== search) search.value = queries.search ?? "";
    disabled.checked = queries.disabled === "1";
    load().catch(failed);
  }

  async function load() {
    round += 1;
    const mine = round;
    const { queries } = place();
    const [size, page] = [sizeOf(queries), Math.max(1, Number(queries.page) || 1)];
    const key = withQuery(WEBHOOKS, {
      limit: PAGE,
      isActive: queries.disabled === "1" ? "all" : "true",
      search: queries.search,
    });
    if (source?.key !== key) {
      source = { key, rows: [], next: key };
      show(rows, skeleton());
    }
    const passes = filter(queries);
    const catalogue = triggers();
    while (source.rows.length <= page * size && source.next) {
      const from = source;
      const more = await filled(from.next, passes, page * size + 1 - from.rows.length, life.signal);
      if (from !== source || mine !== round) return;
      source.rows.push(...more.rows);
      source.next = more.next;
    }
    draw(source.rows.slice((page - 1) * size, page * size), await catalogue, { page, size, queries });
  }

  function draw(webhooks, catalogue, { page, size, queries }) {
    selected.clear();
    select();
    seen.disconnect();
    const first = (page - 1) * size;
    show(
      rows,
      webhooks.map((webhook) => row(webhook, catalogue)),
    );
    show(
      count,
      source.next
        ? t("range.more", { first: first + 1, last: first + webhooks.length })
        : t("range", {
            first: webhooks.length && first + 1,
            last: first + webhooks.length,
            of: source.rows.length,
          }),
    );
    show(pages, pager({ size, page, hasNext: page * size < source.rows.length }));
    body.querySelector(".empty")?.remove();
    table.hidden = webhooks.length === 0;
    if (webhooks.length === 0) body.append(empty(queries));
  }

  function row(webhook, catalogue) {
    const choose = (isSelected) => {
      if (isSelected) selected.add(webhook);
      else selected.delete(webhook);
      select();
    };
    const made = webhookRow(webhook, catalogue, { selected: choose, signal: life.signal });
    seen.observe(made);
    return made;
  }

  function select() {
    const boxes = [...rows.querySelectorAll("input[type=checkbox]")];
    const checked = boxes.filter((box) => box.checked).length;
    all.checked = 0 < checked && checked === boxes.length;
    all.indeterminate = 0 < checked && checked < boxes.length;
    bulk.hidden = selected.size === 0;
    show(bulk.firstChild, selected.size ? t("selected", { count: selected.size }) : "");
    deactivate.hidden = ![...selected].some((webhook) => webhook.isActive);
    activate.hidden = ![...selected].some((webhook) => !webhook.isActive);
  }

  async function deactivateSelected() {
    const webhooks = [...selected].filter((webhook) => webhook.isActive);
    const waiting = await deactivation(webhooks);
    if (waiting) await changeEach(webhooks, { isActive: false, waiting }, "deactivated");
  }

  function activateSelected() {
    return changeEach(
      [...selected].filter((webhook) => !webhook.isActive),
      { isActive: true },
      "activated",
    );
  }

  async function changeEach(webhooks, change, done) {
    const refused = [];
    for (const webhook of webhooks) {
      await call("PATCH", `${WEBHOOKS}/${webhook._id}`, change).catch((problem) =>
        refused.push(`${webhook.name}: ${reason(problem)}`),
      );
    }
    if (refused.length) say(refused.join("; "), "bad");
    else say(t(done, { count: webhooks.length }));
    source = null;
    await load().catch(failed);
    main.focus({ preventScroll: true });
  }

  function empty({ search }) {
    const text = search ? t("empty.search", { search }) : t("empty.webhooks");
    return el(
      "div",
      { class: "empty" },
      el("p", {}, text),
      search
        ? button(t("search.clear"), () => query({ search: "", page: "" }), { kind: "primary" })
        : may("webhooks:write") &&
            button(t("create.first"), () => go(["webhooks", "new"]), { kind: "primary", mark: "plus" }),
    );
  }

  function failed(problem) {
    if (problem.name === "AbortError") return;
    sayProblem(problem);
    show(
      rows,
      el(
        "tr",
        {},
        el(
          "td",
          { colspan: 7 },
          button(t("again"), () => load().catch(failed)),
        ),
      ),
    );
  }

  changed();
  return {
    title: t("webhooks"),
    changed,
    leave: () => {
      life.abort();
      seen.disconnect();
    },
  };
}

function filter({ search = "", disabled }) {
  const wanted = search.toLowerCase();
  return (webhook) =>
    (disabled === "1" || webhook.isActive) &&
    [webhook.name, webhook.code, webhook.url].some((text) => text.toLowerCase().includes(wanted));
}
