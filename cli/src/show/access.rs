//! Tokens, secrets, tests and the audit log, rendered for people.

use serde::Deserialize;

use super::{lines, printable, shortened, table};

/// A token, with its secret if it was just created.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    #[serde(rename = "_id")]
    id: String,
    name: String,
    kind: String,
    company: Option<String>,
    scopes: Vec<String>,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
    token: Option<String>,
}

/// A webhook's signing secret.
#[derive(Debug, Clone, Deserialize)]
pub struct Secret {
    secret: String,
    retired: Vec<Retired>,
}

#[derive(Debug, Clone, Deserialize)]
struct Retired {
    secret: String,
    until: String,
}

/// The state of the signing secrets after a change.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretState {
    retired_until: Vec<String>,
}

/// The result of a test request.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestSend {
    result: String,
    status: u16,
    error: Option<String>,
    response: String,
    duration_ms: u64,
    webhook_id: String,
}

/// One entry of the audit log.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    at: String,
    action: String,
    actor: String,
    subject: Option<String>,
    #[serde(default)]
    fields: Vec<String>,
    status: Option<u16>,
}

impl Token {
    #[must_use]
    pub fn render(&self) -> String {
        let mut pairs = vec![
            ("token", self.id.clone()),
            ("name", printable(&self.name)),
            ("company", self.owner()),
            ("scopes", self.scopes.join(" ")),
            ("expires", self.expires_at.clone().unwrap_or_else(|| "never".to_owned())),
        ];
        if let Some(text) = &self.token {
            pairs.push(("secret", format!("{text}  (shown only once)")));
        }
        lines(&pairs)
    }

    fn owner(&self) -> String {
        self.company.clone().unwrap_or_else(|| "none (operator)".to_owned())
    }
}

/// Renders tokens as a table.
#[must_use]
pub fn tokens(tokens: &[Token]) -> String {
    let head = ["token", "name", "kind", "scopes", "created", "expires", "last used"].map(str::to_owned);
    let or = |at: &Option<String>, none: &str| at.clone().unwrap_or_else(|| none.to_owned());
    let rows = tokens.iter().map(|token| {
        [
            token.id.clone(),
            shortened(&token.name),
            token.kind.clone(),
            token.scopes.join(" "),
            token.created_at.clone(),
            or(&token.expires_at, "never"),
            or(&token.last_used_at, "never"),
        ]
    });
    table(std::iter::once(head).chain(rows).collect())
}

impl Secret {
    #[must_use]
    pub fn render(&self) -> String {
        let mut pairs = vec![("secret", self.secret.clone())];
        let retired = |one: &Retired| ("still signs", format!("{} until {}", one.secret, one.until));
        pairs.extend(self.retired.iter().map(retired));
        lines(&pairs)
    }
}

impl SecretState {
    #[must_use]
    pub fn render(&self) -> String {
        match self.retired_until.as_slice() {
            [] => "only the newest secret signs requests\n".to_owned(),
            until => lines(&[("old secrets sign until", until.join(", "))]),
        }
    }
}

impl TestSend {
    #[must_use]
    pub fn render(&self) -> String {
        let error = self.error.as_ref().map_or_else(String::new, |error| format!(" ({error})"));
        lines(&[
            ("result", format!("{}{error}", self.result)),
            ("status", self.status.to_string()),
            ("response", shortened(&self.response)),
            ("duration", format!("{} ms", self.duration_ms)),
            ("webhook-id", self.webhook_id.clone()),
        ])
    }
}

/// Renders the audit log as a table.
#[must_use]
pub fn audit(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "the audit log is empty\n".to_owned();
    }
    let head = ["time", "actor", "action", "subject", "fields", "status"].map(str::to_owned);
    let rows = entries.iter().map(|entry| {
        [
            entry.at.clone(),
            shortened(&entry.actor),
            entry.action.clone(),
            shortened(entry.subject.as_deref().unwrap_or_default()),
            shortened(&entry.fields.join(" ")),
            entry.status.map_or_else(|| "unknown".to_owned(), |status| status.to_string()),
        ]
    });
    table(std::iter::once(head).chain(rows).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_new_token_shows_its_text_and_a_listed_token_does_not() {
        let mut token = json!({
            "_id": "a1", "name": "ci\u{1b}[2J", "kind": "api", "company": "acme", "scopes": ["logs:read"],
            "createdAt": "2022-05-05T20:04:40.084Z", "token": "hkr_1"
        });
        let read = |value: &serde_json::Value| serde_json::from_value::<Token>(value.clone()).unwrap();
        let shown = read(&token).render();
        assert!(shown.contains("hkr_1  (shown only once)") && !shown.contains('\u{1b}'), "{shown}");
        token["token"] = json!(null);
        let listed = tokens(&[read(&token)]);
        assert!(listed.contains("acme") || listed.contains("logs:read"), "{listed}");
        assert!(!listed.contains("hkr_"), "{listed}");
    }

    #[test]
    fn an_audit_entry_without_an_end_shows_unknown() {
        let entry = json!({"at": "now", "action": "secret.reveal", "actor": "ci", "status": null});
        let entry: Entry = serde_json::from_value(entry).unwrap();
        assert!(audit(&[entry]).contains("unknown"));
        assert_eq!(audit(&[]), "the audit log is empty\n");
    }
}
