// A webhook's log: the attempts of each event together, newest first.

import { LOGS, call, filled, withQuery } from "./api.js";
import { reason } from "./dialog.js";
import { button, el, show } from "./dom.js";
import { grouped, queueOf, resultOf } from "./facts.js";
import { detailPanel } from "./log_detail.js";
import { groupBody, updateGroup } from "./log_group.js";
import { cursorPager, sizeOf } from "./pager.js";
import { place, query } from "./route.js";
import { t } from "./text.js";
import { exact } from "./time.js";

const RESULTS = ["", "SUCCESS", "FAILED", "WAITING", "PARKED"];
const REFRESH = 4000;

export function logsScreen({ main, shown, tell, signal }) {
  const id = shown.webhook._id;
  const state = { groups: new Map(), next: null, open: new Set(), newer: 0, queue: null };

  const results = el(
    "select",
    { id: "result", "aria-label": t("result") },
    RESULTS.map((result) => el("option", { value: result }, t(`result.${result || "all"}`))),
  );
  const time = (name) => el("input", { type: "datetime-local", step: 1, id: name, "aria-label": t(name) });
  const [from, to] = [time("from"), time("to")];
  const live = el("input", { type: "checkbox", id: "live", checked: true });
  const news = el("span", { class: "news", role: "status" });
  const table = el(
    "table",
    { class: "logs" },
    el("caption", { class: "hidden" }, t("tab.logs")),
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        ["result", "date", "status", "duration", "attempt"].map((name) => el("th", { scope: "col" }, t(name))),
        el("th", { scope: "col" }, t("tab.logs")),
      ),
    ),
  );
  live.addEventListener("change", () => (live.checked ? refresh().catch(() => {}) : tellNews()));
  const none = el("p", { class: "empty", hidden: true }, t("none"));
  const pages = el("div");
  const side = el("div", { class: "side" });

  results.addEventListener("change", () => query({ result: results.value, cursor: "" }));
  for (const input of [from, to]) {
    input.addEventListener("change", () =>
      query({ [input.id]: input.value ? new Date(input.value).toISOString() : "", cursor: "" }),
    );
  }
  show(
    main,
    el(
      "div",
      { class: "toolbar" },
      el("label", {}, t("result"), " ", results),
      el("label", {}, t("from"), " ", from),
      el("label", {}, t("to"), " ", to),
      button(t("filter.clear"), () => query({ result: "", from: "", to: "", cursor: "" }), {
        kind: "quiet",
        id: "clear",
      }),
      el("label", { class: "live" }, live, " ", t("live")),
      news,
    ),
    el("div", { class: "split" }, el("div", { class: "scroll" }, table, none, pages), side),
  );

  const queries = () => place().queries;
  const passes = (row) => {
    const { result, from: since, to: until } = queries();
    return (
      (!result || resultOf(row) === result) &&
      (!since || since <= row.createdAt) &&
      (!until || row.createdAt < until)
    );
  };
  const first = () => {
    const { result, from: since, to: until, cursor } = queries();
    return withQuery(`${LOGS}/${id}`, {
      limit: sizeOf(queries()),
      result: result === "WAITING" ? "FAILED" : result,
      from: since,
      to: until,
      cursor,
    });
  };

  let asked = null;
  async function load() {
    asked = first();
    const mine = asked;
    const [{ rows, next }, queue] = await Promise.all([
      filled(mine, passes, sizeOf(queries()), signal),
      queueOf(id, signal),
    ]);
    if (mine !== asked) return;
    tell({ queue });
    Object.assign(state, { next, newer: 0, queue });
    draw(rows);
    openDetail();
  }

  function draw(rows) {
    state.groups.clear();
    for (const body of table.querySelectorAll("tbody")) body.remove();
    for (const group of grouped(rows)) {
      const body = groupBody(group, {
        queue: state.queue,
        isOpen: state.open.has(group.sequence),
        openLog,
        toggle,
      });
      state.groups.set(group.sequence, { group, body });
      table.append(body);
    }
    table.hidden = rows.length === 0;
    none.hidden = rows.length !== 0;
    mark();
    show(pages, cursorPager(state.next && new URL(state.next, location.origin).searchParams.get("cursor")));
    tellNews();
  }

  function toggle(sequence, isOpen) {
    if (isOpen) state.open.add(sequence);
    else state.open.delete(sequence);
  }

  function openLog(row) {
    query({ log: row?._id ?? "" }, { inPlace: Boolean(queries().log) && Boolean(row) });
  }

  /** Looks for what is new. What is on the screen is changed where it stands; more waits until it is asked for. */
  async function refresh() {
    if (!live.checked || document.hidden || queries().cursor || asked === null) return;
    const mine = asked;
    const [{ body: rows }, queue] = await Promise.all([call("GET", mine, undefined, signal), queueOf(id, signal)]);
    if (mine !== asked || !live.checked) return;
    state.queue = queue;
    tell({ queue });
    let newer = 0;
    for (const group of grouped(rows.filter(passes))) {
      const known = state.groups.get(group.sequence);
      if (known) {
        if (known.group.rows[0]._id !== group.rows[0]._id && !state.open.has(group.sequence)) known.group = group;
        updateGroup(known.body, known.group, { queue, openLog, toggle, isOpen: state.open.has(group.sequence) });
      } else if (isNewer(group)) newer += 1;
    }
    if (newer && state.groups.size === 0) return load();
    state.newer = newer;
    tellNews();
    mark();
  }

  const isNewer = (group) => group.rows.some((row) => !state.newest || state.newest < row.createdAt);

  function tellNews() {
    state.newest = [...state.groups.values()]
      .flatMap(({ group }) => group.rows.map((row) => row.createdAt))
      .sort()
      .at(-1);
    if (state.newer) show(news, button(t("news", { count: state.newer }), load, { kind: "primary", id: "news" }));
    else
      show(
        news,
        el("span", { class: "note" }, live.checked ? t("live.at", { time: exact(Date.now()).slice(-8) }) : ""),
      );
  }

  function mark() {
    const { log } = queries();
    for (const row of table.querySelectorAll("tr[data-log]"))
      row.classList.toggle("open", row.dataset.log === log);
  }

  const panel = detailPanel({ side, webhook: shown.webhook, openLog, reload: () => load().catch(failed) });

  function openDetail() {
    mark();
    const { log } = queries();
    if (!log) return panel.close();
    const found = [...state.groups.values()].find(({ group }) => group.rows.some((row) => row._id === log));
    panel.open(log, found?.group, { attemptsMax: state.queue?.head?.attemptsMax, signal });
  }

  function changed() {
    const { result, from: since, to: until } = queries();
    results.value = result ?? "";
    for (const [input, value] of [
      [from, since],
      [to, until],
    ])
      input.value = value ? local(value) : "";
    if (asked === first()) openDetail();
    else load().catch(failed);
  }

  function failed(problem) {
    if (problem.name === "AbortError" || problem.status === 401) return;
    show(
      pages,
      el("p", { class: "notice bad", role: "alert" }, reason(problem)),
      button(t("again"), () => load().catch(failed)),
    );
  }

  const timer = setInterval(() => refresh().catch(() => {}), REFRESH);
  changed();
  return { changed, leave: () => clearInterval(timer) };
}

/** A time as an input of the browser takes it. */
function local(at) {
  const time = new Date(at);
  return new Date(time - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
