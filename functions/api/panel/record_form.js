// The settings of a webhook on records: what it is for, where it goes, and a trial of both.

import { call, may } from "./api.js";
import { confirm, reason, say, sayProblem } from "./dialog.js";
import { button, el, show } from "./dom.js";
import { field, refuseFields } from "./fields.js";
import { recordEditors } from "./record_editors.js";
import { homeOf, kappOf, named, pathOf, recordTypes, scopeName } from "./records.js";
import { askBeforeLeaving, go, place } from "./route.js";
import { guardChanges, mayLose, settingsForm } from "./settings_form.js";
import { signature } from "./signature.js";
import { t } from "./text.js";
import { exact } from "./time.js";
import { trialSection } from "./trial.js";

const NEW = { name: "", type: "", event: "", filter: "", url: "", isActive: true };

export function recordForm({ main, shown, tell, signal }) {
  recordTypes().then((types) => signal.aborted || draw(main, { shown, tell, signal }, types), sayProblem);
  return {};
}

function draw(main, { shown, tell, signal }, types) {
  const { webhook } = shown;
  const isNew = !webhook;
  const canWrite = may("webhooks:write");
  if (isNew && !canWrite) return show(main, el("p", { class: "notice bad", role: "alert" }, t("read.only")));
  const start = webhook ?? NEW;
  const home = isNew ? newHome() : { kapp: () => kappOf(webhook), fields: [], element: [] };
  const name = field(
    "name",
    t("name"),
    el("input", { type: "text", value: start.name, autocomplete: "off", spellcheck: "false" }),
    { required: true, note: t("record.name.note") },
  );
  const editors = recordEditors(start, types, {
    kapp: home.kapp,
    changed: () => {
      suggest();
      trial?.changed();
    },
  });
  const auth = signature(start);
  const active = el("input", { type: "checkbox", name: "isActive", checked: true });
  const fields = [name, ...home.fields, ...editors.fields, ...auth.fields];
  const problems = el("div", { role: "alert" });
  const trial = canWrite ? trialSection({ read: editors.chosen, fields: editors.tried }) : null;

  let suggests = isNew;
  name.input.addEventListener("input", () => {
    suggests = name.input.value === "";
  });
  function suggest() {
    const { type, event } = editors.read();
    if (suggests) name.input.value = type && event ? `${type} ${event}` : "";
  }
  home.changed?.(editors.offerTypes);

  const read = () => ({ name: name.input.value, ...editors.read(), ...auth.read() });
  let saved = JSON.stringify(read());
  const isChanged = () => JSON.stringify(read()) !== saved;

  async function submit() {
    try {
      if (isNew) await create();
      else await put(read());
    } catch (problem) {
      refused(problem);
    }
  }

  async function create() {
    const body = { ...read(), isActive: active.checked };
    const { webhook: made } = (await call("POST", homeOf(home.kapp()), body)).body;
    askBeforeLeaving(null);
    say(t("created", { name: made.name }));
    go(["records", made.id]);
  }

  async function put(change) {
    const { body } = await call("PUT", `${pathOf(webhook)}?include=details`, change);
    askBeforeLeaving(null);
    tell({ webhook: named(body.webhook), queue: null });
    say(t("saved"));
    draw(main, { shown, tell, signal }, types);
    main.querySelector("#save")?.focus();
  }

  function refused(problem) {
    const others = refuseFields(problem, fields);
    // The one thing that such a call can fail to find is the place that the path names.
    if (isNew && problem.status === 404) home.refuse(reason(problem));
    const count = problem.fields.length;
    const text = others.join("; ") || (count ? t("refused", { count }) : reason(problem));
    show(problems, el("p", { class: "notice bad" }, text));
  }

  async function toggle() {
    const { name: called, isActive } = webhook;
    const body = t("record.deactivate.body");
    if (isActive && !(await confirm(t("deactivate.one", { name: called }), body, { yes: t("deactivate") }))) return;
    if (isChanged() && !(await mayLose())) return;
    await put({ isActive: !isActive }).catch(refused);
  }

  async function remove() {
    if (await removed(webhook)) {
      askBeforeLeaving(null);
      go(["records"]);
    }
  }

  const more = !isNew && button(t("remove"), remove, { kind: "danger", id: "remove" });
  const form = settingsForm(
    { webhook, canWrite, submit, toggle, more, problems },
    el(
      "section",
      { class: "card" },
      el("h2", {}, t("general")),
      isNew ? home.element : el("p", { class: "note" }, `${t("scope")}: ${scopeName(kappOf(webhook))}`),
      editors.preset,
      name.element,
      editors.element,
      isNew && el("label", { class: "choice" }, active, el("span", {}, t("record.active"))),
      !isNew && history(webhook),
    ),
    el(
      "section",
      { class: "card" },
      el("h2", {}, t("signature")),
      el("p", { class: "note" }, t("signature.note")),
      auth.element,
    ),
  );
  show(main, form, trial && el("div", { class: "beside" }, trial.element));
  saved = JSON.stringify(read());
  guardChanges(isChanged);
  if (isNew) home.focus();
}

/** Where a new webhook is kept: in the space, or in a kapp that is named. */
function newHome() {
  const asked = place().queries.kapp ?? "";
  const scope = field(
    "scope",
    t("scope"),
    el(
      "select",
      {},
      ["space", "kapp"].map((each) =>
        el("option", { value: each, selected: (each === "kapp") === (asked !== "") }, t(`scope.${each}.choice`)),
      ),
    ),
    { required: true, note: t("scope.note") },
  );
  const slug = field(
    "kappSlug",
    t("scope.slug"),
    el("input", { type: "text", value: asked, autocomplete: "off", spellcheck: "false", class: "mono" }),
    { required: true },
  );
  const isKapp = () => scope.input.value === "kapp";
  const follow = () => {
    slug.element.hidden = !isKapp();
  };
  scope.input.addEventListener("change", follow);
  follow();
  return {
    // A slug that is left out is refused by the server as any other that is none.
    kapp: () => (isKapp() ? slug.input.value.trim() || " " : ""),
    fields: [scope, slug],
    element: [scope.element, slug.element],
    changed: (work) => scope.input.addEventListener("change", work),
    refuse: (why) => {
      slug.refuse(why);
      slug.input.focus();
    },
    focus: () => scope.input.focus(),
  };
}

/** Who made and who changed it, and when. */
function history({ id, createdAt, createdBy, updatedAt, updatedBy }) {
  return [
    el("p", { class: "note" }, t("identifier"), ": ", el("span", { class: "mono" }, id)),
    el("p", { class: "note" }, t("record.created", { date: exact(createdAt), name: createdBy })),
    el("p", { class: "note" }, t("record.updated", { date: exact(updatedAt), name: updatedBy })),
  ];
}

/** Asks, and deletes the webhook; whether it was. */
export async function removed(webhook) {
  const title = t("remove.title", { name: webhook.name });
  const body = t("remove.body", { scope: scopeName(kappOf(webhook)) });
  if (!(await confirm(title, body, { yes: t("remove") }))) return false;
  try {
    await call("DELETE", pathOf(webhook));
    say(t("removed", { name: webhook.name }));
    return true;
  } catch (problem) {
    sayProblem(problem);
    return false;
  }
}
