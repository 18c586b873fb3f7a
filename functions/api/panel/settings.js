// A webhook's settings.

import { WEBHOOKS, call, may } from "./api.js";
import { credentials } from "./credentials.js";
import { deactivation } from "./deactivate.js";
import { confirm, reason, say, sayProblem } from "./dialog.js";
import { button, el, show } from "./dom.js";
import { codeOf, field, refuseFields } from "./fields.js";
import { askBeforeLeaving, go } from "./route.js";
import { secretSection } from "./secret.js";
import { guardChanges, mayLose, settingsForm } from "./settings_form.js";
import { testSection } from "./test_send.js";
import { t } from "./text.js";
import { labelOf, triggers } from "./triggers.js";

const SLOTS = ["taskGroup", "survey", "group"];
const POLICIES = { default: null, hold: 1, never: 0, number: 5 };

export function settingsScreen({ main, shown, tell, signal }) {
  triggers().then((catalogue) => signal.aborted || draw(main, { shown, tell, signal }, catalogue), sayProblem);
  return {};
}

function draw(main, { shown, tell, signal }, catalogue) {
  let webhook = shown.webhook;
  const isNew = !webhook;
  const canWrite = may("webhooks:write");
  if (isNew && !canWrite) return show(main, el("p", { class: "notice bad", role: "alert" }, t("read.only")));
  const start = webhook ?? {
    name: "",
    code: "",
    url: "",
    description: "",
    trigger: catalogue[0].name,
    context: {},
    isActive: true,
  };
  const text = (value, more = {}) =>
    el("input", { type: "text", value, autocomplete: "off", spellcheck: "false", ...more });

  const name = field("name", t("name"), text(start.name), { required: true });
  const code = field("code", t("code"), text(start.code, { readonly: !isNew, class: "mono" }), {
    required: true,
    note: isNew ? t("code.note") : t("code.locked"),
  });
  const url = field("url", t("url"), text(start.url, { type: "url", inputmode: "url", placeholder: "https://" }), {
    required: true,
  });
  const description = field(
    "description",
    t("description"),
    el("textarea", { rows: 2, value: start.description ?? "" }),
    { note: t("description.note") },
  );
  const trigger = field(
    "trigger",
    t("trigger"),
    el(
      "select",
      {},
      catalogue.map((entry) =>
        el(
          "option",
          { value: entry.name, selected: entry.name === start.trigger },
          labelOf(catalogue, entry.name),
        ),
      ),
    ),
    { required: true },
  );
  const slots = SLOTS.map((slot) =>
    field(`context.${slot}`, t(`slot.${slot}`), text(start.context[slot] ?? "", { class: "mono" }), {
      note: t("slot.note"),
    }),
  );
  const policy = suspendPolicy(start);
  const auth = credentials(start);
  const fields = [name, code, url, description, trigger, ...slots, policy.field, ...auth.fields];
  const problems = el("div", { role: "alert" });

  let suggests = isNew;
  name.input.addEventListener("input", () => {
    if (suggests) code.input.value = codeOf(name.input.value);
  });
  code.input.addEventListener("input", () => {
    suggests = code.input.value === "";
  });
  const slotsOf = () => catalogue.find((entry) => entry.name === trigger.input.value)?.slots ?? [];
  const showSlots = () =>
    slots.forEach((each, index) => {
      each.element.hidden = !slotsOf().includes(SLOTS[index]);
    });
  trigger.input.addEventListener("change", showSlots);
  showSlots();

  /** What the form says, as the API takes it. */
  function read() {
    const context = Object.fromEntries(
      SLOTS.map((slot, index) => [slot, slotsOf().includes(slot) ? slots[index].input.value.trim() : ""]),
    );
    return {
      name: name.input.value,
      url: url.input.value.trim(),
      trigger: trigger.input.value,
      context,
      description: description.input.value.trim() || null,
      suspendAfter: policy.read(),
      ...auth.read(),
    };
  }

  let saved = JSON.stringify(read());
  const isChanged = () => JSON.stringify(read()) !== saved || (isNew && code.input.value !== "");

  async function submit() {
    const change = read();
    if (!isNew && !(await mayWiden(webhook, change))) return;
    try {
      if (isNew) await create({ ...change, code: code.input.value });
      else await put({ ...change, __v: webhook.__v });
    } catch (problem) {
      refused(problem);
    }
  }

  async function create(body) {
    if (body.description === null) delete body.description;
    const made = (await call("POST", WEBHOOKS, body)).body;
    askBeforeLeaving(null);
    say(t("created", { name: made.name }));
    go(["webhooks", made._id]);
  }

  async function put(change) {
    const changed = (await call("PATCH", `${WEBHOOKS}/${webhook._id}`, change)).body;
    askBeforeLeaving(null);
    tell({ webhook: changed, queue: null });
    say(t("saved"));
    draw(main, { shown, tell, signal }, catalogue);
    main.querySelector("#save")?.focus();
  }

  function refused(problem) {
    const others = refuseFields(problem, fields);
    const isStale = problem.fields.some((each) => each.field === "__v");
    if (isStale) show(problems, el("p", { class: "notice bad" }, t("stale")), button(t("reload"), reload));
    else if (others.length) show(problems, el("p", { class: "notice bad" }, others.join("; ")));
    else if (problem.fields.length === 0) show(problems, el("p", { class: "notice bad" }, reason(problem)));
    else show(problems, el("p", { class: "notice bad" }, t("refused", { count: problem.fields.length })));
  }

  async function reload() {
    tell({ webhook: (await call("GET", `${WEBHOOKS}/${webhook._id}`)).body });
    draw(main, { shown, tell, signal }, catalogue);
  }

  async function toggle() {
    const waiting = webhook.isActive ? await deactivation([webhook]) : undefined;
    if (waiting === null) return;
    if (isChanged() && !(await mayLose())) return;
    await put({ isActive: !webhook.isActive, waiting }).catch(refused);
  }

  const form = settingsForm(
    { webhook, canWrite, submit, toggle, problems },
    el(
      "section",
      { class: "card" },
      el("h2", {}, t("general")),
      name.element,
      code.element,
      url.element,
      description.element,
      trigger.element,
      slots.map((each) => each.element),
      !isNew &&
        field("identifier", t("identifier"), text(webhook._id, { readonly: true, class: "mono" }), {
          note: t("identifier.note"),
        }).element,
    ),
    el("section", { class: "card" }, el("h2", {}, t("failing")), policy.element),
    el("section", { class: "card" }, el("h2", {}, t("credentials")), auth.element),
  );
  const target = () => ({ url: url.input.value.trim(), trigger: trigger.input.value });
  const beside = isNew
    ? testSection(null, { read: target, fields: [url, trigger] })
    : [secretSection(webhook, reread), testSection(webhook)];
  show(main, form, el("div", { class: "beside" }, beside));

  /** The version has moved: what is on the page stays. */
  async function reread() {
    webhook = (await call("GET", `${WEBHOOKS}/${webhook._id}`)).body;
    tell({ webhook });
  }

  saved = JSON.stringify(read());
  guardChanges(isChanged);
  if (isNew) name.input.focus();
}

