//! A webhook: a company's standing request for some events at one endpoint.

use std::fmt;

use crate::attempt::ErrorClass;
use crate::delivery::{Destination, Unsendable};
use crate::id::{CompanyId, SubscriptionId};
use crate::limits::{CODE_CHARS_MAX, DESCRIPTION_CHARS_MAX, NAME_CHARS_MAX};
use crate::platform::EventType;
use crate::platform::webhook::{IMPLICIT_NAME, PlatformWebhook, Stamp, WebhookScope};
use crate::secrets::{Credentials, Secrets};
use crate::target::TargetUrl;
use crate::trigger::Trigger;

/// A webhook as it is stored. Holds no secret: fan-out reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub id: SubscriptionId,
    pub company: CompanyId,
    pub is_active: bool,
    pub name: Name,
    /// What it asks for and where it goes, in the terms of the system it was made in.
    pub face: Face,
    pub description: Option<Description>,
    /// Given-up events in a row that set it aside, up to `SUSPEND_AFTER_MAX`; the operator's number if it has none.
    pub suspend_after: Option<u32>,
    /// Raised by one with every write, 0 at creation.
    pub version: u64,
    /// Why it is inactive, if nobody decided it.
    pub inactive_because: Option<InactiveBecause>,
    /// What it sends beside the event that only its receiver should see.
    pub credentials: Credentials,
}

/// The two systems whose webhooks there are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "most webhooks are of the large one, and every event reads them"
)]
pub enum Face {
    Cot(CotWebhook),
    Platform(Box<PlatformWebhook>),
}

/// What is particular to a webhook with a trigger and a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CotWebhook {
    pub trigger: Trigger,
    pub url: TargetUrl,
    pub code: Code,
}

/// What deactivates a webhook by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InactiveBecause {
    /// Its endpoint answered 410.
    Gone,
}

impl Subscription {
    /// What it is, if it has a trigger and a context.
    #[must_use]
    pub fn cot(&self) -> Option<&CotWebhook> {
        match &self.face {
            Face::Cot(cot) => Some(cot),
            Face::Platform(_) => None,
        }
    }

    /// What it is, if it is about the platform's records.
    #[must_use]
    pub fn platform(&self) -> Option<&PlatformWebhook> {
        match &self.face {
            Face::Cot(_) => None,
            Face::Platform(platform) => Some(platform),
        }
    }

    /// The URL that a delivery of this destination is sent to, or why there is none.
    pub fn target<'a>(&'a self, destination: &'a Destination) -> Result<&'a TargetUrl, Unsendable> {
        match (&self.face, destination) {
            (Face::Cot(cot), _) => Ok(&cot.url),
            (Face::Platform(_), Destination::Resolved(url)) => Ok(url),
            (Face::Platform(_), Destination::Nowhere(fault)) => Err(fault.clone()),
            (Face::Platform(_), Destination::Webhook) => {
                let reason = "the event has no URL".to_owned();
                Err(Unsendable { class: ErrorClass::Template, reason })
            }
        }
    }

    /// Whether it is told what happens to the company's other webhooks.
    #[must_use]
    pub fn is_operational(&self) -> bool {
        self.cot().is_some_and(|cot| cot.trigger.kind().is_operational())
    }

    /// What carries the line of the jobs of a space or kapp that have no webhook. No event is for it.
    #[must_use]
    pub fn implicit(company: &CompanyId, scope: &WebhookScope, secrets: &Secrets, by: Stamp) -> Self {
        let kapp = match scope {
            WebhookScope::Space => None,
            WebhookScope::Kapp(slug) => Some(slug),
        };
        Self {
            id: SubscriptionId::of_implicit(company, kapp),
            company: company.clone(),
            is_active: true,
            name: Name(IMPLICIT_NAME.to_owned()),
            face: Face::Platform(Box::new(PlatformWebhook {
                scope: scope.clone(),
                // Something must stand there.
                kind: EventType::Space,
                event: "Login Failure",
                filter: String::new(),
                url: String::new(),
                key: None,
                created: by.clone(),
                updated: by,
            })),
            description: None,
            // Each job may go elsewhere: that some fail says nothing of the next.
            suspend_after: Some(0),
            version: 0,
            inactive_because: None,
            credentials: secrets.credentials(0),
        }
    }

    /// Whether it stands for the jobs of a space or kapp that have no webhook.
    #[must_use]
    pub fn is_implicit(&self) -> bool {
        self.platform().is_some() && self.name.as_str() == IMPLICIT_NAME
    }

    /// The webhook after its endpoint said that it is gone.
    #[must_use]
    pub fn gone(&self) -> Self {
        Self {
            is_active: false,
            inactive_because: Some(InactiveBecause::Gone),
            version: self.version + 1,
            ..self.clone()
        }
    }
}

/// Why a text of a webhook is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    #[error("must not be empty")]
    Empty,
    #[error("must be at most {chars_max} characters")]
    TooLong { chars_max: usize },
    #[error("must be lower-case letters, digits and `_`, beginning with a letter")]
    NotACode,
}

/// What people call a webhook, or a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// What a company's first token is called.
    #[must_use]
    pub fn first_token() -> Self {
        Self("first".to_owned())
    }

    /// Accepts any text that is not blank, up to `NAME_CHARS_MAX` characters.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        if text.trim().is_empty() {
            return Err(InvalidText::Empty);
        }
        within(text, NAME_CHARS_MAX).map(Self)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What programs call the webhook: unique in its company and never changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(String);

impl Code {
    /// Accepts `^[a-z]+([_a-z0-9]+)*$`, up to `CODE_CHARS_MAX` characters.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let mut bytes = text.bytes();
        let head = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase());
        let tail = bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if head && tail { within(text, CODE_CHARS_MAX).map(Self) } else { Err(InvalidText::NotACode) }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Free text about the webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description(String);

impl Description {
    /// Accepts any text up to `DESCRIPTION_CHARS_MAX` characters.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        within(text, DESCRIPTION_CHARS_MAX).map(Self)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn within(text: &str, chars_max: usize) -> Result<String, InvalidText> {
    if text.chars().count() <= chars_max {
        Ok(text.to_owned())
    } else {
        Err(InvalidText::TooLong { chars_max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_follow_the_published_pattern() {
        for good in ["a", "wo_update", "a1", "a_", "a__9"] {
            assert_eq!(Code::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "A", "1a", "_a", "a-b", "a b", "é", "aB"] {
            assert_eq!(Code::parse(bad), Err(InvalidText::NotACode), "{bad}");
        }
        assert_eq!(Code::parse(&"a".repeat(101)), Err(InvalidText::TooLong { chars_max: 100 }));
    }

    #[test]
    fn a_name_is_not_blank_and_not_endless() {
        assert_eq!(Name::parse("Work Orders Update").unwrap().as_str(), "Work Orders Update");
        assert_eq!(Name::parse(" \t"), Err(InvalidText::Empty));
        assert_eq!(Name::parse(&"é".repeat(200)).unwrap().as_str().chars().count(), 200);
        assert_eq!(Name::parse(&"é".repeat(201)), Err(InvalidText::TooLong { chars_max: 200 }));
    }

    #[test]
    fn texts_are_shown_as_they_were_given() {
        assert_eq!(Code::parse("wo_update").unwrap().to_string(), "wo_update");
        assert_eq!(Description::parse(" For the team. ").unwrap().as_str(), " For the team. ");
        assert_eq!(Description::parse(&"é".repeat(2001)), Err(InvalidText::TooLong { chars_max: 2000 }));
    }
}
