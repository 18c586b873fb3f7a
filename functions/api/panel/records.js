// Platform webhooks: those of spaces and kapps, where they are, and what can be said about them.

import { call, filled } from "./api.js";
import { withQuery } from "./route.js";
import { t } from "./text.js";

const BASE = "/app/api/v1";
const WEBHOOKS = `${BASE}/webhooks`;
export const JOBS = `${BASE}/webhookJobs`;
export const TRY = `${BASE}/meta/webhooks/try`;

/** Returns the path of the webhooks of a kapp, or without a slug of the space. @param {string} kapp */
export function homeOf(kapp) {
  return kapp ? `${BASE}/kapps/${encodeURIComponent(kapp)}/webhooks` : WEBHOOKS;
}

/** Returns the path of a webhook. @param {PlatformWebhook} webhook */
export function pathOf(webhook) {
  return `${homeOf(kappOf(webhook))}/${encodeURIComponent(webhook.name)}`;
}

/**
 * Returns the slug of the kapp of a webhook or a job, or an empty text for the space.
 * @param {{ scopeType: string, scopeId: string }} scoped
 */
export function kappOf({ scopeType, scopeId }) {
  return scopeType === "Kapp" ? scopeId : "";
}

/** Returns what that place is called. @param {string} kapp */
export function scopeName(kapp) {
  return kapp ? t("scope.kapp", { kapp }) : t("scope.space");
}

/**
 * Returns every webhook of the space and its kapps, with who created and who changed it.
 * @param {AbortSignal} signal
 * @returns {Promise<PlatformWebhook[]>}
 */
export async function recordWebhooks(signal) {
  const all = withQuery(WEBHOOKS, { all: "true", include: "details" });
  return (await filled(all, () => true, Infinity, signal, paged(all, "webhooks"))).rows;
}

/** Returns the webhook of this id, or undefined. @param {string} id @param {AbortSignal} signal */
export async function recordWebhook(id, signal) {
  const found = (await recordWebhooks(signal)).find((webhook) => webhook.id === id);
  return found && named(found);
}

/** Returns the webhook under the names that the log and the queue use. @param {PlatformWebhook} webhook */
export function named(webhook) {
  return { ...webhook, _id: webhook.id };
}

/**
 * Reads the pages of the list at `first`, whose rows have this name.
 * @param {string} first
 * @param {string} name
 * @returns {(response: ApiResponse) => Page}
 */
export function paged(first, name) {
  const start = first.includes("?") ? "&" : "?";
  return ({ body }) => {
    const token = body.nextPageToken;
    const next = token ? `${first}${start}${new URLSearchParams({ pageToken: token })}` : null;
    return { rows: body[name], next };
  };
}

/** @type {Promise<RecordType[]> | null} */
let asked = null;

/** Returns the types that webhooks can be created for, each with its events, bindings and presets; read once. */
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

/** Returns the types that are offered there. @param {RecordType[]} types @param {string} kapp */
export function typesIn(types, kapp) {
  return types.filter((type) => type.scopes.includes(kapp ? "kapp" : "space"));
}

/** Returns what a type is called. @param {RecordType} type */
export function typeName({ name, isLegacy }) {
  return isLegacy ? t("type.legacy", { name }) : name;
}
