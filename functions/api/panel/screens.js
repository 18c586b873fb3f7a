// The screens that the header leads to, by the first part of the address.

import { jobsScreen } from "./jobs.js";
import { recordsScreen } from "./record_list.js";
import { webhookScreen } from "./webhook.js";
import { webhooksScreen } from "./webhooks.js";

/**
 * @typedef {object} Entry
 * @property {(main: HTMLElement, parts: string[]) => PanelScreen} screen fills `main`; `parts` are those of the address
 * @property {string} [scope] without this scope the screen is empty, and is not offered
 */

/**
 * A list without a second part, one of its entries with it.
 * @param {(main: HTMLElement) => PanelScreen} list
 * @param {Entry["screen"]} one
 * @returns {Entry["screen"]}
 */
const either = (list, one) => (main, parts) => (parts[1] ? one(main, parts) : list(main));

/** The text of an entry is `place.NAME`. @type {Record<string, Entry>} */
export const SCREENS = {
  webhooks: { screen: either(webhooksScreen, webhookScreen) },
  records: { screen: either(recordsScreen, webhookScreen) },
  jobs: { screen: jobsScreen, scope: "logs:read" },
};