/** Asks before a webhook that was for one workflow, survey or group gets the events of the whole company. */
async function mayWiden(webhook, change) {
  const cleared = SLOTS.filter((slot) => webhook.context[slot] && !change.context[slot]);
  if (cleared.length === 0) return true;
  const names = cleared.map((slot) => t(`slot.${slot}`)).join(", ");
  return confirm(t("widen.title"), t("widen.body", { name: webhook.name, names }), { yes: t("widen.yes") });
}

/** After how many events given up in a row the webhook is suspended. */
function suspendPolicy({ suspendAfter = null }) {
  const kind = Object.keys(POLICIES).find((key) => POLICIES[key] === suspendAfter && key !== "number") ?? "number";
  const select = el(
    "select",
    {},
    Object.keys(POLICIES).map((key) => el("option", { value: key, selected: key === kind }, t(`policy.${key}`))),
  );
  const count = el("input", {
    type: "number",
    min: 0,
    max: 100,
    value: String(kind === "number" ? suspendAfter : POLICIES.number),
    "aria-label": t("policy.count"),
  });
  const made = field("suspendAfter", t("policy"), select, { note: t("policy.note"), after: count });
  const follow = () => {
    count.hidden = select.value !== "number";
  };
  select.addEventListener("change", follow);
  follow();
  const read = () =>
    select.value === "number" ? (count.value === "" ? "" : Number(count.value)) : POLICIES[select.value];
  return { field: made, element: made.element, read };
}
