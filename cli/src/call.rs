//! What the commands that call the API have in common: whose API, whose token, and how the answer is printed.
//!
//! A token is no argument: every user of a machine can read the arguments of its processes.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use hookrail_adapters::config::{Environment, ProcessEnvironment};
use serde::Deserialize;

use crate::client::{CallError, Client, Document};
use crate::show;

/// The API's address, unless a flag names it.
pub const API: &str = "HOOKRAIL_API";
/// The token, unless a flag names its file.
pub const TOKEN: &str = "HOOKRAIL_TOKEN";
/// Where `hookrail dev` serves the API.
const API_DEFAULT: &str = "http://127.0.0.1:8080";

/// The flags of every call.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "The API")]
pub struct CallOptions {
    /// The API's address; else `HOOKRAIL_API`, else `http://127.0.0.1:8080`.
    #[arg(long, value_name = "URL", global = true)]
    api: Option<String>,
    /// The file that holds the token; else the token is `HOOKRAIL_TOKEN`.
    #[arg(long, value_name = "PATH", global = true)]
    token_file: Option<PathBuf>,
    /// Take address and token, both, from the file that `hookrail dev --ready-file PATH` writes.
    #[arg(long, value_name = "PATH", global = true)]
    ready_file: Option<PathBuf>,
    /// Print the API's document as it is.
    #[arg(long, global = true)]
    json: bool,
}

/// Whose API is called, by whom.
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    pub api: String,
    pub token: String,
}

impl fmt::Debug for Access {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Access").field("api", &self.api).finish_non_exhaustive()
    }
}

/// Why no call could be made.
#[derive(Debug, thiserror::Error)]
pub enum NoAccess {
    #[error("no token: set {TOKEN}, or name a file by --token-file or --ready-file")]
    NoToken,
    #[error("--ready-file names the API and the token: --api and --token-file do not go with it")]
    Twice,
    #[error("the file {path} cannot be read")]
    File { path: PathBuf, source: io::Error },
    #[error("{path} is no ready file of `hookrail dev`")]
    NotReady { path: PathBuf, source: serde_json::Error },
}

/// What a call needs of the ready file.
#[derive(Deserialize)]
struct Ready {
    api: String,
    token: String,
}

impl CallOptions {
    /// Makes calls on this thread, to their end.
    pub fn run(&self, calls: impl AsyncFnOnce(&Client) -> Result<(), CallError>) -> Result<(), CallError> {
        let client = Client::new(&self.access(&ProcessEnvironment)?)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(CallError::Runtime)?.block_on(calls(&client))
    }

    /// Prints an answer: as it came, or as `render` puts it for people.
    pub fn print<T: serde::de::DeserializeOwned>(
        &self,
        answer: &Document,
        render: impl FnOnce(&T) -> String,
    ) -> Result<(), CallError> {
        let printed = if self.json {
            show::print_as_it_is(&format!("{}\n", answer.text))
        } else {
            show::print(&render(&answer.read()?))
        };
        printed.map(drop).map_err(CallError::Output)
    }

    /// Whether the API's documents are printed as they are.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.json
    }

    fn access(&self, env: &impl Environment) -> Result<Access, NoAccess> {
        if let Some(path) = &self.ready_file {
            // Not by clap: it does not compare a flag before the subcommand with one behind it.
            if self.api.is_some() || self.token_file.is_some() {
                return Err(NoAccess::Twice);
            }
            let ready: Ready = serde_json::from_str(&read(path)?)
                .map_err(|source| NoAccess::NotReady { path: path.clone(), source })?;
            return Ok(Access { api: ready.api, token: ready.token });
        }
        let token = match &self.token_file {
            Some(path) => Some(read(path)?.trim().to_owned()).filter(|token| !token.is_empty()),
            None => env.get(TOKEN),
        };
        let api = self.api.clone().or_else(|| env.get(API)).unwrap_or_else(|| API_DEFAULT.to_owned());
        Ok(Access { api, token: token.ok_or(NoAccess::NoToken)? })
    }
}

fn read(path: &Path) -> Result<String, NoAccess> {
    fs::read_to_string(path).map_err(|source| NoAccess::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    struct Variables(HashMap<&'static str, &'static str>);

    impl Environment for Variables {
        fn get(&self, name: &str) -> Option<String> {
            self.0.get(name).map(|value| (*value).to_owned())
        }
    }

    fn access(options: &CallOptions, variables: &[(&'static str, &'static str)]) -> Result<Access, NoAccess> {
        options.access(&Variables(variables.iter().copied().collect()))
    }

    #[test]
    fn a_flag_comes_before_the_environment_and_that_before_the_machine_s_own_api() {
        let both = [(API, "https://env.example.com"), (TOKEN, "hkr_env")];
        let found = access(&CallOptions::default(), &both[1..]).unwrap();
        assert_eq!((found.api.as_str(), found.token.as_str()), (API_DEFAULT, "hkr_env"));
        assert_eq!(access(&CallOptions::default(), &both).unwrap().api, "https://env.example.com");
        let flag = CallOptions { api: Some("https://flag.example.com".into()), ..CallOptions::default() };
        assert_eq!(access(&flag, &both).unwrap().api, "https://flag.example.com");
    }

    #[test]
    fn without_a_token_nothing_is_called() {
        let refused = access(&CallOptions::default(), &[(API, "https://a.io")]).unwrap_err();
        assert!(refused.to_string().contains("HOOKRAIL_TOKEN"), "{refused}");
    }

    #[test]
    fn a_token_is_not_sent_to_another_api_than_its_ready_file_s() {
        let ready = CallOptions { ready_file: Some("nowhere".into()), ..CallOptions::default() };
        let mixed = CallOptions { api: Some("https://a.io".into()), ..ready.clone() };
        assert!(matches!(access(&mixed, &[]).unwrap_err(), NoAccess::Twice));
        let mixed = CallOptions { token_file: Some("nowhere".into()), ..ready.clone() };
        assert!(matches!(access(&mixed, &[]).unwrap_err(), NoAccess::Twice));
        assert!(matches!(access(&ready, &[]).unwrap_err(), NoAccess::File { .. }));
    }

    #[test]
    fn a_token_is_never_shown() {
        let access = Access { api: "https://a.io".into(), token: "hkr_secret".into() };
        assert!(!format!("{access:?}").contains("secret"));
    }
}
