//! An event, as a producer pushes it into the ingest queue.

use std::collections::HashMap;

use hookrail_domain::attempt::{Attempt, AttemptNumber, ErrorClass, Outcome};
use hookrail_domain::delivery::{Delivery, Destination, QueueName, QueuePosition, QueuedDelivery};
use hookrail_domain::event::{Body, Event};
use hookrail_domain::id::{DeliveryId, EventId, WebhookId};
use hookrail_domain::limits::{EVENT_BYTES_MAX, QUEUE_ENVELOPE_BYTES_MAX};
use hookrail_domain::log_row::{EndedAttempt, LogRow, RunId};
use hookrail_domain::progress::Progress;
use hookrail_domain::time::Millis;
use hookrail_wire::cot_event::{self, InvalidEvent};
use hookrail_wire::{cot_webhook_log, queue_message};
use serde_json::value::RawValue;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(body) = Body::new(text) else { return assert!(EVENT_BYTES_MAX < text.len()) };
    let json: Result<&RawValue, _> = serde_json::from_str(text);
    let fields: Result<HashMap<String, &RawValue>, _> = serde_json::from_str(text);
    match cot_event::parse(&body, EventId::of_message("m"), None) {
        Ok(event) => {
            assert!(fields.is_ok(), "an event is an object");
            goes_all_the_way(&event, text);
        }
        // Half a surrogate pair in a field's name is JSON by its grammar, but not a valid name.
        Err(InvalidEvent::NotJson { .. }) => assert!(fields.is_err()),
        Err(InvalidEvent::NotObject) => assert!(json.is_ok() && fields.is_err()),
        Err(refused) => {
            let problem = refused.problem();
            assert!(!problem.reason.is_empty() && !refused.code().is_empty());
        }
    }
}

/// Checks that an accepted event can be queued, read back and shown without losing a byte.
fn goes_all_the_way(event: &Event, text: &str) {
    let webhook = WebhookId::from_bytes([9; 12]);
    let delivery = Delivery {
        id: DeliveryId::of(event.id, webhook),
        event: event.id,
        company: event.company.clone(),
        webhook,
        accepted: QueuePosition { queue: QueueName::new("events.fifo"), number: 1 },
        accepted_at: Millis(1),
        destination: Destination::Webhook,
        body: event.body.clone(),
    };
    let message = queue_message::encode(&delivery);
    assert!(message.len() <= text.len() + QUEUE_ENVELOPE_BYTES_MAX);
    let carried =
        |character| matches!(character, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..='\u{10ffff}');
    assert!(message.chars().all(carried), "SQS refuses other characters");
    assert_eq!(queue_message::decode(&message).expect("our own message"), delivery);

    let attempt = Attempt {
        number: AttemptNumber { sequence: 1, attempt: 1 },
        started_at: Millis(1),
        duration_ms: 1,
        outcome: Outcome::Unsent { error: ErrorClass::Disabled, reason: String::new() },
    };
    let message =
        QueuedDelivery { delivery: &delivery, position: &delivery.accepted, sent_at: delivery.accepted_at };
    let attempt = EndedAttempt { attempt, progress: Progress::Ended, given_up: 0 };
    let row = LogRow::of(message, attempt, None, &RunId("r".to_owned()));
    let list = String::from_utf8(cot_webhook_log::render_list(&[row])).expect("JSON is UTF-8");
    assert!(list.contains(&format!("\"event\":{},", text.trim_matches([' ', '\t', '\r', '\n']))));
    let shown: Vec<&RawValue> = serde_json::from_str(&list).expect("our own JSON");
    assert_eq!(shown.len(), 1);
}
