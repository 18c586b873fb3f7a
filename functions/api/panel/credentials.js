// Headers and basic auth of a webhook. Their values are written, and never shown again.

import { button, el } from "./dom.js";
import { field } from "./fields.js";
import { t } from "./text.js";

/** The fields, and `read()`: what has changed, as the API takes it. */
export function credentials({ headers = [], basicAuth = null }) {
  const list = el("div", { class: "headers" });
  const input = (more) => el("input", { type: "text", autocomplete: "off", spellcheck: "false", ...more });
  const dropped = new Set();
  const rows = new Set();

  /** A header by its name; what is saved keeps its value until another one is typed. */
  function add(name, isSaved) {
    const row = {
      isSaved,
      name: input({
        value: name,
        readonly: isSaved,
        class: "mono",
        "aria-label": t("header.name"),
        placeholder: t("header.name"),
      }),
      value: input({
        type: "password",
        "aria-label": isSaved ? t("header.value.of", { name }) : t("header.value"),
        placeholder: isSaved ? t("unchanged") : t("header.value"),
        autocomplete: "new-password",
      }),
    };
    const remove = button(
      t("header.drop"),
      () => {
        if (isSaved) dropped.add(name);
        rows.delete(row);
        element.remove();
        more.focus();
      },
      { kind: "quiet", "aria-label": t("header.drop.of", { name: name || t("header.new") }) },
    );
    const element = el("div", { class: "header" }, row.name, row.value, remove);
    rows.add(row);
    list.append(element);
    return row;
  }

  headers.forEach((name) => add(name, true));
  const more = button(t("header.add"), () => add("", false).name.focus(), { mark: "plus" });
  const named = el("input", { type: "hidden" });
  const error = field("headers", t("headers"), named, { note: t("headers.note") });
  error.element.querySelector("label").removeAttribute("for");
  error.input.focus = () => (list.querySelector("input") ?? more).focus();
  error.element.insertBefore(el("div", {}, list, more), error.element.querySelector(".note"));

  const user = field("basicAuth", t("basic.user"), input({ value: basicAuth?.username ?? "" }), {
    note: t("basic.note"),
  });
  const password = field(
    "basicAuth.password",
    t("basic.password"),
    input({ type: "password", autocomplete: "new-password", placeholder: basicAuth ? t("unchanged") : "" }),
  );

  function read() {
    const change = {};
    const set = Object.fromEntries([...dropped].map((name) => [name, null]));
    for (const { isSaved, name, value } of rows) {
      if (value.value !== "" || (!isSaved && name.value !== "")) set[name.value.trim()] = value.value;
    }
    if (Object.keys(set).length) change.headers = set;
    if (user.input.value === "") {
      if (basicAuth) change.basicAuth = null;
    } else if (password.input.value !== "") {
      change.basicAuth = { username: user.input.value, password: password.input.value };
    } else if (user.input.value !== basicAuth?.username) {
      change.basicAuth = { username: user.input.value };
    }
    return change;
  }

  return { fields: [error, user, password], element: [error.element, user.element, password.element], read };
}
