//! The access of a command to the API: its address and the token.
//!
//! A token is not an argument: every user of a machine can read the arguments of its processes.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use hookrail_adapters::config::Environment;
use serde::Deserialize;

use crate::input::{NotText, text_of};

/// The variable with the address of the API.
pub const API: &str = "HOOKRAIL_API";
/// The variable with the token.
pub const TOKEN: &str = "HOOKRAIL_TOKEN";
/// The address at which `hookrail dev` serves the API.
const API_DEFAULT: &str = "http://127.0.0.1:8080";

/// The flags that name the API and the token.
#[derive(Debug, Clone, Default, Args)]
pub struct NamedAccess {
    /// Address of the API. The default is `HOOKRAIL_API`, then `http://127.0.0.1:8080`.
    #[arg(long, value_name = "URL", global = true)]
    pub api: Option<String>,
    /// File with the token. The default is the token in `HOOKRAIL_TOKEN`.
    #[arg(long, value_name = "PATH", global = true)]
    pub token_file: Option<PathBuf>,
    /// Read both address and token from the file that `hookrail dev --ready-file PATH` writes.
    #[arg(long, value_name = "PATH", global = true)]
    pub ready_file: Option<PathBuf>,
}

/// The address of the API and the token.
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

/// Access that is missing or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NoAccess {
    #[error("no token: set {TOKEN}, or name a file with --token-file or --ready-file")]
    NoToken,
    #[error("--ready-file names both API and token; it cannot be combined with --api or --token-file")]
    Twice,
    #[error("the file {path} cannot be read")]
    File { path: PathBuf, source: io::Error },
    #[error("the file {path} {problem}")]
    NotText { path: PathBuf, problem: NotText },
    #[error("{path} is not a ready file of `hookrail dev`")]
    NotReady { path: PathBuf, source: serde_json::Error },
}

/// The fields of the ready file that a call needs.
#[derive(Deserialize)]
struct Ready {
    api: String,
    token: String,
}

impl Access {
    /// Finds address and token: flags come first, then the environment.
    pub fn find(named: &NamedAccess, env: &impl Environment) -> Result<Self, NoAccess> {
        if let Some(path) = &named.ready_file {
            // Not by clap: it does not compare a flag before the subcommand with one after it.
            if named.api.is_some() || named.token_file.is_some() {
                return Err(NoAccess::Twice);
            }
            let ready: Ready = serde_json::from_str(&read(path)?)
                .map_err(|source| NoAccess::NotReady { path: path.clone(), source })?;
            return Ok(Self { api: ready.api, token: ready.token });
        }
        let token = match &named.token_file {
            Some(path) => Some(read(path)?.trim().to_owned()).filter(|token| !token.is_empty()),
            None => env.get(TOKEN),
        };
        let api = named.api.clone().or_else(|| env.get(API)).unwrap_or_else(|| API_DEFAULT.to_owned());
        Ok(Self { api, token: token.ok_or(NoAccess::NoToken)? })
    }
}

fn read(path: &Path) -> Result<String, NoAccess> {
    let bytes = fs::read(path).map_err(|source| NoAccess::File { path: path.to_owned(), source })?;
    text_of(bytes).map_err(|problem| NoAccess::NotText { path: path.to_owned(), problem })
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

    fn access(options: &NamedAccess, variables: &[(&'static str, &'static str)]) -> Result<Access, NoAccess> {
        Access::find(options, &Variables(variables.iter().copied().collect()))
    }

    #[test]
    fn flags_take_precedence_over_the_environment_and_defaults() {
        let both = [(API, "https://env.example.com"), (TOKEN, "hkr_env")];
        let found = access(&NamedAccess::default(), &both[1..]).unwrap();
        assert_eq!((found.api.as_str(), found.token.as_str()), (API_DEFAULT, "hkr_env"));
        assert_eq!(access(&NamedAccess::default(), &both).unwrap().api, "https://env.example.com");
        let flag = NamedAccess { api: Some("https://flag.example.com".into()), ..NamedAccess::default() };
        assert_eq!(access(&flag, &both).unwrap().api, "https://flag.example.com");
    }

    #[test]
    fn a_missing_token_prevents_the_call() {
        let refused = access(&NamedAccess::default(), &[(API, "https://a.io")]).unwrap_err();
        assert!(refused.to_string().contains("HOOKRAIL_TOKEN"), "{refused}");
    }

    #[test]
    fn a_ready_file_token_is_not_sent_to_another_api() {
        let ready = NamedAccess { ready_file: Some("nowhere".into()), ..NamedAccess::default() };
        let mixed = NamedAccess { api: Some("https://a.io".into()), ..ready.clone() };
        assert!(matches!(access(&mixed, &[]).unwrap_err(), NoAccess::Twice));
        let mixed = NamedAccess { token_file: Some("nowhere".into()), ..ready.clone() };
        assert!(matches!(access(&mixed, &[]).unwrap_err(), NoAccess::Twice));
        assert!(matches!(access(&ready, &[]).unwrap_err(), NoAccess::File { .. }));
    }

    #[test]
    fn debug_output_redacts_the_token() {
        let access = Access { api: "https://a.io".into(), token: "hkr_secret".into() };
        assert!(!format!("{access:?}").contains("secret"));
    }
}
