//! `hookrail webhook list`, `get` and `export`: the webhooks of a company and their settings.

use std::io;

use clap::{Args, ValueEnum};
use hookrail_api::WEBHOOKS_PATH;
use hookrail_domain::limits::WEBHOOKS_PER_COMPANY_MAX;
use hookrail_domain::webhook::Code;
use hookrail_wire::query::Filter;
use hookrail_wire::webhook_filter::WebhookFilter;
use http::Method;
use serde_json::json;

use super::named::{Name, Named};
use super::settings::{self, Settings};
use crate::call::CallOptions;
use crate::client::{Client, List};
use crate::failure::Failure;
use crate::show;
use crate::show::webhooks::{self, Webhook};

/// The filter of a list of webhooks.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct FilterOptions {
    /// Only active webhooks, or only inactive ones.
    #[arg(long, value_name = "STATE", default_value = "all")]
    active: Activity,
    /// Only webhooks of this trigger, such as create-edit-delete-task.
    #[arg(long, value_name = "TRIGGER")]
    trigger: Option<String>,
    /// Only webhooks with this text in name, code or URL.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Activity {
    True,
    False,
    #[default]
    All,
}

/// Print webhooks in the form that `apply` reads: YAML, one document each, sorted by code, without secrets.
#[derive(Debug, Clone, Args)]
pub(super) struct ExportOptions {
    /// Ids or codes of webhooks. The default is all webhooks.
    #[arg(value_name = "WEBHOOK", value_parser = Name::parse)]
    webhooks: Vec<Name>,
}

impl FilterOptions {
    pub(super) fn of(code: &Code) -> Self {
        Self { search: Some(code.to_string()), ..Self::default() }
    }

    /// Renders the filter as a query, checked as the API checks it.
    fn query(&self) -> Result<String, Failure> {
        let active = match self.active {
            Activity::True => Some("true"),
            Activity::False => Some("false"),
            Activity::All => None,
        };
        let said =
            [("isActive", active), ("trigger", self.trigger.as_deref()), ("search", self.search.as_deref())];
        let pairs: Vec<_> = said
            .iter()
            .filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?.to_owned())))
            .collect();
        WebhookFilter::parse(&pairs).map(|filter| filter.render()).map_err(Failure::BadFlags)
    }
}

/// Reads the webhooks that match the filter, newest first.
pub(super) async fn webhooks(client: &Client, filter: &FilterOptions) -> Result<List, Failure> {
    Ok(client.list(&format!("{WEBHOOKS_PATH}?{}", filter.query()?), WEBHOOKS_PER_COMPANY_MAX).await?)
}

pub(super) async fn every_webhook(client: &Client) -> Result<Vec<Webhook>, Failure> {
    Ok(webhooks(client, &FilterOptions::default()).await?.read()?)
}

pub(super) async fn list(call: &CallOptions, filter: &FilterOptions, client: &Client) -> Result<(), Failure> {
    let found = webhooks(client, filter).await?;
    call.print(&found.document(), |webhooks: &Vec<Webhook>| webhooks::table(webhooks))
}

pub(super) async fn get(call: &CallOptions, webhook: &Named, client: &Client) -> Result<(), Failure> {
    let answer = client.call(Method::GET, &webhook.path(client).await?).await?;
    call.print(&answer, Webhook::detail)
}

pub(super) async fn export(
    call: &CallOptions,
    ExportOptions { webhooks }: &ExportOptions,
    client: &Client,
) -> Result<(), Failure> {
    let found = chosen(every_webhook(client).await?, webhooks)?;
    let text = if call.is_json() {
        format!("{}\n", json!(settings::sorted(found)))
    } else {
        settings::render(found).map_err(|error| Failure::Output(io::Error::other(error)))?
    };
    show::print_as_it_is(&text).map(drop).map_err(Failure::Output)
}

/// Returns the settings of the named webhooks, or of all.
fn chosen(webhooks: Vec<Webhook>, names: &[Name]) -> Result<Vec<Settings>, Failure> {
    let is_named = |webhook: &Webhook, name: &Name| match name {
        Name::Id(id) => webhook.id == id.to_string(),
        Name::Code(code) => webhook.settings.text("code") == code.as_str(),
    };
    let missing = names.iter().find(|name| !webhooks.iter().any(|webhook| is_named(webhook, name)));
    if let Some(name) = missing {
        return Err(Failure::NoSuchWebhook(name.to_string()));
    }
    let takes = |webhook: &Webhook| names.is_empty() || names.iter().any(|name| is_named(webhook, name));
    Ok(webhooks.into_iter().filter(takes).map(|webhook| webhook.settings).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_options_become_valid_api_queries() {
        let filter = FilterOptions {
            active: Activity::False,
            trigger: Some("logout-user".into()),
            search: Some("a b&c".into()),
        };
        assert_eq!(filter.query().unwrap(), "isActive=false&trigger=logout-user&search=a%20b%26c");
        assert_eq!(FilterOptions::default().query().unwrap(), "");
        let refused = FilterOptions { trigger: Some("x".into()), ..FilterOptions::default() }.query();
        let refused = refused.unwrap_err();
        assert_eq!(refused.exit_code(), 2);
        assert!(refused.to_string().contains("\n  trigger must be one of"), "{refused}");
    }
}
