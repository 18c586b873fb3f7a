// One event in the log: its latest attempt, and on demand the earlier ones.

import { resultBadge } from "./badges.js";
import { el, find, focusIn, icon, show } from "./dom.js";
import { resultOf } from "./facts.js";
import { t } from "./text.js";
import { ago, countdown } from "./time.js";

/**
 * @typedef {object} Drawing
 * @property {Queue | null} queue
 * @property {boolean} isOpen whether earlier attempts are shown
 * @property {(row: LogRow) => void} openLog
 * @property {(isOpen: boolean) => void} toggle
 */

/** Makes the rows of an event as a body of the table. @param {Group} group @param {Drawing} drawing */
export function groupBody(group, drawing) {
  return updateGroup(el("tbody", { "data-sequence": group.sequence }), group, drawing);
}

/**
 * Updates the rows where they are, and only if something has changed.
 * @param {HTMLElement} body
 * @param {Group} group
 * @param {Drawing} drawing
 */
export function updateGroup(body, group, drawing) {
  const { queue, isOpen, openLog } = drawing;
  const [latest, ...earlier] = group.rows;
  const max = queue?.head?.sequence === group.sequence ? queue.head.attemptsMax : null;
  const key = JSON.stringify([latest._id, resultOf(latest), isOpen, earlier.length, max]);
  if (body.dataset.key === key) return body;
  body.dataset.key = key;
  const role = focusIn(body)?.dataset.role;
  const more = earlier.length > 0 && moreButton(body, group, drawing);
  show(
    body,
    row(latest, { isLatest: true, max, more, openLog }),
    isOpen && earlier.map((each) => row(each, { isLatest: false, openLog })),
  );
  const again = `[data-role=${role}]`;
  if (role && body.querySelector(again)) find(body, again).focus();
  return body;
}

/** @param {HTMLElement} body @param {Group} group @param {Drawing} drawing */
function moreButton(body, group, drawing) {
  const { isOpen, toggle } = drawing;
  const attributes = {
    type: "button",
    class: "quiet more",
    "data-role": "more",
    "aria-expanded": String(isOpen),
    "aria-label": t("earlier", { count: group.rows.length - 1 }),
    onclick: () => {
      toggle(!isOpen);
      updateGroup(body, group, { ...drawing, isOpen: !isOpen });
    },
  };
  return el("button", attributes, icon("down"));
}

/**
 * @param {LogRow} log
 * @param {{ isLatest: boolean, max?: number | null, more?: Children, openLog: (row: LogRow) => void }} options
 */
function row(log, { isLatest, max, more, openLog }) {
  const result = resultOf(log, isLatest);
  const isSent = result !== "PARKED";
  const attempt = t(max ? "attempt.of" : "attempt.n", { attempt: log.retry, max });
  const next = [t("next.try"), " ", countdown(log.nextAttemptAt ?? log.createdAt)];
  const open = {
    type: "button",
    class: "quiet",
    "data-role": "open",
    "aria-label": t("open.log", { sequence: log.sequence, attempt: log.retry }),
    onclick: () => openLog(log),
  };
  return el(
    "tr",
    { "data-log": log._id, class: isLatest ? "" : "earlier" },
    el("td", {}, resultBadge(result)),
    el("td", {}, ago(log.createdAt)),
    el("td", { class: "number" }, isSent ? String(log.status) : "–"),
    el("td", { class: "number" }, isSent ? t("milliseconds", { time: log.durationMs }) : "–"),
    el(
      "td",
      {},
      el("span", {}, attempt),
      log.manual && el("span", { class: "tag" }, t("manual")),
      more,
      result === "WAITING" && el("span", { class: "next" }, next),
    ),
    el("td", {}, el("button", open, `#${log.sequence}`)),
  );
}
