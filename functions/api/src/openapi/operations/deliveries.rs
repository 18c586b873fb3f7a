//! Events, and what becomes of them.

use super::{MOVED, NO_REJECTED, NO_ROW, NO_WEBHOOK, OTHER_BODY, PLAIN, answer};
use crate::openapi::operation::{Call, Input, Operation, Shape, Tag};

pub(super) const LOGS: &[Operation] = &[
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

pub(super) const QUEUE: &[Operation] = &[
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

pub(super) const EVENTS: &[Operation] = &[
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

pub(super) const REJECTED: &[Operation] = &[
    Operation {
        route: ("GET", "/api/v3/event/rejected"),
        id: "listRejected",
        tag: Tag::Events,
        summary: "List what was no event, the newest first",
        description: "What came over the queue and could not be read, or named another company, or was handed out too \
                      often without being taken. It is kept for 14 days, for the company of its queue group; an operator \
                      sees what names no company, or one that is not there.",
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
