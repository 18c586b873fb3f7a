// How a webhook is doing: its state with the reason, and its latest attempts.

import { LOGS, WEBHOOKS, call, withQuery } from "./api.js";
import { t } from "./text.js";
import { clock } from "./time.js";

const DAY = 86_400_000;
/** Attempts that are looked at to say how the last day went. */
const ATTEMPTS = 20;
/** Later than this, an event whose next attempt was due has been overtaken by what the list does not show. */
const OVERDUE = 900_000;

/** The queue of a webhook as the API shows it. */
export async function queueOf(id, signal) {
  return (await call("GET", `${WEBHOOKS}/${id}/queue`, undefined, signal)).body;
}

/** `{state, why}` of a webhook and its queue, if that is known. */
export function stateOf(webhook, queue) {
  const isActive = queue ? queue.state !== "inactive" : webhook.isActive;
  if (!isActive) return { state: "disabled", why: webhook.inactiveReason ?? null };
  if (!queue) return { state: "active", why: null };
  if (queue.state === "suspended")
    return { state: "suspended", why: t("why.suspended", { parked: queue.parked }) };
  if (queue.state === "lagging")
    return { state: "lagging", why: queue.parked ? t("why.lagging", { parked: queue.parked }) : null };
  if (queue.head) {
    const { sequence, attempts, attemptsMax, blockedSince } = queue.head;
    const time = clock(Date.now() - new Date(blockedSince));
    return { state: "failing", why: t("why.failing", { sequence, attempts, attemptsMax, time }) };
  }
  return { state: "active", why: null };
}

/** Good and bad among the latest attempts of the last day: `{good, bad, more}`. */
export async function dayOf(id, signal) {
  const { body } = await call("GET", withQuery(`${LOGS}/${id}`, { limit: ATTEMPTS }), undefined, signal);
  const rows = body.filter((row) => Date.now() - new Date(row.createdAt) < DAY && row.result !== "PARKED");
  const good = rows.filter((row) => row.result === "SUCCESS").length;
  return { good, bad: rows.length - good, more: rows.length === ATTEMPTS };
}

/** What the panel calls the result of a row: one whose event is to be tried again waits. */
export function resultOf(row, isLatest = true) {
  const waits =
    isLatest && row.result === "FAILED" && row.nextAttemptAt && Date.now() - new Date(row.nextAttemptAt) < OVERDUE;
  return waits ? "WAITING" : row.result;
}

/** Rows of one event side by side: `[{sequence, rows}]`, in the order they came, latest attempt first. */
export function grouped(rows) {
  const groups = [];
  for (const row of rows) {
    if (groups.at(-1)?.sequence === row.sequence) groups.at(-1).rows.push(row);
    else groups.push({ sequence: row.sequence, rows: [row] });
  }
  return groups;
}
