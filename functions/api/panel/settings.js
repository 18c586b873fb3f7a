// The settings of a webhook.

import { WEBHOOKS, call, may } from "./api.js";
import { credentials } from "./credentials.js";
import { deactivation } from "./deactivate.js";
import { confirm, reason, say, sayProblem } from "./dialog.js";
import { button, el, find, select, show, textInput } from "./dom.js";
import { codeOf, field, refuseFields } from "./fields.js";
import { removed } from "./remove.js";
import { askBeforeLeaving, go } from "./route.js";
import { secretSection } from "./secret.js";
import { guardChanges, mayLose, settingsForm } from "./settings_form.js";
import { suspendPolicy } from "./suspend_policy.js";
import { testSection } from "./test_send.js";
import { t } from "./text.js";
import { labelOf, slotsOf, triggers } from "./triggers.js";

const SLOTS = ["taskGroup", "survey", "group"];
/** @type {Partial<Webhook>} */
const NEW = { name: "", code: "", url: "", description: "", context: {}, isActive: true };

/** @param {WebhookTab} tab @returns {PanelScreen} */
export function settingsScreen(tab) {
  triggers().then((catalogue) => tab.signal.aborted || draw(tab, catalogue), sayProblem);
  return {};
}

/** @param {WebhookTab} tab @param {Trigger[]} catalogue */
function draw(tab, catalogue) {
  if (tab.shown.webhook || may("webhooks:write")) new SettingsForm(tab, catalogue);
  else show(tab.main, el("p", { class: "notice bad", role: "alert" }, t("read.only")));
}

class SettingsForm {
  /** @param {WebhookTab} tab @param {Trigger[]} catalogue */
  constructor(tab, catalogue) {
    this.tab = tab;
    this.catalogue = catalogue;
    this.webhook = tab.shown.webhook;
    this.isNew = !this.webhook;
    const start = this.webhook ?? { ...NEW, trigger: catalogue[0].name };
    this.general = generalFields(start, this.isNew, catalogue);
    this.policy = suspendPolicy(start);
    this.auth = credentials(start);
    const { name, code, url, description, trigger, slots } = this.general;
    this.fields = [name, code, url, description, trigger, ...slots, this.policy.field, ...this.auth.fields];
    this.problems = el("div", { role: "alert" });
    this.suggestCode();
    trigger.input.addEventListener("change", () => this.showSlots());
    this.showSlots();
    show(tab.main, this.form(), el("div", { class: "beside" }, this.beside()));
    this.saved = this.text();
    guardChanges(() => this.isChanged());
    if (this.isNew) name.input.focus();
  }

  /** Suggests a code from the name of a new webhook, until a person writes one. */
  suggestCode() {
    let suggests = this.isNew;
    const { name, code } = this.general;
    name.input.addEventListener("input", () => {
      if (suggests) code.input.value = codeOf(name.input.value);
    });
    code.input.addEventListener("input", () => {
      suggests = code.input.value === "";
    });
  }

  showSlots() {
    const wanted = slotsOf(this.catalogue, this.general.trigger.input.value);
    this.general.slots.forEach((each, index) => {
      each.element.hidden = !wanted.includes(SLOTS[index]);
    });
  }

  form() {
    const { webhook, problems } = this;
    // The API deletes inactive webhooks only.
    const isDeletable = webhook && !webhook.isActive;
    const more = isDeletable && button(t("remove"), () => this.remove(), { kind: "danger", id: "remove" });
    const work = { submit: () => this.submit(), toggle: () => this.toggle(), more };
    const { name, code, url, description, trigger, slots } = this.general;
    const general = [name, code, url, description, trigger, ...slots];
    return settingsForm(
      { webhook, canWrite: may("webhooks:write"), problems, ...work },
      el(
        "section",
        { class: "card" },
        el("h2", {}, t("general")),
        general.map((each) => each.element),
        webhook && identifier(webhook),
      ),
      el("section", { class: "card" }, el("h2", {}, t("failing")), this.policy.element),
      el("section", { class: "card" }, el("h2", {}, t("credentials")), this.auth.element),
    );
  }

  beside() {
    const { webhook } = this;
    const { url, trigger } = this.general;
    if (webhook) return [secretSection(webhook, () => this.reread()), testSection(webhook)];
    const read = () => ({ url: url.input.value.trim(), trigger: trigger.input.value });
    return testSection(null, { read, fields: [url, trigger] });
  }

  /** Returns what the form says, as the API takes it. */
  read() {
    const { name, url, description, trigger, slots } = this.general;
    const wanted = slotsOf(this.catalogue, trigger.input.value);
    /** @param {string} slot @param {number} index */
    const text = (slot, index) => (wanted.includes(slot) ? slots[index].input.value.trim() : "");
    return {
      name: name.input.value,
      url: url.input.value.trim(),
      trigger: trigger.input.value,
      context: Object.fromEntries(SLOTS.map((slot, index) => [slot, text(slot, index)])),
      description: description.input.value.trim() || null,
      suspendAfter: this.policy.read(),
      ...this.auth.read(),
    };
  }

