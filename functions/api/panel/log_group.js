// One event in the log: its latest attempt, and behind a mark the earlier ones.

import { resultBadge } from "./badges.js";
import { el, icon, show } from "./dom.js";
import { resultOf } from "./facts.js";
import { t } from "./text.js";
import { ago, countdown } from "./time.js";

/** The rows of an event as a body of the table. */
export function groupBody(group, options) {
  return updateGroup(el("tbody", { "data-sequence": group.sequence }), group, options);
}

/** Writes the rows where they stand, and leaves them alone if nothing has changed. */
export function updateGroup(body, group, { queue, isOpen, openLog, toggle }) {
  const [latest, ...earlier] = group.rows;
  const max = queue?.head?.sequence === group.sequence ? queue.head.attemptsMax : null;
  const key = JSON.stringify([latest._id, resultOf(latest), isOpen, earlier.length, max]);
  if (body.dataset.key === key) return body;
  body.dataset.key = key;
  const focused = body.contains(document.activeElement) ? document.activeElement.dataset.role : null;
  const more =
    earlier.length > 0 &&
    el(
      "button",
      {
        type: "button",
        class: "quiet more",
        "data-role": "more",
        "aria-expanded": String(isOpen),
        "aria-label": t("earlier", { count: earlier.length }),
        onclick: () => {
          toggle(group.sequence, !isOpen);
          updateGroup(body, group, { queue, isOpen: !isOpen, openLog, toggle });
        },
      },
      icon("down"),
    );
  show(
    body,
    row(latest, { isLatest: true, max, more, openLog }),
    isOpen && earlier.map((each) => row(each, { isLatest: false, openLog })),
  );
  if (focused) body.querySelector(`[data-role=${focused}]`)?.focus();
  return body;
}

function row(log, { isLatest, max, more, openLog }) {
  const result = resultOf(log, isLatest);
  const attempt = max ? t("attempt.of", { attempt: log.retry, max }) : t("attempt.n", { attempt: log.retry });
  return el(
    "tr",
    { "data-log": log._id, class: isLatest ? "" : "earlier" },
    el("td", {}, resultBadge(result)),
    el("td", {}, ago(log.createdAt)),
    el("td", { class: "number" }, result === "PARKED" ? "–" : String(log.status)),
    el("td", { class: "number" }, result === "PARKED" ? "–" : t("milliseconds", { time: log.durationMs })),
    el(
      "td",
      {},
      el("span", {}, attempt),
      log.manual && el("span", { class: "tag" }, t("manual")),
      more,
      result === "WAITING" && el("span", { class: "next" }, t("next.try"), " ", countdown(log.nextAttemptAt)),
    ),
    el(
      "td",
      {},
      el(
        "button",
        {
          type: "button",
          class: "quiet",
          "data-role": "open",
          "aria-label": t("open.log", { sequence: log.sequence, attempt: log.retry }),
          onclick: () => openLog(log),
        },
        `#${log.sequence}`,
      ),
    ),
  );
}
