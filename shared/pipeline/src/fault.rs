//! Faults of ours, and how they are logged.

use std::error::Error;
use std::fmt;

use hookrail_domain::id::WebhookId;

/// A failure of ours: a table or a queue that does not respond, or an item that is not as it must be.
///
/// The step that fails returns it. The function that decides what follows logs it, once.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Fault {
    what: &'static str,
    source: Option<Box<dyn Error + Send + Sync>>,
    is_lasting: bool,
}

impl Fault {
    /// Returns a conversion of errors to this fault, which another try may not have.
    pub fn of<E: Error + Send + Sync + 'static>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self { what, source: Some(Box::new(error)), is_lasting: false }
    }

    /// Returns a fault that another try has as well, or that costs more than a try.
    #[must_use]
    pub fn lasting(what: &'static str) -> Self {
        Self { what, source: None, is_lasting: true }
    }

    /// Returns the lasting fault with its cause.
    #[must_use]
    pub fn caused_by(self, error: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Box::new(error)), ..self }
    }

    /// Logs the fault with its cause: as an error if it lasts, otherwise as a warning.
    pub fn log(&self, webhook: Option<WebhookId>) {
        let id = webhook.map(tracing::field::display);
        let error = self.source.as_deref().map(|source| ErrorChain(source).to_string());
        if self.is_lasting {
            tracing::error!(webhook.id = id, error, "{}", self.what);
        } else {
            tracing::warn!(webhook.id = id, error, "{}", self.what);
        }
    }
}

/// An error with its causes, as one line of a log.
#[derive(Debug, Clone, Copy)]
pub struct ErrorChain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(out, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
