//! Webhooks, their secrets, and tests of them.

use super::{MOVED, NO_WEBHOOK, OTHER_BODY, PLAIN, answer};
use crate::openapi::operation::{Call, Input, Operation, Shape, Tag};

pub(super) const WEBHOOKS: &[Operation] = &[
    Operation {
        route: ("GET", "/api/v3/webhook/subscription"),
        id: "listWebhooks",
        summary: "List webhooks, the newest first",
        inputs: &[
            Input::Limit(100),
            Input::Cursor,
            Input::IsActive,
            Input::Trigger,
            Input::Search,
            Input::Admin,
        ],
        answer: answer(200, "A page of webhooks, inactive ones included.", Shape::Page("Webhook")),
        ..PLAIN
    },
    Operation {
        route: ("POST", "/api/v3/webhook/subscription"),
        id: "createWebhook",
        summary: "Make a webhook",
        description: "Its URL must be one that events may be sent to. A signing secret is made with it: see the \
                      routes of signing secrets.",
        inputs: &[Input::IdempotencyKey],
        body: Call::Needed("NewWebhook"),
        answer: answer(201, "The webhook as it was made.", Shape::One("Webhook")),
        refusals: &[
            (409, "The code is taken, or the company has as many webhooks as it may have."),
            (404, "The token's company does not exist."),
            OTHER_BODY,
        ],
        ..PLAIN
    },
    Operation {
        route: ("GET", "/api/v3/webhook/subscription/{id}"),
        id: "findWebhook",
        summary: "Read a webhook",
        answer: answer(200, "The webhook.", Shape::One("Webhook")),
        refusals: &[NO_WEBHOOK],
        ..PLAIN
    },
    Operation {
        route: ("PATCH", "/api/v3/webhook/subscription/{id}"),
        id: "changeWebhook",
        summary: "Change, activate or deactivate a webhook",
        description: "There is no DELETE: a webhook that is not wanted is deactivated, and its log stays readable.",
        body: Call::Needed("WebhookChange"),
        answer: answer(200, "The webhook as it is now.", Shape::One("Webhook")),
        refusals: &[NO_WEBHOOK, MOVED],
        ..PLAIN
    },
    Operation {
        route: ("POST", "/api/v3/webhook/subscription/bulk"),
        id: "changeWebhooks",
        summary: "Activate or deactivate several webhooks",
        body: Call::Needed("BulkChange"),
        answer: answer(200, "What became of each, in the order of the call.", Shape::One("BulkResults")),
        ..PLAIN
    },
    Operation {
        route: ("GET", "/api/v3/trigger"),
        id: "listTriggers",
        summary: "List what webhooks can be made for",
        answer: answer(200, "Each trigger, its context slots, and an example event.", Shape::List("Trigger")),
        ..PLAIN
    },
];

pub(super) const SECRETS: &[Operation] = &[
    Operation {
        route: ("GET", "/api/v3/webhook/subscription/{id}/secret"),
        id: "revealSecret",
        tag: Tag::Secrets,
        summary: "Show the secrets that sign now",
        answer: answer(
            200,
            "The secret, and those that it replaced and that still sign.",
            Shape::One("SigningSecrets"),
        ),
        refusals: &[NO_WEBHOOK],
        ..PLAIN
    },
    Operation {
        route: ("POST", "/api/v3/webhook/subscription/{id}/secret/rotate"),
        id: "rotateSecret",
        tag: Tag::Secrets,
        summary: "Replace the signing secret",
        description: "The replaced one goes on signing beside it for a while, so that receivers can follow.",
        body: Call::Optional("Rotation"),
        answer: answer(200, "Until when replaced secrets sign.", Shape::One("SecretState")),
        refusals: &[NO_WEBHOOK, MOVED],
        ..PLAIN
    },
    Operation {
        route: ("POST", "/api/v3/webhook/subscription/{id}/secret/expire"),
        id: "expireSecrets",
        tag: Tag::Secrets,
        summary: "End the secrets that were replaced, now",
        answer: answer(200, "No replaced secret signs any more.", Shape::One("SecretState")),
        refusals: &[NO_WEBHOOK, MOVED],
        ..PLAIN
    },
];

pub(super) const TESTS: &[Operation] = &[
    Operation {
        route: ("POST", "/api/v3/webhook/subscription/{id}/test"),
        id: "testWebhook",
        tag: Tag::Tests,
        summary: "Send one request outside the order, and see the answer",
        body: Call::Optional("NewTest"),
        answer: answer(200, "What came of it.", Shape::One("TestSend")),
        refusals: &[NO_WEBHOOK],
        ..PLAIN
    },
    Operation {
        route: ("GET", "/api/v3/webhook/subscription/{id}/test"),
        id: "listTests",
        tag: Tag::Tests,
        summary: "List a webhook's tests, the newest first",
        inputs: &[Input::Limit(20), Input::Cursor],
        answer: answer(200, "A page of tests.", Shape::Page("TestSend")),
        refusals: &[NO_WEBHOOK],
        ..PLAIN
    },
    Operation {
        route: ("POST", "/api/v3/webhook/test"),
        id: "testUrl",
        tag: Tag::Tests,
        summary: "Test a URL that no webhook has yet",
        description: "Signed with a secret of its own, which the answer shows and nobody keeps.",
        body: Call::Needed("NewBareTest"),
        answer: answer(200, "What came of it.", Shape::One("TestSend")),
        ..PLAIN
    },
];
