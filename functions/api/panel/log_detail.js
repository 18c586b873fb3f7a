// One event of the log beside the list: its attempts in time, what was sent, what came back.

import { LOGS, call, may, withQuery } from "./api.js";
import { resultBadge } from "./badges.js";
import { confirm, copy, reason, say, sayProblem } from "./dialog.js";
import { button, el } from "./dom.js";
import { grouped, resultOf } from "./facts.js";
import { changes, tree } from "./json.js";
import { block, facts, sidePanel, verbatim } from "./side.js";
import { maybe, t } from "./text.js";
import { countdown, exact } from "./time.js";

/** Attempts of one event that are looked for: the largest page of the API. */
const ATTEMPTS_MAX = 100;

export function detailPanel({ side, webhook, openLog, reload }) {
  const path = `${LOGS}/${webhook._id}`;
  const panel = sidePanel(side, {
    dismiss: () => openLog(null),
    opener: (id) => document.querySelector(`tr[data-log="${id}"] [data-role=open]`),
  });
  let size = null;

  async function open(id, group, { attemptsMax, signal }) {
    const isOther = panel.open(id);
    if (!isOther && size === group?.rows.length) return;
    size = group?.rows.length;
    try {
      const found = group ?? (await find(id, signal));
      if (!panel.isOpen(id)) return;
      if (!found) return panel.draw(t("log.none"), []);
      draw(
        found,
        found.rows.find((row) => row._id === id),
        attemptsMax,
      );
      if (isOther) panel.focus();
    } catch (problem) {
      if (problem.name !== "AbortError") panel.draw(reason(problem), []);
    }
  }

  /** A row that is linked and not on the page, with the attempts before it. */
  async function find(id, signal) {
    const get = async (from) => (await call("GET", from, undefined, signal)).body;
    const row = await get(`${path}/${id}`).catch((problem) => {
      if (problem.status === 404) return null;
      throw problem;
    });
    if (!row) return null;
    // Events take their turns: what was last tried before this row is its own event, unless it was sent again later.
    const to = new Date(Date.parse(row.createdAt) + 1).toISOString();
    const rows = await get(withQuery(path, { to, limit: Math.min(row.retry, ATTEMPTS_MAX) }));
    const group = grouped(rows).find((each) => each.rows.some((one) => one._id === id));
    return group ?? { sequence: row.sequence, rows: [row] };
  }

  function draw(group, row, attemptsMax) {
    const event = group.rows.map((each) => each.event).find(Boolean) ?? null;
    const result = resultOf(row, row === group.rows[0]);
    panel.draw(
      t("event.title", { sequence: row.sequence }),
      [
        el("p", {}, resultBadge(result), " ", event && nameOf(event), " ", row.manual && el("span", { class: "tag" }, t("manual"))),
        el("p", { class: "plain" }, inWords(row, result)),
        block(t("timeline"), null, timeline(group, row, attemptsMax)),
        block(
          t("block.trigger"),
          event && (() => JSON.stringify(event, null, 2)),
          event ? [changes(event.diff), tree(event)] : el("p", { class: "note" }, t("event.gone")),
        ),
        block(t("response"), row.response ? () => row.response : null, response(row, result)),
        block(t("request"), null, request(row)),
      ],
      [
        may("deliveries:write") &&
          result !== "WAITING" &&
          result !== "PARKED" &&
          button(t("redeliver"), () => redeliver(row), { id: "redeliver" }),
        button(t("link.copy"), () => copy(location.href), { kind: "quiet", id: "link" }),
      ],
    );
  }

  async function redeliver(row) {
    if (
      !(await confirm(
        t("redeliver.title", { sequence: row.sequence }),
        t("redeliver.body", { name: webhook.name }),
        { yes: t("redeliver"), kind: "primary" },
      ))
    )
      return;
    try {
      await call("POST", `${path}/${row._id}/redeliver`, {});
      say(t("redelivered", { sequence: row.sequence }));
      reload();
    } catch (problem) {
      sayProblem(problem);
    }
  }

  return { open, close: () => panel.close() };
}

/** What happened to what; an event of a record says both in one field. */
function nameOf({ type, event }) {
  return typeof event === "string" ? `${type} · ${event}` : `${event?.type} · ${event?.action}`;
}

function timeline(group, row, attemptsMax) {
  const step = (each) => {
    const result = resultOf(each, each === group.rows[0]);
    const text =
      attemptsMax && result === "WAITING"
        ? t("attempt.of", { attempt: each.retry, max: attemptsMax })
        : t("attempt.n", { attempt: each.retry });
    return el(
      "li",
      { "aria-current": each === row ? "step" : null },
      resultBadge(each.result),
      " ",
      text,
      " · ",
      each.result === "PARKED" ? "" : `${each.status} · ${t("milliseconds", { time: each.durationMs })} · `,
      el("time", { datetime: each.createdAt }, exact(each.createdAt)),
      each.manual && el("span", { class: "tag" }, t("manual")),
    );
  };
  const [latest] = group.rows;
  const waits = resultOf(latest) === "WAITING";
  return el(
    "ol",
    { class: "timeline" },
    [...group.rows].reverse().map(step),
    waits &&
      el(
        "li",
        { class: "coming" },
        t("next.try"),
        " ",
        countdown(latest.nextAttemptAt),
        " · ",
        exact(latest.nextAttemptAt),
      ),
  );
}

/** What happened, for people who do not know the words of HTTP. */
function inWords(row, result) {
  if (result === "SUCCESS") return t("words.success", { status: row.status });
  if (row.error === "http_status")
    return maybe(`status.${row.status}`) ?? t(`words.${Math.floor(row.status / 100)}xx`, { status: row.status });
  return maybe(`error.${row.error}`) ?? row.error ?? "";
}

function response(row, result) {
  if (result === "PARKED") return el("p", { class: "note" }, t("response.parked"));
  return [
    verbatim(row.response === "" ? t("response.none") : row.response, t("response")),
    row.responseTruncated && el("p", { class: "note" }, t("response.cut")),
  ];
}

function request(row) {
  const headers = [
    ["POST", row.url],
    ["content-type", "application/json"],
    ["webhook-id", `${row.delivery}_${row.sequence}`],
    ["hookrail-sequence", row.sequence],
    ["hookrail-attempt", row.retry],
  ];
  return [
    facts(headers.map(([name, value]) => [name, el("span", { class: "mono" }, String(value))])),
    el("p", { class: "note" }, t("request.note", { version: row.webhookVersion })),
  ];
}
