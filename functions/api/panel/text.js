// The texts of the panel, in the reader's language. They are in `texts/*.json`, each in every language.

const KEY = "hookrail.language";

/** The languages, by their code. @type {Record<string, string>} */
export const LANGUAGES = { en: "English", es: "Español" };

/** Returns the code of the language that was chosen, or that the browser asks for. */
export function language() {
  const asked = localStorage.getItem(KEY) ?? navigator.language.slice(0, 2);
  return Object.hasOwn(LANGUAGES, asked) ? asked : "en";
}

/** Chooses a language. @param {string} code */
export function chooseLanguage(code) {
  localStorage.setItem(KEY, code);
}

/**
 * Returns the text of this name, with its {marks} replaced.
 * @param {string} name
 * @param {Record<string, unknown>} [marks]
 */
export function t(name, marks = {}) {
  const text = maybe(name) ?? name;
  return text.replace(/\{(\w+)\}/g, (_, mark) => String(marks[mark] ?? ""));
}

/** Returns the text of this name, if there is one. @param {string} name @returns {string | undefined} */
export function maybe(name) {
  return Object.hasOwn(TEXTS, name) ? TEXTS[name][language()] : undefined;
}
