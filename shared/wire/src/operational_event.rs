//! An event about a webhook itself, in the form of every other event.

use hookrail_domain::id::{CompanyId, WebhookId};
use hookrail_domain::operational_event::OperationalEvent;
use hookrail_domain::trigger::OPERATIONAL_SUBJECT;
use serde::Serialize;

use crate::{queue_text, timestamp};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    company: &'a str,
    #[serde(rename = "type")]
    subject: &'static str,
    event: &'static str,
    created_at: String,
    data: Detail,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    #[serde(rename = "subscription")]
    webhook: String,
    #[serde(flatten)]
    exhausted: Option<Exhausted>,
}

#[derive(Serialize)]
struct Exhausted {
    delivery: String,
    sequence: u64,
    attempt: u32,
    status: u16,
}

/// The event's body.
#[must_use]
pub fn render(notice: &OperationalEvent, company: &CompanyId, webhook: WebhookId) -> String {
    let exhausted = match notice {
        OperationalEvent::State(_) => None,
        OperationalEvent::Exhausted { delivery, number, status, .. } => Some(Exhausted {
            delivery: delivery.to_string(),
            sequence: number.sequence,
            attempt: number.attempt,
            status: *status,
        }),
    };
    let document = Document {
        company: company.as_str(),
        subject: OPERATIONAL_SUBJECT,
        event: notice.name(),
        created_at: timestamp::render(notice.at()),
        data: Detail { webhook: webhook.to_string(), exhausted },
    };
    queue_text::render(&document)
}

#[cfg(test)]
mod tests {
    use hookrail_domain::attempt::AttemptNumber;
    use hookrail_domain::event::Body;
    use hookrail_domain::id::{DeliveryId, EventId};
    use hookrail_domain::operational_event::{PendingEvent, StateChange};
    use hookrail_domain::time::Millis;
    use serde_json::{Value, json};

    use super::*;
    use crate::cot_event;

    #[test]
    fn every_operational_event_matches_an_operational_webhook() {
        let company = CompanyId::parse("acme").unwrap();
        let webhook = WebhookId::from_bytes([7; 12]);
        let line = |kind| OperationalEvent::State(PendingEvent { kind, at: Millis(0) });
        let exhausted = OperationalEvent::Exhausted {
            delivery: DeliveryId::from_bytes([8; 12]),
            number: AttemptNumber { sequence: 7, attempt: 3 },
            at: Millis(0),
            status: 409,
        };
        for notice in [
            line(StateChange::Suspended),
            line(StateChange::Resumed),
            line(StateChange::Deactivated),
            exhausted.clone(),
        ] {
            let text = render(&notice, &company, webhook);
            let event =
                cot_event::parse(&Body::new(text.as_str()).unwrap(), EventId::of_message("m"), None).unwrap();
            assert!(event.cot().unwrap().0.is_operational() && event.company == company, "{text}");
        }
        let shown: Value = serde_json::from_str(&render(&exhausted, &company, webhook)).unwrap();
        assert_eq!(shown["event"], "delivery.exhausted");
        let data = json!({
            "subscription": "070707070707070707070707", "delivery": "080808080808080808080808",
            "sequence": 7, "attempt": 3, "status": 409,
        });
        assert_eq!(shown["data"], data);
    }
}
