// What the panel says, in the language of whoever reads it.

import { ENGLISH } from "./english.js";
import { ENGLISH_RECORDS } from "./english_records.js";
import { SPANISH } from "./spanish.js";
import { SPANISH_RECORDS } from "./spanish_records.js";

const KEY = "hookrail.language";
const ALL = { en: { ...ENGLISH, ...ENGLISH_RECORDS }, es: { ...SPANISH, ...SPANISH_RECORDS } };

/** The languages there are, by their code. */
export const LANGUAGES = { en: "English", es: "Español" };

/** The language that was chosen, or that the browser asks for. */
export function language() {
  const asked = localStorage.getItem(KEY) ?? navigator.language.slice(0, 2);
  return asked in ALL ? asked : "en";
}

export function chooseLanguage(code) {
  localStorage.setItem(KEY, code);
}

/** The text of this name, its {marks} replaced. */
export function t(name, marks = {}) {
  const text = maybe(name) ?? name;
  return text.replace(/\{(\w+)\}/g, (_, mark) => String(marks[mark] ?? ""));
}

/** The text of this name, if there is one. */
export function maybe(name) {
  return ALL[language()][name] ?? ALL.en[name];
}
