// A webhook's signing secret: masked, shown to those who may see it, copied, replaced.

import { WEBHOOKS, call, may } from "./api.js";
import { copy, say, sayProblem } from "./dialog.js";
import { button, el, show } from "./dom.js";
import { ask, field } from "./fields.js";
import { t } from "./text.js";
import { exact } from "./time.js";

const MASK = "whsec_••••••••••••••••••••";
const HOUR = 3600;
const HOURS_DEFAULT = 24;

/** The section; `changed` is called when the webhook's version has moved. */
export function secretSection(webhook, changed) {
  const path = `${WEBHOOKS}/${webhook._id}/secret`;
  const text = el("code", { class: "secret" }, MASK);
  const retired = el("p", { class: "note" });
  let known = null;

  async function fetchSecret() {
    known = (await call("GET", path)).body;
    return known.secret;
  }

  const reveal = button(
    t("reveal"),
    async () => {
      if (text.textContent !== MASK) return mask();
      try {
        text.textContent = await fetchSecret();
        reveal.lastChild.textContent = t("hide");
        tellRetired(known.retired.map((each) => each.until));
      } catch (problem) {
        sayProblem(problem);
      }
    },
    { id: "reveal" },
  );

  function mask() {
    text.textContent = MASK;
    reveal.lastChild.textContent = t("reveal");
  }

  function tellRetired(times) {
    show(retired, times.length ? t("retired", { until: times.map(exact).join(", ") }) : "");
    end.hidden = times.length === 0;
  }

  const copied = button(
    t("copy"),
    async () => {
      try {
        await copy(await fetchSecret());
      } catch (problem) {
        sayProblem(problem);
      }
    },
    { "aria-label": t("secret.copy") },
  );

  const rotate = button(
    t("rotate"),
    async () => {
      const done = await rotation(webhook, path);
      if (!done) return;
      mask();
      tellRetired(done.retiredUntil);
      say(t("rotated"));
      await changed();
    },
    { id: "rotate" },
  );

  const end = button(
    t("expire"),
    async () => {
      try {
        await call("POST", `${path}/expire`, {});
        mask();
        tellRetired([]);
        say(t("expired.secret"));
        await changed();
      } catch (problem) {
        sayProblem(problem);
      }
    },
    { id: "expire", hidden: true, kind: "danger" },
  );

  return el(
    "section",
    { class: "card" },
    el("h2", {}, t("secret")),
    el("p", { class: "note" }, t("secret.note")),
    text,
    retired,
    el(
      "div",
      { class: "actions" },
      may("secrets:read") && [reveal, copied],
      may("webhooks:write") && [rotate, end],
    ),
  );
}

/** Asks how long the old secret goes on signing, and replaces it. Resolves to the answer, or null. */
function rotation(webhook, path) {
  const hours = field(
    "overlapSeconds",
    t("overlap"),
    el("input", { type: "number", min: 0, max: 168, value: String(HOURS_DEFAULT) }),
    { note: t("overlap.note") },
  );
  return ask(t("rotate.title", { name: webhook.name }), [el("p", {}, t("rotate.body"))], [hours], {
    yes: t("rotate"),
    kind: "danger",
    send: async () => {
      const overlapSeconds = Math.round(Number(hours.input.value) * HOUR);
      return (await call("POST", `${path}/rotate`, { overlapSeconds })).body;
    },
  });
}
