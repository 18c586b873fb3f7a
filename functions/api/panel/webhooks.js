// The list of webhooks.

import { WEBHOOKS, call, filled, may, withQuery } from "./api.js";
import { stateBadge } from "./badges.js";
import { deactivation } from "./deactivate.js";
import { reason, say, sayProblem } from "./dialog.js";
import { button, el, icon, show } from "./dom.js";
import { dayOf, queueOf, stateOf } from "./facts.js";
import { pager, sizeOf } from "./pager.js";
import { go, link, place, query } from "./route.js";
import { t } from "./text.js";
import { labelOf, triggers } from "./triggers.js";

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
  const table = el("table", { class: "webhooks" },
    el("caption", { class: "hidden" }, t("webhooks")),
    el("thead", {}, el("tr", {}, el("th", { class: "check" }, el("label", {}, all, el("span", { class: "narrow" }, ` ${t("select.all")}`))),
      ["name", "trigger", "url", "state", "day"].map((name) => el("th", { scope: "col" }, t(name))),
      el("th", { scope: "col" }, el("span", { class: "hidden" }, t("edit"))))),
    rows);
  const body = el("div", { class: "scroll", "aria-live": "off" }, table);
  const pages = el("div");
  const search = el("input", { type: "search", id: "search", placeholder: t("search.note"), "aria-label": t("search") });
  const disabled = el("input", { type: "checkbox", id: "disabled" });
  const deactivate = button(t("deactivate"), deactivateSelected, { kind: "danger", mark: "off" });
  const activate = button(t("activate"), activateSelected, { mark: "good" });
  const bulk = el("div", { class: "bulk", hidden: true }, el("span", { id: "selected", role: "status" }), may("webhooks:write") && [deactivate, activate]);

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

  show(main,
    el("div", { class: "title" }, el("h1", {}, t("webhooks")),
      may("webhooks:write") && el("a", { class: "button primary", id: "create", href: link(["webhooks", "new"]) }, icon("plus"), el("span", {}, t("create"))),
      el("details", { class: "menu" }, el("summary", { "aria-label": t("more") }, "⋮"),
        el("div", { class: "card" }, el("label", {}, disabled, " ", t("show.disabled"))))),
    el("div", { class: "toolbar" }, search, count), bulk, body, pages);

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
    const key = withQuery(WEBHOOKS, { limit: PAGE, isActive: queries.disabled === "1" ? "all" : "true", search: queries.search });
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
    show(rows, webhooks.map((webhook) => row(webhook, catalogue)));
    show(count, source.next ? t("range.more", { first: first + 1, last: first + webhooks.length }) : t("range", { first: webhooks.length && first + 1, last: first + webhooks.length, of: source.rows.length }));
    show(pages, pager({ size, page, hasNext: page * size < source.rows.length }));
    body.querySelector(".empty")?.remove();
    table.hidden = webhooks.length === 0;
    if (webhooks.length === 0) body.append(empty(queries));
  }

  function row(webhook, catalogue) {
    const box = el("input", { type: "checkbox", "aria-label": t("select", { name: webhook.name }) });
    box.addEventListener("change", () => {
      if (box.checked) selected.add(webhook);
      else selected.delete(webhook);
      select();
    });
    const [state, day] = [el("td", { class: "stated" }, stateBadge(stateOf(webhook))), el("td", { class: "day", "data-label": t("day") })];
    const made = el("tr", { "data-id": webhook._id },
      el("td", { class: "check" }, box),
      el("th", { scope: "row" }, el("a", { href: link(["webhooks", webhook._id, "logs"]) }, webhook.name)),
      el("td", { title: webhook.trigger }, labelOf(catalogue, webhook.trigger)),
      el("td", { class: "url" }, webhook.url), state, day,
      el("td", {}, el("a", { class: "button quiet", href: link(["webhooks", webhook._id]), title: t("edit"), "aria-label": t("edit.one", { name: webhook.name }) }, icon("edit"))));
    made.addEventListener("seen", () => may("logs:read") && facts(webhook, state, day).catch(() => {}), { once: true });
    seen.observe(made);
    return made;
  }

  async function facts(webhook, state, day) {
    const [queue, counts] = await Promise.all([queueOf(webhook._id, life.signal), dayOf(webhook._id, life.signal)]);
    show(state, stateBadge(stateOf(webhook, queue)));
    const text = (name, number) => el("span", { class: name, title: t(`day.${name}`) }, icon(name), String(number), el("span", { class: "hidden" }, ` ${t(`day.${name}`)}`));
    show(day, counts.good + counts.bad === 0 ? el("span", { class: "note" }, t("day.none"))
      : [text("good", counts.good), " ", text("bad", counts.bad), counts.more && el("span", { class: "note", title: t("day.latest") }, "+")]);
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
    return changeEach([...selected].filter((webhook) => !webhook.isActive), { isActive: true }, "activated");
  }

  async function changeEach(webhooks, change, done) {
    const refused = [];
    for (const webhook of webhooks) {
      await call("PATCH", `${WEBHOOKS}/${webhook._id}`, change).catch((problem) => refused.push(`${webhook.name}: ${reason(problem)}`));
    }
    if (refused.length) say(refused.join("; "), "bad");
    else say(t(done, { count: webhooks.length }));
    source = null;
    await load().catch(failed);
    main.focus({ preventScroll: true });
  }

  function empty({ search }) {
    const text = search ? t("empty.search", { search }) : t("empty.webhooks");
    return el("div", { class: "empty" }, el("p", {}, text),
      search ? button(t("search.clear"), () => query({ search: "", page: "" }), { kind: "primary" })
        : may("webhooks:write") && button(t("create.first"), () => go(["webhooks", "new"]), { kind: "primary", mark: "plus" }));
  }

  function failed(problem) {
    if (problem.name === "AbortError") return;
    sayProblem(problem);
    show(rows, el("tr", {}, el("td", { colspan: 7 }, button(t("again"), () => load().catch(failed)))));
  }

  changed();
  return { title: t("webhooks"), changed, leave: () => { life.abort(); seen.disconnect(); } };
}

function filter({ search = "", disabled }) {
  const wanted = search.toLowerCase();
  return (webhook) => (disabled === "1" || webhook.isActive)
    && [webhook.name, webhook.code, webhook.url].some((text) => text.toLowerCase().includes(wanted));
}

function skeleton() {
  return Array.from({ length: 5 }, () => el("tr", { class: "skeleton", "aria-hidden": "true" }, el("td", { colspan: 7 }, el("div"))));
}
