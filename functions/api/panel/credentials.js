// Headers and basic auth of a webhook. Their values are written, and never shown again.

import { button, el, find, textInput } from "./dom.js";
import { field } from "./fields.js";
import { t } from "./text.js";

/**
 * Makes the fields, and `read()`: the changes, as the API takes them.
 * @param {{ headers?: string[], basicAuth?: { username: string } | null }} webhook
 */
export function credentials({ headers = [], basicAuth = null }) {
  const list = new HeaderList(headers);
  const user = field("basicAuth", t("basic.user"), textInput({ value: basicAuth?.username ?? "" }), {
    note: t("basic.note"),
  });
  const placeholder = basicAuth ? t("unchanged") : "";
  const input = textInput({ type: "password", autocomplete: "new-password", placeholder });
  const password = field("basicAuth.password", t("basic.password"), input);
  const fields = [list.field, user, password];

  function basic() {
    const username = user.input.value;
    if (username === "") return basicAuth ? { basicAuth: null } : {};
    if (password.input.value !== "") return { basicAuth: { username, password: password.input.value } };
    return username === basicAuth?.username ? {} : { basicAuth: { username } };
  }

  const read = () => ({ ...list.read(), ...basic() });
  return { fields, element: fields.map((each) => each.element), read };
}

class HeaderList {
  /** @param {string[]} names of the saved headers */
  constructor(names) {
    this.list = el("div", { class: "headers" });
    /** @type {Set<string>} */
    this.dropped = new Set();
    this.rows = new Set();
    names.forEach((name) => this.add(name, true));
    this.more = button(t("header.add"), () => this.add("", false).name.focus(), { mark: "plus" });
    this.field = field("headers", t("headers"), el("input", { type: "hidden" }), { note: t("headers.note") });
    const { element, input } = this.field;
    find(element, "label").removeAttribute("for");
    input.focus = () => (this.list.querySelector("input") ?? this.more).focus();
    element.insertBefore(el("div", {}, this.list, this.more), element.querySelector(".note"));
  }

  /**
   * Adds a row. A saved header keeps its value until another one is typed.
   * @param {string} name
   * @param {boolean} isSaved
   */
  add(name, isSaved) {
    const label = isSaved ? t("header.value.of", { name }) : t("header.value");
    const naming = { "aria-label": t("header.name"), placeholder: t("header.name") };
    const row = {
      isSaved,
      name: textInput({ value: name, readonly: isSaved, class: "mono", ...naming }),
      value: textInput({
        type: "password",
        "aria-label": label,
        placeholder: t(isSaved ? "unchanged" : "header.value"),
        autocomplete: "new-password",
      }),
    };
    const remove = () => {
      if (isSaved) this.dropped.add(name);
      this.rows.delete(row);
      element.remove();
      this.more.focus();
    };
    const named = t("header.drop.of", { name: name || t("header.new") });
    const drop = button(t("header.drop"), remove, { kind: "quiet", "aria-label": named });
    const element = el("div", { class: "header" }, row.name, row.value, drop);
    this.rows.add(row);
    this.list.append(element);
    return row;
  }

  read() {
    const set = Object.fromEntries([...this.dropped].map((name) => [name, null]));
    for (const { isSaved, name, value } of this.rows) {
      if (value.value !== "" || (!isSaved && name.value !== "")) set[name.value.trim()] = value.value;
    }
    return Object.keys(set).length ? { headers: set } : {};
  }
}
