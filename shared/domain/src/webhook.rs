//! A webhook: the subscription of a company to some events at one endpoint.

use std::fmt;

use crate::attempt::ErrorClass;
use crate::delivery::{Destination, Unsendable};
use crate::id::{CompanyId, WebhookId};
use crate::limits::{CODE_CHARS_MAX, DESCRIPTION_CHARS_MAX, NAME_CHARS_MAX};
use crate::platform::EventType;
use crate::platform::webhook::{IMPLICIT_NAME, PlatformWebhook, Stamp, WebhookScope};
use crate::secrets::{Credentials, Secrets};
use crate::target::TargetUrl;
use crate::trigger::Trigger;

/// A webhook as it is stored. Holds no secret: fan-out reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub id: WebhookId,
    pub company: CompanyId,
    pub is_active: bool,
    pub name: Name,
    /// The fields of its kind: its events and its URL, in the terms of the system it was made in.
    pub face: WebhookKind,
    pub description: Option<Description>,
    /// Exhausted events in a row that suspend it, up to `SUSPEND_AFTER_MAX`; the operator's number if it has
    /// none.
    pub suspend_after: Option<u32>,
    /// Raised by one with every write, 0 at creation.
    pub version: u64,
    /// The reason why it is inactive, unless a person deactivated it.
    pub inactive_because: Option<InactiveBecause>,
    /// Credentials that it sends with the event, for its receiver only.
    pub credentials: Credentials,
}

/// The two kinds of webhooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookKind {
    Cot(CotWebhook),
    Platform(Box<PlatformWebhook>),
}

/// The fields of a webhook with a trigger and a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CotWebhook {
    pub trigger: Trigger,
    pub url: TargetUrl,
    pub code: Code,
}

/// A cause that deactivates a webhook without a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InactiveBecause {
    /// Its endpoint responded 410.
    Gone,
}

impl Webhook {
    /// Returns the name that no other webhook of its company shares: its code, or its name within its scope.
    #[must_use]
    pub fn unique_name(&self) -> (Option<&WebhookScope>, &str) {
        match &self.face {
            WebhookKind::Cot(cot) => (None, cot.code.as_str()),
            WebhookKind::Platform(platform) => (Some(&platform.scope), self.name.as_str()),
        }
    }

    /// Makes an active webhook at version 0. Every other setting has the default of a call that does not name
    /// it.
    #[must_use]
    pub fn new(
        company: CompanyId,
        id: WebhookId,
        name: Name,
        face: WebhookKind,
        credentials: Credentials,
    ) -> Self {
        Self {
            id,
            company,
            is_active: true,
            name,
            face,
            description: None,
            suspend_after: None,
            version: 0,
            inactive_because: None,
            credentials,
        }
    }

    /// Returns its fields if it has a trigger and a context.
    #[must_use]
    pub fn cot(&self) -> Option<&CotWebhook> {
        match &self.face {
            WebhookKind::Cot(cot) => Some(cot),
            WebhookKind::Platform(_) => None,
        }
    }

    /// Returns its fields if it is a platform webhook.
    #[must_use]
    pub fn platform(&self) -> Option<&PlatformWebhook> {
        match &self.face {
            WebhookKind::Cot(_) => None,
            WebhookKind::Platform(platform) => Some(platform),
        }
    }

    /// Returns the URL that a delivery of this destination is sent to, or the reason why there is none.
    pub fn target<'a>(&'a self, destination: &'a Destination) -> Result<&'a TargetUrl, Unsendable> {
        match (&self.face, destination) {
            (_, Destination::Nowhere(fault)) => Err(fault.clone()),
            (WebhookKind::Cot(cot), Destination::Webhook | Destination::Resolved(_)) => Ok(&cot.url),
            (WebhookKind::Platform(_), Destination::Resolved(url)) => Ok(url),
            (WebhookKind::Platform(_), Destination::Webhook) => {
                let reason = "the event has no URL".to_owned();
                Err(Unsendable { class: ErrorClass::Template, reason })
            }
        }
    }

    /// Returns whether it receives the operational events of the company's other webhooks.
    #[must_use]
    pub fn is_operational(&self) -> bool {
        self.cot().is_some_and(|cot| cot.trigger.kind().is_operational())
    }

    /// Makes the webhook that carries the queue of jobs without a webhook, of a space or kapp. No event is
    /// for it.
    #[must_use]
    pub fn implicit(company: &CompanyId, scope: &WebhookScope, secrets: &Secrets, by: Stamp) -> Self {
        let kapp = match scope {
            WebhookScope::Space => None,
            WebhookScope::Kapp(slug) => Some(slug),
        };
        let face = WebhookKind::Platform(Box::new(PlatformWebhook {
            scope: scope.clone(),
            // A value is required here.
            kind: EventType::Space,
            event: "Login Failure",
            filter: String::new(),
            url: String::new(),
            key: None,
            created: by.clone(),
            updated: by,
        }));
        let id = WebhookId::of_implicit(company, kapp);
        let webhook =
            Self::new(company.clone(), id, Name(IMPLICIT_NAME.to_owned()), face, secrets.credentials(0));
        // Each job may go elsewhere: that some fail says nothing about the next.
        Self { suspend_after: Some(0), ..webhook }
    }

    /// Returns whether it stands for the jobs of a space or kapp that have no webhook.
    #[must_use]
    pub fn is_implicit(&self) -> bool {
        self.platform().is_some() && self.name.as_str() == IMPLICIT_NAME
    }

    /// Returns the webhook after its endpoint responded that it is gone.
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

/// The reason why a text of a webhook is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    #[error("must not be empty")]
    Empty,
    #[error("must be at most {chars_max} characters")]
    TooLong { chars_max: usize },
    #[error("must be lower-case letters, digits and `_`, beginning with a letter")]
    NotACode,
}

/// The name of a webhook or a token, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Returns the name of a company's first token.
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

/// The code of a webhook, for programs: unique in its company and never changed.
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
    fn a_name_is_not_blank_and_has_at_most_200_characters() {
        assert_eq!(Name::parse("Work Orders Update").unwrap().as_str(), "Work Orders Update");
        assert_eq!(Name::parse(" \t"), Err(InvalidText::Empty));
        assert_eq!(Name::parse(&"é".repeat(200)).unwrap().as_str().chars().count(), 200);
        assert_eq!(Name::parse(&"é".repeat(201)), Err(InvalidText::TooLong { chars_max: 200 }));
    }

    #[test]
    fn texts_keep_their_spelling() {
        assert_eq!(Code::parse("wo_update").unwrap().to_string(), "wo_update");
        assert_eq!(Description::parse(" For the team. ").unwrap().as_str(), " For the team. ");
        assert_eq!(Description::parse(&"é".repeat(2001)), Err(InvalidText::TooLong { chars_max: 2000 }));
    }
}
