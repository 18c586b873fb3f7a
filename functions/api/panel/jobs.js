// The jobs of platform webhooks: one for each event that a webhook gets, the latest first.

import { filled, may } from "./api.js";
import { jobBadge } from "./badges.js";
import { button, el, find, focusIn, show } from "./dom.js";
import { JobDetail, webhookOf } from "./job_detail.js";
import { ListView, filterBy, labelled } from "./list_view.js";
import { Live } from "./live.js";
import { cursorPager, sizeOf } from "./pager.js";
import { JOBS, kappOf, paged, recordWebhooks, scopeName } from "./records.js";
import { link, place, query, withQuery } from "./route.js";
import { t } from "./text.js";
import { ago } from "./time.js";

const TABS = ["", "failed", "queued"];
const COLUMNS = ["scheduled", "status", "webhook", "event", "scope", "summary", "retries", "run"];
const REFRESH_MS = 4000;

/** @param {HTMLElement} main @returns {PanelScreen} */
export function jobsScreen(main) {
  return new Jobs(main);
}

class Jobs {
  /** @param {HTMLElement} main */
  constructor(main) {
    this.title = t("jobs");
    this.life = new AbortController();
    /** @type {Job[]} */
    this.jobs = [];
    /** @type {string | null} */
    this.drawn = null;
    /** A long search is not repeated every few seconds. */
    this.isLong = false;
    this.tabs = TABS.map((status) => ({ status, link: el("a", {}, t(`jobs.${status || "all"}`)) }));
    const names = el("datalist", { id: "names" });
    const search = { type: "search", id: "webhook", list: "names", placeholder: t("job.name") };
    const webhook = el("input", search);
    const clear = () => query({ webhook: "", cursor: "", job: "" });
    this.live = new Live(REFRESH_MS, {
      refresh: () => this.refresh(),
      switched: () => (this.live.isOn() ? this.refresh() : this.live.showTime()),
    });
    const side = el("div", { class: "side" });
    this.detail = new JobDetail(side, {
      openJob: (job) => this.openJob(job),
      changed: () => this.view.load(),
    });
    this.view = this.makeView(webhook);
    const tabs = this.tabs.map((tab) => tab.link);
    show(
      main,
      el("div", { class: "title" }, el("h1", {}, t("jobs"))),
      el("nav", { class: "tabs", "aria-label": t("job.tabs") }, tabs),
      el(
        "div",
        { class: "toolbar" },
        labelled(t("webhook"), webhook),
        names,
        button(t("filter.clear"), clear, { kind: "quiet", id: "clear" }),
        this.live.element,
      ),
      el("div", { class: "split" }, this.view.element, side),
    );
    this.view.changed();
    if (may("webhooks:read")) offerNames(names, this.life.signal).catch(() => {});
  }

  /** @param {HTMLInputElement} webhook */
  makeView(webhook) {
    return new ListView({
      name: "logs jobs",
      caption: t("jobs"),
      head: COLUMNS.map((name) => el("th", { scope: "col", class: name }, t(name))),
      filters: [
        filterBy(webhook, "webhook", { resets: ["cursor", "job"] }),
        { follow: (queries) => this.mark(queries) },
      ],
      key: (queries) => withQuery("", { ...queries, job: "" }),
      load: (queries, isCurrent) => this.load(queries, isCurrent),
      row: (job) => row(job, () => this.openJob(job)),
      empty: () => el("p", {}, t("none")),
      opened: () => this.openDetail(),
    });
  }

  changed() {
    this.view.changed();
  }

  /** Marks the tab of the address. @param {Queries} queries */
  mark({ status = "", webhook }) {
    for (const tab of this.tabs) {
      tab.link.href = link(["jobs"], { status: tab.status, webhook });
      if (tab.status === status) tab.link.setAttribute("aria-current", "page");
      else tab.link.removeAttribute("aria-current");
    }
  }

  /** @param {Queries} queries @param {() => boolean} isCurrent */
  async load(queries, isCurrent) {
    const { status, webhook, cursor } = queries;
    const list = withQuery(JOBS, { all: "true", limit: sizeOf(queries), status, webhook });
    const from = cursor ? `${list}&${new URLSearchParams({ pageToken: cursor })}` : list;
    const found = await filled(from, () => true, 1, this.life.signal, paged(list, "webhookJobs"));
    if (!isCurrent()) return null;
    const next = found.next && new URL(found.next, location.origin).searchParams.get("pageToken");
    this.isLong = 1 < found.pages;
    this.live.showTime();
    const key = JSON.stringify([this.view.asked, found.rows, next]);
    this.jobs = found.rows;
    if (key !== this.drawn) {
      this.drawn = key;
      this.keepFocus();
      return { rows: found.rows, pager: cursorPager(next) };
    }
    this.openDetail();
    return null;
  }

  /** Gives the focus back to the row that has it, once the rows are drawn again. */
  keepFocus() {
    const focused = focusIn(this.view.body);
    const row = focused?.closest("tr");
    if (!focused || !row) return;
    const again = `[data-id="${CSS.escape(row.dataset.id ?? "")}"] ${focused.localName}`;
    queueMicrotask(() => this.view.body.querySelector(again) && find(this.view.body, again).focus());
  }

  /** @param {Job | null} job */
  openJob(job) {
    const isOther = Boolean(place().queries.job) && Boolean(job);
    query({ job: job?.id ?? "" }, { inPlace: isOther });
  }

  openDetail() {
    const { job } = place().queries;
    /** @type {NodeListOf<HTMLElement>} */
    const rows = this.view.body.querySelectorAll("tr");
    for (const each of rows) each.classList.toggle("open", each.dataset.id === job);
    if (!job) return this.detail.close();
    const listed = this.jobs.find(({ id }) => id === job);
    this.detail.open(job, listed, this.life.signal);
  }

  async refresh() {
    const isIdle = this.view.asked === null || this.isLong || document.querySelector("dialog");
    if (!isIdle) await this.view.reload().catch(() => {});
  }

  leave() {
    this.life.abort();
    this.live.stop();
  }
}

/** @param {Job} job @param {() => void} open */
function row(job, open) {
  const attributes = { type: "button", class: "quiet", "data-role": "open", "data-job": job.id };
  const label = el("span", { class: "hidden" }, `${t("job.open", { name: job.name })}: `);
  return el(
    "tr",
    { "data-id": job.id },
    el("td", {}, ago(job.scheduledAt)),
    el("td", {}, jobBadge(job.status)),
    el("td", { class: "name" }, webhookOf(job)),
    el("td", { class: "event" }, `${job.type} · ${job.event}`),
    el("td", { class: "scope" }, scopeName(kappOf(job))),
    el(
      "td",
      { class: "summary" },
      el("button", { ...attributes, onclick: open }, label, job.summary ?? t("job.unsent")),
    ),
    el("td", { class: "number retries", "data-label": t("retries") }, String(job.retryCount)),
    el("td", { class: "number run", "data-label": t("run") }, job.runId ?? "–"),
  );
}

/**
 * Offers the names of webhooks. Others may be typed, for webhooks that were deleted.
 * @param {HTMLElement} list
 * @param {AbortSignal} signal
 */
async function offerNames(list, signal) {
  const all = new Set((await recordWebhooks(signal)).map(({ name }) => name));
  show(
    list,
    [...all].sort().map((name) => el("option", { value: name })),
  );
}
