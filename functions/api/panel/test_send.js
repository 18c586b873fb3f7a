// A test of a webhook: one request that does not affect the queue, and its response.

import { WEBHOOKS, call, callWithText, may } from "./api.js";
import { resultBadge } from "./badges.js";
import { button, el, show } from "./dom.js";
import { accept, field, isJson, refusal } from "./fields.js";
import { verbatim } from "./side.js";
import { maybe, t } from "./text.js";

const BARE = "/api/v3/webhook/test";

/**
 * Makes the section, for a saved webhook or for a form of a new one.
 * @param {Webhook | null} webhook
 * @param {{ read: () => object, fields: import("./fields.js").Field<any>[] }} [form]
 */
export function testSection(webhook, form = { read: () => ({}), fields: [] }) {
  if (!may(webhook ? "deliveries:write" : "webhooks:write")) return null;
  const path = webhook ? `${WEBHOOKS}/${webhook._id}/test` : BARE;
  const answer = el("div", { id: "answer", role: "status" });
  const input = el("textarea", { rows: 3, class: "mono", spellcheck: "false" });
  const event = field("event", t("test.event"), input, { note: t("test.event.note") });
  const fields = [event, ...form.fields];

  async function send() {
    const text = input.value.trim();
    show(answer);
    if (text !== "" && !isJson(text)) return event.refuse(t("not.json"));
    show(answer, el("p", { class: "note" }, t("test.sending")));
    try {
      const sent =
        text === ""
          ? await call("POST", path, form.read())
          : await callWithText(path, form.read(), "event", text);
      show(answer, outcome(sent.body));
      accept(fields);
    } catch (problem) {
      show(answer, el("p", { class: "error" }, refusal(problem, fields)));
    }
  }

  return el(
    "section",
    { class: "card" },
    el("h2", {}, t("test")),
    el("p", { class: "note" }, t(webhook ? "test.note" : "test.bare.note")),
    event.element,
    el("div", { class: "actions" }, button(t("test.send"), send, { id: "test" })),
    answer,
  );
}

/** @param {any} test */
function outcome(test) {
  const why = test.error && test.error !== "http_status" ? maybe(`error.${test.error}`) : null;
  const summary = t("test.answer", { status: test.status, time: test.durationMs });
  return [
    el("p", {}, resultBadge(test.result), " ", el("span", {}, summary)),
    why && el("p", {}, why),
    verbatim(test.response === "" ? t("response.none") : test.response, t("response")),
    test.responseTruncated && el("p", { class: "note" }, t("response.cut")),
    test.secret && el("p", { class: "note" }, t("test.secret", { secret: test.secret })),
  ];
}
