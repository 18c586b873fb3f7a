//! The API described by OpenAPI 3.1, from the routes and the types that serve it, and the same for people to read.

use std::sync::{Arc, LazyLock, OnceLock};

use axum::Extension;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hookrail_wire::json::{render, value};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

use crate::auth::Access;
use crate::route::{Route, Served, Shape, Tag, get};
use crate::{Ports, answer};

mod document;
pub mod input;
mod reference;

use document::document;

/// The API described for programs, and for people.
pub const OPENAPI_PATH: &str = "/api/v3/openapi.json";
pub const REFERENCE_PATH: &str = "/api/v3/reference";

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

/// The description of these routes in both forms, each made once in a sandbox.
#[derive(Debug)]
pub struct Description {
    routes: Vec<Route>,
    json: OnceLock<Vec<u8>>,
    html: OnceLock<String>,
}

impl Description {
    #[must_use]
    pub fn new(routes: Vec<Route>) -> Self {
        Self { routes, json: OnceLock::new(), html: OnceLock::new() }
    }
}

pub fn routes<P: Ports>() -> Vec<Served<P>> {
    vec![
        get(OPENAPI_PATH, Access::Anyone)
            .titled(Tag::Description, "describe", "This description, as OpenAPI 3.1")
            .responds(200, "The description.", Shape::Object)
            .to(json),
        get(REFERENCE_PATH, Access::Anyone)
            .titled(Tag::Description, "readReference", "This description, for people")
            .responds(200, "A page.", Shape::Html)
            .to(page),
    ]
}

/// `GET /api/v3/openapi.json`
pub async fn json(Extension(description): Extension<Arc<Description>>) -> Response {
    let json = description.json.get_or_init(|| render(&document(&description.routes)));
    ([(CACHE_CONTROL, KEPT)], answer::json(StatusCode::OK, json.clone())).into_response()
}

/// `GET /api/v3/reference`
pub async fn page(Extension(description): Extension<Arc<Description>>) -> Response {
    let html = description.html.get_or_init(|| reference::render(&value(&document(&description.routes))));
    let headers = [(CONTENT_TYPE, HTML), (CACHE_CONTROL, KEPT), (CONTENT_SECURITY_POLICY, POLICY.clone())];
    (headers, html.clone()).into_response()
}
