//! Every route in words. A route without an entry here, or an entry without a route, fails a test.

use super::operation::{Answer, Call, Input, Operation, Shape, Tag};

const NO_WEBHOOK: (u16, &str) = (404, "The company has no such webhook.");
const NO_ROW: (u16, &str) = (404, "The company has no such webhook, or its log no such row.");
const OTHER_BODY: (u16, &str) = (422, "The idempotency key was used with another body before.");
const NO_REJECTED: (u16, &str) = (404, "There is no such rejected event.");
const MOVED: (u16, &str) = (409, "Another change came first, or the state does not allow it.");

const fn answer(status: u16, what: &'static str, shape: Shape) -> Answer {
    Answer { status, what, shape }
}

/// What most routes have none of.
const PLAIN: Operation = Operation {
    route: ("", ""),
    id: "",
    tag: Tag::Webhooks,
    summary: "",
    description: "",
    inputs: &[],
    body: Call::None,
    answer: answer(200, "Done.", Shape::Nothing),
    refusals: &[],
};

/// The routes, in the order in which the reference lists them.
pub const OPERATIONS: &[&[Operation]] =
    &[WEBHOOKS, SECRETS, LOGS, QUEUE, EVENTS, REJECTED, TESTS, ACCESS, PANEL, DESCRIPTION];

