//! A platform webhook, and the events it is compared with.

use std::fmt;

use super::{EventType, Scope};
use crate::id::{KappSlug, WebhookId};
use crate::time::Millis;
use crate::webhook::{InvalidText, Name};

/// The name of jobs without a webhook, and of the webhook that carries their queue. No other webhook can have
/// it.
pub const IMPLICIT_NAME: &str = "Implicit Webhook Job";

/// The scope of a webhook: the records that it is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WebhookScope {
    /// Every record of the space, in any kapp.
    Space,
    /// Records of one kapp.
    Kapp(KappSlug),
}

impl WebhookScope {
    /// Returns the kind of the scope.
    #[must_use]
    pub const fn kind(&self) -> Scope {
        match self {
            Self::Space => Scope::Space,
            Self::Kapp(_) => Scope::Kapp,
        }
    }

    /// Returns whether a record of this kapp, or of none, belongs to it.
    #[must_use]
    pub fn covers(&self, kapp: Option<&KappSlug>) -> bool {
        match self {
            Self::Space => true,
            Self::Kapp(own) => kapp == Some(own),
        }
    }
}

/// The slug of the kapp; nothing for the space.
impl fmt::Display for WebhookScope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Space => Ok(()),
            Self::Kapp(slug) => out.write_str(slug.as_str()),
        }
    }
}

/// The fields that only a platform webhook has. Filter and URL were checked when it was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformWebhook {
    pub scope: WebhookScope,
    pub kind: EventType,
    /// One of the kind's events.
    pub event: &'static str,
    /// A JavaScript expression; blank for every event.
    pub filter: String,
    /// A URL with `${…}` in its path and query, or one below the operator's workflow engine.
    pub url: String,
    /// The name of the signing key that its owner provided, if any.
    pub key: Option<String>,
    pub created: Stamp,
    pub updated: Stamp,
}

/// The reason why a text cannot be the name of a platform webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    #[error(transparent)]
    Text(InvalidText),
    #[error(
        "must not hold ?, #, \\, control characters or a % before two hexadecimal digits, nor . or .. between slashes, \
         nor end with a space: it stands in paths, which gateways decode"
    )]
    NoPath,
    #[error("is reserved for jobs without a webhook")]
    Implicit,
}

/// Reads a name that comes back from a path unchanged, however often the path was decoded on its way.
///
/// API Gateway passes paths decoded, cut at a `?` that was encoded, and the next reader finds escapes,
/// queries and fragments in them again.
/// With a name that this changes, a call about one webhook would become a call about another.
pub fn parse_name(text: &str) -> Result<Name, InvalidName> {
    let name = Name::parse(text).map_err(InvalidName::Text)?;
    if text == IMPLICIT_NAME {
        return Err(InvalidName::Implicit);
    }
    let is_cut = text.contains(['?', '#', '\\']) || text.chars().any(char::is_control);
    let is_walked = text.split('/').any(|part| part == "." || part == "..");
    let is_escape = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    let is_decoded = text.split('%').skip(1).any(is_escape);
    if is_cut || is_walked || is_decoded || text.ends_with(' ') { Err(InvalidName::NoPath) } else { Ok(name) }
}

/// The author and the time of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    pub at: Millis,
    /// The name of the token.
    pub by: String,
}

impl PlatformWebhook {
    /// Returns whether the event is for it by type, event and scope; its filter may still refuse it.
    #[must_use]
    pub fn is_about(&self, own: WebhookId, occurrence: &Occurrence) -> bool {
        !occurrence.is_silent
            && self.kind == occurrence.kind
            && self.event == occurrence.action
            && self.scope.covers(occurrence.kapp.as_ref())
            && !occurrence.origins.contains(&own)
    }
}

/// An event of a record of the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    pub kind: EventType,
    /// One of the kind's events.
    pub action: &'static str,
    pub kapp: Option<KappSlug>,
    /// Marked by its publisher to be for no webhook.
    pub is_silent: bool,
    /// The webhooks whose deliveries caused it: it is not for them, or it would cause itself without end.
    pub origins: Vec<WebhookId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(scope: WebhookScope) -> PlatformWebhook {
        let stamp = Stamp { at: Millis(0), by: "ana".to_owned() };
        PlatformWebhook {
            scope,
            kind: EventType::Submission,
            event: "Submitted",
            filter: String::new(),
            url: "https://a.io/".to_owned(),
            key: None,
            created: stamp.clone(),
            updated: stamp,
        }
    }

    fn own() -> WebhookId {
        WebhookId::from_bytes([1; 12])
    }

    fn slug(text: &str) -> KappSlug {
        KappSlug::parse(text).unwrap()
    }

    fn submitted(kapp: Option<&str>) -> Occurrence {
        Occurrence {
            kind: EventType::Submission,
            action: "Submitted",
            kapp: kapp.map(slug),
            is_silent: false,
            origins: Vec::new(),
        }
    }

    #[test]
    fn accepts_names_that_survive_a_url_path() {
        for good in
            ["Submission Submitted", "a/b", "50% off", "%", "%zz", "a&b=c+d;é 日本", ".a/..b", " a", "'\"<>"]
        {
            assert_eq!(parse_name(good).unwrap().as_str(), good);
        }
        for bad in ["a?b", "a#b", "a\\b", "a\tb", "100%25", "%2F", "a/../b", ".", "..", "a/.", "a "] {
            assert_eq!(parse_name(bad), Err(InvalidName::NoPath), "{bad}");
        }
        assert_eq!(parse_name("Implicit Webhook Job"), Err(InvalidName::Implicit));
        assert_eq!(parse_name(" "), Err(InvalidName::Text(InvalidText::Empty)));
    }

    #[test]
    fn a_space_webhook_sees_all_kapps_and_a_kapp_webhook_its_own() {
        let (space, kapp) = (webhook(WebhookScope::Space), webhook(WebhookScope::Kapp(slug("services"))));
        for (place, of_space, of_kapp) in
            [(Some("services"), true, true), (Some("catalog"), true, false), (None, true, false)]
        {
            assert_eq!(space.is_about(own(), &submitted(place)), of_space, "{place:?}");
            assert_eq!(kapp.is_about(own(), &submitted(place)), of_kapp, "{place:?}");
        }
    }

    #[test]
    fn type_event_silence_or_origin_alone_excludes_an_event() {
        let webhook = webhook(WebhookScope::Space);
        let event = submitted(None);
        assert!(webhook.is_about(own(), &event));
        assert!(!webhook.is_about(own(), &Occurrence { kind: EventType::Form, ..event.clone() }));
        assert!(!webhook.is_about(own(), &Occurrence { action: "Saved", ..event.clone() }));
        assert!(!webhook.is_about(own(), &Occurrence { is_silent: true, ..event.clone() }));
        assert!(!webhook.is_about(own(), &Occurrence { origins: vec![own()], ..event.clone() }));
        let other = WebhookId::from_bytes([2; 12]);
        assert!(webhook.is_about(own(), &Occurrence { origins: vec![other], ..event }));
    }
}
