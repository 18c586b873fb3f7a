// The rows of a log, each with the text of its event as the API sent it.

import { entriesOf, memberOf } from "./json_text.js";

/** Reads a page of rows. @param {ApiResponse<LogRow[]>} response @returns {Page<LogRow>} */
export function rowsOf({ body, text, next }) {
  const texts = entriesOf(text);
  return { rows: body.map((row, index) => withEvent(row, texts[index].value)), next };
}

/** Reads one row. @param {ApiResponse<LogRow>} response @returns {LogRow} */
export function rowOf({ body, text }) {
  return withEvent(body, text);
}

/** @param {LogRow} row @param {string} text */
function withEvent(row, text) {
  const event = memberOf(text, "event");
  return { ...row, eventText: event === "null" ? null : event };
}
