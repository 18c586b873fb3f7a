//! Webhooks, rendered for people.

use hookrail_wire::cot_webhook::SETTINGS;
use serde::Deserialize;
use serde_json::Value;

use super::{aligned, lines, shortened};
use crate::webhook::settings::Settings;

/// The column of the state.
const STATE_COLUMN: usize = 4;
/// The settings that are shown first.
const SHOWN_FIRST: [&str; 3] = ["name", "code", "url"];

/// A webhook as the API renders it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    #[serde(rename = "_id")]
    pub id: String,
    #[serde(rename = "__v")]
    pub version: u64,
    inactive_reason: Option<String>,
    #[serde(flatten)]
    pub settings: Settings,
}

impl Webhook {
    /// Renders name and state.
    #[must_use]
    pub fn render(&self) -> String {
        lines(&self.named(&[]))
    }

    /// Renders all settings.
    #[must_use]
    pub fn detail(&self) -> String {
        let fields = SETTINGS.iter().filter(|field| !SHOWN_FIRST.contains(field) && **field != "isActive");
        let mut details: Vec<_> = fields.map(|field| (label(field), self.shown(field))).collect();
        details.push(("version".to_owned(), self.version.to_string()));
        lines(&self.named(&details))
    }

    /// The value of a setting. One without a line here is shown as it is.
    fn shown(&self, field: &str) -> String {
        match (field, self.settings.0.get(field).unwrap_or(&Value::Null)) {
            ("context", Value::Object(slots)) if slots.is_empty() => "the whole company".to_owned(),
            ("context", Value::Object(slots)) => {
                let slots = slots.iter().map(|(slot, id)| format!("{slot} {}", plain(id)));
                slots.collect::<Vec<_>>().join(", ")
            }
            ("suspendAfter", Value::Null) => "default of the operator".to_owned(),
            ("suspendAfter", number) => format!("{number} given up"),
            ("basicAuth", Value::Object(auth)) => auth.get("username").map_or_else(String::new, plain),
            ("description", Value::Null) => String::new(),
            (_, value) => plain(value),
        }
    }

    fn named(&self, details: &[(String, String)]) -> Vec<(String, String)> {
        let mut pairs = vec![("webhook".to_owned(), self.id.clone())];
        pairs.extend(SHOWN_FIRST.map(|field| (field.to_owned(), self.settings.text(field).to_owned())));
        pairs.extend_from_slice(details);
        pairs.push(("state".to_owned(), self.state()));
        pairs
    }

    fn state(&self) -> String {
        match (self.settings.is_active(), &self.inactive_reason) {
            (true, _) => "active".to_owned(),
            (false, None) => "inactive".to_owned(),
            (false, Some(reason)) => format!("inactive ({reason})"),
        }
    }
}

/// Renders the name of a setting for people: `basicAuth` is `basic auth`.
fn label(field: &str) -> String {
    let words = field
        .chars()
        .flat_map(|letter| letter.is_uppercase().then_some(' ').into_iter().chain(letter.to_lowercase()));
    words.collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        value => value.to_string(),
    }
}

/// Renders webhooks as a table, in the API's order.
#[must_use]
pub fn table(webhooks: &[Webhook]) -> String {
    if webhooks.is_empty() {
        return "no matching webhooks\n".to_owned();
    }
    let head = ["webhook", "code", "name", "trigger", "state", "url"].map(str::to_owned);
    let rows = webhooks.iter().map(|webhook| {
        let text = |field| webhook.settings.text(field);
        let [name, url] = ["name", "url"].map(|field| shortened(text(field)));
        [webhook.id.clone(), text("code").to_owned(), name, text("trigger").to_owned(), webhook.state(), url]
    });
    aligned(std::iter::once(head).chain(rows).collect(), &mut [0; 6], Some(STATE_COLUMN))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_setting_of_a_webhook_is_shown_in_words() {
        let document = json!({ "_id": "62685990d918fb5557f9f992", "__v": 3, "code": "a", "name": "A",
            "url": "https://a.io/in", "trigger": "logout-user", "isActive": false, "inactiveReason": "gone",
            "context": { "survey": "s", "group": "" }, "headers": ["x-a", "x-b"], "basicAuth": { "username": "u" } });
        let webhook: Webhook = serde_json::from_value(document).unwrap();
        let detail = webhook.detail();
        let pairs: Vec<_> = detail.lines().filter_map(|line| line.split_once(':')).collect();
        let pairs: Vec<_> = pairs.iter().map(|(label, value)| (*label, value.trim())).collect();
        let (_state, pairs) = pairs.split_last().unwrap();
        assert_eq!(
            pairs,
            [
                ("webhook", "62685990d918fb5557f9f992"),
                ("name", "A"),
                ("code", "a"),
                ("url", "https://a.io/in"),
                ("description", ""),
                ("trigger", "logout-user"),
                ("context", "survey s"),
                ("suspend after", "default of the operator"),
                ("headers", "x-a, x-b"),
                ("basic auth", "u"),
                ("version", "3"),
            ]
        );
        // Painted where colours are shown.
        assert!(detail.lines().last().unwrap().contains("inactive (gone)"));
    }

    #[test]
    fn a_webhook_without_what_each_has_is_not_read() {
        let shown = json!({ "_id": "1", "__v": 0, "code": "a", "name": "A", "url": "https://a.io/", "isActive": true,
            "trigger": "logout-user", "context": {} });
        serde_json::from_value::<Webhook>(shown.clone()).unwrap();
        for field in ["code", "name", "url", "trigger", "context", "isActive"] {
            let mut without = shown.clone();
            without.as_object_mut().unwrap().remove(field);
            let error = serde_json::from_value::<Webhook>(without).unwrap_err().to_string();
            assert!(error.contains(field), "{error}");
        }
    }
}
