//! Errors of calls: a problem document for the caller, a cause for the log.

use std::error::Error;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hookrail_adapters::random::NoRandomness;
use hookrail_pipeline::store::StoreError;
use hookrail_wire::problem::{FieldProblem, MEDIA_TYPE, Problem};
use http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};

/// A refusal or a failure. Boxed: it travels through every `?` of the handlers.
#[derive(Debug)]
pub struct ApiError(Box<Refusal>);

#[derive(Debug)]
struct Refusal {
    problem: Problem,
    /// Written instead of the problem alone, where members of its own are added to it.
    body: Option<Vec<u8>>,
    headers: HeaderMap,
    cause: Option<Cause>,
    /// A constant for programs, in responses that have a field for it.
    key: Option<&'static str>,
}

/// The problem of a refused call. It travels with the response to where some responses get another shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub detail: String,
    pub key: Option<&'static str>,
    pub errors: Vec<FieldProblem>,
}

/// The cause of a failed call, for the log only. It travels with the response to the one place that logs.
#[derive(Debug, Clone)]
pub struct Cause(pub Arc<dyn Error + Send + Sync>);

/// Something that cannot be, unless this program is wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Bug(pub &'static str);

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self(Box::new(Refusal { problem, body: None, headers: HeaderMap::new(), cause: None, key: None }))
    }
}

impl From<Vec<FieldProblem>> for ApiError {
    fn from(problems: Vec<FieldProblem>) -> Self {
        Problem::bad_fields(problems).into()
    }
}

impl From<FieldProblem> for ApiError {
    fn from(problem: FieldProblem) -> Self {
        vec![problem].into()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::unavailable("the tables cannot be reached").caused_by(error),
            StoreError::Corrupt { .. } => Self::failed(error),
        }
    }
}

impl From<NoRandomness> for ApiError {
    fn from(error: NoRandomness) -> Self {
        Self::failed(error)
    }
}

impl ApiError {
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::from(Problem::new(401, "Unauthorized", detail))
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    pub fn forbidden(detail: impl Into<String>) -> Self {
        Problem::new(403, "Forbidden", detail).into()
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Problem::new(404, "Not Found", detail).into()
    }

    pub fn conflict(field: FieldProblem) -> Self {
        Problem::of_fields((409, "Conflict"), vec![field]).into()
    }

    pub fn too_large(problems: Vec<FieldProblem>) -> Self {
        Problem::of_fields((413, "Content Too Large"), problems).into()
    }

    /// The same call may succeed after this many seconds.
    pub fn too_many(detail: impl Into<String>, retry_after_seconds: u64) -> Self {
        Self::from(Problem::new(429, "Too Many Requests", detail))
            .with_header(RETRY_AFTER, HeaderValue::from(retry_after_seconds))
    }

    /// The same call may succeed later.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::from(Problem::new(503, "Service Unavailable", detail))
            .with_header(RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// The same call would fail the same way.
    pub fn failed(cause: impl Error + Send + Sync + 'static) -> Self {
        Self::from(Problem::new(500, "Internal Server Error", "the call failed inside Hookrail"))
            .caused_by(cause)
    }

    #[must_use]
    pub fn caused_by(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.0.cause = Some(Cause(Arc::new(cause)));
        self
    }

    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// Tells programs the reason.
    #[must_use]
    pub fn with_key(mut self, key: &'static str) -> Self {
        self.0.key = Some(key);
        self
    }

    /// Writes the problem by `render`, which adds members of its own.
    #[must_use]
    pub fn rendered_by(mut self, render: impl FnOnce(&Problem) -> Vec<u8>) -> Self {
        self.0.body = Some(render(&self.0.problem));
        self
    }

    /// The detail for the caller, where it is a part of another response, and the cause for the log.
    #[must_use]
    pub fn into_parts(self) -> (u16, String, Option<Cause>) {
        let Refusal { problem, cause, .. } = *self.0;
        (problem.status, problem.detail, cause)
    }

    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.problem.status
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Refusal { problem, body, headers, cause, key } = *self.0;
        let mut response = Response::new(Body::from(body.unwrap_or_else(|| problem.render())));
        *response.status_mut() =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.headers_mut() = headers;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        response.extensions_mut().insert(Refused { detail: problem.detail, key, errors: problem.errors });
        if let Some(cause) = cause {
            response.extensions_mut().insert(cause);
        }
        response
    }
}

/// 404 of a path that does not exist.
pub async fn no_such_path() -> ApiError {
    ApiError::not_found("there is nothing at this path")
}

/// 405 of a route that has no such method; the router adds `Allow`.
pub async fn no_such_method() -> ApiError {
    Problem::new(405, "Method Not Allowed", "the path does not take this method").into()
}

#[cfg(test)]
mod tests {
    use hookrail_pipeline::fault::ErrorChain;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("connection reset")]
    struct Reset;

    #[test]
    fn an_unavailable_table_is_retryable_and_a_corrupt_item_is_not() {
        let away = ApiError::from(StoreError::Unavailable(Box::new(Reset))).into_response();
        assert_eq!(
            (away.status().as_u16(), &away.headers()[RETRY_AFTER]),
            (503, &HeaderValue::from_static("1"))
        );
        let broken = ApiError::from(StoreError::Corrupt { what: "a webhook" }).into_response();
        assert_eq!((broken.status().as_u16(), broken.headers().get(RETRY_AFTER)), (500, None));
    }

    #[test]
    fn the_error_chain_is_logged_and_hidden_from_the_caller() {
        let error = ApiError::from(StoreError::Unavailable(Box::new(Reset)));
        assert!(!String::from_utf8(error.0.problem.render()).unwrap().contains("reset"));
        let response = error.into_response();
        let Cause(cause) = response.extensions().get().unwrap();
        assert_eq!(ErrorChain(cause).to_string(), "the table is not available: connection reset");
    }
}
