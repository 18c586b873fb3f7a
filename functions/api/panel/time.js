// Times as people read them, in the zone of their machine.

import { el } from "./dom.js";
import { language, t } from "./text.js";

const UNITS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];
const pad = (number) => String(number).padStart(2, "0");

/** `DD/MM/YY - HH:mm:ss` */
export function exact(at) {
  const time = new Date(at);
  const day = [pad(time.getDate()), pad(time.getMonth() + 1), pad(time.getFullYear() % 100)].join("/");
  return `${day} - ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(pad).join(":")}`;
}

/** "3 minutes ago" */
export function relative(at) {
  const seconds = Math.round((new Date(at) - Date.now()) / 1000);
  const [unit, length] = UNITS.find(([, length]) => length <= Math.abs(seconds)) ?? UNITS.at(-1);
  const format = new Intl.RelativeTimeFormat(language(), { numeric: "auto" });
  return format.format(Math.trunc(seconds / length), unit);
}

/** `mm:ss`, with hours before it where there are any. */
export function clock(milliseconds) {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  const [minutes, rest] = [Math.floor(seconds / 60), pad(seconds % 60)];
  return minutes < 60 ? `${pad(minutes)}:${rest}` : `${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${rest}`;
}

/** The name of the zone that all times are in. */
export function zone() {
  const minutes = -new Date().getTimezoneOffset();
  const offset = `UTC${minutes < 0 ? "−" : "+"}${pad(Math.floor(Math.abs(minutes) / 60))}:${pad(Math.abs(minutes) % 60)}`;
  return `${Intl.DateTimeFormat().resolvedOptions().timeZone} (${offset})`;
}

/** A time: how long ago, and exactly when, both to be read. */
export function ago(at) {
  const words = el("span", { "data-ago": at }, relative(at));
  return el("time", { datetime: at, title: exact(at) }, words, " ", el("span", { class: "exact" }, exact(at)));
}

/** Time left until then, counting down. */
export function countdown(at) {
  return el("span", { class: "number", "data-until": at }, clock(new Date(at) - Date.now()));
}

/** Time gone since then, counting up. */
export function elapsed(at) {
  return el("span", { class: "number", "data-since": at }, clock(Date.now() - new Date(at)));
}

function tick() {
  for (const place of document.querySelectorAll("[data-until]")) {
    const left = new Date(place.dataset.until) - Date.now();
    place.textContent = left <= 0 ? t("time.now") : clock(left);
  }
  for (const place of document.querySelectorAll("[data-since]")) {
    place.textContent = clock(Date.now() - new Date(place.dataset.since));
  }
  for (const place of document.querySelectorAll("[data-ago]")) place.textContent = relative(place.dataset.ago);
}

setInterval(tick, 1000);
