//! The request that an attempt sends.

use std::borrow::Cow;
use std::fmt;

use crate::attempt::AttemptNumber;
use crate::delivery::Delivery;
use crate::event::Body;
use crate::header::AUTHORIZATION;
use crate::id::DeliveryId;
use crate::secrets::Secrets;
use crate::signature::SigningFailed;
use crate::target::TargetUrl;
use crate::time::Millis;

/// The user agent of our requests.
pub const USER_AGENT: &str = concat!("Hookrail/", env!("CARGO_PKG_VERSION"));

/// A POST request, complete except for the connection.
#[derive(Clone, PartialEq, Eq)]
pub struct DeliveryRequest {
    pub url: TargetUrl,
    pub headers: Vec<(Cow<'static, str>, String)>,
    pub body: Body,
    pub timeout_seconds: u64,
}

/// The URL of a request, and the secrets of its webhook.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    pub url: &'a TargetUrl,
    pub secrets: &'a Secrets,
}

/// Returns the `webhook-id` of a delivery: the same on every attempt and redelivery, and a gap in it can be
/// seen.
#[must_use]
pub fn webhook_id(delivery: &Delivery, sequence: u64) -> String {
    format!("{}_{sequence}", delivery.id)
}

/// Returns the request of this attempt, signed for `at`.
pub fn prepare(
    delivery: &Delivery,
    number: AttemptNumber,
    target: Target<'_>,
    at: Millis,
    timeout_seconds: u64,
) -> Result<DeliveryRequest, SigningFailed> {
    let id = webhook_id(delivery, number.sequence);
    let numbers = [
        ("hookrail-sequence", number.sequence.to_string()),
        ("hookrail-attempt", number.attempt.to_string()),
        // For an event that this delivery causes: its publisher names the webhook, and the event is not sent
        // to it.
        ("hookrail-webhook", delivery.webhook.to_string()),
    ];
    let request = Unsigned { id, body: &delivery.body, headers: &numbers, timeout_seconds };
    request.signed(target, at)
}

/// Returns the request of a test: signed and addressed as any other, and outside the order of events.
pub fn prepare_test(
    id: DeliveryId,
    body: &Body,
    target: Target<'_>,
    at: Millis,
    timeout_seconds: u64,
) -> Result<DeliveryRequest, SigningFailed> {
    let headers = &[("hookrail-test", "true".to_owned())];
    Unsigned { id: format!("{id}_test"), body, headers, timeout_seconds }.signed(target, at)
}

/// The parts of a request without its target.
struct Unsigned<'a> {
    id: String,
    body: &'a Body,
    headers: &'a [(&'static str, String)],
    timeout_seconds: u64,
}

impl Unsigned<'_> {
    fn signed(self, target: Target<'_>, at: Millis) -> Result<DeliveryRequest, SigningFailed> {
        let Target { url, secrets } = target;
        let signature = secrets.sign(&self.id, at, self.body.as_str())?;
        let ours = [
            ("content-type", "application/json".to_owned()),
            ("user-agent", USER_AGENT.to_owned()),
            // A compressed response would be cut at our limit, or inflate past it.
            ("accept-encoding", "identity".to_owned()),
            ("webhook-id", self.id),
            ("webhook-timestamp", at.unix_seconds().to_string()),
            ("webhook-signature", signature),
        ];
        let auth = secrets.basic_auth.as_ref().map(|auth| (AUTHORIZATION, auth.header()));
        let headers = secrets.headers.iter();
        let own = headers.map(|(name, value)| (name.as_str().to_owned(), value.as_str().to_owned()));
        Ok(DeliveryRequest {
            url: url.clone(),
            headers: ours
                .into_iter()
                .chain(self.headers.iter().cloned())
                .chain(auth)
                .map(|(name, value)| (Cow::Borrowed(name), value))
                .chain(own.map(|(name, value)| (Cow::Owned(name), value)))
                .collect(),
            body: self.body.clone(),
            timeout_seconds: self.timeout_seconds,
        })
    }
}

/// Shows the names of the headers only: their values are signatures and keys.
impl fmt::Debug for DeliveryRequest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        out.debug_struct("DeliveryRequest")
            .field("url", &self.url)
            .field("headers", &names)
            .field("timeout_seconds", &self.timeout_seconds)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Destination;
    use crate::delivery::{QueueName, QueuePosition};
    use crate::header::{BasicAuth, HeaderName, HeaderValue};
    use crate::id::{CompanyId, EventId, WebhookId};
    use crate::signature::SigningSecret;

    #[test]
    fn a_retry_differs_in_time_signature_and_attempt_number_only() {
        let (event, webhook) = (EventId::of_message("m"), WebhookId::from_bytes([1; 12]));
        let delivery = Delivery {
            id: DeliveryId::of(event, webhook),
            event,
            company: CompanyId::parse("acme").unwrap(),
            webhook,
            accepted: QueuePosition { queue: QueueName::new("events"), number: 1 },
            accepted_at: Millis(0),
            destination: Destination::Webhook,
            body: Body::new("{ \"spacing\" : \"kept\" }").unwrap(),
        };
        let url = TargetUrl::parse_unchecked("https://a.io/").unwrap();
        let mut secrets = Secrets::new(SigningSecret::from_random([7; 32]));
        secrets.headers.insert(HeaderName::parse("X-Key").unwrap(), HeaderValue::parse("k-1").unwrap());
        secrets.basic_auth = Some(BasicAuth::new("u", "p").unwrap());
        let attempt = |attempt, at| {
            let number = AttemptNumber { sequence: 12, attempt };
            prepare(&delivery, number, Target { url: &url, secrets: &secrets }, Millis(at), 10).unwrap()
        };
        let (first, second) = (attempt(1, 1_000_000), attempt(2, 1_040_000));
        let differing: Vec<_> = first
            .headers
            .iter()
            .zip(&second.headers)
            .filter(|(one, two)| one != two)
            .map(|((name, _), _)| name.as_ref())
            .collect();
        assert_eq!(differing, ["webhook-timestamp", "webhook-signature", "hookrail-attempt"]);
        let header =
            |name| first.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
        assert_eq!(header("webhook-id"), Some(format!("{}_12", delivery.id).as_str()));
        assert_eq!(header("x-key"), Some("k-1"));
        assert_eq!(header("authorization"), Some("Basic dTpw"));
        assert!(!format!("{first:?}").contains("k-1"), "{first:?}");
        assert_eq!(first.body.as_str(), "{ \"spacing\" : \"kept\" }");
    }

    #[test]
    fn a_test_send_is_signed_and_has_no_sequence() {
        let (url, secrets) = (
            TargetUrl::parse_unchecked("https://a.io/").unwrap(),
            Secrets::new(SigningSecret::from_random([7; 32])),
        );
        let (id, body) = (DeliveryId::from_bytes([1; 12]), Body::new("{}").unwrap());
        let request =
            prepare_test(id, &body, Target { url: &url, secrets: &secrets }, Millis(5_000), 10).unwrap();
        let header = |name| request.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value);
        let signature = secrets.sign(&format!("{id}_test"), Millis(5_000), "{}").unwrap();
        assert_eq!(header("webhook-signature"), Some(&signature));
        assert_eq!(header("hookrail-test").map(String::as_str), Some("true"));
        assert_eq!(header("hookrail-sequence"), None);
    }
}
