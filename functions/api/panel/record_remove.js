// Deletes a platform webhook, after a question.

import { kappOf, pathOf, scopeName } from "./records.js";
import { removed } from "./remove.js";
import { t } from "./text.js";

/** Asks, and deletes the webhook. Returns whether it was deleted. @param {PlatformWebhook} webhook */
export function recordRemoved(webhook) {
  const body = t("remove.record.body", { scope: scopeName(kappOf(webhook)) });
  return removed({ name: webhook.name, path: pathOf(webhook), body });
}
