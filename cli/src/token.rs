//! `hookrail token` and `hookrail audit`: who may call the API, and who did what.

use clap::{Args, Subcommand};
use hookrail_api::{AUDIT_PATH, LINKS_PATH, TOKENS_PATH};
use hookrail_domain::id::{CompanyId, TokenId};
use http::Method;
use serde_json::{Map, Value, json};

use crate::call::CallOptions;
use crate::client::{CallError, Client};
use crate::show;
use crate::show::access::{self, Entry, Token};
use crate::webhook::EXIT_CODES;

/// Make, list and revoke tokens of the API.
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
    /// Make a token and show it, this once.
    Create {
        /// What people call it.
        name: String,
        /// What it may do; may be given several times.
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<String>,
        /// When it ends, like 2026-12-31T00:00:00Z; never, if it is not said.
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        #[command(flatten)]
        of: Of,
    },
    /// List the tokens, without their text.
    List {
        #[command(flatten)]
        of: Of,
    },
    /// End a token; its sessions end with it.
    Revoke {
        /// The token's `_id`, as the list shows it.
        #[arg(value_parser = TokenId::parse)]
        id: TokenId,
        #[command(flatten)]
        of: Of,
    },
    /// Make a link that opens the panel once, within five minutes.
    Link {
        /// What its session may do; everything that people do in the panel, if it is not said.
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        #[command(flatten)]
        of: Of,
    },
}

/// Whose tokens, for an operator.
#[derive(Debug, Clone, Args)]
struct Of {
    /// The company, for an operator's call; a company's token speaks for its own.
    #[arg(long, value_name = "COMPANY", value_parser = CompanyId::parse)]
    company: Option<CompanyId>,
}

impl Of {
    fn query(&self) -> String {
        self.company.as_ref().map(|company| format!("?company={company}")).unwrap_or_default()
    }
}

/// Show who did what, newest first.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXIT_CODES)]
pub struct AuditCommand {
    #[command(flatten)]
    call: CallOptions,
    #[command(flatten)]
    of: Of,
}

/// Makes, lists or revokes what the command says.
pub fn run(TokenCommand { call, action }: &TokenCommand) -> Result<(), CallError> {
    call.run(async |client| act(call, action, client).await)
}

/// Prints the newest entries.
pub fn run_audit(AuditCommand { call, of }: &AuditCommand) -> Result<(), CallError> {
    call.run(async |client| {
        let answer = client.call(Method::GET, &format!("{AUDIT_PATH}{}", of.query())).await?;
        call.print(&answer, |entries: &Vec<Entry>| access::audit(entries))?;
        if answer.has_more() {
            show::tell("there are older entries");
        }
        Ok(())
    })
}

async fn act(call: &CallOptions, action: &Action, client: &Client) -> Result<(), CallError> {
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
            show::tell("revoked: it works nowhere from five seconds on");
            Ok(())
        }
        Action::Link { scopes, of } => {
            let scopes = Some(json!(scopes)).filter(|_| !scopes.is_empty());
            let body = body([("scopes", scopes), ("company", company(of))]);
            let answer = client.call_with(Method::POST, LINKS_PATH, &body).await?;
            call.print(&answer, |link: &Value| {
                let path = link.get("path").and_then(Value::as_str).unwrap_or_default();
                format!("{}{}\n", client.api(), show::printable(path))
            })
        }
    }
}

fn company(of: &Of) -> Option<Value> {
    of.company.as_ref().map(|company| json!(company.as_str()))
}

/// The fields that have a value.
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
    fn a_misspelt_command_is_refused_before_anything_is_called() {
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
