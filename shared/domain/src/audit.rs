//! The audit log: every action of a person or program that changes something, or that shows a secret.

use crate::id::TokenId;
use crate::limits::AUDIT_TEXT_CHARS_MAX;
use crate::time::Millis;

/// Retention of entries, in seconds: thirteen months, so that a year can be reviewed.
pub const AUDIT_SECONDS: u64 = 396 * 24 * 60 * 60;

/// An action that is audited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuditAction {
    CompanyCreate,
    WebhookCreate,
    WebhookChange,
    WebhookActivate,
    WebhookDeactivate,
    WebhookDelete,
    WebhookTest,
    SecretReveal,
    SecretRotate,
    SecretExpire,
    QueueResume,
    QueueRetry,
    QueueSkip,
    ReplayStart,
    ReplayCancel,
    EventRedeliver,
    JobCreate,
    JobChange,
    JobDelete,
    TokenCreate,
    TokenRevoke,
    LinkCreate,
    SessionStart,
    SessionEnd,
}

impl AuditAction {
    pub const ALL: [Self; 24] = [
        Self::CompanyCreate,
        Self::WebhookCreate,
        Self::WebhookChange,
        Self::WebhookActivate,
        Self::WebhookDeactivate,
        Self::WebhookDelete,
        Self::WebhookTest,
        Self::SecretReveal,
        Self::SecretRotate,
        Self::SecretExpire,
        Self::QueueResume,
        Self::QueueRetry,
        Self::QueueSkip,
        Self::ReplayStart,
        Self::ReplayCancel,
        Self::EventRedeliver,
        Self::JobCreate,
        Self::JobChange,
        Self::JobDelete,
        Self::TokenCreate,
        Self::TokenRevoke,
        Self::LinkCreate,
        Self::SessionStart,
        Self::SessionEnd,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CompanyCreate => "company.create",
            Self::WebhookCreate => "webhook.create",
            Self::WebhookChange => "webhook.change",
            Self::WebhookActivate => "webhook.activate",
            Self::WebhookDeactivate => "webhook.deactivate",
            Self::WebhookDelete => "webhook.delete",
            Self::WebhookTest => "webhook.test",
            Self::SecretReveal => "secret.reveal",
            Self::SecretRotate => "secret.rotate",
            Self::SecretExpire => "secret.expire",
            Self::QueueResume => "queue.resume",
            Self::QueueRetry => "queue.retry",
            Self::QueueSkip => "queue.skip",
            Self::ReplayStart => "replay.start",
            Self::ReplayCancel => "replay.cancel",
            Self::EventRedeliver => "event.redeliver",
            Self::JobCreate => "job.create",
            Self::JobChange => "job.change",
            Self::JobDelete => "job.delete",
            Self::TokenCreate => "token.create",
            Self::TokenRevoke => "token.revoke",
            Self::LinkCreate => "link.create",
            Self::SessionStart => "session.start",
            Self::SessionEnd => "session.end",
        }
    }

    /// Returns the action of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// The caller that took an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The token's id; none for a configured operator and for a JWT.
    pub token: Option<TokenId>,
    /// The token's name at that time, or the subject of the JWT.
    pub name: String,
}

impl Actor {
    /// Makes an actor. Names come from outside, and are cut to the size that an entry has room for.
    #[must_use]
    pub fn new(token: Option<TokenId>, name: &str) -> Self {
        Self { token, name: cut(name) }
    }
}

/// One entry. It is written before the action and completed after it, so that nothing is done without a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its position: by time, and random inside a millisecond.
    pub place: AuditPosition,
    pub actor: Actor,
    pub action: AuditAction,
    /// The object of the action: a webhook, a token, a company.
    pub subject: Option<String>,
    /// The fields that a change named; never their values.
    pub fields: Vec<String>,
    /// The status that the caller received; none if the end of the call is unknown.
    pub status: Option<u16>,
}

/// The position of an entry in its company's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditPosition {
    pub at: Millis,
    pub chance: u32,
}

/// Details of an action that only its handler knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFinding {
    /// A more exact action than the route's own.
    pub action: Option<AuditAction>,
    pub subject: Option<String>,
    pub fields: Vec<String>,
}

impl AuditEntry {
    /// Returns the entry once the action is done.
    #[must_use]
    pub fn ended(self, finding: AuditFinding, status: u16) -> Self {
        Self {
            action: finding.action.unwrap_or(self.action),
            subject: finding.subject.or(self.subject).as_deref().map(cut),
            fields: finding.fields.iter().map(|field| cut(field)).collect(),
            status: Some(status),
            ..self
        }
    }
}

fn cut(text: &str) -> String {
    text.chars().take(AUDIT_TEXT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_actions_by_name() {
        for action in AuditAction::ALL {
            assert_eq!(AuditAction::find(action.name()), Some(action));
        }
        assert_eq!(AuditAction::find("webhook.destroy"), None);
    }

    #[test]
    fn a_handler_can_refine_the_action_of_its_audit_entry() {
        let entry = AuditEntry {
            place: AuditPosition { at: Millis(1), chance: 2 },
            actor: Actor::new(None, &"o".repeat(300)),
            action: AuditAction::WebhookChange,
            subject: Some("path".to_owned()),
            fields: Vec::new(),
            status: None,
        };
        assert_eq!(entry.actor.name.len(), 200);
        let plain = entry.clone().ended(AuditFinding::default(), 409);
        assert_eq!(plain, AuditEntry { status: Some(409), ..entry.clone() });
        let finding = AuditFinding {
            action: Some(AuditAction::WebhookActivate),
            subject: Some("made".to_owned()),
            fields: vec!["isActive".to_owned()],
        };
        let fine = entry.ended(finding, 200);
        assert_eq!((fine.action, fine.subject.as_deref()), (AuditAction::WebhookActivate, Some("made")));
        assert_eq!(fine.fields, ["isActive"]);
    }
}
