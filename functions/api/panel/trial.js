// A trial of a filter and a URL: their results for an event. Nothing is sent, and nothing is kept.

import { call, callWithText, may } from "./api.js";
import { button, el, icon, show } from "./dom.js";
import { accept, field, isJson, refusal } from "./fields.js";
import { sampleOf } from "./record_sample.js";
import { JOBS, TRY } from "./records.js";
import { withQuery } from "./route.js";
import { t } from "./text.js";
import { exact } from "./time.js";

/** The jobs that are searched for past events. */
const JOBS_MAX = 50;

export class Trial {
  /** @param {import("./record_editors.js").RecordEditors} editors */
  constructor(editors) {
    this.editors = editors;
    /** Past events, by the id of their job. @type {Map<string, Job>} */
    this.past = new Map();
    /** @type {Job[]} */
    this.known = [];
    this.answer = el("div", { id: "tried", role: "status" });
    this.source = field("source", t("trial.source"), el("select"), { note: t("trial.source.note") });
    this.text = el("textarea", { rows: 10, class: "mono", spellcheck: "false" });
    this.event = { ...field("payload", t("trial.event"), this.text), name: "event" };
    this.source.input.addEventListener("change", () => this.fill());
    this.changed();
    // Without them there is still the sample.
    if (may("logs:read")) this.findPast().catch(() => {});
    this.element = el(
      "section",
      { class: "card" },
      el("h2", {}, t("trial")),
      el("p", { class: "note" }, t("trial.note")),
      this.source.element,
      this.event.element,
      el(
        "div",
        { class: "actions" },
        button(t("trial.run"), () => this.run(), { id: "try" }),
      ),
      this.answer,
    );
  }

  /** Follows type and event. */
  changed() {
    this.offer();
    this.fill();
  }

  /** Offers a sample, and the past events of the type. */
  offer() {
    const { type } = this.editors.chosen();
    const ofType = this.known.filter((job) => job.type === type?.name);
    this.past = new Map(ofType.map((job) => [job.id, job]));
    /** @param {Job} job */
    const name = (job) => t("trial.past", { date: exact(job.scheduledAt), name: job.name, event: job.event });
    show(
      this.source.input,
      el("option", { value: "" }, t("trial.sample")),
      ofType.map((job) => el("option", { value: job.id }, name(job))),
    );
  }

  fill() {
    const { type, event } = this.editors.chosen();
    const job = this.past.get(this.source.input.value);
    const sample = type ? JSON.stringify(sampleOf(type, event || type.events[0]), null, 2) : "";
    this.text.value = job?.requestContent ?? sample;
    this.event.refuse(null);
    show(this.answer);
  }

  async findPast() {
    const { body } = await call("GET", withQuery(JOBS, { all: "true", limit: JOBS_MAX }));
    /** @type {Job[]} */
    const jobs = body.webhookJobs;
    this.known = jobs.filter((job) => job.requestContent !== null);
    this.offer();
  }

  async run() {
    const { type, filter, url } = this.editors.chosen();
    const fields = [this.event, ...this.editors.tried];
    const text = this.text.value.trim();
    show(this.answer);
    if (text !== "" && !isJson(text)) return this.event.refuse(t("not.json"));
    try {
      const body = { type: type?.name, filter, url: url || null };
      const result = (await callWithText(TRY, body, "event", text || "null")).body;
      show(this.answer, results(result));
      accept(fields);
    } catch (problem) {
      show(this.answer, el("p", { class: "error" }, refusal(problem, fields)));
    }
  }
}

/** @param {any} tried */
function results({ filter, url }) {
  /** @param {any} result @returns {result is { error: string }} */
  const isFailed = (result) => typeof result === "object" && result !== null;
  /** @param {string} kind @param {string} text @param {string} [more] */
  const line = (kind, text, more) =>
    el("p", { class: `tried ${kind}` }, icon(kind), el("span", {}, text, more && el("code", {}, more)));
  const lines = [];
  if (isFailed(filter)) lines.push(line("bad", t("trial.filter.failed"), filter.error));
  else if (filter) lines.push(line("good", t("trial.filter.true")));
  else lines.push(line("off", t("trial.filter.false")));
  if (isFailed(url)) lines.push(line("bad", t("trial.url.failed"), url.error));
  else if (url !== undefined) lines.push(line("good", t("trial.url"), url));
  return lines;
}
