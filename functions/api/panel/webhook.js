// One webhook: its name and state, and the tabs behind which its screens are.

import { WEBHOOKS, call, may } from "./api.js";
import { stateBadge } from "./badges.js";
import { reason } from "./dialog.js";
import { el, icon, show } from "./dom.js";
import { queueOf, stateOf } from "./facts.js";
import { logsScreen } from "./logs.js";
import { queueScreen } from "./queue.js";
import { link } from "./route.js";
import { settingsScreen } from "./settings.js";
import { t } from "./text.js";

const TABS = { settings: [settingsScreen], logs: [logsScreen, "logs"], queue: [queueScreen, "queue"] };

export function webhookScreen(main, [, id, tab = "settings"]) {
  const life = new AbortController();
  const isNew = id === "new";
  const name = el("h1", {}, isNew ? t("create.title") : "…");
  const state = el("div", { class: "now" });
  const place = el("div", { class: "screen" });
  const [screen, part] = TABS[tab] ?? TABS.settings;
  const tabs = Object.entries(TABS).map(([key, [, path]]) =>
    el(
      "a",
      {
        href: link(["webhooks", id, ...(path ? [path] : [])]),
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
      el("a", { class: "button quiet", href: link(["webhooks"]), "aria-label": t("back") }, icon("back")),
      name,
      state,
    ),
    !isNew && el("nav", { class: "tabs", "aria-label": t("tabs") }, tabs),
    place,
  );

  const shown = { webhook: isNew ? null : undefined, queue: null };
  let inner = null;

  /** Shows what is known of the webhook now; screens call it when they have changed or read something. */
  function tell(news) {
    Object.assign(shown, news);
    if (!shown.webhook) return;
    show(name, shown.webhook.name);
    show(state, stateBadge(stateOf(shown.webhook, shown.queue)));
    document.title = `${shown.webhook.name} · ${t(`tab.${tab in TABS ? tab : "settings"}`)} · Hookrail`;
  }

  async function load() {
    if (!isNew) {
      tell({ webhook: (await call("GET", `${WEBHOOKS}/${id}`, undefined, life.signal)).body });
      if (may("logs:read"))
        queueOf(id, life.signal).then(
          (queue) => tell({ queue }),
          () => {},
        );
    }
    if (!life.signal.aborted) inner = screen({ main: place, shown, tell, signal: life.signal });
  }

  load().catch((problem) => {
    if (problem.name === "AbortError") return;
    show(name, t("webhook"));
    show(
      place,
      el(
        "p",
        { class: "notice bad", role: "alert" },
        problem.status === 404 ? t("webhook.none") : reason(problem),
      ),
      el("a", { href: link(["webhooks"]) }, t("back")),
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
