//! Refusals of this face, in the shape that the platform's clients read.

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use hookrail_adapters::random;
use hookrail_domain::id::hex;
use hookrail_wire::platform_problem::Document;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use lambda_http::RequestExt;

use super::is_below;
use crate::error::Refused;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// The id of a refused call, in the log and in the response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrelationId(String);

impl CorrelationId {
    /// The id under which Lambda writes about the invocation, if it is one.
    fn of(request: &Request) -> Self {
        let invocation = request.lambda_context_ref().map(|context| context.request_id.clone());
        // Without randomness the call itself fails, and its log line has no other to be mistaken for.
        let fresh = || random::bytes::<16>().map_or_else(|_failed| "unknown".to_owned(), |bytes| hex(&bytes));
        Self(invocation.filter(|id| !id.is_empty()).unwrap_or_else(fresh))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Rewrites whatever refuses a call of this face: its handlers, the router, and what stands before both.
pub async fn shape(request: Request, next: Next) -> Response {
    if !is_below(request.uri().path()) {
        return next.run(request).await;
    }
    let id = CorrelationId::of(&request);
    let mut response = next.run(request).await;
    if let Some(Refused { detail, key, errors }) = response.extensions_mut().remove() {
        let status = response.status().as_u16();
        let document = Document { status, error: &detail, key, errors: &errors, correlation_id: id.as_str() };
        *response.body_mut() = Body::from(document.render());
        response.headers_mut().insert(CONTENT_TYPE, JSON);
        response.extensions_mut().insert(id);
    }
    response
}
