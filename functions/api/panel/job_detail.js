// One job beside the list: what was sent, the response, and the manual actions.

import { call, may } from "./api.js";
import { jobBadge } from "./badges.js";
import { confirm, copy, reason, say, sayProblem } from "./dialog.js";
import { button, el } from "./dom.js";
import { ask, field } from "./fields.js";
import { JOBS, kappOf, scopeName } from "./records.js";
import { link } from "./route.js";
import { block, facts, sidePanel, stored, verbatim } from "./side.js";
import { t } from "./text.js";
import { ago, countdown, exact } from "./time.js";

export class JobDetail {
  /**
   * @param {HTMLElement} side
   * @param {{ openJob: (job: Job | null) => void, changed: () => void }} list
   */
  constructor(side, { openJob, changed }) {
    this.changed = changed;
    /** @type {string | null} */
    this.drawn = null;
    this.panel = sidePanel(side, {
      dismiss: () => openJob(null),
      opener: (id) => document.querySelector(`[data-role=open][data-job="${CSS.escape(id)}"]`),
    });
  }

  /**
   * Shows the job of this id. One that is not on the page is read.
   * @param {string} id
   * @param {Job | undefined} listed
   * @param {AbortSignal} signal
   */
  async open(id, listed, signal) {
    const isOther = this.panel.open(id);
    try {
      const job = listed ?? (await find(id, signal));
      if (!this.panel.isOpen(id)) return;
      const key = JSON.stringify(job);
      if (isOther || key !== this.drawn) {
        this.drawn = key;
        this.draw(job);
      }
      if (isOther) this.panel.focus();
    } catch (problem) {
      if (problem.name === "AbortError") return;
      this.drawn = null;
      this.panel.draw(problem.status === 404 ? t("job.gone") : reason(problem), []);
    }
  }

  close() {
    this.panel.close();
  }

  /** @param {Job} job */
  draw(job) {
    const acts = may("deliveries:write");
    this.panel.draw(
      t("job.title", { name: job.name }),
      [
        el("p", {}, jobBadge(job.status), ` ${job.type} · ${job.event}`),
        job.summary !== null && el("p", { class: "plain summed" }, job.summary),
        jobFacts(job),
        block(t("request"), job.requestContent, request(job)),
        block(t("response"), job.responseContent || null, response(job)),
      ],
      [
        acts &&
          job.status === "Failed" &&
          button(t("job.retry"), () => this.retry(job), { kind: "primary", id: "retry" }),
        acts &&
          job.status === "Queued" &&
          button(t("job.cancel"), () => this.cancel(job), { kind: "danger", id: "cancel" }),
        button(t("link.copy"), () => copy(location.href), { kind: "quiet", id: "link" }),
      ],
    );
  }

  /** @param {Job} job */
  async retry(job) {
    const attributes = { rows: 2, class: "mono", spellcheck: "false", readonly: !may("webhooks:write") };
    const input = el("textarea", { ...attributes, value: job.url ?? "" });
    const isNeeded = job.url === null;
    const note = t(isNeeded ? "job.url.needed" : "job.url.note");
    const url = field("url", t("url"), input, { note, required: isNeeded });
    const body = [el("p", {}, t("job.retry.body"))];
    const done = await ask(t("job.retry.title", { name: job.name }), body, [url], {
      yes: t("job.retry"),
      send: () => {
        const text = input.value.trim();
        return change(job, { status: "Queued", ...(text === (job.url ?? "") ? {} : { url: text }) });
      },
    });
    if (!done) return;
    say(t("job.retried"));
    this.changed();
  }

  /** @param {Job} job */
  async cancel(job) {
    const body = t("job.cancel.body", { name: job.name });
    if (!(await confirm(t("job.cancel.title"), body, { yes: t("job.cancel") }))) return;
    try {
      await change(job, { status: "Cancelled" });
      say(t("job.cancelled"));
    } catch (problem) {
      sayProblem(problem);
    }
    this.changed();
  }
}

/** @param {string} id @param {AbortSignal} signal @returns {Promise<Job>} */
async function find(id, signal) {
  return (await call("GET", `${JOBS}/${encodeURIComponent(id)}`, undefined, signal)).body.webhookJob;
}

/** @param {Job} job @param {object} body */
async function change(job, body) {
  return (await call("PUT", `${JOBS}/${job.id}`, body)).body.webhookJob;
}

/** @param {Job} job */
function jobFacts(job) {
  /** @param {string} text */
  const mono = (text) => el("span", { class: "mono" }, text);
  return facts([
    [t("webhook"), webhookOf(job)],
    [t("job.queue"), job.webhookId && queueOfJob(job.webhookId)],
    [t("scope"), scopeName(kappOf(job))],
    [t("record"), job.parentId && `${job.parentType} ${job.parentId}`],
    [t("url"), job.url === null ? t("job.no.url") : mono(job.url)],
    [t("scheduled"), scheduled(job)],
    [t("retries"), String(job.retryCount)],
    [t("run"), job.runId],
    [t("identifier"), mono(job.id)],
  ]);
}

/** The queue of the job's webhook, and its log. @param {string} webhookId */
function queueOfJob(webhookId) {
  /** @param {string} part */
  const to = (part) => el("a", { href: link(["records", webhookId, part]) }, t(`tab.${part}`));
  return [to("queue"), " · ", to("logs")];
}

/** @param {Job} job */
function scheduled({ status, scheduledAt }) {
  const isComing = status === "Queued" && Date.now() < Date.parse(scheduledAt);
  return isComing ? [countdown(scheduledAt), " · ", exact(scheduledAt)] : ago(scheduledAt);
}

/** @param {Job} job */
function request({ status, requestContent }) {
  if (requestContent !== null) return stored(requestContent, t("request"));
  return el("p", { class: "note" }, t(status === "Queued" ? "response.parked" : "job.never.sent"));
}

/** @param {Job} job */
function response({ responseContent }) {
  if (responseContent === null) return el("p", { class: "note" }, t("job.no.response"));
  return verbatim(responseContent === "" ? t("response.none") : responseContent, t("response"));
}

/** Shows the name of a job's webhook, and links to it if there is one. @param {Job} job */
export function webhookOf({ name, webhookId }) {
  return webhookId ? el("a", { href: link(["records", webhookId]) }, name) : el("span", {}, name);
}
