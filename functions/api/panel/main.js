// The page as a whole: who is signed in, the screen that is shown, and the header above it.

import { exchange, may, session, signOut } from "./api.js";
import { reason } from "./dialog.js";
import { button, el, find, select, show } from "./dom.js";
import { askBeforeLeaving, link, place } from "./route.js";
import { SCREENS } from "./screens.js";
import { signInScreen } from "./signin.js";
import { LANGUAGES, chooseLanguage, language, t } from "./text.js";
import { zone } from "./time.js";

const HOME = "webhooks";
const page = find(document, "#page");
/** The screen that is shown, and its place. @type {{ name: string, screen: PanelScreen } | null} */
let shown = null;

/** Shows the screen of the address. One that is shown already follows new queries itself. */
function navigate() {
  if (!session()) return showSignIn();
  const { parts } = place();
  const name = parts.join("/");
  if (shown?.name === name && shown.screen.changed) return shown.screen.changed();
  leave();
  const main = el("main", { id: "main", tabindex: "-1" });
  const isKnown = Object.hasOwn(SCREENS, parts[0] ?? "");
  const where = isKnown ? parts[0] : HOME;
  const screen = SCREENS[where].screen(main, isKnown ? parts : [where]);
  shown = { name, screen };
  const toMain = { class: "skip", href: "#main", onclick: skipTo(main) };
  show(page, el("a", toMain, t("to.main")), header(where), main);
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

/** @param {HTMLElement} main @returns {(event: Event) => void} */
const skipTo = (main) => (event) => {
  event.preventDefault();
  main.focus();
};

/** @param {string} where */
function header(where) {
  const { name, company } = session() ?? {};
  const icon = /** @type {HTMLLinkElement} */ (document.querySelector("link[rel=icon]")).href;
  const brand = [el("img", { src: icon, alt: "", width: 24, height: 24 }), "Hookrail"];
  return el(
    "header",
    {},
    el("a", { class: "brand", href: link([HOME]) }, brand),
    el("nav", { class: "places", "aria-label": t("places") }, places(where)),
    el("span", { class: "who", title: company ?? "" }, name ?? company ?? ""),
    el("span", { class: "zone" }, t("zone", { zone: zone() })),
    languages(),
    button(t("signout"), leaveSession, { kind: "quiet" }),
  );
}

/** @param {string} where */
function places(where) {
  return Object.entries(SCREENS)
    .filter(([, { scope }]) => !scope || may(scope))
    .map(([name]) => {
      const attributes = { href: link([name]), "aria-current": name === where ? "page" : null };
      return el("a", attributes, t(`place.${name}`));
    });
}

function languages() {
  const choice = select(
    { id: "language", "aria-label": t("language") },
    Object.entries(LANGUAGES),
    language(),
  );
  choice.addEventListener("change", () => {
    chooseLanguage(choice.value);
    restart();
  });
  return choice;
}

async function leaveSession() {
  await signOut();
  showSignIn(t("signedout"));
}

/** @param {string} [message] */
function showSignIn(message) {
  leave();
  document.documentElement.lang = language();
  document.title = `${t("signin")} · Hookrail`;
  signInScreen(page, message, restart);
}

/** Draws everything again: in another language, or for the person who has signed in. */
function restart() {
  document.documentElement.lang = language();
  leave();
  navigate();
}

/** Starts. A code in the address works once; it is removed from the address before it is used. */
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
