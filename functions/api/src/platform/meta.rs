//! What webhooks on the platform's records can be made for.

use axum::extract::Path;
use axum::response::Response;
use hookrail_domain::platform::{EventType, Scope};
use hookrail_wire::platform_meta;
use http::StatusCode;

use crate::answer;
use crate::error::ApiError;

/// `GET …/meta/webhooks/types/{scope}`
pub async fn types(Path(scope): Path<String>) -> Result<Response, ApiError> {
    Ok(answer::json(StatusCode::OK, platform_meta::render_types(scope_of(&scope)?)))
}

/// `GET …/meta/webhooks/events/{scope}`
pub async fn events(Path(scope): Path<String>) -> Result<Response, ApiError> {
    Ok(answer::json(StatusCode::OK, platform_meta::render_events(scope_of(&scope)?)))
}

/// `GET …/meta/webhooks/events/{scope}/{type}`
pub async fn events_of(Path((scope, kind)): Path<(String, String)>) -> Result<Response, ApiError> {
    let scope = scope_of(&scope)?;
    let kind = EventType::parse(&kind).filter(|kind| kind.is_offered_in(scope));
    let kind = kind.ok_or_else(|| ApiError::not_found("no webhooks are made for such a type there"))?;
    Ok(answer::json(StatusCode::OK, platform_meta::render_events_of(kind)))
}

/// `GET …/meta/webhooks/catalogue`: everything that a form offers, in one document.
pub async fn catalogue() -> Response {
    answer::json(StatusCode::OK, platform_meta::render_catalogue())
}

fn scope_of(name: &str) -> Result<Scope, ApiError> {
    let found = Scope::ALL.into_iter().find(|scope| scope.name() == name);
    found.ok_or_else(|| ApiError::not_found("webhooks are kept in a space or in a kapp"))
}
