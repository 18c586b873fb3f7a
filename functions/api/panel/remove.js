// Deletes a webhook of either API, after a question.

import { call } from "./api.js";
import { confirm, say, sayProblem } from "./dialog.js";
import { t } from "./text.js";

/**
 * Asks, and deletes the webhook at a path. Returns whether it was deleted.
 * @param {{ name: string, path: string, body: string }} webhook `body` is the text of the question
 */
export async function removed({ name, path, body }) {
  if (!(await confirm(t("remove.title", { name }), body, { yes: t("remove") }))) return false;
  try {
    await call("DELETE", path);
    say(t("removed", { name }));
    return true;
  } catch (problem) {
    sayProblem(problem);
    return false;
  }
}
