// The signing secret of a webhook: masked, shown to those who may see it, copied, rotated.

import { WEBHOOKS, call, may } from "./api.js";
import { copy, say, sayProblem } from "./dialog.js";
import { button, el, find, show } from "./dom.js";
import { ask, field } from "./fields.js";
import { t } from "./text.js";
import { exact } from "./time.js";

const MASK = "whsec_••••••••••••••••••••";
const HOUR_SECONDS = 3600;
const OVERLAP_HOURS = 24;
const OVERLAP_HOURS_MAX = 168;

/**
 * Makes the section. `changed` is called when the version of the webhook has changed.
 * @param {Webhook} webhook
 * @param {() => Promise<void>} changed
 */
export function secretSection(webhook, changed) {
  return new Secret(webhook, changed).element();
}

class Secret {
  /** @param {Webhook} webhook @param {() => Promise<void>} changed */
  constructor(webhook, changed) {
    this.webhook = webhook;
    this.changed = changed;
    this.path = `${WEBHOOKS}/${webhook._id}/secret`;
    this.text = el("code", { class: "secret" }, MASK);
    this.retired = el("p", { class: "note" });
    this.reveal = button(t("reveal"), () => this.toggle(), { id: "reveal" });
    this.copy = button(t("copy"), () => this.copyIt(), { "aria-label": t("secret.copy") });
    this.rotate = button(t("rotate"), () => this.replace(), { id: "rotate" });
    const quiet = { id: "expire", hidden: true, kind: "danger" };
    this.end = button(t("expire"), () => this.expire(), quiet);
  }

  element() {
    return el(
      "section",
      { class: "card" },
      el("h2", {}, t("secret")),
      el("p", { class: "note" }, t("secret.note")),
      this.text,
      this.retired,
      el(
        "div",
        { class: "actions" },
        may("secrets:read") && [this.reveal, this.copy],
        may("webhooks:write") && [this.rotate, this.end],
      ),
    );
  }

  async toggle() {
    if (this.text.textContent !== MASK) return this.mask();
    try {
      /** @type {{ secret: string, retired: { until: string }[] }} */
      const { secret, retired } = (await call("GET", this.path)).body;
      this.text.textContent = secret;
      find(this.reveal, "span").textContent = t("hide");
      this.showRetired(retired.map((each) => each.until));
    } catch (problem) {
      sayProblem(problem);
    }
  }

  mask() {
    this.text.textContent = MASK;
    find(this.reveal, "span").textContent = t("reveal");
  }

  /** Shows until when older secrets are valid. @param {string[]} times */
  showRetired(times) {
    show(this.retired, times.length ? t("retired", { until: times.map(exact).join(", ") }) : "");
    this.end.hidden = times.length === 0;
  }

  async copyIt() {
    try {
      await copy((await call("GET", this.path)).body.secret);
    } catch (problem) {
      sayProblem(problem);
    }
  }

  async replace() {
    const done = await rotation(this.webhook, this.path);
    if (!done) return;
    this.mask();
    this.showRetired(done.retiredUntil);
    say(t("rotated"));
    await this.changed();
  }

  async expire() {
    try {
      await call("POST", `${this.path}/expire`, {});
      this.mask();
      this.showRetired([]);
      say(t("expired.secret"));
      await this.changed();
    } catch (problem) {
      sayProblem(problem);
    }
  }
}

/**
 * Asks how long the old secret stays valid, and rotates. Resolves to the response, or null.
 * @param {Webhook} webhook
 * @param {string} path
 */
function rotation(webhook, path) {
  const attributes = { type: "number", min: 0, max: OVERLAP_HOURS_MAX, value: String(OVERLAP_HOURS) };
  const note = { note: t("overlap.note") };
  const hours = field("overlapSeconds", t("overlap"), el("input", attributes), note);
  return ask(t("rotate.title", { name: webhook.name }), [el("p", {}, t("rotate.body"))], [hours], {
    yes: t("rotate"),
    kind: "danger",
    send: async () => {
      const overlapSeconds = Math.round(Number(hours.input.value) * HOUR_SECONDS);
      return (await call("POST", `${path}/rotate`, { overlapSeconds })).body;
    },
  });
}
