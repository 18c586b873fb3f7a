// The state of a webhook with the reason, and its latest attempts.

import { LOGS, WEBHOOKS, call } from "./api.js";
import { withQuery } from "./route.js";
import { t } from "./text.js";
import { countdown } from "./time.js";

const DAY_MS = 86_400_000;
/** The latest attempts that are counted for the last day. */
const ATTEMPTS = 20;
/** An attempt that is overdue by more has been made; the list does not show it yet. */
const OVERDUE_MS = 900_000;

/** Reads the queue of a webhook. @param {string} id @param {AbortSignal} signal @returns {Promise<Queue>} */
export async function queueOf(id, signal) {
  return (await call("GET", `${WEBHOOKS}/${id}/queue`, undefined, signal)).body;
}

/**
 * Returns the state of a webhook and the reason, by its queue if that is known.
 * @param {{ isActive: boolean, inactiveReason?: string | null }} webhook
 * @param {Queue | null} [queue]
 * @returns {{ state: string, why: Children }}
 */
export function stateOf(webhook, queue) {
  const isActive = queue ? queue.state !== "inactive" : webhook.isActive;
  if (!isActive) return { state: "disabled", why: webhook.inactiveReason ?? null };
  if (!queue) return { state: "active", why: null };
  if (queue.state === "suspended")
    return { state: "suspended", why: t("why.suspended", { parked: queue.parked }) };
  if (queue.state === "lagging")
    return { state: "lagging", why: queue.parked ? t("why.lagging", { parked: queue.parked }) : null };
  if (queue.head) {
    const [before, after] = t("why.failing", { ...queue.head, time: "\n" }).split("\n");
    return { state: "failing", why: [before, countdown(queue.head.nextAttemptAt), after] };
  }
  return { state: "active", why: null };
}

/** Counts the latest attempts of the last day: `{good, bad, more}`. @param {string} id @param {AbortSignal} signal */
export async function dayOf(id, signal) {
  const { body } = await call("GET", withQuery(`${LOGS}/${id}`, { limit: ATTEMPTS }), undefined, signal);
  /** @type {LogRow[]} */
  const all = body;
  const rows = all.filter(
    (row) => Date.now() - Date.parse(row.createdAt) < DAY_MS && row.result !== "PARKED",
  );
  const good = rows.filter((row) => row.result === "SUCCESS").length;
  return { good, bad: rows.length - good, more: rows.length === ATTEMPTS };
}

/** Returns the result of a row: WAITING if its event has a next attempt. @param {LogRow} row */
export function resultOf(row, isLatest = true) {
  const waits =
    isLatest &&
    row.result === "FAILED" &&
    row.nextAttemptAt &&
    Date.now() - Date.parse(row.nextAttemptAt) < OVERDUE_MS;
  return waits ? "WAITING" : row.result;
}

/** Groups neighbouring rows of one event, in their order. @param {LogRow[]} rows @returns {Group[]} */
export function grouped(rows) {
  /** @type {Group[]} */
  const groups = [];
  for (const row of rows) {
    const last = groups.at(-1);
    if (last?.sequence === row.sequence) last.rows.push(row);
    else groups.push({ sequence: row.sequence, rows: [row] });
  }
  return groups;
}
