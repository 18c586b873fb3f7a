//! Webhooks as a person reads them.

use serde::Deserialize;

use super::{aligned, lines, shortened};
use crate::webhook::settings::Settings;

/// Where a webhook's state stands in the table.
const STATE_COLUMN: usize = 4;

/// A webhook as the API shows it.
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
    /// What it is and whether it is active.
    #[must_use]
    pub fn render(&self) -> String {
        lines(&self.named(&[]))
    }

    /// Everything that the API shows of it.
    #[must_use]
    pub fn detail(&self) -> String {
        let Settings { trigger, context, description, suspend_after, headers, basic_auth, .. } =
            &self.settings;
        let headers: Vec<_> = headers.iter().map(String::as_str).collect();
        let context: Vec<_> = context.iter().map(|(slot, id)| format!("{slot} {id}")).collect();
        let any = |text: String, none: &str| if text.is_empty() { none.to_owned() } else { text };
        let suspend_after =
            suspend_after.map_or("as the operator says".to_owned(), |number| format!("{number} given up"));
        let details = [
            ("trigger", trigger.clone()),
            ("context", any(context.join(", "), "the whole company")),
            ("description", description.clone().unwrap_or_default()),
            ("suspended after", suspend_after),
            ("headers", any(headers.join(", "), "none")),
            ("basic auth", basic_auth.as_ref().map_or("none".to_owned(), |auth| auth.username.clone())),
            ("version", self.version.to_string()),
        ];
        lines(&self.named(&details))
    }

    fn named<'a>(&'a self, details: &[(&'a str, String)]) -> Vec<(&'a str, String)> {
        let Settings { name, code, url, .. } = &self.settings;
        let texts = [("webhook", &self.id), ("name", name), ("code", code), ("url", url)];
        let mut pairs: Vec<_> = texts.map(|(label, text)| (label, text.clone())).to_vec();
        pairs.extend_from_slice(details);
        pairs.push(("state", self.state()));
        pairs
    }

    fn state(&self) -> String {
        match (self.settings.is_active, &self.inactive_reason) {
            (true, _) => "active".to_owned(),
            (false, None) => "inactive".to_owned(),
            (false, Some(reason)) => format!("inactive ({reason})"),
        }
    }
}

/// Webhooks as a table, in the API's order.
#[must_use]
pub fn table(webhooks: &[Webhook]) -> String {
    if webhooks.is_empty() {
        return "no webhook is like that\n".to_owned();
    }
    let head = ["webhook", "code", "name", "trigger", "state", "url"].map(str::to_owned);
    let rows = webhooks.iter().map(|webhook| {
        let Settings { name, code, url, trigger, .. } = &webhook.settings;
        let [name, url] = [name, url].map(|text| shortened(text));
        [webhook.id.clone(), code.clone(), name, trigger.clone(), webhook.state(), url]
    });
    aligned(std::iter::once(head).chain(rows).collect(), &mut [0; 6], Some(STATE_COLUMN))
}
