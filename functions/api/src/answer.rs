//! The common parts of every response, and the log line of a failed call.

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use hookrail_pipeline::fault::ErrorChain;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LINK, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};

use crate::error::{ApiError, Cause};
use crate::platform::refusals::CorrelationId;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// A JSON document.
pub fn json(status: StatusCode, document: impl Into<Body>) -> Response {
    let mut response = Response::new(document.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// A page of a list, and a link to the next page if there is one.
pub fn page(documents: Vec<u8>, next: Option<String>) -> Result<Response, ApiError> {
    let mut response = json(StatusCode::OK, documents);
    if let Some(next) = next {
        let link = HeaderValue::try_from(format!("<{next}>; rel=\"next\"")).map_err(ApiError::failed)?;
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// Puts the headers that every response has, and logs why a call failed.
///
/// Neither queries nor bodies nor headers of a request are ever logged.
pub async fn finish(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    if let Some(Cause(cause)) = response.extensions_mut().remove() {
        let status = response.status().as_u16();
        let id = response.extensions().get::<CorrelationId>().map(CorrelationId::as_str);
        tracing::error!(%method, path, status, correlation_id = id, cause = %ErrorChain(&cause), "request.failed");
    }
    let headers = response.headers_mut();
    // But for the panel's files, which are the same for everybody.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
