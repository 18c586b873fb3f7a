//! The request that an attempt sends.

use crate::attempt::AttemptNumber;
use crate::delivery::Delivery;
use crate::event::Body;
use crate::signature::{SigningFailed, SigningSecret};
use crate::target::TargetUrl;
use crate::time::Millis;

/// What we call ourselves towards receivers.
pub const USER_AGENT: &str = concat!("Hookrail/", env!("CARGO_PKG_VERSION"));

/// A POST, complete but for the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRequest {
    pub url: TargetUrl,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
    pub timeout_seconds: u64,
}

/// The `webhook-id` of a delivery: the same on every attempt and redelivery, and a gap in it can be seen.
#[must_use]
pub fn webhook_id(delivery: &Delivery, sequence: u64) -> String {
    format!("{}_{sequence}", delivery.id)
}

/// The request of this attempt, signed for `at`.
pub fn prepare(
    delivery: &Delivery,
    number: AttemptNumber,
    (url, secret): (&TargetUrl, &SigningSecret),
    at: Millis,
    timeout_seconds: u64,
) -> Result<DeliveryRequest, SigningFailed> {
    let id = webhook_id(delivery, number.sequence);
    let signature = secret.sign(&id, at, delivery.body.as_str())?;
    Ok(DeliveryRequest {
        url: url.clone(),
        headers: vec![
            ("content-type", "application/json".to_owned()),
            ("user-agent", USER_AGENT.to_owned()),
            // A compressed answer would be cut at our limit, or inflate past it.
            ("accept-encoding", "identity".to_owned()),
            ("webhook-id", id),
            ("webhook-timestamp", at.unix_seconds().to_string()),
            ("webhook-signature", signature),
            ("hookrail-sequence", number.sequence.to_string()),
            ("hookrail-attempt", number.attempt.to_string()),
        ],
        body: delivery.body.clone(),
        timeout_seconds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{QueueName, QueuePosition};
    use crate::id::{CompanyId, DeliveryId, EventId, SubscriptionId};

    #[test]
    fn a_second_attempt_differs_in_time_signature_and_number_only() {
        let (event, subscription) = (EventId::of_message("m"), SubscriptionId::from_bytes([1; 12]));
        let delivery = Delivery {
            id: DeliveryId::of(event, subscription),
            event,
            company: CompanyId::parse("acme").unwrap(),
            subscription,
            accepted: QueuePosition { queue: QueueName::new("events"), number: 1 },
            accepted_at: Millis(0),
            body: Body::new("{ \"spacing\" : \"kept\" }").unwrap(),
        };
        let url = TargetUrl::parse_unchecked("https://a.io/").unwrap();
        let secret = SigningSecret::from_random([7; 32]);
        let attempt = |attempt, at| {
            let number = AttemptNumber { sequence: 12, attempt };
            prepare(&delivery, number, (&url, &secret), Millis(at), 10).unwrap()
        };
        let (first, second) = (attempt(1, 1_000_000), attempt(2, 1_040_000));
        let differing: Vec<_> = first
            .headers
            .iter()
            .zip(&second.headers)
            .filter(|(one, two)| one != two)
            .map(|((name, _), _)| *name)
            .collect();
        assert_eq!(differing, ["webhook-timestamp", "webhook-signature", "hookrail-attempt"]);
        assert!(first.headers.contains(&("webhook-id", format!("{}_12", delivery.id))));
        assert_eq!(first.body.as_str(), "{ \"spacing\" : \"kept\" }");
    }
}
