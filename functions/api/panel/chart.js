// The last day as bars: attempts that were accepted and those that failed, by the hour.

import { LOGS, call, withQuery } from "./api.js";
import { el, show, svg } from "./dom.js";
import { t } from "./text.js";

const HOUR = 3_600_000;
const HOURS = 24;
/** Pages of the log that are counted at most. */
const PAGES_MAX = 10;
const [WIDTH, HEIGHT, GAP] = [720, 120, 4];

/** A place that the chart appears in once the rows are counted. */
export function dayChart(webhook, signal) {
  const place = el("figure", { class: "chart" }, el("p", { class: "note" }, t("loading")));
  count(webhook._id, signal).then(
    (found) => show(place, draw(found)),
    () => show(place, el("p", { class: "note" }, t("chart.none"))),
  );
  return place;
}

async function count(id, signal) {
  const end = Math.ceil(Date.now() / HOUR) * HOUR;
  const hours = Array.from({ length: HOURS }, (_, index) => ({
    at: end - (HOURS - index) * HOUR,
    good: 0,
    bad: 0,
  }));
  let next = withQuery(`${LOGS}/${id}`, { limit: 100, from: new Date(hours[0].at).toISOString() });
  for (let page = 0; next && page < PAGES_MAX; page += 1) {
    const answer = await call("GET", next, undefined, signal);
    for (const row of answer.body) {
      const hour = hours[Math.floor((new Date(row.createdAt) - hours[0].at) / HOUR)];
      if (hour && row.result !== "PARKED") hour[row.result === "SUCCESS" ? "good" : "bad"] += 1;
    }
    const oldest = answer.body.at(-1)?.createdAt;
    next = oldest && new Date(oldest) < hours[0].at ? null : answer.next;
  }
  return { hours, isWhole: !next };
}

function draw({ hours, isWhole }) {
  const most = Math.max(1, ...hours.map(({ good, bad }) => good + bad));
  const [good, bad] = ["good", "bad"].map((kind) => hours.reduce((sum, hour) => sum + hour[kind], 0));
  const width = WIDTH / HOURS - GAP;
  const hourOf = (at) => `${String(new Date(at).getHours()).padStart(2, "0")}:00`;
  const bars = hours.flatMap((hour, index) => {
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
  });
  const marks = hours.filter((_, index) => index % 6 === 0).map((hour) => el("span", {}, hourOf(hour.at)));
  const summary = t("chart.summary", { good, bad });
  return [
    el(
      "figcaption",
      {},
      el("span", { class: "good" }, "■ "),
      t("day.good"),
      " ",
      el("strong", {}, String(good)),
      el("span", { class: "bad" }, " ▨ "),
      t("day.bad"),
      " ",
      el("strong", {}, String(bad)),
      " · ",
      t("chart.most", { most }),
    ),
    svg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": summary },
      svg("line", { x1: 0, y1: HEIGHT, x2: WIDTH, y2: HEIGHT }),
      bars,
    ),
    el("div", { class: "hours", "aria-hidden": "true" }, marks),
    !isWhole && el("p", { class: "note" }, t("chart.cut")),
  ];
}
