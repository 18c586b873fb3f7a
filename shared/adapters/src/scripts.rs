//! The evaluation of filters and URL templates. A port with child processes behind it, and the evaluation
//! itself for tests.

use std::future::Future;

use hookrail_script::service::{self, Answer, Question};

pub mod child;

/// The arguments with which every binary of ours evaluates and does nothing else.
pub const ARGUMENTS: [&str; 2] = ["function", "evaluate"];

/// The evaluator of questions about one event. There is no error: an answer says what failed.
pub trait Scripts: Send + Sync {
    /// Returns the answers to the first questions, in their order: all of them, or as many as one call has
    /// time for. At least one.
    fn ask(&self, payload: &str, questions: &[Question]) -> impl Future<Output = Vec<Answer>> + Send;
}

/// An evaluator in the calling process, without a deadline but the script's own: for simulations and tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct InProcessScripts;

impl Scripts for InProcessScripts {
    async fn ask(&self, payload: &str, questions: &[Question]) -> Vec<Answer> {
        match service::records(payload) {
            Ok(bindings) => questions.iter().map(|question| service::answer(&bindings, question)).collect(),
            Err(fault) => questions.iter().map(|question| question.failed(fault.clone())).collect(),
        }
    }
}

/// Evaluates until standard input ends, if this process was started for it, and returns whether it was.
///
/// The first call in every `main`, before any runtime: a child is started while a customer's event waits.
#[must_use]
pub fn serve_if_asked() -> bool {
    if !std::env::args_os().skip(1).eq(ARGUMENTS) {
        return false;
    }
    // The parent finds the pipe closed; there is no other way to report it.
    service::serve(std::io::stdin().lock(), std::io::stdout().lock()).unwrap_or(());
    true
}
