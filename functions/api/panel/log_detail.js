// One event of the log beside the list: its attempts, what was sent, and the response.

import { LOGS, call, may } from "./api.js";
import { resultBadge } from "./badges.js";
import { confirm, copy, reason, say, sayProblem } from "./dialog.js";
import { button, el } from "./dom.js";
import { grouped, resultOf } from "./facts.js";
import { changes } from "./json.js";
import { memberOf, nameOf } from "./json_text.js";
import { rowOf, rowsOf } from "./log_rows.js";
import { withQuery } from "./route.js";
import { block, facts, sidePanel, stored, verbatim } from "./side.js";
import { maybe, t } from "./text.js";
import { countdown, exact } from "./time.js";

/** The attempts of one event that are read: the largest page of the API. */
const ATTEMPTS_MAX = 100;

export class LogDetail {
  /**
   * @param {HTMLElement} side
   * @param {{ _id: string, name: string }} webhook
   * @param {{ openLog: (row: LogRow | null) => void, reload: () => void }} log
   */
  constructor(side, webhook, { openLog, reload }) {
    this.webhook = webhook;
    this.reload = reload;
    this.path = `${LOGS}/${webhook._id}`;
    /** @type {string | null | undefined} */
    this.drawn = null;
    this.panel = sidePanel(side, {
      dismiss: () => openLog(null),
      opener: (id) => document.querySelector(`tr[data-log="${CSS.escape(id)}"] [data-role=open]`),
    });
  }

  /**
   * Shows the row of this id. One that is not on the page (without `group`) is read.
   * @param {string} id
   * @param {Group | undefined} group
   * @param {{ attemptsMax?: number, signal: AbortSignal }} options
   */
  async open(id, group, { attemptsMax, signal }) {
    const isOther = this.panel.open(id);
    const drawn = JSON.stringify(group?.rows.map((row) => [row._id, resultOf(row)]));
    if (!isOther && this.drawn === drawn) return;
    this.drawn = drawn;
    try {
      const found = group ?? (await this.find(id, signal));
      if (!this.panel.isOpen(id)) return;
      const row = found?.rows.find((each) => each._id === id);
      if (!found || !row) return this.panel.draw(t("log.none"), []);
      this.draw(found, row, attemptsMax);
      if (isOther) this.panel.focus();
    } catch (problem) {
      if (problem.name !== "AbortError") this.panel.draw(reason(problem), []);
    }
  }

  close() {
    this.panel.close();
  }

  /**
   * Reads a row, with the attempts before it.
   * @param {string} id
   * @param {AbortSignal} signal
   * @returns {Promise<Group | null>}
   */
  async find(id, signal) {
    const found = await call("GET", `${this.path}/${id}`, undefined, signal).catch((problem) => {
      if (problem.status === 404) return null;
      throw problem;
    });
    if (!found) return null;
    const row = rowOf(found);
    // Events are sent one after the other: the rows before are those of the same event, unless it was sent again later.
    const to = new Date(Date.parse(row.createdAt) + 1).toISOString();
    const before = withQuery(this.path, { to, limit: Math.min(row.retry, ATTEMPTS_MAX) });
    const { rows } = rowsOf(await call("GET", before, undefined, signal));
    const group = grouped(rows).find((each) => each.rows.some((one) => one._id === id));
    return group ?? { sequence: row.sequence, rows: [row] };
  }

  /** @param {Group} group @param {LogRow} row @param {number | undefined} attemptsMax */
  draw(group, row, attemptsMax) {
    const event = group.rows.map((each) => each.eventText).find(Boolean) ?? null;
    const result = resultOf(row, row === group.rows[0]);
    const manual = row.manual && el("span", { class: "tag" }, t("manual"));
    const hasEnded = result !== "WAITING" && result !== "PARKED";
    const again = { id: "redeliver" };
    this.panel.draw(
      t("event.title", { sequence: row.sequence }),
      [
        el("p", {}, resultBadge(result), " ", event && kindOfEvent(event), " ", manual),
        el("p", { class: "plain" }, inWords(row, result)),
        block(t("timeline"), null, timeline(group, row, attemptsMax)),
        block(
          t("block.trigger"),
          event,
          event
            ? [changes(event), stored(event, t("block.trigger"))]
            : el("p", { class: "note" }, t("event.gone")),
        ),
        block(t("response"), row.response || null, response(row, result)),
        block(t("request"), null, request(row)),
      ],
      [
        may("deliveries:write") && hasEnded && button(t("redeliver"), () => this.redeliver(row), again),
        button(t("link.copy"), () => copy(location.href), { kind: "quiet", id: "link" }),
      ],
    );
  }

