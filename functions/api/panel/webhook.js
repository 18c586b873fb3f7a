// One webhook of either face: its name and state, and the tabs behind which its screens are.

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

/** By the place of its list: how a webhook is found and set up, and what the way back is called. */
const FACES = {
  webhooks: {
    find: async (id, signal) => (await call("GET", `${WEBHOOKS}/${id}`, undefined, signal)).body,
    settings: settingsScreen,
    back: "back",
  },
  records: { find: recordWebhook, settings: recordForm, back: "records.back" },
};

export function webhookScreen(main, [place, id, asked]) {
  const { find, settings, back } = FACES[place];
  const parts = { settings: [settings], logs: [logsScreen, "logs"], queue: [queueScreen, "queue"] };
  const life = new AbortController();
  const isNew = id === "new";
  const name = el("h1", {}, isNew ? t("create.title") : "…");
  const state = el("div", { class: "now" });
  const content = el("div", { class: "screen" });
  const tab = Object.hasOwn(parts, asked ?? "") ? asked : "settings";
  const [screen, part] = parts[tab];
  const tabs = Object.entries(parts).map(([key, [, path]]) =>
    el(
      "a",
      {
        href: link([place, id, ...(path ? [path] : [])]),
        "aria-current": path === part ? "page" : null,
      },
      t(`tab.${key}`),
    ),
  );
  show(
    main,
    el(
      "div",
      { class: "title" },
      el("a", { class: "button quiet", href: link([place]), "aria-label": t(back) }, icon("back")),
      name,
      state,
    ),
    !isNew && el("nav", { class: "tabs", "aria-label": t("tabs") }, tabs),
    content,
  );

  const shown = { webhook: isNew ? null : undefined, queue: null };
  let inner = null;

  /** Shows what is known of the webhook now; screens call it when they have changed or read something. */
  function tell(news) {
    Object.assign(shown, news);
    if (!shown.webhook) return;
    show(name, shown.webhook.name);
    show(state, stateBadge(stateOf(shown.webhook, shown.queue)));
    document.title = `${shown.webhook.name} · ${t(`tab.${tab}`)} · Hookrail`;
  }

  async function load() {
    if (!isNew) {
      const webhook = await find(id, life.signal);
      if (!webhook) throw new Problem(404);
      tell({ webhook });
      if (may("logs:read"))
        queueOf(id, life.signal).then(
          (queue) => tell({ queue }),
          () => {},
        );
    }
    if (!life.signal.aborted) inner = screen({ main: content, shown, tell, signal: life.signal });
  }

  load().catch((problem) => {
    if (problem.name === "AbortError") return;
    show(name, t("webhook"));
    show(
      content,
      el(
        "p",
        { class: "notice bad", role: "alert" },
        problem.status === 404 ? t("webhook.none") : reason(problem),
      ),
      el("a", { href: link([place]) }, t(back)),
    );
  });
  return {
    title: isNew ? t("create.title") : t("webhook"),
    changed: () => inner?.changed?.(),
    leave: () => {
      life.abort();
      inner?.leave?.();
    },
  };
}
