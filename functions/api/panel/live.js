// A switch that keeps a list up to date, and what is said beside it.

import { el, show } from "./dom.js";
import { t } from "./text.js";
import { exact } from "./time.js";

export class Live {
  /**
   * @param {number} period milliseconds between two looks
   * @param {{ refresh: () => Promise<void>, switched: () => void }} on what is done each time, and when a person
   * switches it
   */
  constructor(period, { refresh, switched }) {
    this.box = el("input", { type: "checkbox", id: "live", checked: true });
    this.news = el("span", { class: "news note", role: "status" });
    this.element = [el("label", { class: "live" }, this.box, " ", t("live")), this.news];
    this.box.addEventListener("change", switched);
    this.timer = setInterval(() => (this.isOn() ? refresh().catch(() => {}) : undefined), period);
  }

  /** Whether it is on, and the page is visible. */
  isOn() {
    return this.box.checked && !document.hidden;
  }

  /** Says as of when the list is. */
  showTime() {
    show(this.news, this.box.checked && t("live.at", { time: exact(Date.now()).slice(-8) }));
  }

  stop() {
    clearInterval(this.timer);
  }
}
