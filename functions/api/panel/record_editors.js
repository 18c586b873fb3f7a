// The events of a platform webhook and its URL: type, event, filter and URL, which depend on each other.

import { el, show } from "./dom.js";
import { accept, field } from "./fields.js";
import { typeName, typesIn } from "./records.js";
import { scriptField } from "./script_field.js";
import { t } from "./text.js";

export class RecordEditors {
  /**
   * @param {{ type: string, event: string, filter: string, url: string }} start
   * @param {RecordType[]} types
   * @param {{ kapp: () => string, changed: () => void }} form where the webhook is kept; `changed` is called when type
   * or event have changed
   */
  constructor(start, types, { kapp, changed }) {
    this.start = start;
    this.types = types;
    this.kapp = kapp;
    this.changed = changed;
    this.type = field("type", t("type"), el("select"), { required: true, note: t("type.note") });
    this.event = field("event", t("event"), el("select"), { required: true, note: t("event.note") });
    const filter = el("textarea", { rows: 4, class: "mono", spellcheck: "false", value: start.filter });
    this.filter = scriptField("filter", t("filter"), filter, { note: t("filter.note") });
    const url = el("textarea", { rows: 2, class: "mono", spellcheck: "false", value: start.url });
    this.url = scriptField("url", t("url"), url, {
      required: true,
      note: t("record.url.note"),
      wrap: (text) => `\${${text}}`,
    });
    this.preset = field("preset", t("preset"), el("select"), { note: t("preset.note") });
    this.fields = [this.type, this.event, this.filter, this.url];
    /** Those that a trial may refuse. */
    this.tried = [this.type, this.filter, this.url];
    this.element = this.fields.map((each) => each.element);
    this.type.input.addEventListener("change", () => {
      this.preset.input.value = "";
      this.reset();
    });
    this.event.input.addEventListener("change", () => this.changed());
    this.preset.input.addEventListener("change", () => this.take());
    this.offerTypes();
    this.offerEvents(start.event);
  }

  /** Offers what fits where the webhook is kept. A type that no longer fits clears event, filter and URL. */
  offerTypes() {
    const offered = typesIn(this.types, this.kapp());
    const before = this.type.input.value;
    const types = offered.map((each) => [each.name, typeName(each)]);
    options(this.type.input, before || this.start.type, types);
    const trees = offered.flatMap((each) => each.presets.map((one) => ({ ...one, type: each.name })));
    options(
      this.preset.input,
      "",
      trees.map((tree) => {
        const marks = { action: `${tree.type} ${tree.event}`, tree: `${tree.group} / ${tree.tree}` };
        return [JSON.stringify(tree), t("preset.tree", marks)];
      }),
    );
    if (before && !this.type.input.value) this.reset();
  }

  /** @param {string} value */
  offerEvents(value) {
    const found = this.found();
    const events = (found?.events ?? []).map((each) => [each, each]);
    options(this.event.input, value, events);
    for (const editor of [this.filter, this.url]) editor.offer(found?.bindings ?? []);
  }

  found() {
    return this.types.find(({ name }) => name === this.type.input.value);
  }

  /** Clears what another type may not understand. */
  reset() {
    this.offerEvents("");
    for (const editor of [this.filter, this.url]) editor.input.value = "";
    accept(this.fields);
    this.changed();
  }

  /** Fills in the workflow tree that was chosen. */
  take() {
    if (this.preset.input.value === "") return;
    const tree = JSON.parse(this.preset.input.value);
    if (this.type.input.value !== tree.type) {
      this.type.input.value = tree.type;
      this.reset();
    }
    this.event.input.value = tree.event;
    this.url.input.value = tree.url;
    accept([this.type, this.event, this.url]);
    this.changed();
  }

  texts() {
    return { filter: this.filter.input.value, url: this.url.input.value.trim() };
  }

  /** Returns what the fields say, as the API takes it. */
  read() {
    return { type: this.type.input.value, event: this.event.input.value, ...this.texts() };
  }

  /** Returns the same, with everything that is known of the type. */
  chosen() {
    return { type: this.found(), event: this.event.input.value, ...this.texts() };
  }
}

/** @param {HTMLSelectElement} input @param {string} value @param {string[][]} all */
function options(input, value, all) {
  show(
    input,
    el("option", { value: "" }, t("choose")),
    all.map(([each, label]) => el("option", { value: each }, label)),
  );
  input.value = all.some(([each]) => each === value) ? value : "";
}
