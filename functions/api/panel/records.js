// The second face of the API: webhooks on records of spaces and kapps, and what can be said about them.

import { call, filled, withQuery } from "./api.js";
import { t } from "./text.js";

const BASE = "/app/api/v1";
const WEBHOOKS = `${BASE}/webhooks`;
export const JOBS = `${BASE}/webhookJobs`;
export const TRY = `${BASE}/meta/webhooks/try`;

/** Where the webhooks of a kapp are, or with no slug those of the space. */
export function homeOf(kapp) {
  return kapp ? `${BASE}/kapps/${encodeURIComponent(kapp)}/webhooks` : WEBHOOKS;
}

/** Where a webhook is. */
export function pathOf(webhook) {
  return `${homeOf(kappOf(webhook))}/${encodeURIComponent(webhook.name)}`;
}

/** The slug of the kapp that a webhook or a job is of; none of one of the space. */
export function kappOf({ scopeType, scopeId }) {
  return scopeType === "Kapp" ? scopeId : "";
}

/** What people call that place. */
export function scopeName(kapp) {
  return kapp ? t("scope.kapp", { kapp }) : t("scope.space");
}

/** Every webhook of the space and its kapps, with who made and who changed it. */
export async function recordWebhooks(signal) {
  const all = withQuery(WEBHOOKS, { all: "true", include: "details" });
  return (await filled(all, () => true, Infinity, signal, paged(all, "webhooks"))).rows;
}

/** The webhook of this id, or none; its settings and its line call it by the same name. */
export async function recordWebhook(id, signal) {
  const found = (await recordWebhooks(signal)).find((webhook) => webhook.id === id);
  return found && named(found);
}

/** A webhook that the screens of lines know as well. */
export function named(webhook) {
  return { ...webhook, _id: webhook.id };
}

/** Reads the pages of the list at `first`, whose rows have this name. */
export function paged(first, name) {
  return ({ body }) => {
    const token = body.nextPageToken;
    const more = token && `${first}${first.includes("?") ? "&" : "?"}${new URLSearchParams({ pageToken: token })}`;
    return { rows: body[name], next: more || null };
  };
}

let asked = null;

/** The types that webhooks can be made for, each with its events, bindings and presets. Asked for once. */
export function recordTypes() {
  asked ??= call("GET", `${BASE}/meta/webhooks/catalogue`).then(
    ({ body }) => body.types,
    (problem) => {
      asked = null;
      throw problem;
    },
  );
  return asked;
}

/** The types that are offered there. */
export function typesIn(types, kapp) {
  return types.filter((type) => type.scopes.includes(kapp ? "kapp" : "space"));
}

/** What people call a type. */
export function typeName({ name, isLegacy }) {
  return isLegacy ? t("type.legacy", { name }) : name;
}
