// A test of a webhook: one request outside the order of its events, and the answer at once.

import { WEBHOOKS, call, may } from "./api.js";
import { resultBadge } from "./badges.js";
import { reason } from "./dialog.js";
import { button, el, show } from "./dom.js";
import { field, refuseFields } from "./fields.js";
import { verbatim } from "./side.js";
import { maybe, t } from "./text.js";

const BARE = "/api/v3/webhook/test";

/** The section, for a saved webhook or for what a form says before there is one: `{read, fields}`. */
export function testSection(webhook, form = { read: () => ({}), fields: [] }) {
  if (!may(webhook ? "deliveries:write" : "webhooks:write")) return null;
  const path = webhook ? `${WEBHOOKS}/${webhook._id}/test` : BARE;
  const answer = el("div", { id: "answer", role: "status" });
  const event = field("event", t("test.event"), el("textarea", { rows: 3, class: "mono", spellcheck: "false" }), {
    note: t("test.event.note"),
  });
  const send = button(
    t("test.send"),
    async () => {
      show(answer, el("p", { class: "note" }, t("test.sending")));
      try {
        const own = event.input.value.trim() === "" ? {} : { event: JSON.parse(event.input.value) };
        show(answer, told((await call("POST", path, { ...form.read(), ...own })).body));
        refuseFields({ fields: [] }, [event, ...form.fields]);
      } catch (problem) {
        show(answer);
        if (problem instanceof SyntaxError) return event.refuse(t("not.json"));
        const others = refuseFields({ fields: problem.fields ?? [] }, [event, ...form.fields]);
        const why = problem.fields?.length ? others.join("; ") : reason(problem);
        show(answer, el("p", { class: "error" }, why));
      }
    },
    { id: "test" },
  );
  return el(
    "section",
    { class: "card" },
    el("h2", {}, t("test")),
    el("p", { class: "note" }, t(webhook ? "test.note" : "test.bare.note")),
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
    verbatim(answer.response === "" ? t("response.none") : answer.response, t("response")),
    answer.responseTruncated && el("p", { class: "note" }, t("response.cut")),
    answer.secret && el("p", { class: "note" }, t("test.secret", { secret: answer.secret })),
  ];
}
