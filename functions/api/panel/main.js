// The page as a whole: who is signed in, which screen is shown, and what stands around it.

import { exchange, may, session, signOut } from "./api.js";
import { reason } from "./dialog.js";
import { button, el, show } from "./dom.js";
import { jobsScreen } from "./jobs.js";
import { recordsScreen } from "./record_list.js";
import { askBeforeLeaving, link, place } from "./route.js";
import { signInScreen } from "./signin.js";
import { LANGUAGES, chooseLanguage, language, t } from "./text.js";
import { zone } from "./time.js";
import { webhookScreen } from "./webhook.js";
import { webhooksScreen } from "./webhooks.js";

/** The places that the header leads to: their screens, and the scope without which there is nothing to see. */
const PLACES = {
  webhooks: { screen: (main, parts) => (parts[1] ? webhookScreen(main, parts) : webhooksScreen(main)) },
  records: { screen: (main, parts) => (parts[1] ? webhookScreen(main, parts) : recordsScreen(main)) },
  jobs: { screen: (main) => jobsScreen(main), scope: "logs:read" },
};

const page = document.getElementById("page");
let shown = null;

/** Shows the screen of the place; one that is shown already hears of new queries itself. */
function navigate() {
  if (!session()) return showSignIn();
  const { parts } = place();
  const name = parts.join("/");
  if (shown?.name === name && shown.screen.changed) return shown.screen.changed();
  leave();
  const main = el("main", { id: "main", tabindex: "-1" });
  const where = Object.hasOwn(PLACES, parts[0] ?? "") ? parts[0] : "webhooks";
  const screen = PLACES[where].screen(main, where === parts[0] ? parts : [where]);
  shown = { name, screen };
  show(page, el("a", { class: "skip", href: "#main", onclick: toMain }, t("to.main")), header(where), main);
  document.title = `${screen.title} · Hookrail`;
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
}

function leave() {
  shown?.screen.leave?.();
  shown = null;
  askBeforeLeaving(null);
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
}

function toMain(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

function header(where) {
  const { name, company } = session();
  const languages = el(
    "select",
    { id: "language", "aria-label": t("language") },
    Object.entries(LANGUAGES).map(([code, text]) =>
      el("option", { value: code, selected: code === language() }, text),
    ),
  );
  languages.addEventListener("change", () => {
    chooseLanguage(languages.value);
    restart();
  });
  return el(
    "header",
    {},
    el(
      "a",
      { class: "brand", href: link(["webhooks"]) },
      el("img", { src: document.querySelector("link[rel=icon]").href, alt: "", width: 24, height: 24 }),
      "Hookrail",
    ),
    el(
      "nav",
      { class: "places", "aria-label": t("places") },
      Object.entries(PLACES)
        .filter(([, { scope }]) => !scope || may(scope))
        .map(([name]) =>
          el("a", { href: link([name]), "aria-current": name === where ? "page" : null }, t(`place.${name}`)),
        ),
    ),
    el("span", { class: "who", title: company ?? "" }, name ?? company ?? ""),
    el("span", { class: "zone" }, t("zone", { zone: zone() })),
    languages,
    button(
      t("signout"),
      async () => {
        await signOut();
        showSignIn(t("signedout"));
      },
      { kind: "quiet" },
    ),
  );
}

function showSignIn(message) {
  leave();
  document.documentElement.lang = language();
  document.title = `${t("signin")} · Hookrail`;
  signInScreen(page, message, restart);
}

/** Everything anew: another language, or somebody has signed in. */
function restart() {
  document.documentElement.lang = language();
  leave();
  navigate();
}

/** A code or token in the address works once, and is nobody else's to see. */
async function start() {
  document.documentElement.lang = language();
  const code = /^#code=(.+)$/.exec(location.hash)?.[1];
  if (code) {
    history.replaceState(null, "", location.pathname);
    try {
      await exchange(code);
      if (!may("webhooks:read")) {
        await signOut();
        return showSignIn(t("no.company"));
      }
    } catch (problem) {
      return showSignIn(problem.status === 401 ? t("code.spent") : reason(problem));
    }
  }
  navigate();
}

addEventListener("place", navigate);
addEventListener("expired", () => showSignIn(t("expired")));
start();
