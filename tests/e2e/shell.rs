//! The command line of a person in a shell.

use serde_json::Value;

use crate::company::Company;
use crate::process::{Ended, Running, run_fed};
use crate::wait::{PATIENCE, eventually};

/// A company's token and its API, as a person exports them.
#[derive(Debug, Clone)]
pub(crate) struct Shell {
    pub(crate) api: String,
    pub(crate) token: String,
}

impl Shell {
    pub(crate) fn of(company: &Company<'_>) -> Self {
        Self { api: company.stack.ready.api.clone(), token: company.token.clone() }
    }

    fn variables(&self) -> [(&'static str, String); 2] {
        [("HOOKRAIL_API", self.api.clone()), ("HOOKRAIL_TOKEN", self.token.clone())]
    }

    /// Runs a command to its end, while the receivers of the test are served.
    pub(crate) async fn run(&self, arguments: &str) -> Ended {
        self.run_fed(arguments, "").await
    }

    /// Runs a command with this standard input.
    pub(crate) async fn run_fed(&self, arguments: &str, input: &str) -> Ended {
        let (variables, arguments, input) = (self.variables(), arguments.to_owned(), input.to_owned());
        tokio::task::spawn_blocking(move || run_fed(&variables, &arguments, &input)).await.unwrap()
    }

    /// Starts a command that runs until it is interrupted.
    pub(crate) fn start(&self, arguments: &str) -> Running {
        Running::start(&self.variables(), arguments)
    }

    /// Runs a command that must succeed, and returns its output.
    pub(crate) async fn output(&self, arguments: &str) -> String {
        self.output_fed(arguments, "").await
    }

    /// Runs a command with this standard input that must succeed, and returns its output.
    pub(crate) async fn output_fed(&self, arguments: &str, input: &str) -> String {
        let ended = self.run_fed(arguments, input).await;
        assert_eq!(ended.code, Some(0), "{arguments}: {ended:?}");
        ended.output
    }

    /// Fails the test unless the command ends with this code and this error.
    pub(crate) async fn fails(&self, arguments: &str, code: i32, told: &str) {
        let ended = self.run(arguments).await;
        assert_eq!(ended.code, Some(code), "{arguments}: {ended:?}");
        assert!(ended.error.contains(told), "{arguments}: {ended:?}");
        assert_eq!(ended.output, "", "{arguments}");
    }

    /// Waits until the first event of the webhook has failed once.
    pub(crate) async fn until_it_waits(&self, webhook: &str) {
        eventually("the event waits", PATIENCE, async || {
            let text = self.output(&format!("webhook queue {webhook} --json")).await;
            let view: Value = serde_json::from_str(&text).unwrap();
            let attempts = view.pointer("/head/attempts").and_then(Value::as_u64);
            if attempts == Some(1) { Ok(()) } else { Err(text) }
        })
        .await;
    }
}
