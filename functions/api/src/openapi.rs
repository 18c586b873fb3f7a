//! The API described by OpenAPI 3.1, from the routes and the types that serve it, and the same for people to read.

use std::sync::{Arc, LazyLock, OnceLock};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

use crate::error::ApiError;
use crate::routes::Routes;
use crate::{App, Ports, answer};

mod document;
pub mod operation;
mod operations;
mod reference;

pub use document::document;
pub use operations::OPERATIONS;

/// The description changes with a deployment only.
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=300");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// The page's own style, and nothing else.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(reference::STYLE));
    let policy =
        format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; frame-ancestors 'none'");
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// Both forms, made once in a sandbox.
#[derive(Debug, Default)]
pub struct Description {
    json: OnceLock<Vec<u8>>,
    html: OnceLock<String>,
}

/// `GET /api/v3/openapi.json`
pub async fn json<P: Ports>(State(app): State<Arc<App<P>>>) -> Result<Response, ApiError> {
    let document = match app.description.json.get() {
        Some(document) => document.clone(),
        None => {
            let made = document(Routes::new(&app).listed()).to_json().map_err(ApiError::failed)?;
            app.description.json.get_or_init(|| made.into_bytes()).clone()
        }
    };
    Ok(([(CACHE_CONTROL, KEPT)], answer::json(StatusCode::OK, document)).into_response())
}

/// `GET /api/v3/reference`
pub async fn page<P: Ports>(State(app): State<Arc<App<P>>>) -> Response {
    let html = app.description.html.get_or_init(|| reference::render(&document(Routes::new(&app).listed())));
    let headers = [(CONTENT_TYPE, HTML), (CACHE_CONTROL, KEPT), (CONTENT_SECURITY_POLICY, POLICY.clone())];
    (headers, html.clone()).into_response()
}
