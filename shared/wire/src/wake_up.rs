//! The message of the recovery queue: which line to look at, and which of its wake-ups this is.

use hookrail_domain::id::{CompanyId, WebhookId};
use serde::{Deserialize, Serialize};

use crate::queue_text;

const VERSION: u32 = 1;

/// "Look at this line." Void once the line has sent a later one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WakeUp {
    pub company: CompanyId,
    pub webhook: WebhookId,
    pub wake: u64,
}

#[derive(Serialize, Deserialize)]
struct Message<'a> {
    v: u32,
    company: &'a str,
    #[serde(rename = "subscription")]
    webhook: String,
    wake: u64,
}

/// The reason why a message is not a wake-up. It can never become one.
#[derive(Debug, thiserror::Error)]
pub enum InvalidWakeUp {
    #[error("the message does not parse")]
    Json(#[from] serde_json::Error),
    #[error("version {0} is not known here")]
    Version(u32),
    #[error("the {0} is not valid")]
    Field(&'static str),
}

impl WakeUp {
    /// Names this wake-up among all: its queue group and its deduplication id. A group of its own, so that it never
    /// waits for an earlier one that is held until its line is due.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-{}", self.webhook, self.wake)
    }

    #[must_use]
    pub fn encode(&self) -> String {
        let message = Message {
            v: VERSION,
            company: self.company.as_str(),
            webhook: self.webhook.to_string(),
            wake: self.wake,
        };
        queue_text::render(&message)
    }

    /// Reads a message back.
    pub fn decode(text: &str) -> Result<Self, InvalidWakeUp> {
        let message: Message<'_> = serde_json::from_str(text)?;
        if message.v != VERSION {
            return Err(InvalidWakeUp::Version(message.v));
        }
        Ok(Self {
            company: CompanyId::parse(message.company).map_err(|_refused| InvalidWakeUp::Field("company"))?,
            webhook: WebhookId::parse(&message.webhook)
                .map_err(|_refused| InvalidWakeUp::Field("subscription"))?,
            wake: message.wake,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wake_ups_round_trip_and_reject_other_texts() {
        let wake_up = WakeUp {
            company: CompanyId::parse("acme").unwrap(),
            webhook: WebhookId::from_bytes([7; 12]),
            wake: u64::MAX,
        };
        let text = wake_up.encode();
        assert_eq!(WakeUp::decode(&text).unwrap(), wake_up);
        assert_eq!(wake_up.name(), format!("070707070707070707070707-{}", u64::MAX));
        for (from, to, reason) in [
            ("\"v\":1", "\"v\":2", "version 2 is not known here"),
            ("acme", "a c", "the company is not valid"),
            ("0707", "x", "the subscription is not valid"),
            ("{", "", "the message does not parse"),
        ] {
            assert_eq!(WakeUp::decode(&text.replacen(from, to, 1)).unwrap_err().to_string(), reason);
        }
    }
}
