//! The catalogue of platform webhooks.

use axum::extract::Path;
use axum::response::Response;
use hookrail_domain::platform::{EventType, Scope};
use hookrail_wire::platform_meta;
use http::StatusCode;

use crate::Ports;
use crate::answer;
use crate::auth::Access;
use crate::error::ApiError;
use crate::route::{Refusal, Served, Shape, Tag, get};
use hookrail_domain::token;

/// The path above everything that a form for webhooks offers, and trials.
pub const META_PATH: &str = "/app/api/v1/meta/webhooks";
const NO_SCOPE: Refusal = (404, "There is no such scope, or it does not offer the type.");

pub fn routes<P: Ports>() -> Vec<Served<P>> {
    let meta = |tail: &str| get(format!("{META_PATH}/{tail}"), Access::Company(token::Scope::WebhooksRead));
    vec![
        meta("types/{scope}")
            .titled(Tag::Platform, "listTypes", "List the types of platform webhooks")
            .responds(200, "Their names.", Shape::Texts)
            .refuses([NO_SCOPE])
            .to(types),
        meta("events/{scope}")
            .titled(Tag::Platform, "listEvents", "List the events of each type")
            .responds(200, "Their names, by the type's.", Shape::TextsByName)
            .refuses([NO_SCOPE])
            .to(events),
        meta("events/{scope}/{type}")
            .titled(Tag::Platform, "listEventsOfType", "List the events of one type")
            .responds(200, "Their names.", Shape::Texts)
            .refuses([NO_SCOPE])
            .to(events_of),
        meta("catalogue")
            .titled(Tag::Platform, "readCatalogue", "Read the catalogue of platform webhooks")
            .described(
                "Types with their events, the functions that filters and URLs may call, and a webhook for each \
                 workflow tree of the naming convention. The URLs of those take the name of the workflow engine's \
                 source from the space's attribute `Task Source`.",
            )
            .responds(200, "Every type that is offered anywhere.", Shape::One("PlatformCatalogue"))
            .to(catalogue),
    ]
}

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
