//! The message of the delivery queue: one header line of JSON, then the event's body, byte for byte.
//!
//! The body is not inside the JSON, so it is neither escaped on the way in nor parsed on the way out. Every version
//! that can still be in a queue (14 days) is decoded.

use std::borrow::Cow;

use hookrail_domain::attempt::ErrorClass;
use hookrail_domain::delivery::{Delivery, Destination, QueueName, QueuePosition, Unsendable};
use hookrail_domain::event::Body;
use hookrail_domain::id::{CompanyId, DeliveryId, EventId, WebhookId};
use hookrail_domain::limits::QUEUE_ENVELOPE_BYTES_MAX;
use hookrail_domain::target::TargetUrl;
use hookrail_domain::time::Millis;
use serde::{Deserialize, Serialize};

use crate::queue_text;

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header<'a> {
    v: u32,
    company: &'a str,
    #[serde(rename = "subscription")]
    webhook: String,
    delivery: String,
    event: String,
    #[serde(borrow)]
    accepted: Accepted<'a>,
    /// The URL from the webhook's template. Absent where the webhook has a fixed URL.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    url: Option<Cow<'a, str>>,
    /// The reason why there is no URL, if filter or template failed.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    fault: Option<Fault<'a>>,
}

#[derive(Serialize, Deserialize)]
struct Fault<'a> {
    class: &'a str,
    #[serde(borrow)]
    reason: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Accepted<'a> {
    queue: &'a str,
    /// Decimal digits: sequence numbers of SQS are larger than a JSON number can be relied on to hold.
    number: String,
    at: u64,
}

/// The message that carries this delivery.
#[must_use]
pub fn encode(delivery: &Delivery) -> String {
    let header = Header {
        v: VERSION,
        company: delivery.company.as_str(),
        webhook: delivery.webhook.to_string(),
        delivery: delivery.id.to_string(),
        event: delivery.event.to_string(),
        accepted: Accepted {
            queue: delivery.accepted.queue.as_str(),
            number: delivery.accepted.number.to_string(),
            at: delivery.accepted_at.0,
        },
        url: match &delivery.destination {
            Destination::Resolved(url) => Some(Cow::Borrowed(url.as_str())),
            Destination::Webhook | Destination::Nowhere(_) => None,
        },
        fault: match &delivery.destination {
            Destination::Nowhere(Unsendable { class, reason }) => {
                Some(Fault { class: class.name(), reason: Cow::Borrowed(reason) })
            }
            Destination::Webhook | Destination::Resolved(_) => None,
        },
    };
    let mut text = String::with_capacity(QUEUE_ENVELOPE_BYTES_MAX / 4 + delivery.body.as_str().len());
    text.push_str(&queue_text::render(&header));
    text.push('\n');
    text.push_str(delivery.body.as_str());
    text
}

