//! An event about a webhook itself, in the form of every other event.

use hookrail_domain::id::{CompanyId, SubscriptionId};
use hookrail_domain::notice::Notice;
use hookrail_domain::trigger::OPERATIONAL_SUBJECT;
use serde::Serialize;

use crate::timestamp;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    company: &'a str,
    #[serde(rename = "type")]
    subject: &'static str,
    event: &'static str,
    created_at: String,
    data: Told,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    subscription: String,
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
pub fn render(notice: &Notice, company: &CompanyId, subscription: SubscriptionId) -> String {
    let exhausted = match notice {
        Notice::Line(_) => None,
        Notice::Exhausted { delivery, number, status, .. } => Some(Exhausted {
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
        data: Told { subscription: subscription.to_string(), exhausted },
    };
    serde_json::to_string(&document).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use hookrail_domain::attempt::AttemptNumber;
    use hookrail_domain::event::Body;
    use hookrail_domain::id::{DeliveryId, EventId};
    use hookrail_domain::notice::{LineChange, LineNotice};
    use hookrail_domain::time::Millis;
    use serde_json::{Value, json};

    use super::*;
    use crate::cot_event;

    #[test]
    fn every_notice_is_an_event_that_a_webhook_can_ask_for() {
        let company = CompanyId::parse("acme").unwrap();
        let subscription = SubscriptionId::from_bytes([7; 12]);
        let line = |kind| Notice::Line(LineNotice { kind, at: Millis(0) });
        let exhausted = Notice::Exhausted {
            delivery: DeliveryId::from_bytes([8; 12]),
            number: AttemptNumber { sequence: 7, attempt: 3 },
            at: Millis(0),
            status: 409,
        };
        for notice in [
            line(LineChange::Suspended),
            line(LineChange::Resumed),
            line(LineChange::Deactivated),
            exhausted.clone(),
        ] {
            let text = render(&notice, &company, subscription);
            let event =
                cot_event::parse(&Body::new(text.as_str()).unwrap(), EventId::of_message("m"), None).unwrap();
            assert!(event.cot().unwrap().0.is_operational() && event.company == company, "{text}");
        }
        let shown: Value = serde_json::from_str(&render(&exhausted, &company, subscription)).unwrap();
        assert_eq!(shown["event"], "delivery.exhausted");
        let data = json!({
            "subscription": "070707070707070707070707", "delivery": "080808080808080808080808",
            "sequence": 7, "attempt": 3, "status": 409,
        });
        assert_eq!(shown["data"], data);
    }
}
