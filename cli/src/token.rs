//! `hookrail token` and `hookrail audit`: tokens, links to the panel, and the audit log.

use clap::{Args, Subcommand};
use hookrail_api::{AUDIT_PATH, LINKS_PATH, TOKENS_PATH};
use hookrail_domain::id::{CompanyId, TokenId};
use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::call::CallOptions;
use crate::client::Client;
use crate::failure::Failure;
use crate::show;
use crate::show::access::{self, Entry, Token};
use crate::webhook::EXIT_CODES;

/// Create, list and revoke tokens of the API, and links to the panel.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXIT_CODES)]
pub struct TokenCommand {
    #[command(flatten)]
    call: CallOptions,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Create a token and show it. It is shown only once.
    Create {
        /// Name of the token.
        name: String,
        /// Scope of the token. Repeat the flag for several scopes.
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<String>,
        /// Time at which the token expires, such as 2026-12-31T00:00:00Z. The default is never.
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        #[command(flatten)]
        of: Of,
    },
    /// List tokens, without their secrets.
    List {
        #[command(flatten)]
        of: Of,
    },
    /// Revoke a token and its sessions.
    Revoke {
        /// The `_id` of the token, as `hookrail token list` shows it.
        #[arg(value_parser = TokenId::parse)]
        id: TokenId,
        #[command(flatten)]
        of: Of,
    },
    /// Create a link that opens the panel. It works once, within five minutes.
    Link {
        /// Scope of the session. Repeat the flag for several scopes. The default is every scope that the panel uses.
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        #[command(flatten)]
        of: Of,
    },
}

/// The company whose tokens are meant.
#[derive(Debug, Clone, Args)]
struct Of {
    /// The company, if the token is an operator's.
    #[arg(long, value_name = "COMPANY", value_parser = CompanyId::parse)]
    company: Option<CompanyId>,
}

/// A link to the panel.
#[derive(Debug, Deserialize)]
struct Link {
    path: String,
}

impl Of {
    fn query(&self) -> String {
        self.company.as_ref().map(|company| format!("?company={company}")).unwrap_or_default()
    }
}

/// Show the audit log, newest entry first.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXIT_CODES)]
pub struct AuditCommand {
    #[command(flatten)]
    call: CallOptions,
    #[command(flatten)]
    of: Of,
}

/// Creates, lists or revokes tokens, and creates links to the panel.
pub fn run(TokenCommand { call, action }: &TokenCommand) -> Result<(), Failure> {
    call.run(async |client| act(call, action, client).await)
}

/// Prints the newest entries of the audit log.
pub fn run_audit(AuditCommand { call, of }: &AuditCommand) -> Result<(), Failure> {
    call.run(async |client| {
        let answer = client.call(Method::GET, &format!("{AUDIT_PATH}{}", of.query())).await?;
        call.print(&answer, |entries: &Vec<Entry>| access::audit(entries))?;
        if answer.has_more() {
            show::tell("there are older entries");
        }
        Ok(())
    })
}

async fn act(call: &CallOptions, action: &Action, client: &Client) -> Result<(), Failure> {
    match action {
        Action::Create { name, scopes, expires, of } => {
            let body = body([
                ("name", Some(json!(name))),
                ("scopes", Some(json!(scopes))),
                ("expiresAt", expires.as_ref().map(|at| json!(at))),
                ("company", company(of)),
            ]);
            let answer = client.call_with(Method::POST, TOKENS_PATH, &body).await?;
            call.print(&answer, Token::render)
        }
        Action::List { of } => {
            let answer = client.call(Method::GET, &format!("{TOKENS_PATH}{}", of.query())).await?;
            call.print(&answer, |tokens: &Vec<Token>| access::tokens(tokens))
        }
        Action::Revoke { id, of } => {
            client.call(Method::DELETE, &format!("{TOKENS_PATH}/{id}{}", of.query())).await?;
            show::tell("revoked; the token stops working within five seconds");
            Ok(())
        }
        Action::Link { scopes, of } => {
            let scopes = Some(json!(scopes)).filter(|_| !scopes.is_empty());
            let body = body([("scopes", scopes), ("company", company(of))]);
            let answer = client.call_with(Method::POST, LINKS_PATH, &body).await?;
            call.print(&answer, |Link { path }| format!("{}{}\n", client.api(), show::printable(path)))
        }
    }
}

fn company(of: &Of) -> Option<Value> {
    of.company.as_ref().map(|company| json!(company.as_str()))
}

/// Makes a body of the fields that have a value.
fn body<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let said = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(said.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        token: TokenCommand,
    }

    #[test]
    fn a_misspelled_token_command_fails_before_any_call() {
        let parse = |text: &str| Command::try_parse_from(["token"].into_iter().chain(text.split(' ')));
        for good in [
            "create ci --scope logs:read --scope webhooks:read --expires 2030-01-01T00:00:00Z",
            "create ci --scope logs:read --company acme --json",
            "list --company acme",
            "revoke 62685990d918fb5557f9f992",
            "link --scope logs:read",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in ["create", "create ci", "revoke", "revoke hkr_secret", "list --company a/b", "list acme"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