/// The reason why a message is not a delivery. It can never succeed.
#[derive(Debug, thiserror::Error)]
pub enum InvalidMessage {
    #[error("the message has no header line")]
    NoHeader,
    #[error("the header line does not parse")]
    Header(#[from] serde_json::Error),
    #[error("version {0} is not known here")]
    Version(u32),
    #[error("the header's {0} is not valid")]
    Field(&'static str),
}

/// Reads a message back.
pub fn decode(text: &str) -> Result<Delivery, InvalidMessage> {
    let (header, body) = text.split_once('\n').ok_or(InvalidMessage::NoHeader)?;
    let header: Header<'_> = serde_json::from_str(header)?;
    if header.v != VERSION {
        return Err(InvalidMessage::Version(header.v));
    }
    let field = |name| move |_same_for_all| InvalidMessage::Field(name);
    Ok(Delivery {
        id: DeliveryId::parse(&header.delivery).map_err(field("delivery"))?,
        event: EventId::parse(&header.event).map_err(field("event"))?,
        company: CompanyId::parse(header.company).map_err(field("company"))?,
        webhook: WebhookId::parse(&header.webhook).map_err(field("subscription"))?,
        accepted: QueuePosition {
            queue: QueueName::new(header.accepted.queue),
            number: header
                .accepted
                .number
                .parse()
                .map_err(|_not_a_number| InvalidMessage::Field("accepted.number"))?,
        },
        accepted_at: Millis(header.accepted.at),
        destination: match (header.url, header.fault) {
            (None, None) => Destination::Webhook,
            (Some(url), None) => Destination::Resolved(
                TargetUrl::parse_unchecked(&url).map_err(|_refused| InvalidMessage::Field("url"))?,
            ),
            (_, Some(fault)) => Destination::Nowhere(Unsendable {
                class: ErrorClass::find(fault.class).ok_or(InvalidMessage::Field("fault.class"))?,
                reason: fault.reason.into_owned(),
            }),
        },
        body: Body::new(body).map_err(|_too_large| InvalidMessage::Field("body"))?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use hookrail_domain::limits::{REASON_CHARS_MAX, URL_CHARS_MAX};

    fn delivery(body: &str, number: u128) -> Delivery {
        let (event, webhook) = (EventId::of_message("m"), WebhookId::from_bytes([9; 12]));
        Delivery {
            id: DeliveryId::of(event, webhook),
            event,
            company: CompanyId::parse("acme").unwrap(),
            webhook,
            accepted: QueuePosition { queue: QueueName::new("hookrail-events.fifo"), number },
            accepted_at: Millis(1_651_781_080_084),
            destination: Destination::Webhook,
            body: Body::new(body).unwrap(),
        }
    }

    #[test]
    fn queue_messages_have_the_version_1_format() {
        assert_eq!(
            encode(&delivery("{ \"a\": \"\\n\n\" }", 18_850_000_000_000_000_001)),
            "{\"v\":1,\"company\":\"acme\",\"subscription\":\"090909090909090909090909\",\
             \"delivery\":\"f41a7fa47e2949fb3863cc2e\",\"event\":\"f2f08886c7f7a0cbfb86688a\",\
             \"accepted\":{\"queue\":\"hookrail-events.fifo\",\"number\":\"18850000000000000001\",\
             \"at\":1651781080084}}\n{ \"a\": \"\\n\n\" }"
        );
    }

    #[test]
    fn a_queue_message_carries_its_destination() {
        let url = TargetUrl::parse_unchecked("https://a.io/x").unwrap();
        let fault = Unsendable { class: ErrorClass::Filter, reason: "threw \"x\"\nat line 1".to_owned() };
        for destination in [Destination::Resolved(url), Destination::Nowhere(fault)] {
            let delivery = Delivery { destination, ..delivery("{}", 1) };
            assert_eq!(decode(&encode(&delivery)).unwrap(), delivery);
        }
    }

    #[test]
    fn the_envelope_fits_its_limit() {
        let mut longest = delivery("", u128::MAX);
        longest.company = CompanyId::parse(&"c".repeat(64)).unwrap();
        longest.accepted.queue = QueueName::new(&"q".repeat(80));
        let reason = "\u{FFFF}".repeat(REASON_CHARS_MAX);
        longest.destination = Destination::Nowhere(Unsendable { class: ErrorClass::DeadLettered, reason });
        assert!(encode(&longest).len() < QUEUE_ENVELOPE_BYTES_MAX);
        let host = "https://a.io/";
        let long = format!("{host}{}", "\u{FFFF}".repeat(URL_CHARS_MAX - host.len()));
        longest.destination = Destination::Resolved(TargetUrl::parse_unchecked(&long).unwrap());
        assert!(encode(&longest).len() < QUEUE_ENVELOPE_BYTES_MAX);
    }

    /// Texts of all characters, those that SQS refuses among them.
    fn any_text() -> impl Strategy<Value = String> {
        let refused = select(vec!['\0', '\u{1}', '\u{1F}', '\u{7F}', '\u{FFFE}', '\u{FFFF}', '"', '\n']);
        vec(prop_oneof![any::<char>(), refused], 0..40).prop_map(|all| all.into_iter().collect())
    }

    proptest! {
        #[test]
        fn queue_messages_round_trip(body in ".{0,200}", number: u128) {
            let delivery = delivery(&body, number);
            prop_assert_eq!(decode(&encode(&delivery)).unwrap(), delivery);
        }

        #[test]
        fn encodes_any_reason_and_url_in_characters_that_sqs_accepts(reason in any_text(), path in any_text()) {
            let fault = Unsendable { class: ErrorClass::Filter, reason };
            let url = TargetUrl::parse_unchecked(&format!("https://a.io/{path}")).ok();
            for destination in url.map(Destination::Resolved).into_iter().chain([Destination::Nowhere(fault)]) {
                let delivery = Delivery { destination, ..delivery("{}", 1) };
                let text = encode(&delivery);
                prop_assert!(text.chars().all(queue_text::is_allowed), "{:?}", text);
                prop_assert_eq!(decode(&text).unwrap(), delivery);
            }
        }
    }

    #[test]
    fn names_the_defect_of_a_malformed_message() {
        let good = encode(&delivery("{}", 1));
        for (text, expected) in [
            (String::new(), "the message has no header line"),
            ("{}\n{}".to_owned(), "the header line does not parse"),
            (good.replace("\"v\":1", "\"v\":2"), "version 2 is not known here"),
            (good.replace("acme", "a b"), "the header's company is not valid"),
            (good.replace("0909", "zz09"), "the header's subscription is not valid"),
            (
                good.replace("\"number\":\"1\"", "\"number\":\"x\""),
                "the header's accepted.number is not valid",
            ),
        ] {
            assert_eq!(decode(&text).unwrap_err().to_string(), expected);
        }
    }
}
