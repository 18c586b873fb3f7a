// The jobs of webhooks on records: each event that is owed to one, the latest first.

import { filled, may, withQuery } from "./api.js";
import { jobBadge } from "./badges.js";
import { reason } from "./dialog.js";
import { button, el, show } from "./dom.js";
import { jobPanel, webhookOf } from "./job_detail.js";
import { cursorPager, sizeOf } from "./pager.js";
import { JOBS, kappOf, paged, recordWebhooks, scopeName } from "./records.js";
import { link, place, query } from "./route.js";
import { t } from "./text.js";
import { ago, exact } from "./time.js";

const TABS = ["", "failed", "queued"];
const COLUMNS = ["scheduled", "status", "webhook", "event", "scope", "summary", "retries", "run"];
const REFRESH = 4000;

export function jobsScreen(main) {
  const life = new AbortController();
  const { signal } = life;
  let drawn = null;
  let asked = null;
  let isLong = false;

  const tabs = TABS.map((status) => ({ status, link: el("a", {}, t(`jobs.${status || "all"}`)) }));
  const names = el("datalist", { id: "names" });
  const webhook = el("input", { type: "search", id: "webhook", list: "names", placeholder: t("job.name") });
  const live = el("input", { type: "checkbox", id: "live", checked: true });
  const news = el("span", { class: "news note" });
  const rows = el("tbody");
  const table = el(
    "table",
    { class: "logs jobs" },
    el("caption", { class: "hidden" }, t("jobs")),
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        COLUMNS.map((name) => el("th", { scope: "col", class: name }, t(name))),
      ),
    ),
    rows,
  );
  const none = el("p", { class: "empty", hidden: true }, t("none"));
  const pages = el("div");
  const side = el("div", { class: "side" });

  webhook.addEventListener("change", () => query({ webhook: webhook.value, cursor: "", job: "" }));
  live.addEventListener("change", () => (live.checked ? refresh() : show(news)));
  show(
    main,
    el("div", { class: "title" }, el("h1", {}, t("jobs"))),
    el(
      "nav",
      { class: "tabs", "aria-label": t("job.tabs") },
      tabs.map((tab) => tab.link),
    ),
    el(
      "div",
      { class: "toolbar" },
      el("label", {}, t("webhook"), " ", webhook),
      names,
      button(t("filter.clear"), () => query({ webhook: "", cursor: "", job: "" }), { kind: "quiet", id: "clear" }),
      el("label", { class: "live" }, live, " ", t("live")),
      news,
    ),
    el("div", { class: "split" }, el("div", { class: "scroll" }, table, none, pages), side),
  );

  const openJob = (job) => query({ job: job?.id ?? "" }, { inPlace: Boolean(place().queries.job) && Boolean(job) });
  const panel = jobPanel({ side, openJob, changed: () => load().catch(failed) });

  /** The page of the address, without what is open beside it. */
  function first() {
    const { queries } = place();
    const { status, webhook: name } = queries;
    return withQuery(JOBS, { all: "true", limit: sizeOf(queries), status, webhook: name });
  }

  const page = () => withQuery("", { ...place().queries, job: "" });

  async function load() {
    asked = page();
    const [mine, list, { queries }] = [asked, first(), place()];
    const from = queries.cursor ? `${list}&${new URLSearchParams({ pageToken: queries.cursor })}` : list;
    const found = await filled(from, () => true, 1, signal, paged(list, "webhookJobs"));
    if (mine !== asked) return;
    const { rows: jobs, next, pages: looked } = found;
    isLong = 1 < looked;
    draw(jobs, next && new URL(next, location.origin).searchParams.get("pageToken"));
    show(news, live.checked && t("live.at", { time: exact(Date.now()).slice(-8) }));
    await openDetail();
  }

  function draw(jobs, next) {
    const key = JSON.stringify([asked, jobs, next]);
    if (key === drawn?.key) return;
    const { activeElement: focused } = document;
    const [id, kind] = [focused.closest("tr")?.dataset.id, focused.localName];
    drawn = { key, jobs };
    show(rows, jobs.map(row));
    table.hidden = jobs.length === 0;
    none.hidden = jobs.length !== 0;
    show(pages, cursorPager(next));
    if (id) rows.querySelector(`[data-id="${CSS.escape(id)}"] ${kind}`)?.focus();
    mark();
  }

  function row(job) {
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
        el(
          "button",
          {
            type: "button",
            class: "quiet",
            "data-role": "open",
            "data-job": job.id,
            onclick: () => openJob(job),
          },
          el("span", { class: "hidden" }, `${t("job.open", { name: job.name })}: `),
          job.summary ?? t("job.unsent"),
        ),
      ),
      el("td", { class: "number retries", "data-label": t("retries") }, String(job.retryCount)),
      el("td", { class: "number run", "data-label": t("run") }, job.runId ?? "–"),
    );
  }

  function mark() {
    const { job } = place().queries;
    for (const each of rows.children) each.classList.toggle("open", each.dataset.id === job);
  }

  async function openDetail() {
    mark();
    const { job } = place().queries;
    if (!job) return panel.close();
    await panel.open(job, drawn?.jobs.find(({ id }) => id === job), signal);
  }

  /** What took a long search is not searched for every few seconds. */
  async function refresh() {
    const isIdle = document.hidden || asked === null || isLong || document.querySelector("dialog");
    if (!live.checked || isIdle) return;
    await load().catch(() => {});
  }

  function changed() {
    const { status = "", webhook: name = "" } = place().queries;
    webhook.value = name;
    for (const tab of tabs) {
      tab.link.href = link(["jobs"], { status: tab.status, webhook: name });
      if (tab.status === status) tab.link.setAttribute("aria-current", "page");
      else tab.link.removeAttribute("aria-current");
    }
    if (asked === page()) openDetail().catch(failed);
    else load().catch(failed);
  }

  function failed(problem) {
    if (problem.name === "AbortError" || problem.status === 401) return;
    asked = null;
    drawn = null;
    show(
      pages,
      el("p", { class: "notice bad", role: "alert" }, reason(problem)),
      button(t("again"), () => load().catch(failed)),
    );
  }

  /** Names to choose from; others may be typed, for webhooks that are gone. */
  async function offerNames() {
    const all = new Set((await recordWebhooks(signal)).map(({ name }) => name));
    show(
      names,
      [...all].sort().map((name) => el("option", { value: name })),
    );
  }

  const timer = setInterval(refresh, REFRESH);
  changed();
  if (may("webhooks:read")) offerNames().catch(() => {});
  return {
    title: t("jobs"),
    changed,
    leave: () => {
      life.abort();
      clearInterval(timer);
    },
  };
}
