// The log of a webhook: the attempts of each event together, newest first.

import { LOGS, call, filled } from "./api.js";
import { button, el, select, show } from "./dom.js";
import { grouped, queueOf, resultOf } from "./facts.js";
import { ListView, columns, filterBy, labelled } from "./list_view.js";
import { Live } from "./live.js";
import { LogDetail } from "./log_detail.js";
import { groupBody, updateGroup } from "./log_group.js";
import { rowsOf } from "./log_rows.js";
import { cursorPager, sizeOf } from "./pager.js";
import { place, query, withQuery } from "./route.js";
import { t } from "./text.js";
import { localTime } from "./time.js";

const RESULTS = ["", "SUCCESS", "FAILED", "WAITING", "PARKED"];
const COLUMNS = ["result", "date", "status", "duration", "attempt", "tab.logs"];
const REFRESH_MS = 4000;

/** @param {WebhookTab} tab @returns {PanelScreen} */
export function logsScreen(tab) {
  return new Logs(tab);
}

class Logs {
  /** @param {WebhookTab} tab */
  constructor({ main, shown, tell, signal }) {
    this.id = shown.webhook._id;
    this.tell = tell;
    this.signal = signal;
    /** By sequence, the events on the page. @type {Map<number, { group: Group, body: HTMLElement }>} */
    this.groups = new Map();
    /** The events whose earlier attempts are shown. @type {Set<number>} */
    this.open = new Set();
    /** @type {Queue | null} */
    this.queue = null;
    this.newer = 0;
    this.live = new Live(REFRESH_MS, {
      refresh: () => this.refresh(),
      switched: () => this.switched(),
    });
    const side = el("div", { class: "side" });
    this.detail = new LogDetail(side, shown.webhook, {
      openLog: (row) => this.openLog(row),
      reload: () => this.view.load(),
    });
    const [filters, inputs] = makeFilters();
    this.view = new ListView({
      name: "logs",
      caption: t("tab.logs"),
      head: columns(COLUMNS),
      filters,
      isGrouped: true,
      key: (queries) => this.path(queries),
      load: (queries, isCurrent) => this.load(queries, isCurrent),
      row: (group) => this.body(group),
      empty: () => el("p", {}, t("none")),
      opened: () => this.openDetail(),
    });
    show(
      main,
      el("div", { class: "toolbar" }, inputs, this.live.element),
      el("div", { class: "split" }, this.view.element, side),
    );
    this.view.changed();
  }

  changed() {
    this.view.changed();
  }

  /** @param {Queries} queries */
  path({ result, from, to, cursor, size }) {
    const asked = result === "WAITING" ? "FAILED" : result;
    return withQuery(`${LOGS}/${this.id}`, { limit: sizeOf({ size }), result: asked, from, to, cursor });
  }

  /** @param {Queries} queries @param {() => boolean} isCurrent */
  async load(queries, isCurrent) {
    const size = sizeOf(queries);
    const [{ rows, next }, queue] = await Promise.all([
      filled(this.path(queries), passes(queries), size, this.signal, rowsOf),
      queueOf(this.id, this.signal),
    ]);
    if (!isCurrent()) return null;
    this.tell({ queue });
    this.queue = queue;
    this.newer = 0;
    this.groups.clear();
    const cursor = next && new URL(next, location.origin).searchParams.get("cursor");
    return { rows: grouped(rows), pager: cursorPager(cursor) };
  }

  /** @param {Group} group */
  body(group) {
    const body = groupBody(group, this.drawing(group));
    this.groups.set(group.sequence, { group, body });
    return body;
  }

  /** @param {Group} group @returns {import("./log_group.js").Drawing} */
  drawing({ sequence }) {
    return {
      queue: this.queue,
      isOpen: this.open.has(sequence),
      openLog: (row) => this.openLog(row),
      toggle: (isOpen) => (isOpen ? this.open.add(sequence) : this.open.delete(sequence)),
    };
  }

