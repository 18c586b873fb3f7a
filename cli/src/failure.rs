//! The failure of a command that calls the API, and its exit code.

use std::error::Error;
use std::fmt;
use std::io;

use hookrail_adapters::random::NoRandomness;
use hookrail_wire::problem::FieldProblem;

use crate::access::NoAccess;
use crate::client::{CallError, indented};
use crate::input::InputError;

/// A command that calls the API and failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    NoAccess(#[from] NoAccess),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("another replay was started; the log shows how this one ended")]
    Replaced,
    #[error("the company has no webhook {0}")]
    NoSuchWebhook(String),
    #[error("the log is empty")]
    EmptyLog,
    #[error("invalid arguments:{}", indented(.0))]
    BadFlags(Vec<FieldProblem>),
    #[error("nothing was changed, because the file is not valid:{}", indented(.0))]
    BadFile(Vec<String>),
    #[error("nothing was changed: {0} would receive more events than before; --allow-widening permits it")]
    Widens(String),
    #[error("{failed} of {all} could not be applied")]
    Unapplied { failed: usize, all: String, code: u8 },
    #[error("an idempotency key cannot be created")]
    NoRandomness(#[from] NoRandomness),
    #[error(
        "the API may not have accepted all events; repeat the call with --idempotency-key {key}, which is safe"
    )]
    Unfinished { key: String, source: CallError },
    #[error("calls to the API cannot be made")]
    Runtime(#[source] io::Error),
    #[error("the output cannot be written")]
    Output(#[source] io::Error),
    /// A failure of this machine that only one command has.
    #[error(transparent)]
    Local(Box<dyn Error + Send + Sync>),
}

impl Failure {
    /// Makes a failure of the problems of a file.
    pub fn bad_file(problems: Vec<impl fmt::Display>) -> Self {
        Self::BadFile(problems.into_iter().map(|problem| problem.to_string()).collect())
    }

    /// Returns the exit code: 2 for wrong usage, 3 for a refusal of the API, 4 if a webhook would receive more events
    /// and that was not permitted, 1 otherwise.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoAccess(NoAccess::NoToken | NoAccess::Twice)
            | Self::Call(CallError::BadApi | CallError::BadToken)
            | Self::Input(InputError::TooLarge { .. })
            | Self::BadFlags(_)
            | Self::BadFile(_) => 2,
            Self::Call(error) | Self::Unfinished { source: error, .. } => {
                if error.is_refusal() {
                    3
                } else {
                    1
                }
            }
            Self::NoSuchWebhook(_) | Self::EmptyLog => 3,
            Self::Widens(_) => 4,
            Self::Unapplied { code, .. } => *code,
            Self::NoAccess(NoAccess::File { .. } | NoAccess::NotText { .. } | NoAccess::NotReady { .. })
            | Self::Replaced
            | Self::Input(InputError::Unreadable { .. })
            | Self::NoRandomness(_)
            | Self::Runtime(_)
            | Self::Output(_)
            | Self::Local(_) => 1,
        }
    }

    /// Returns whether the same call may succeed in a moment.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Call(error) if error.may_pass())
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::client::Refusal;

    #[test]
    fn an_exit_code_says_who_can_mend_the_failure() {
        let refused = |status| {
            Failure::from(CallError::Responded(Refusal::parse(StatusCode::from_u16(status).unwrap(), "")))
        };
        assert_eq!([409, 429, 503, 302].map(|status| refused(status).exit_code()), [3, 3, 1, 1]);
        assert_eq!(Failure::from(CallError::BadToken).exit_code(), 2);
        assert_eq!(Failure::from(CallError::BadLink).exit_code(), 1);
        assert_eq!(Failure::bad_file(vec!["document 1: is not YAML"]).exit_code(), 2);
        assert_eq!(Failure::Widens("1 webhook".into()).exit_code(), 4);
        assert!(!Failure::Replaced.may_pass());
        assert!(refused(503).may_pass());
    }
}