  /** @param {LogRow} row */
  async redeliver(row) {
    const title = t("redeliver.title", { sequence: row.sequence });
    const body = t("redeliver.body", { name: this.webhook.name });
    if (!(await confirm(title, body, { yes: t("redeliver"), kind: "primary" }))) return;
    try {
      await call("POST", `${this.path}/${row._id}/redeliver`, {});
      say(t("redelivered", { sequence: row.sequence }));
      this.reload();
    } catch (problem) {
      sayProblem(problem);
    }
  }
}

/**
 * The type of an event and its action. Events of the platform have both in one field.
 * @param {string} text
 */
function kindOfEvent(text) {
  /** @param {string} of @param {string} name */
  const member = (of, name) => nameOf(memberOf(of, name) ?? "");
  const event = memberOf(text, "event") ?? "";
  return memberOf(event, "type") === null
    ? `${member(text, "type")} · ${nameOf(event)}`
    : `${member(event, "type")} · ${member(event, "action")}`;
}

/** @param {Group} group @param {LogRow} row @param {number | undefined} attemptsMax */
function timeline(group, row, attemptsMax) {
  /** @param {LogRow} each */
  const step = (each) => {
    const isNext = attemptsMax && resultOf(each, each === group.rows[0]) === "WAITING";
    const sent = `${each.status} · ${t("milliseconds", { time: each.durationMs })} · `;
    return el(
      "li",
      { "aria-current": each === row ? "step" : null },
      resultBadge(each.result),
      ` ${t(isNext ? "attempt.of" : "attempt.n", { attempt: each.retry, max: attemptsMax })} · `,
      each.result !== "PARKED" && sent,
      el("time", { datetime: each.createdAt }, exact(each.createdAt)),
      each.manual && el("span", { class: "tag" }, t("manual")),
    );
  };
  const [latest] = group.rows;
  const at = resultOf(latest) === "WAITING" ? latest.nextAttemptAt : null;
  const coming = at && el("li", { class: "coming" }, t("next.try"), " ", countdown(at), " · ", exact(at));
  return el("ol", { class: "timeline" }, [...group.rows].reverse().map(step), coming);
}

/** What happened, for people who do not know HTTP. @param {LogRow} row @param {string} result */
function inWords(row, result) {
  const { status } = row;
  if (result === "SUCCESS") return t("words.success", { status });
  if (row.error === "http_status")
    return maybe(`status.${status}`) ?? t(`words.${Math.floor(status / 100)}xx`, { status });
  return maybe(`error.${row.error}`) ?? row.error ?? "";
}

/** @param {LogRow} row @param {string} result */
function response(row, result) {
  if (result === "PARKED") return el("p", { class: "note" }, t("response.parked"));
  return [
    verbatim(row.response === "" ? t("response.none") : row.response, t("response")),
    row.responseTruncated && el("p", { class: "note" }, t("response.cut")),
  ];
}

/** @param {LogRow} row */
function request(row) {
  const headers = [
    ["POST", row.url],
    ["content-type", "application/json"],
    ["webhook-id", `${row.delivery}_${row.sequence}`],
    ["hookrail-sequence", String(row.sequence)],
    ["hookrail-attempt", String(row.retry)],
  ];
  return [
    facts(headers.map(([name, value]) => [name, el("span", { class: "mono" }, value)])),
    el("p", { class: "note" }, t("request.note", { version: row.webhookVersion })),
  ];
}
