// A trial of a filter and a URL: what they give for an event. Nothing is sent, and nothing is kept.

import { call, may, withQuery } from "./api.js";
import { reason } from "./dialog.js";
import { button, el, icon, show } from "./dom.js";
import { field, refuseFields } from "./fields.js";
import { sampleOf } from "./record_sample.js";
import { JOBS, TRY } from "./records.js";
import { t } from "./text.js";
import { exact } from "./time.js";

/** Jobs that are looked through for past events. */
const JOBS_MAX = 50;

/** The section, for what a form says: `read()` gives `{type, event, filter, url}`, `fields` are those it may refuse.
 * `changed()` is called when type or event are others. */
export function trialSection({ read, fields }) {
  const answer = el("div", { id: "tried", role: "status" });
  const source = field("source", t("trial.source"), el("select"), { note: t("trial.source.note") });
  const text = el("textarea", { rows: 10, class: "mono", spellcheck: "false" });
  const event = { ...field("payload", t("trial.event"), text), name: "event" };
  const past = new Map();
  let known = [];

  function changed() {
    offer();
    fill();
  }

  /** The sample of what is chosen, and the past events of its type. */
  function offer() {
    const { type } = read();
    past.clear();
    for (const job of known.filter((each) => each.type === type?.name)) past.set(job.id, job);
    show(
      source.input,
      el("option", { value: "" }, t("trial.sample")),
      [...past.values()].map((job) =>
        el(
          "option",
          { value: job.id },
          t("trial.past", { date: exact(job.scheduledAt), name: job.name, event: job.event }),
        ),
      ),
    );
  }

  function fill() {
    const { type, event: action } = read();
    const job = past.get(source.input.value);
    const sample = () => JSON.stringify(sampleOf(type, action || type.events[0]), null, 2);
    text.value = job ? job.requestContent : type ? sample() : "";
    event.refuse(null);
    show(answer);
  }

  async function findPast() {
    const path = withQuery(JOBS, { all: "true", limit: JOBS_MAX });
    known = (await call("GET", path)).body.webhookJobs.filter((job) => job.requestContent !== null);
    offer();
  }

  source.input.addEventListener("change", fill);
  const send = button(
    t("trial.run"),
    async () => {
      const { type, filter, url } = read();
      const refused = [event, ...fields];
      try {
        const given = text.value.trim() === "" ? null : JSON.parse(text.value);
        const body = { type: type?.name, filter, url: url || null, event: given };
        show(answer, told((await call("POST", TRY, body)).body));
        refuseFields({ fields: [] }, refused);
      } catch (problem) {
        show(answer);
        if (problem instanceof SyntaxError) return event.refuse(t("not.json"));
        const others = refuseFields({ fields: problem.fields ?? [] }, refused);
        const why = problem.fields?.length ? others.join("; ") : reason(problem);
        show(answer, el("p", { class: "error" }, why));
      }
    },
    { id: "try" },
  );

  changed();
  // Without them there is still the sample.
  if (may("logs:read")) findPast().catch(() => {});
  const element = el(
    "section",
    { class: "card" },
    el("h2", {}, t("trial")),
    el("p", { class: "note" }, t("trial.note")),
    source.element,
    event.element,
    el("div", { class: "actions" }, send),
    answer,
  );
  return { element, changed };
}

function told({ filter, url }) {
  const isFailed = (result) => typeof result === "object";
  const line = (kind, mark, text, more) =>
    el("p", { class: `tried ${kind}` }, icon(mark), el("span", {}, text, more && el("code", {}, more)));
  const lines = [];
  if (isFailed(filter)) lines.push(line("bad", "bad", t("trial.filter.failed"), filter.error));
  else if (filter) lines.push(line("good", "good", t("trial.filter.true")));
  else lines.push(line("off", "off", t("trial.filter.false")));
  if (isFailed(url)) lines.push(line("bad", "bad", t("trial.url.failed"), url.error));
  else if (url !== undefined) lines.push(line("good", "good", t("trial.url"), url));
  return lines;
}