  text() {
    return JSON.stringify(this.read());
  }

  isChanged() {
    return this.text() !== this.saved || (this.isNew && this.general.code.input.value !== "");
  }

  async submit() {
    const change = this.read();
    if (!(await mayWiden(this.webhook, change))) return;
    try {
      if (this.isNew) await this.create({ ...change, code: this.general.code.input.value });
      else await this.put({ ...change, __v: this.webhook.__v });
    } catch (problem) {
      this.refused(problem);
    }
  }

  /** @param {any} body */
  async create(body) {
    if (body.description === null) delete body.description;
    const made = (await call("POST", WEBHOOKS, body)).body;
    askBeforeLeaving(null);
    say(t("created", { name: made.name }));
    go(["webhooks", made._id]);
  }

  /** @param {object} change */
  async put(change) {
    const changed = (await call("PATCH", `${WEBHOOKS}/${this.webhook._id}`, change)).body;
    askBeforeLeaving(null);
    this.tab.tell({ webhook: changed, queue: null });
    say(t("saved"));
    draw(this.tab, this.catalogue);
    find(this.tab.main, "#save").focus();
  }

  /** @param {any} problem */
  refused(problem) {
    const others = refuseFields(problem, this.fields);
    const count = problem.fields.length;
    /** @param {string} text */
    const notice = (text) => el("p", { class: "notice bad" }, text);
    /** @type {{ fields: FieldProblem[] }} */
    const { fields } = problem;
    const isStale = fields.some((each) => each.field === "__v");
    const reload = () => button(t("reload"), () => this.reload());
    if (isStale) show(this.problems, notice(t("stale")), reload());
    else if (others.length) show(this.problems, notice(others.join("; ")));
    else show(this.problems, notice(count === 0 ? reason(problem) : t("refused", { count })));
  }

  async reload() {
    await this.reread();
    draw(this.tab, this.catalogue);
  }

  async toggle() {
    const { isActive } = this.webhook;
    const waiting = isActive ? await deactivation([this.webhook]) : undefined;
    if (waiting === null) return;
    if (this.isChanged() && !(await mayLose())) return;
    await this.put({ isActive: !isActive, waiting }).catch((problem) => this.refused(problem));
  }

  async remove() {
    const { _id, name } = this.webhook;
    if (!(await removed({ name, path: `${WEBHOOKS}/${_id}`, body: t("remove.body") }))) return;
    askBeforeLeaving(null);
    go(["webhooks"]);
  }

  /** Reads the webhook again after its version has changed; the fields keep what was typed. */
  async reread() {
    this.webhook = (await call("GET", `${WEBHOOKS}/${this.webhook._id}`)).body;
    this.tab.tell({ webhook: this.webhook });
  }
}

/** @param {any} start @param {boolean} isNew @param {Trigger[]} catalogue */
function generalFields(start, isNew, catalogue) {
  const required = { required: true };
  const code = textInput({ value: start.code, readonly: !isNew, class: "mono" });
  const codeNote = t(isNew ? "code.note" : "code.locked");
  const url = textInput({ value: start.url, type: "url", inputmode: "url", placeholder: "https://" });
  const description = el("textarea", { rows: 2, value: start.description ?? "" });
  const options = catalogue.map(({ name }) => [name, labelOf(catalogue, name)]);
  const trigger = select({}, options, start.trigger);
  /** @param {string} name */
  const slot = (name) => {
    const input = textInput({ value: start.context[name] ?? "", class: "mono" });
    return field(`context.${name}`, t(`slot.${name}`), input, { note: t("slot.note") });
  };
  return {
    name: field("name", t("name"), textInput({ value: start.name }), required),
    code: field("code", t("code"), code, { required: true, note: codeNote }),
    url: field("url", t("url"), url, required),
    description: field("description", t("description"), description, { note: t("description.note") }),
    trigger: field("trigger", t("trigger"), trigger, required),
    slots: SLOTS.map(slot),
  };
}

/** @param {Webhook} webhook */
function identifier({ _id }) {
  const input = textInput({ value: _id, readonly: true, class: "mono" });
  return field("identifier", t("identifier"), input, { note: t("identifier.note") }).element;
}

/**
 * Asks before a webhook that was for one workflow, survey or group gets the events of the whole company.
 * @param {Webhook | null} webhook
 * @param {{ context: Record<string, string> }} change
 */
async function mayWiden(webhook, change) {
  const cleared = SLOTS.filter((slot) => webhook?.context[slot] && !change.context[slot]);
  if (!webhook || cleared.length === 0) return true;
  const names = cleared.map((slot) => t(`slot.${slot}`)).join(", ");
  return confirm(t("widen.title"), t("widen.body", { name: webhook.name, names }), { yes: t("widen.yes") });
}
