// What waits for a webhook, since when, and what a person can do about it.

import { WEBHOOKS, call, may } from "./api.js";
import { stateBadge } from "./badges.js";
import { dayChart } from "./chart.js";
import { confirm, reason, say, sayProblem } from "./dialog.js";
import { button, el, show } from "./dom.js";
import { queueOf, stateOf } from "./facts.js";
import { replaySection } from "./replay.js";
import { link, place } from "./route.js";
import { facts } from "./side.js";
import { t } from "./text.js";
import { countdown, elapsed, exact } from "./time.js";

const REFRESH = 2000;

export function queueScreen({ main, shown, tell, signal }) {
  const { webhook } = shown;
  const path = `${WEBHOOKS}/${webhook._id}/queue`;
  const now = el("div", { id: "queue" });
  const actions = el("div", { class: "actions" });
  const problem = el("div", { role: "alert" });
  let drawn = null;

  show(
    main,
    el(
      "section",
      { class: "card" },
      el("h2", {}, t("tab.queue")),
      now,
      may("deliveries:write") && actions,
      problem,
    ),
    replaySection(webhook, { signal, changed: () => refresh() }),
    el("section", { class: "card" }, el("h2", {}, t("chart")), dayChart(webhook, signal)),
  );

  async function refresh() {
    if (document.hidden && drawn) return;
    try {
      draw(await queueOf(webhook._id, signal));
      show(problem);
    } catch (failed) {
      if (failed.name !== "AbortError" && failed.status !== 401)
        show(problem, el("p", { class: "notice bad" }, reason(failed)));
    }
  }

  function draw(queue) {
    tell({ queue });
    const key = JSON.stringify(queue);
    if (key === drawn) return;
    drawn = key;
    const { head } = queue;
    const known = [[t("state"), stateBadge(stateOf(webhook, queue))]];
    if (queue.since) known.push([t("aside.since"), exact(queue.since)]);
    if (head) {
      known.push(
        [
          t("head"),
          [
            el("a", { href: link([place().parts[0], webhook._id, "logs"]) }, `#${head.sequence}`),
            " ",
            el("span", { class: "mono note" }, head.event),
          ],
        ],
        [t("attempt"), t("attempt.of", { attempt: head.attempts, max: head.attemptsMax })],
        [t("blocked"), [exact(head.blockedSince), " · ", elapsed(head.blockedSince)]],
        [t("next.try"), countdown(head.nextAttemptAt)],
      );
    }
    known.push([t("parked"), String(queue.parked)]);
    if (queue.failedProbes) known.push([t("probes"), String(queue.failedProbes)]);
    show(
      now,
      !head && el("p", { class: "plain" }, webhook.isActive ? t("queue.free") : t("queue.off")),
      facts(known),
    );
    const focused = actions.contains(document.activeElement) ? document.activeElement.id : null;
    const isAside = queue.state === "suspended" || queue.state === "lagging";
    show(
      actions,
      head && webhook.isActive && button(t("retry"), () => act("retry"), { kind: "primary", id: "retry" }),
      head && button(t("skip"), () => skip(head), { kind: "danger", id: "skip" }),
      isAside && webhook.isActive && button(t("resume"), () => act("resume"), { id: "resume" }),
    );
    if (focused) (document.getElementById(focused) ?? main.querySelector("h2")).focus();
  }

  async function act(action) {
    try {
      await call("POST", `${path}/${action}`, {});
      say(t(`done.${action}`));
    } catch (refused) {
      sayProblem(refused);
    }
    await refresh();
  }

  async function skip(head) {
    const yes = await confirm(
      t("skip.title", { sequence: head.sequence }),
      t("skip.body", { name: webhook.name }),
      { yes: t("skip") },
    );
    if (yes) await act("skip");
  }

  const timer = setInterval(refresh, REFRESH);
  refresh();
  return { changed: () => {}, leave: () => clearInterval(timer) };
}
