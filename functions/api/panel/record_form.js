// The settings of a platform webhook: its events, its URL, and a trial of both.

import { call, may } from "./api.js";
import { confirm, reason, say, sayProblem } from "./dialog.js";
import { button, el, find, show, textInput } from "./dom.js";
import { field, refuseFields } from "./fields.js";
import { RecordEditors } from "./record_editors.js";
import { RecordHome } from "./record_home.js";
import { recordRemoved } from "./record_remove.js";
import { homeOf, kappOf, named, pathOf, recordTypes, scopeName } from "./records.js";
import { askBeforeLeaving, go } from "./route.js";
import { guardChanges, mayLose, settingsForm } from "./settings_form.js";
import { signature } from "./signature.js";
import { t } from "./text.js";
import { exact } from "./time.js";
import { Trial } from "./trial.js";

const NEW = { name: "", type: "", event: "", filter: "", url: "", isActive: true };

/** @param {WebhookTab} tab @returns {PanelScreen} */
export function recordForm(tab) {
  recordTypes().then((types) => tab.signal.aborted || draw(tab, types), sayProblem);
  return {};
}

/** @param {WebhookTab} tab @param {RecordType[]} types */
function draw(tab, types) {
  if (tab.shown.webhook || may("webhooks:write")) new RecordForm(tab, types);
  else show(tab.main, el("p", { class: "notice bad", role: "alert" }, t("read.only")));
}

class RecordForm {
  /** @param {WebhookTab} tab @param {RecordType[]} types */
  constructor(tab, types) {
    this.tab = tab;
    this.types = types;
    this.webhook = tab.shown.webhook;
    this.isNew = !this.webhook;
    const start = this.webhook ?? NEW;
    this.home = this.isNew ? new RecordHome() : null;
    const noted = { required: true, note: t("record.name.note") };
    this.name = field("name", t("name"), textInput({ value: start.name }), noted);
    this.editors = new RecordEditors(start, types, {
      kapp: () => this.kapp(),
      changed: () => this.chosen(),
    });
    this.auth = signature(start);
    this.active = el("input", { type: "checkbox", name: "isActive", checked: true });
    this.fields = [this.name, ...(this.home?.fields ?? []), ...this.editors.fields, ...this.auth.fields];
    this.problems = el("div", { role: "alert" });
    this.trial = may("webhooks:write") ? new Trial(this.editors) : null;
    this.suggests = this.isNew;
    this.name.input.addEventListener("input", () => {
      this.suggests = this.name.input.value === "";
    });
    this.home?.onChange(() => this.editors.offerTypes());
    const beside = this.trial && el("div", { class: "beside" }, this.trial.element);
    show(tab.main, this.form(), beside);
    this.saved = this.text();
    guardChanges(() => this.isChanged());
    this.home?.focus();
  }

  kapp() {
    return this.home ? this.home.kapp() : kappOf(this.webhook);
  }

  /** Another type or event was chosen. */
  chosen() {
    const { type, event } = this.editors.read();
    if (this.suggests) this.name.input.value = type && event ? `${type} ${event}` : "";
    this.trial?.changed();
  }

  form() {
    const { isNew, webhook } = this;
    const more = !isNew && button(t("remove"), () => this.remove(), { kind: "danger", id: "remove" });
    const work = { submit: () => this.submit(), toggle: () => this.toggle() };
    return settingsForm(
      { webhook, canWrite: may("webhooks:write"), more, problems: this.problems, ...work },
      el(
        "section",
        { class: "card" },
        el("h2", {}, t("general")),
        this.home
          ? this.home.element
          : el("p", { class: "note" }, `${t("scope")}: ${scopeName(this.kapp())}`),
        this.editors.preset.element,
        this.name.element,
        this.editors.element,
        isNew && el("label", { class: "choice" }, this.active, el("span", {}, t("record.active"))),
        !isNew && history(webhook),
      ),
      el(
        "section",
        { class: "card" },
        el("h2", {}, t("signature")),
        el("p", { class: "note" }, t("signature.note")),
        this.auth.element,
      ),
    );
  }

  read() {
    return { name: this.name.input.value, ...this.editors.read(), ...this.auth.read() };
  }

  text() {
    return JSON.stringify(this.read());
  }

  isChanged() {
    return this.text() !== this.saved;
  }

  async submit() {
    try {
      if (this.isNew) await this.create();
      else await this.put(this.read());
    } catch (problem) {
      this.refused(problem);
    }
  }

  async create() {
    const body = { ...this.read(), isActive: this.active.checked };
    const { webhook } = (await call("POST", homeOf(this.kapp()), body)).body;
    askBeforeLeaving(null);
    say(t("created", { name: webhook.name }));
    go(["records", webhook.id]);
  }

  /** @param {object} change */
  async put(change) {
    const { body } = await call("PUT", `${pathOf(this.webhook)}?include=details`, change);
    askBeforeLeaving(null);
    this.tab.tell({ webhook: named(body.webhook), queue: null });
    say(t("saved"));
    draw(this.tab, this.types);
    find(this.tab.main, "#save").focus();
  }

  /** @param {any} problem */
  refused(problem) {
    const others = refuseFields(problem, this.fields);
    // Only the kapp in the path can be missing.
    if (problem.status === 404) this.home?.refuse(reason(problem));
    const count = problem.fields.length;
    const text = others.join("; ") || (count ? t("refused", { count }) : reason(problem));
    show(this.problems, el("p", { class: "notice bad" }, text));
  }

  async toggle() {
    const { name, isActive } = this.webhook;
    const title = t("deactivate.one", { name });
    if (isActive && !(await confirm(title, t("record.deactivate.body"), { yes: t("deactivate") }))) return;
    if (this.isChanged() && !(await mayLose())) return;
    await this.put({ isActive: !isActive }).catch((problem) => this.refused(problem));
  }

  async remove() {
    if (!(await recordRemoved(this.webhook))) return;
    askBeforeLeaving(null);
    go(["records"]);
  }
}

/** Who created and who changed it, and when. @param {PlatformWebhook} webhook */
function history({ id, createdAt, createdBy, updatedAt, updatedBy }) {
  return [
    el("p", { class: "note" }, t("identifier"), ": ", el("span", { class: "mono" }, id)),
    el("p", { class: "note" }, t("record.created", { date: exact(createdAt), name: createdBy })),
    el("p", { class: "note" }, t("record.updated", { date: exact(updatedAt), name: updatedBy })),
  ];
}
