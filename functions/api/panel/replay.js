// Sending what has ended again: a range of a webhook's events, oldest first, and how far that has come.

import { WEBHOOKS, call, may } from "./api.js";
import { confirm, say, sayProblem } from "./dialog.js";
import { button, el, show } from "./dom.js";
import { ask, field } from "./fields.js";
import { t } from "./text.js";
import { ago } from "./time.js";

const REFRESH = 1000;

export function replaySection(webhook, { signal, changed }) {
  const path = `${WEBHOOKS}/${webhook._id}/replay`;
  const progress = el("div", { id: "replay", role: "status" });
  const [bar, counts] = [el("progress"), el("p")];
  let drawn = null;
  let timer;

  async function refresh() {
    clearTimeout(timer);
    try {
      draw((await call("GET", path, undefined, signal)).body);
    } catch (problem) {
      if (problem.status === 404) show(progress, el("p", { class: "note" }, t("replay.none")));
    }
  }

  function draw(replay) {
    const isRunning = replay.state === "running";
    const key = `${replay.state} ${replay.askedAt}`;
    if (key !== drawn) {
      drawn = key;
      show(
        progress,
        el(
          "p",
          {},
          el("strong", {}, t(`replay.${replay.state}`)),
          " · ",
          t("replay.range", { first: replay.firstSequence, last: replay.lastSequence }),
          " · ",
          ago(replay.askedAt),
        ),
        bar,
        counts,
        isRunning &&
          may("deliveries:write") &&
          button(t("replay.cancel"), cancel, { kind: "danger", id: "cancel" }),
      );
    }
    const label = t("replay.progress", replay);
    bar.max = replay.of || 1;
    bar.value = replay.seen;
    bar.setAttribute("aria-label", label);
    if (counts.textContent !== label) counts.textContent = label;
    if (isRunning && !signal.aborted) timer = setTimeout(refresh, REFRESH);
    changed();
  }

  async function cancel() {
    if (
      !(await confirm(t("replay.cancel.title"), t("replay.cancel.body", { name: webhook.name }), {
        yes: t("replay.cancel"),
      }))
    )
      return;
    try {
      draw((await call("DELETE", path)).body);
      say(t("replay.cancelled"));
    } catch (problem) {
      sayProblem(problem);
    }
  }

  async function start() {
    const replay = await range(webhook, path);
    if (replay) {
      say(t("replay.started"));
      draw(replay);
    }
  }

  refresh();
  return el(
    "section",
    { class: "card" },
    el("h2", {}, t("replay")),
    el("p", { class: "note" }, t("replay.note")),
    progress,
    may("deliveries:write") &&
      el("div", { class: "actions" }, button(t("replay.start"), start, { id: "start-replay" })),
  );
}

/** Asks from when to when, and which; resolves to the replay that was started, or null. */
function range(webhook, path) {
  const time = () => el("input", { type: "datetime-local", step: 1 });
  const since = field("since", t("replay.since"), time(), { note: t("replay.since.note") });
  const until = field("until", t("replay.until"), time(), { note: t("replay.until.note") });
  const result = field(
    "result",
    t("replay.which"),
    el(
      "select",
      {},
      el("option", { value: "FAILED" }, t("replay.failed")),
      el("option", { value: "ALL" }, t("replay.all")),
    ),
  );
  const at = ({ input }) => (input.value ? new Date(input.value).toISOString() : null);
  return ask(t("replay.title", { name: webhook.name }), [], [since, until, result], {
    yes: t("replay.go"),
    send: async () =>
      (await call("POST", path, { since: at(since), until: at(until), result: result.input.value })).body,
  });
}
