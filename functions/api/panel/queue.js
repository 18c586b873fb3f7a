// The queue of a webhook, and its manual actions.

import { WEBHOOKS, call, may } from "./api.js";
import { stateBadge } from "./badges.js";
import { dayChart } from "./chart.js";
import { confirm, reason, say, sayProblem } from "./dialog.js";
import { button, el, find, focusIn, show } from "./dom.js";
import { queueOf, stateOf } from "./facts.js";
import { replaySection } from "./replay.js";
import { link, place } from "./route.js";
import { facts } from "./side.js";
import { t } from "./text.js";
import { countdown, elapsed, exact } from "./time.js";

const REFRESH_MS = 2000;

/** @param {WebhookTab} tab @returns {PanelScreen} */
export function queueScreen(tab) {
  return new QueueView(tab);
}

class QueueView {
  /** @param {WebhookTab} tab */
  constructor({ main, shown, tell, signal }) {
    this.main = main;
    this.webhook = shown.webhook;
    this.tell = tell;
    this.signal = signal;
    this.path = `${WEBHOOKS}/${this.webhook._id}/queue`;
    this.now = el("div", { id: "queue" });
    this.actions = el("div", { class: "actions" });
    this.problem = el("div", { role: "alert" });
    /** @type {string | null} */
    this.drawn = null;
    const acts = may("deliveries:write") && this.actions;
    show(
      main,
      el("section", { class: "card" }, el("h2", {}, t("tab.queue")), this.now, acts, this.problem),
      replaySection(this.webhook, { signal, changed: () => this.refresh() }),
      el("section", { class: "card" }, el("h2", {}, t("chart")), dayChart(this.webhook, signal)),
    );
    this.timer = setInterval(() => this.refresh(), REFRESH_MS);
    this.refresh();
  }

  changed() {}

  async refresh() {
    if (document.hidden && this.drawn) return;
    try {
      this.draw(await queueOf(this.webhook._id, this.signal));
      show(this.problem);
    } catch (problem) {
      if (problem.name === "AbortError" || problem.status === 401) return;
      show(this.problem, el("p", { class: "notice bad" }, reason(problem)));
    }
  }

  /** @param {Queue} queue */
  draw(queue) {
    this.tell({ queue });
    const key = JSON.stringify(queue);
    if (key === this.drawn) return;
    this.drawn = key;
    const { head } = queue;
    const { isActive } = this.webhook;
    const idle = !head && el("p", { class: "plain" }, t(isActive ? "queue.free" : "queue.off"));
    show(this.now, idle, facts(this.known(queue)));
    const focused = focusIn(this.actions)?.id;
    const hasBacklog = queue.state === "suspended" || queue.state === "lagging";
    show(
      this.actions,
      head && isActive && button(t("retry"), () => this.act("retry"), { kind: "primary", id: "retry" }),
      head && button(t("skip"), () => this.skip(head), { kind: "danger", id: "skip" }),
      hasBacklog && isActive && button(t("resume"), () => this.act("resume"), { id: "resume" }),
    );
    if (focused) (document.getElementById(focused) ?? find(this.main, "h2")).focus();
  }

  /** @param {Queue} queue @returns {[string, Children][]} */
  known(queue) {
    const { head, since, parked, failedProbes } = queue;
    return [
      [t("state"), stateBadge(stateOf(this.webhook, queue))],
      [t("parked.since"), since ? exact(since) : null],
      ...(head ? this.headFacts(head) : []),
      [t("parked"), String(parked)],
      [t("probes"), failedProbes ? String(failedProbes) : null],
    ];
  }

  /** @param {Head} head @returns {[string, Children][]} */
  headFacts(head) {
    const logs = link([place().parts[0], this.webhook._id, "logs"]);
    const event = [
      el("a", { href: logs }, `#${head.sequence}`),
      " ",
      el("span", { class: "mono note" }, head.event),
    ];
    return [
      [t("head"), event],
      [t("attempt"), t("attempt.of", { attempt: head.attempts, max: head.attemptsMax })],
      [t("blocked"), [exact(head.blockedSince), " · ", elapsed(head.blockedSince)]],
      [t("next.try"), countdown(head.nextAttemptAt)],
    ];
  }

  /** @param {string} action */
  async act(action) {
    try {
      await call("POST", `${this.path}/${action}`, {});
      say(t(`done.${action}`));
    } catch (refused) {
      sayProblem(refused);
    }
    await this.refresh();
  }

  /** @param {Head} head */
  async skip({ sequence }) {
    const body = t("skip.body", { name: this.webhook.name });
    if (await confirm(t("skip.title", { sequence }), body, { yes: t("skip") })) await this.act("skip");
  }

  leave() {
    clearInterval(this.timer);
  }
}
