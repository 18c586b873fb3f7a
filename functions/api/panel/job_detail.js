// One job beside the list: what was sent and what came back, and what a person can do about it.

import { call, may } from "./api.js";
import { jobBadge } from "./badges.js";
import { confirm, copy, reason, say, sayProblem } from "./dialog.js";
import { button, el } from "./dom.js";
import { ask, field } from "./fields.js";
import { tree } from "./json.js";
import { JOBS, kappOf, scopeName } from "./records.js";
import { link } from "./route.js";
import { block, facts, sidePanel, verbatim } from "./side.js";
import { t } from "./text.js";
import { ago, countdown, exact } from "./time.js";

export function jobPanel({ side, openJob, changed }) {
  const panel = sidePanel(side, {
    dismiss: () => openJob(null),
    opener: (id) => document.querySelector(`[data-role=open][data-job="${CSS.escape(id)}"]`),
  });
  let drawn = null;

  /** Shows the job of this id; one that is not on the page is asked for. */
  async function open(id, listed, signal) {
    const isOther = panel.open(id);
    try {
      const job = listed ?? (await find(id, signal));
      if (!panel.isOpen(id)) return;
      const key = JSON.stringify(job);
      if (isOther || key !== drawn) {
        drawn = key;
        draw(job);
      }
      if (isOther) panel.focus();
    } catch (problem) {
      if (problem.name === "AbortError") return;
      drawn = null;
      panel.draw(problem.status === 404 ? t("job.gone") : reason(problem), []);
    }
  }

  async function find(id, signal) {
    return (await call("GET", `${JOBS}/${encodeURIComponent(id)}`, undefined, signal)).body.webhookJob;
  }

  function draw(job) {
    panel.draw(
      t("job.title", { name: job.name }),
      [
        el("p", {}, jobBadge(job.status), " ", `${job.type} · ${job.event}`),
        job.summary !== null && el("p", { class: "plain summed" }, job.summary),
        facts([
          [t("webhook"), webhookOf(job)],
          [t("line"), job.webhookId && lineOf(job)],
          [t("scope"), scopeName(kappOf(job))],
          [t("record"), job.parentId && `${job.parentType} ${job.parentId}`],
          [t("url"), job.url === null ? t("job.no.url") : el("span", { class: "mono" }, job.url)],
          [t("scheduled"), scheduled(job)],
          [t("retries"), String(job.retryCount)],
          [t("run"), job.runId],
          [t("identifier"), el("span", { class: "mono" }, job.id)],
        ]),
        block(t("request"), job.requestContent && (() => job.requestContent), request(job)),
        block(t("response"), job.responseContent && (() => job.responseContent), response(job)),
      ],
      [
        may("deliveries:write") &&
          job.status === "Failed" &&
          button(t("job.retry"), () => retry(job), { kind: "primary", id: "retry" }),
        may("deliveries:write") &&
          job.status === "Queued" &&
          button(t("job.cancel"), () => cancel(job), { kind: "danger", id: "cancel" }),
        button(t("link.copy"), () => copy(location.href), { kind: "quiet", id: "link" }),
      ],
    );
  }

  async function retry(job) {
    const url = field(
      "url",
      t("url"),
      el("textarea", {
        rows: 2,
        class: "mono",
        spellcheck: "false",
        value: job.url ?? "",
        readonly: !may("webhooks:write"),
      }),
      { note: t(job.url === null ? "job.url.needed" : "job.url.note"), required: job.url === null },
    );
    const done = await ask(t("job.retry.title", { name: job.name }), [el("p", {}, t("job.retry.body"))], [url], {
      yes: t("job.retry"),
      send: () => {
        const text = url.input.value.trim();
        return change(job, { status: "Queued", ...(text === (job.url ?? "") ? {} : { url: text }) });
      },
    });
    if (done) told(t("job.retried"));
  }

  async function cancel(job) {
    const body = t("job.cancel.body", { name: job.name });
    if (!(await confirm(t("job.cancel.title"), body, { yes: t("job.cancel") }))) return;
    try {
      await change(job, { status: "Cancelled" });
      told(t("job.cancelled"));
    } catch (problem) {
      sayProblem(problem);
      changed();
    }
  }

  const change = async (job, body) => (await call("PUT", `${JOBS}/${job.id}`, body)).body.webhookJob;

  function told(text) {
    say(text);
    changed();
  }

  return { open, close: () => panel.close() };
}

/** The line that the job stands in: what waits before it, and what was sent. */
function lineOf({ webhookId }) {
  const to = (part) => el("a", { href: link(["records", webhookId, part]) }, t(`tab.${part}`));
  return [to("queue"), " · ", to("logs")];
}

function scheduled({ status, scheduledAt }) {
  const isComing = status === "Queued" && Date.now() < new Date(scheduledAt);
  return isComing ? [countdown(scheduledAt), " · ", exact(scheduledAt)] : ago(scheduledAt);
}

function request({ status, requestContent }) {
  if (requestContent === null) {
    return el("p", { class: "note" }, t(status === "Queued" ? "response.parked" : "job.never.sent"));
  }
  return [
    tree(JSON.parse(requestContent)),
    el("details", { class: "bytes" }, el("summary", {}, t("job.bytes")), verbatim(requestContent, t("request"))),
  ];
}

function response({ responseContent }) {
  if (responseContent === null) return el("p", { class: "note" }, t("job.no.answer"));
  return verbatim(responseContent === "" ? t("response.none") : responseContent, t("response"));
}

/** The name of a job's webhook, and the way to it where there is one. */
export function webhookOf({ name, webhookId }) {
  return webhookId ? el("a", { href: link(["records", webhookId]) }, name) : el("span", {}, name);
}
