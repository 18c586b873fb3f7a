// A test of a webhook: one request outside the order of its events, and the answer at once.

import { WEBHOOKS, call, may } from "./api.js";
import { resultBadge } from "./badges.js";
import { reason } from "./dialog.js";
import { button, el, show } from "./dom.js";
import { field } from "./fields.js";
import { maybe, t } from "./text.js";

export function testSection(webhook) {
  if (!may("deliveries:write")) return null;
  const answer = el("div", { id: "answer", role: "status" });
  const event = field("event", t("test.event"), el("textarea", { rows: 3, class: "mono", spellcheck: "false" }), {
    note: t("test.event.note"),
  });
  const send = button(
    t("test.send"),
    async () => {
      show(answer, el("p", { class: "note" }, t("test.sending")));
      try {
        const body = event.input.value.trim() === "" ? {} : { event: JSON.parse(event.input.value) };
        show(answer, told((await call("POST", `${WEBHOOKS}/${webhook._id}/test`, body)).body));
      } catch (problem) {
        show(answer);
        if (problem instanceof SyntaxError) event.refuse(t("not.json"));
        else if (problem.fields?.length) event.refuse(problem.message);
        else show(answer, el("p", { class: "error" }, reason(problem)));
      }
    },
    { id: "test" },
  );
  return el(
    "section",
    { class: "card" },
    el("h2", {}, t("test")),
    el("p", { class: "note" }, t("test.note")),
    event.element,
    el("div", { class: "actions" }, send),
    answer,
  );
}

function told(answer) {
  const why = answer.error && answer.error !== "http_status" ? maybe(`error.${answer.error}`) : null;
  return [
    el(
      "p",
      {},
      resultBadge(answer.result),
      " ",
      el("span", {}, t("test.answer", { status: answer.status, time: answer.durationMs })),
    ),
    why && el("p", {}, why),
    el(
      "pre",
      { class: "response", tabindex: 0, "aria-label": t("response") },
      answer.response === "" ? t("response.none") : answer.response,
    ),
    answer.responseTruncated && el("p", { class: "note" }, t("response.cut")),
  ];
}
