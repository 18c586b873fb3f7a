//! The panel's page. Its pictures, styles and scripts come with the panel itself.

use axum::response::{Html, IntoResponse, Response};
use http::HeaderValue;
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};

const PAGE: &str = include_str!("../panel/index.html");
/// Nothing but the page's own text: no script, no style, no frame around it.
const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /panel`
pub async fn index() -> Response {
    let headers = [
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, Html(PAGE)).into_response()
}
