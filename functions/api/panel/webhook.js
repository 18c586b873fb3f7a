// One webhook of either API: its name and state, and its tabs.

import { Problem, WEBHOOKS, call, may } from "./api.js";
import { stateBadge } from "./badges.js";
import { reason } from "./dialog.js";
import { el, icon, show } from "./dom.js";
import { queueOf, stateOf } from "./facts.js";
import { logsScreen } from "./logs.js";
import { queueScreen } from "./queue.js";
import { recordForm } from "./record_form.js";
import { recordWebhook } from "./records.js";
import { link } from "./route.js";
import { settingsScreen } from "./settings.js";
import { t } from "./text.js";

/**
 * @typedef {object} Kind
 * @property {(id: string, signal: AbortSignal) => Promise<any>} find
 * @property {(tab: WebhookTab) => PanelScreen} settings
 * @property {string} back
 */

/**
 * By the first part of the address: how a webhook is read and set up, and the text of the way back.
 * @type {Record<string, Kind>}
 */
const KINDS = {
  webhooks: {
    find: async (id, signal) => (await call("GET", `${WEBHOOKS}/${id}`, undefined, signal)).body,
    settings: settingsScreen,
    back: "back",
  },
  records: { find: recordWebhook, settings: recordForm, back: "records.back" },
};

/** @param {HTMLElement} main @param {string[]} parts of the address @returns {PanelScreen} */
export function webhookScreen(main, parts) {
  return new WebhookView(main, parts);
}

class WebhookView {
  /** @param {HTMLElement} main @param {string[]} parts */
  constructor(main, parts) {
    const [place, id, asked = ""] = parts;
    this.place = place;
    this.id = id;
    this.kind = KINDS[place];
    this.isNew = id === "new";
    this.title = t(this.isNew ? "create.title" : "webhook");
    this.life = new AbortController();
    /** @type {WebhookTab["shown"]} */
    this.shown = { webhook: this.isNew ? null : undefined, queue: null };
    /** @type {PanelScreen | null} */
    this.inner = null;
    /**
     * By name, the screen of a tab and its part of the address.
     * @type {Record<string, [screen: (tab: WebhookTab) => PanelScreen, part?: string]>}
     */
    this.tabs = { settings: [this.kind.settings], logs: [logsScreen, "logs"], queue: [queueScreen, "queue"] };
    this.tab = Object.hasOwn(this.tabs, asked) ? asked : "settings";
    this.name = el("h1", {}, this.isNew ? this.title : "…");
    this.state = el("div", { class: "now" });
    this.content = el("div", { class: "screen" });
    const back = { class: "button quiet", href: link([place]), "aria-label": t(this.kind.back) };
    show(
      main,
      el("div", { class: "title" }, el("a", back, icon("back")), this.name, this.state),
      !this.isNew && el("nav", { class: "tabs", "aria-label": t("tabs") }, this.links()),
      this.content,
    );
    this.load().catch((problem) => this.failed(problem));
  }

  links() {
    return Object.entries(this.tabs).map(([name, [, part]]) => {
      const href = link([this.place, this.id, ...(part ? [part] : [])]);
      return el("a", { href, "aria-current": name === this.tab ? "page" : null }, t(`tab.${name}`));
    });
  }

  /**
   * Shows what is known of the webhook. Tabs call it when they have changed or read something.
   * @param {Partial<WebhookTab["shown"]>} news
   */
  tell(news) {
    Object.assign(this.shown, news);
    const { webhook, queue } = this.shown;
    if (!webhook) return;
    show(this.name, webhook.name);
    show(this.state, stateBadge(stateOf(webhook, queue)));
    document.title = `${webhook.name} · ${t(`tab.${this.tab}`)} · Hookrail`;
  }

  async load() {
    const { signal } = this.life;
    if (!this.isNew) {
      const webhook = await this.kind.find(this.id, signal);
      if (!webhook) throw new Problem(404);
      this.tell({ webhook });
      if (may("logs:read")) this.loadQueue().catch(() => {});
    }
    if (signal.aborted) return;
    const [screen] = this.tabs[this.tab];
    /** @type {WebhookTab["tell"]} */
    const tell = (news) => this.tell(news);
    this.inner = screen({ main: this.content, shown: this.shown, tell, signal });
  }

  async loadQueue() {
    this.tell({ queue: await queueOf(this.id, this.life.signal) });
  }

  /** @param {any} problem */
  failed(problem) {
    if (problem.name === "AbortError") return;
    show(this.name, t("webhook"));
    const text = problem.status === 404 ? t("webhook.none") : reason(problem);
    show(
      this.content,
      el("p", { class: "notice bad", role: "alert" }, text),
      el("a", { href: link([this.place]) }, t(this.kind.back)),
    );
  }

  changed() {
    this.inner?.changed?.();
  }

  leave() {
    this.life.abort();
    this.inner?.leave?.();
  }
}
