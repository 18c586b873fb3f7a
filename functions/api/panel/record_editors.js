// What a webhook on records is for and where it goes: type, event, filter and URL, which depend on each other.

import { el, show } from "./dom.js";
import { field } from "./fields.js";
import { typeName, typesIn } from "./records.js";
import { scriptField } from "./script_field.js";
import { t } from "./text.js";

/** The fields of a webhook that begins as `start`. `kapp()` is where it is kept; `changed()` is called when type or
 * event are others. */
export function recordEditors(start, types, { kapp, changed }) {
  const choice = () => el("select");
  const type = field("type", t("type"), choice(), { required: true, note: t("type.note") });
  const event = field("event", t("event"), choice(), { required: true, note: t("event.note") });
  const filter = scriptField(
    "filter",
    t("filter"),
    el("textarea", { rows: 4, class: "mono", spellcheck: "false", value: start.filter }),
    { note: t("filter.note") },
  );
  const url = scriptField(
    "url",
    t("url"),
    el("textarea", { rows: 2, class: "mono", spellcheck: "false", value: start.url }),
    { required: true, note: t("record.url.note"), wrap: (text) => `\${${text}}` },
  );
  const preset = field("preset", t("preset"), choice(), { note: t("preset.note") });
  const find = () => types.find(({ name }) => name === type.input.value);

  function options(input, value, all) {
    show(
      input,
      el("option", { value: "" }, t("choose")),
      all.map(([each, label]) => el("option", { value: each }, label)),
    );
    input.value = all.some(([each]) => each === value) ? value : "";
  }

  /** What is offered where the webhook is kept. What is not any longer takes event, filter and URL with it. */
  function offerTypes() {
    const offered = typesIn(types, kapp());
    const before = type.input.value;
    options(type.input, before || start.type, offered.map((each) => [each.name, typeName(each)]));
    const trees = offered.flatMap((each) => each.presets.map((one) => ({ ...one, type: each.name })));
    options(
      preset.input,
      "",
      trees.map((tree) => [
        JSON.stringify(tree),
        t("preset.tree", { action: `${tree.type} ${tree.event}`, tree: `${tree.group} / ${tree.tree}` }),
      ]),
    );
    if (before && !type.input.value) reset();
  }

  function offerEvents(value) {
    const found = find();
    options(event.input, value, (found?.events ?? []).map((each) => [each, each]));
    for (const editor of [filter, url]) editor.offer(found?.bindings ?? []);
  }

  /** Each of the others may be nonsense for another type. */
  function reset() {
    offerEvents("");
    for (const editor of [filter, url]) editor.input.value = "";
    for (const each of [type, event, filter, url]) each.refuse(null);
    changed();
  }

  function take() {
    if (preset.input.value === "") return;
    const tree = JSON.parse(preset.input.value);
    if (type.input.value !== tree.type) {
      type.input.value = tree.type;
      reset();
    }
    event.input.value = tree.event;
    url.input.value = tree.url;
    for (const each of [type, event, url]) each.refuse(null);
    changed();
  }

  type.input.addEventListener("change", () => {
    preset.input.value = "";
    reset();
  });
  event.input.addEventListener("change", changed);
  preset.input.addEventListener("change", take);
  offerTypes();
  offerEvents(start.event);

  const texts = () => ({ filter: filter.input.value, url: url.input.value.trim() });
  return {
    fields: [type, event, filter, url],
    /** Those that a trial may have something against. */
    tried: [type, filter, url],
    preset: preset.element,
    element: [type.element, event.element, filter.element, url.element],
    offerTypes,
    read: () => ({ type: type.input.value, event: event.input.value, ...texts() }),
    chosen: () => ({ type: find(), event: event.input.value, ...texts() }),
  };
}
