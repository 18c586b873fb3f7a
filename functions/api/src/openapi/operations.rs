//! Every route in words. A route without an entry here, or an entry without a route, fails a test.

use super::operation::{Answer, Call, Operation, Shape, Tag};

mod access;
mod deliveries;
mod jobs;
mod platform;
mod webhooks;

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
pub const OPERATIONS: &[&[Operation]] = &[
    webhooks::WEBHOOKS,
    webhooks::SECRETS,
    deliveries::LOGS,
    deliveries::QUEUE,
    deliveries::EVENTS,
    deliveries::REJECTED,
    webhooks::TESTS,
    platform::SPACE,
    platform::KAPP,
    jobs::SPACE,
    jobs::KAPP,
    platform::META,
    access::ACCESS,
    access::PANEL,
    access::DESCRIPTION,
];
