//! Evaluating filters and URL templates. A port with child processes behind it, and the evaluation itself for tests.

use std::future::Future;

use hookrail_script::service::{self, Answer, Question};

pub mod child;

/// The arguments with which every binary of ours evaluates and does nothing else.
pub const ARGUMENTS: [&str; 2] = ["function", "evaluate"];

/// Answers questions about one event. Each question has an answer; there is no error.
pub trait Scripts: Send + Sync {
    /// One answer for each question, in their order.
    fn ask(&self, payload: &str, questions: &[Question]) -> impl Future<Output = Vec<Answer>> + Send;
}

/// Evaluates where it is asked, with no deadline but the script's own: for simulations and tests.
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

/// Evaluates until standard input ends, if this process was started for it; says whether it was.
///
/// The first thing in every `main`, before any runtime: a child is started while a customer's event waits.
#[must_use]
pub fn serve_if_asked() -> bool {
    if !std::env::args_os().skip(1).eq(ARGUMENTS) {
        return false;
    }
    // The parent finds the pipe closed, and there is nobody else to tell.
    service::serve(std::io::stdin().lock(), std::io::stdout().lock()).unwrap_or(());
    true
}
