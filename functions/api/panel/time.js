// Times as people read them, in the zone of their machine.

import { el } from "./dom.js";
import { language, t } from "./text.js";

/** @type {[Intl.RelativeTimeFormatUnit, number]} */
const SECOND = ["second", 1];
/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], SECOND];
/** @param {number} number */
const pad = (number) => String(number).padStart(2, "0");

/** Returns `DD/MM/YY - HH:mm:ss`. @param {string | number} at */
export function exact(at) {
  const time = new Date(at);
  const day = [pad(time.getDate()), pad(time.getMonth() + 1), pad(time.getFullYear() % 100)].join("/");
  return `${day} - ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(pad).join(":")}`;
}

/** Returns "3 minutes ago". @param {string} at */
function relative(at) {
  const seconds = Math.round((Date.parse(at) - Date.now()) / 1000);
  const [unit, length] = UNITS.find(([, each]) => each <= Math.abs(seconds)) ?? SECOND;
  const format = new Intl.RelativeTimeFormat(language(), { numeric: "auto" });
  return format.format(Math.trunc(seconds / length), unit);
}

/** Returns `mm:ss`, or `h:mm:ss`. @param {number} milliseconds */
function clock(milliseconds) {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  const [minutes, rest] = [Math.floor(seconds / 60), pad(seconds % 60)];
  return minutes < 60
    ? `${pad(minutes)}:${rest}`
    : `${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${rest}`;
}

/** Returns the name of the zone that all times are in. */
export function zone() {
  const minutes = -new Date().getTimezoneOffset();
  const offset = `UTC${minutes < 0 ? "−" : "+"}${pad(Math.floor(Math.abs(minutes) / 60))}:${pad(Math.abs(minutes) % 60)}`;
  return `${Intl.DateTimeFormat().resolvedOptions().timeZone} (${offset})`;
}

/** Shows a time: how long ago, and exactly when. @param {string} at */
export function ago(at) {
  const words = el("span", { "data-ago": at }, relative(at));
  return el(
    "time",
    { datetime: at, title: exact(at) },
    words,
    " ",
    el("span", { class: "exact" }, exact(at)),
  );
}

/** Shows the time left until then, counting down. @param {string} at */
export function countdown(at) {
  return el("span", { class: "number", "data-until": at }, clock(Date.parse(at) - Date.now()));
}

/** Shows the time since then, counting up. @param {string} at */
export function elapsed(at) {
  return el("span", { class: "number", "data-since": at }, clock(Date.now() - Date.parse(at)));
}

/** Reads and writes an input of a local time. The API and the address use UTC. */
export const localTime = {
  /** @param {HTMLInputElement} input */
  read: (input) => (input.value ? new Date(input.value).toISOString() : ""),
  /** @param {HTMLInputElement} input @param {string} at */
  write: (input, at) => {
    const minutes = at ? new Date(at).getTimezoneOffset() : 0;
    input.value = at ? new Date(Date.parse(at) - minutes * 60_000).toISOString().slice(0, 19) : "";
  },
};

/** @param {string} name @param {(at: string) => string} text */
function rewrite(name, text) {
  /** @type {NodeListOf<HTMLElement>} */
  const places = document.querySelectorAll(`[data-${name}]`);
  for (const place of places) place.textContent = text(place.dataset[name] ?? "");
}

function tick() {
  rewrite("until", (at) => {
    const left = Date.parse(at) - Date.now();
    return left <= 0 ? t("time.now") : clock(left);
  });
  rewrite("since", (at) => clock(Date.now() - Date.parse(at)));
  rewrite("ago", relative);
}

setInterval(tick, 1000);