const WEBHOOKS: &[Operation] = &[
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

const SECRETS: &[Operation] = &[
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

const LOGS: &[Operation] = &[
    Operation {
        route: ("GET", "/api/v3/webhook/subscription/logs/{id}"),
        id: "listLogs",
        tag: Tag::Logs,
        summary: "List a webhook's attempts, the newest event first",
        description: "The attempts of one event stand together, the newest first.",
        inputs: &[
            Input::Limit(50),
            Input::Cursor,
            Input::Result,
            Input::Status,
            Input::Event,
            Input::From,
            Input::To,
            Input::Admin,
        ],
        answer: answer(
            200,
            "A page of attempts. A searched page may be short, or empty, and still link to the next.",
            Shape::Page("LogRow"),
        ),
        refusals: &[NO_WEBHOOK],
        ..PLAIN
    },
    Operation {
        route: ("GET", "/api/v3/webhook/subscription/logs/{id}/{row}"),
        id: "findLog",
        tag: Tag::Logs,
        summary: "Read one attempt",
        answer: answer(200, "The attempt.", Shape::One("LogRow")),
        refusals: &[NO_ROW],
        ..PLAIN
    },
    Operation {
        route: ("POST", "/api/v3/webhook/subscription/logs/{id}/{row}/redeliver"),
        id: "redeliver",
        tag: Tag::Logs,
        summary: "Send the event of an attempt again",
        description: "In the webhook's order: behind what is on its way, ahead of what comes later.",
        answer: answer(202, "The event is sent again.", Shape::One("Replay")),
        refusals: &[NO_ROW, MOVED],
        ..PLAIN
    },
];

const QUEUE: &[Operation] = &[
    Operation {
        route: ("GET", "/api/v3/webhook/subscription/{id}/queue"),
        id: "viewQueue",
        tag: Tag::Queue,
        summary: "Show what waits for a webhook, and why",
        answer: answer(200, "The webhook's line at this moment.", Shape::One("Queue")),
        refusals: &[NO_WEBHOOK],
        ..PLAIN
    },
    Operation {
        route: ("POST", "/api/v3/webhook/subscription/{id}/queue/resume"),
        id: "resumeQueue",
        tag: Tag::Queue,
        summary: "Try the oldest event that is set aside now",
        answer: answer(202, "It is tried.", Shape::One("Queue")),
        refusals: &[NO_WEBHOOK, MOVED],
        ..PLAIN
    },
    Operation {
        route: ("POST", "/api/v3/webhook/subscription/{id}/queue/retry"),
        id: "retryHead",
        tag: Tag::Queue,
        summary: "Try the event that everything else waits for now",
        answer: answer(202, "It is tried.", Shape::One("Queue")),
        refusals: &[NO_WEBHOOK, MOVED],
        ..PLAIN
    },
    Operation {
        route: ("POST", "/api/v3/webhook/subscription/{id}/queue/skip"),
        id: "skipHead",
        tag: Tag::Queue,
        summary: "End the event that everything else waits for, unsent",
        answer: answer(202, "It has ended.", Shape::One("Queue")),
        refusals: &[NO_WEBHOOK, MOVED],
        ..PLAIN
    },
    Operation {
        route: ("GET", "/api/v3/webhook/subscription/{id}/replay"),
        id: "viewReplay",
        tag: Tag::Queue,
        summary: "Show how far the newest replay has come",
        answer: answer(200, "The newest replay.", Shape::One("Replay")),
        refusals: &[(404, "The company has no such webhook, or nothing was ever replayed to it.")],
        ..PLAIN
    },
    Operation {
        route: ("POST", "/api/v3/webhook/subscription/{id}/replay"),
        id: "startReplay",
        tag: Tag::Queue,
        summary: "Send a range of ended events again, oldest first",
        body: Call::Needed("NewReplay"),
        answer: answer(202, "The replay has begun.", Shape::One("Replay")),
        refusals: &[(404, "The company has no such webhook, or its log no event of this time."), MOVED],
        ..PLAIN
    },
    Operation {
        route: ("DELETE", "/api/v3/webhook/subscription/{id}/replay"),
        id: "cancelReplay",
        tag: Tag::Queue,
        summary: "End the replay where it stands",
        answer: answer(200, "The replay as it ended.", Shape::One("Replay")),
        refusals: &[NO_WEBHOOK, MOVED],
        ..PLAIN
    },
];

const EVENTS: &[Operation] = &[
    Operation {
        route: ("POST", "/api/v3/event"),
        id: "pushEvents",
        tag: Tag::Events,
        summary: "Push an event, or up to 100 of them in their order",
        description: "All of a call is checked before any of it is accepted. Each event reaches its webhooks byte for \
                  byte as it was sent, but for what the trigger redacts.",
        inputs: &[Input::IdempotencyKey],
        body: Call::Needed("NewEvents"),
        answer: answer(
            202,
            "Every event was accepted; their ids, in the call's order.",
            Shape::One("AcceptedEvents"),
        ),
        refusals: &[OTHER_BODY],
    },
    Operation {
        route: ("GET", "/api/v3/event/{id}"),
        id: "findEvent",
        tag: Tag::Events,
        summary: "Show an event, and how it stands with each webhook that it went to",
        description: "The id is what the push answered. An event is found once a first attempt was recorded, or it was \
                      set aside; an event that no webhook asked for is not.",
        inputs: &[Input::Limit(50), Input::Cursor],
        answer: answer(200, "The event and a page of its deliveries.", Shape::LinkedOne("EventView")),
        refusals: &[(404, "Nothing was sent of such an event, or not yet.")],
        ..PLAIN
    },
];

const REJECTED: &[Operation] = &[
    Operation {
        route: ("GET", "/api/v3/event/rejected"),
        id: "listRejected",
        tag: Tag::Events,
        summary: "List what was no event, the newest first",
        description: "What came over the queue and could not be read, or named another company, or was handed out too \
                      often without being taken. It is kept for 14 days.",
        inputs: &[Input::Limit(20), Input::Cursor, Input::Company],
        answer: answer(200, "A page of rejected events.", Shape::Page("RejectedEvent")),
        ..PLAIN
    },
    Operation {
        route: ("GET", "/api/v3/event/rejected/{id}"),
        id: "findRejected",
        tag: Tag::Events,
        summary: "Read a rejected event, and what is wrong with it",
        inputs: &[Input::Company],
        answer: answer(200, "The event.", Shape::One("RejectedEvent")),
        refusals: &[NO_REJECTED],
        ..PLAIN
    },
    Operation {
        route: ("POST", "/api/v3/event/rejected/{id}/push"),
        id: "pushRejected",
        tag: Tag::Events,
        summary: "Push a rejected event again, as it came or corrected",
        description: "The body of the call is the corrected event; without one the event is pushed as it came.",
        inputs: &[Input::Company],
        body: Call::Optional("NewEvent"),
        answer: answer(202, "It was accepted, as a new event.", Shape::One("RejectedEvent")),
        refusals: &[NO_REJECTED, MOVED],
    },
];

const TESTS: &[Operation] = &[
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

const ACCESS: &[Operation] = &[
    Operation {
        route: ("POST", "/api/v3/company"),
        id: "createCompany",
        tag: Tag::Access,
        summary: "Make a company and its first token",
        body: Call::Optional("NewCompany"),
        answer: answer(201, "The company. Its token is shown this once.", Shape::One("Company")),
        refusals: &[(409, "The id is taken.")],
        ..PLAIN
    },
    Operation {
        route: ("GET", "/api/v3/token"),
        id: "listTokens",
        tag: Tag::Access,
        summary: "List tokens and panel sessions",
        inputs: &[Input::Company],
        answer: answer(200, "The tokens, without their texts.", Shape::List("Token")),
        ..PLAIN
    },
    Operation {
        route: ("POST", "/api/v3/token"),
        id: "createToken",
        tag: Tag::Access,
        summary: "Make a token",
        description: "It can do no more than its maker, and lives no longer.",
        body: Call::Needed("NewToken"),
        answer: answer(201, "The token. Its text is shown this once.", Shape::One("Token")),
        refusals: &[(409, "There are as many tokens as there may be.")],
        ..PLAIN
    },
    Operation {
        route: ("GET", "/api/v3/token/self"),
        id: "ownToken",
        tag: Tag::Access,
        summary: "Show what the caller's own token may do",
        answer: answer(200, "The token.", Shape::One("OwnToken")),
        ..PLAIN
    },
    Operation {
        route: ("DELETE", "/api/v3/token/{id}"),
        id: "revokeToken",
        tag: Tag::Access,
        summary: "Revoke a token and its sessions",
        inputs: &[Input::Company],
        answer: answer(204, "It is worth nothing, five seconds later everywhere.", Shape::Nothing),
        refusals: &[(404, "There is no such token.")],
        ..PLAIN
    },
    Operation {
        route: ("GET", "/api/v3/audit"),
        id: "listAudit",
        tag: Tag::Access,
        summary: "List who did what, the newest first",
        inputs: &[Input::Limit(50), Input::Cursor, Input::Company],
        answer: answer(200, "A page of the audit log.", Shape::Page("AuditEntry")),
        ..PLAIN
    },
];

const PANEL: &[Operation] = &[
    Operation {
        route: ("POST", "/api/v3/panel/link"),
        id: "createPanelLink",
        tag: Tag::Access,
        summary: "Make a link into the panel that works once",
        body: Call::Optional("NewPanelLink"),
        answer: answer(201, "The link's code and path.", Shape::One("PanelLink")),
        ..PLAIN
    },
    Operation {
        route: ("POST", "/api/v3/panel/session"),
        id: "startPanelSession",
        tag: Tag::Access,
        summary: "Exchange a link's code for a session",
        body: Call::Needed("PanelCode"),
        answer: answer(201, "The session. Its token is shown this once.", Shape::One("PanelSession")),
        refusals: &[
            (401, "The code was used, or is too old."),
            (409, "There are as many tokens as there may be."),
        ],
        ..PLAIN
    },
    Operation {
        route: ("DELETE", "/api/v3/panel/session"),
        id: "endPanelSession",
        tag: Tag::Access,
        summary: "Sign out of the panel",
        answer: answer(204, "The session has ended.", Shape::Nothing),
        ..PLAIN
    },
];

const DESCRIPTION: &[Operation] = &[
    Operation {
        route: ("GET", "/api/v3/openapi.json"),
        id: "describe",
        tag: Tag::Description,
        summary: "This description, as OpenAPI 3.1",
        answer: answer(200, "The description.", Shape::Object),
        ..PLAIN
    },
    Operation {
        route: ("GET", "/api/v3/reference"),
        id: "readReference",
        tag: Tag::Description,
        summary: "This description, for people",
        answer: answer(200, "A page.", Shape::Html),
        ..PLAIN
    },
];
