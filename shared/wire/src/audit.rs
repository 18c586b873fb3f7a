//! The audit log as the API shows it.

use hookrail_domain::audit::AuditEntry;
use serde::Serialize;
use utoipa::ToSchema;

use crate::json;
use crate::timestamp;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditEntry)]
pub(crate) struct Document<'a> {
    at: String,
    action: &'static str,
    actor: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    fields: &'a [String],
    /// The status of the response. Null if the end of the call is unknown.
    status: Option<u16>,
}

/// Entries as the API lists them.
#[must_use]
pub fn render_list(entries: &[AuditEntry]) -> Vec<u8> {
    let documents: Vec<_> = entries
        .iter()
        .map(|entry| Document {
            at: timestamp::render(entry.place.at),
            action: entry.action.name(),
            actor: &entry.actor.name,
            actor_token: entry.actor.token.map(|id| id.to_string()),
            subject: entry.subject.as_deref(),
            fields: &entry.fields,
            status: entry.status,
        })
        .collect();
    json::render(&documents)
}

#[cfg(test)]
mod tests {
    use hookrail_domain::audit::{Actor, AuditAction, AuditPosition};
    use hookrail_domain::id::TokenId;
    use hookrail_domain::time::Millis;

    use super::*;

    #[test]
    fn an_audit_entry_shows_actor_action_time_and_status() {
        let entry = AuditEntry {
            place: AuditPosition { at: Millis(0), chance: 1 },
            actor: Actor::new(Some(TokenId::from_bytes([1; 12])), "ci"),
            action: AuditAction::WebhookChange,
            subject: Some("w".to_owned()),
            fields: vec!["url".to_owned()],
            status: None,
        };
        assert_eq!(
            String::from_utf8(render_list(&[entry])).unwrap(),
            "[{\"at\":\"1970-01-01T00:00:00.000Z\",\"action\":\"webhook.change\",\"actor\":\"ci\",\
             \"actorToken\":\"010101010101010101010101\",\"subject\":\"w\",\"fields\":[\"url\"],\"status\":null}]"
        );
    }
}
