// The last day as bars: accepted and failed attempts by the hour.

import { LOGS, call } from "./api.js";
import { el, show, svg } from "./dom.js";
import { withQuery } from "./route.js";
import { t } from "./text.js";

const HOUR_MS = 3_600_000;
const HOURS = 24;
/** Hours between two marks below the bars. */
const MARK_HOURS = 6;
/** The most pages of the log that are counted. */
const PAGES_MAX = 10;
const PAGE_ROWS = 100;
const [WIDTH, HEIGHT, GAP] = [720, 120, 4];

/** @typedef {{ at: number, good: number, bad: number }} Hour */

/**
 * Returns a place that shows the chart once the rows are counted.
 * @param {{ _id: string }} webhook
 * @param {AbortSignal} signal
 */
export function dayChart(webhook, signal) {
  const place = el("figure", { class: "chart" }, el("p", { class: "note" }, t("loading")));
  count(webhook._id, signal).then(
    (found) => show(place, draw(found)),
    () => show(place, el("p", { class: "note" }, t("chart.none"))),
  );
  return place;
}

/** @param {string} id @param {AbortSignal} signal */
async function count(id, signal) {
  const end = Math.ceil(Date.now() / HOUR_MS) * HOUR_MS;
  const start = end - HOURS * HOUR_MS;
  const hours = Array.from({ length: HOURS }, (_, index) => ({
    at: start + index * HOUR_MS,
    good: 0,
    bad: 0,
  }));
  /** @type {string | null} */
  let next = withQuery(`${LOGS}/${id}`, { limit: PAGE_ROWS, from: new Date(start).toISOString() });
  for (let page = 0; next && page < PAGES_MAX; page += 1) {
    const found = await call("GET", next, undefined, signal);
    for (const row of found.body) {
      const hour = hours[Math.floor((Date.parse(row.createdAt) - start) / HOUR_MS)];
      if (hour && row.result !== "PARKED") hour[row.result === "SUCCESS" ? "good" : "bad"] += 1;
    }
    const oldest = found.body.at(-1)?.createdAt;
    next = oldest && Date.parse(oldest) < start ? null : found.next;
  }
  return { hours, isWhole: !next };
}

/** @param {number} at */
const hourOf = (at) => `${String(new Date(at).getHours()).padStart(2, "0")}:00`;

/** @param {{ hours: Hour[], isWhole: boolean }} counted */
function draw({ hours, isWhole }) {
  const most = Math.max(1, ...hours.map(({ good, bad }) => good + bad));
  const good = hours.reduce((sum, hour) => sum + hour.good, 0);
  const bad = hours.reduce((sum, hour) => sum + hour.bad, 0);
  const shown = hours.filter((_, index) => index % MARK_HOURS === 0);
  const marks = shown.map((hour) => el("span", {}, hourOf(hour.at)));
  const attributes = {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: "none",
    role: "img",
    "aria-label": t("chart.summary", { good, bad }),
  };
  const ground = svg("line", { x1: 0, y1: HEIGHT, x2: WIDTH, y2: HEIGHT });
  return [
    legend(good, bad, most),
    svg(
      "svg",
      attributes,
      ground,
      hours.map((hour, index) => bar(hour, index, most)),
    ),
    el("div", { class: "hours", "aria-hidden": "true" }, marks),
    !isWhole && el("p", { class: "note" }, t("chart.cut")),
  ];
}

/** @param {Hour} hour @param {number} index @param {number} most */
function bar(hour, index, most) {
  const width = WIDTH / HOURS - GAP;
  const [up, down] = [hour.good, hour.bad].map((number) => (number / most) * HEIGHT);
  const x = index * (width + GAP);
  const title = t("chart.hour", { hour: hourOf(hour.at), good: hour.good, bad: hour.bad });
  return svg(
    "g",
    {},
    svg("title", {}, title),
    svg("rect", { class: "hit", x, y: 0, width: width + GAP, height: HEIGHT }),
    svg("rect", { class: "good", x, y: HEIGHT - up, width, height: up }),
    svg("rect", { class: "bad", x, y: HEIGHT - up - down, width, height: down }),
  );
}

/** @param {number} good @param {number} bad @param {number} most */
function legend(good, bad, most) {
  return el(
    "figcaption",
    {},
    el("span", { class: "good" }, "■ "),
    `${t("day.good")} `,
    el("strong", {}, String(good)),
    el("span", { class: "bad" }, " ▨ "),
    `${t("day.bad")} `,
    el("strong", {}, String(bad)),
    ` · ${t("chart.most", { most })}`,
  );
}