  /** @param {LogRow | null} row */
  openLog(row) {
    const isOther = Boolean(place().queries.log) && Boolean(row);
    query({ log: row?._id ?? "" }, { inPlace: isOther });
  }

  openDetail() {
    this.showNews();
    const { log } = place().queries;
    for (const row of this.rows()) row.classList.toggle("open", row.dataset.log === log);
    if (!log) return this.detail.close();
    const found = [...this.groups.values()].find(({ group }) => group.rows.some((row) => row._id === log));
    this.detail.open(log, found?.group, { attemptsMax: this.queue?.head?.attemptsMax, signal: this.signal });
  }

  /** @returns {NodeListOf<HTMLElement>} */
  rows() {
    return this.view.table.querySelectorAll("tr[data-log]");
  }

  switched() {
    if (this.live.isOn()) this.refresh().catch(() => {});
    else this.showNews();
  }

  /** Looks for news. Events on the page change where they are; new ones wait until a person asks for them. */
  async refresh() {
    const { asked } = this.view;
    if (place().queries.cursor || asked === null) return;
    const [found, queue] = await Promise.all([
      call("GET", asked, undefined, this.signal),
      queueOf(this.id, this.signal),
    ]);
    if (asked !== this.view.asked || !this.live.isOn()) return;
    this.queue = queue;
    this.tell({ queue });
    const rows = rowsOf(found).rows.filter(passes(place().queries));
    this.newer = this.update(grouped(rows));
    if (this.newer && this.groups.size === 0) return this.view.reload();
    this.openDetail();
  }

  /** Updates the events on the page. Returns the number of newer ones. @param {Group[]} groups */
  update(groups) {
    const newest = this.newest();
    let newer = 0;
    for (const group of groups) {
      const known = this.groups.get(group.sequence);
      if (known) {
        const isOther = known.group.rows[0]._id !== group.rows[0]._id;
        if (isOther && !this.open.has(group.sequence)) known.group = group;
        updateGroup(known.body, known.group, this.drawing(group));
      } else if (group.rows.some((row) => newest < row.createdAt)) newer += 1;
    }
    return newer;
  }

  /** When the newest attempt on the page was made. */
  newest() {
    const times = [...this.groups.values()].flatMap(({ group }) => group.rows.map((row) => row.createdAt));
    return times.sort().at(-1) ?? "";
  }

  showNews() {
    if (this.newer === 0) return this.live.showTime();
    const label = t("news", { count: this.newer });
    show(
      this.live.news,
      button(label, () => this.view.load(), { kind: "primary", id: "news" }),
    );
  }

  leave() {
    this.live.stop();
  }
}

/** Makes what the log is filtered by, and the inputs as they are shown. */
function makeFilters() {
  const options = RESULTS.map((each) => [each, t(`result.${each || "all"}`)]);
  const result = select({ id: "result", "aria-label": t("result") }, options);
  /** @param {string} id */
  const time = (id) => el("input", { type: "datetime-local", step: 1, id, "aria-label": t(id) });
  const [from, to] = [time("from"), time("to")];
  const clear = () => query({ result: "", from: "", to: "", cursor: "" });
  const filters = [
    filterBy(result, "result", { resets: ["cursor"] }),
    filterBy(from, "from", { resets: ["cursor"], ...localTime }),
    filterBy(to, "to", { resets: ["cursor"], ...localTime }),
  ];
  const inputs = [
    labelled(t("result"), result),
    labelled(t("from"), from),
    labelled(t("to"), to),
    button(t("filter.clear"), clear, { kind: "quiet", id: "clear" }),
  ];
  return /** @type {const} */ ([filters, inputs]);
}

/** @param {Queries} queries @returns {(row: LogRow) => boolean} */
function passes({ result, from, to }) {
  return (row) =>
    (!result || resultOf(row) === result) && (!from || from <= row.createdAt) && (!to || row.createdAt < to);
}
