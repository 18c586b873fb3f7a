// The auth strategy Signature: a key's name, and its secret, which is written and never shown again.

import { el } from "./dom.js";
import { field } from "./fields.js";
import { t } from "./text.js";

const FIELD = "authStrategy";

/** The fields, and `read()`: what has changed, as the API takes it. */
export function signature({ authStrategy = null }) {
  const isSet = authStrategy !== null;
  const saved = authStrategy?.properties.find(({ name }) => name === "Key")?.value ?? "";
  const key = field(
    `${FIELD}.properties.Key`,
    t("signature.key"),
    el("input", { type: "text", value: saved, autocomplete: "off", spellcheck: "false", class: "mono" }),
    { note: t("signature.key.note") },
  );
  const secret = field(
    `${FIELD}.properties.Secret`,
    t("signature.secret"),
    el("input", {
      type: "password",
      autocomplete: "new-password",
      placeholder: isSet ? t("unchanged") : "",
    }),
    { note: t(isSet ? "signature.secret.kept" : "signature.secret.note") },
  );
  const clear = el("input", { type: "checkbox", name: "clear" });
  clear.addEventListener("change", () => {
    for (const each of [key, secret]) each.input.disabled = clear.checked;
  });
  const clearing = isSet && el("label", { class: "choice" }, clear, el("span", {}, t("signature.clear")));

  function read() {
    if (clear.checked) return { [FIELD]: {} };
    const isSaid = key.input.value !== saved || secret.input.value !== "";
    if (!isSaid) return {};
    const properties = [
      { name: "Key", value: key.input.value },
      ...(secret.input.value === "" ? [] : [{ name: "Secret", value: secret.input.value }]),
    ];
    return { [FIELD]: { type: "Signature", properties } };
  }

  return { fields: [key, secret], element: [key.element, secret.element, clearing], read };
}
