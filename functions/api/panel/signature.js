// The auth strategy Signature: the name of a key, and its secret, which is written and never shown again.

import { el, textInput } from "./dom.js";
import { field } from "./fields.js";
import { t } from "./text.js";

const FIELD = "authStrategy";

/**
 * Makes the fields, and `read()`: the changes, as the API takes them.
 * @param {{ authStrategy?: PlatformWebhook["authStrategy"] }} webhook
 */
export function signature({ authStrategy = null }) {
  const isSet = authStrategy !== null;
  const saved = authStrategy?.properties.find(({ name }) => name === "Key")?.value ?? "";
  const keyInput = textInput({ value: saved, class: "mono" });
  const keyNote = { note: t("signature.key.note") };
  const key = field(`${FIELD}.properties.Key`, t("signature.key"), keyInput, keyNote);
  const placeholder = isSet ? t("unchanged") : "";
  const secretInput = el("input", { type: "password", autocomplete: "new-password", placeholder });
  const secretNote = { note: t(isSet ? "signature.secret.kept" : "signature.secret.note") };
  const secret = field(`${FIELD}.properties.Secret`, t("signature.secret"), secretInput, secretNote);
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
