// A replay: a range of ended events of a webhook, sent again oldest first, and its progress.

import { WEBHOOKS, call, may } from "./api.js";
import { confirm, say, sayProblem } from "./dialog.js";
import { button, el, select, show } from "./dom.js";
import { ask, field } from "./fields.js";
import { t } from "./text.js";
import { ago, localTime } from "./time.js";

const REFRESH_MS = 1000;

/**
 * Makes the section. `changed` is called when the replay has moved.
 * @param {{ _id: string, name: string }} webhook
 * @param {{ signal: AbortSignal, changed: () => void }} options
 */
export function replaySection(webhook, options) {
  const replay = new Replay(webhook, options);
  replay.refresh();
  return replay.element;
}

class Replay {
  /**
   * @param {{ _id: string, name: string }} webhook
   * @param {{ signal: AbortSignal, changed: () => void }} options
   */
  constructor(webhook, { signal, changed }) {
    this.webhook = webhook;
    this.signal = signal;
    this.changed = changed;
    this.path = `${WEBHOOKS}/${webhook._id}/replay`;
    this.progress = el("div", { id: "replay", role: "status" });
    this.bar = el("progress");
    this.counts = el("p");
    /** @type {string | null} */
    this.drawn = null;
    this.timer = 0;
    const start = button(t("replay.start"), () => this.start(), { id: "start-replay" });
    this.element = el(
      "section",
      { class: "card" },
      el("h2", {}, t("replay")),
      el("p", { class: "note" }, t("replay.note")),
      this.progress,
      may("deliveries:write") && el("div", { class: "actions" }, start),
    );
  }

  async refresh() {
    clearTimeout(this.timer);
    try {
      this.draw((await call("GET", this.path, undefined, this.signal)).body);
    } catch (problem) {
      if (problem.status === 404) show(this.progress, el("p", { class: "note" }, t("replay.none")));
    }
  }

  /** @param {any} replay */
  draw(replay) {
    const isRunning = replay.state === "running";
    const key = `${replay.state} ${replay.askedAt}`;
    if (key !== this.drawn) {
      this.drawn = key;
      const cancel = isRunning && may("deliveries:write");
      const range = t("replay.range", { first: replay.firstSequence, last: replay.lastSequence });
      show(
        this.progress,
        el(
          "p",
          {},
          el("strong", {}, t(`replay.state.${replay.state}`)),
          ` · ${range} · `,
          ago(replay.askedAt),
        ),
        this.bar,
        this.counts,
        cancel && button(t("replay.cancel"), () => this.cancel(), { kind: "danger", id: "cancel" }),
      );
    }
    const label = t("replay.progress", replay);
    this.bar.max = replay.of || 1;
    this.bar.value = replay.seen;
    this.bar.setAttribute("aria-label", label);
    if (this.counts.textContent !== label) this.counts.textContent = label;
    if (isRunning && !this.signal.aborted) this.timer = setTimeout(() => this.refresh(), REFRESH_MS);
    this.changed();
  }

  async cancel() {
    const body = t("replay.cancel.body", { name: this.webhook.name });
    if (!(await confirm(t("replay.cancel.title"), body, { yes: t("replay.cancel") }))) return;
    try {
      this.draw((await call("DELETE", this.path)).body);
      say(t("replay.was.cancelled"));
    } catch (problem) {
      sayProblem(problem);
    }
  }

  async start() {
    const replay = await askForRange(this.webhook, this.path);
    if (!replay) return;
    say(t("replay.started"));
    this.draw(replay);
  }
}

/**
 * Asks for the range, and which events of it. Resolves to the replay that was started, or null.
 * @param {{ name: string }} webhook
 * @param {string} path
 */
function askForRange(webhook, path) {
  const time = () => el("input", { type: "datetime-local", step: 1 });
  const since = field("since", t("replay.since"), time(), { note: t("replay.since.note") });
  const until = field("until", t("replay.until"), time(), { note: t("replay.until.note") });
  const choice = select({}, [
    ["FAILED", t("replay.failed")],
    ["ALL", t("replay.all")],
  ]);
  const result = field("result", t("replay.which"), choice);
  /** @param {{ input: HTMLInputElement }} field */
  const at = ({ input }) => localTime.read(input) || null;
  const body = () => ({ since: at(since), until: at(until), result: choice.value });
  return ask(t("replay.title", { name: webhook.name }), [], [since, until, result], {
    yes: t("replay.go"),
    send: async () => (await call("POST", path, body())).body,
  });
}
