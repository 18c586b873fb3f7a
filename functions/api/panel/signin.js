// Signing in: with a token, or with a link that works once.

import { exchange, may, signIn, signOut } from "./api.js";
import { reason } from "./dialog.js";
import { el, busy, show } from "./dom.js";
import { t } from "./text.js";

const CODE = /^hkl_|#code=/;

/**
 * Shows the form. Calls `done` when a person has signed in.
 * @param {HTMLElement} page
 * @param {string | undefined} message
 * @param {() => void} done
 */
export function signInScreen(page, message, done) {
  const input = el("input", {
    id: "token",
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    "aria-describedby": "token-note token-error",
  });
  const error = el("p", { id: "token-error", class: "error", role: "alert" });
  const submit = el("button", { class: "primary" }, el("span", {}, t("signin")));
  const form = el(
    "form",
    { class: "card" },
    message && el("p", { class: "notice", role: "status" }, message),
    el("label", { for: "token" }, t("token")),
    input,
    el("p", { id: "token-note", class: "note" }, t("token.note")),
    error,
    submit,
  );
  /** @param {string} why */
  const refuse = (why) => {
    show(error, why);
    input.setAttribute("aria-invalid", "true");
    input.focus();
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(submit, async () => {
      const text = input.value.trim();
      try {
        if (CODE.test(text)) await exchange(text.replace(/^.*#code=/, ""));
        else await signIn(text);
      } catch (problem) {
        return refuse(problem.status === 401 ? t("token.refused") : reason(problem));
      }
      if (may("webhooks:read")) return done();
      await signOut();
      refuse(t("no.company"));
    });
  });
  show(
    page,
    el(
      "main",
      { id: "main", class: "signin" },
      el("h1", {}, "Hookrail"),
      el("p", {}, t("signin.about")),
      form,
    ),
  );
  input.focus();
}
