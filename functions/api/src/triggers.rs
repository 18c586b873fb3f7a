//! The catalogue of triggers: what a webhook can be made for.

use axum::response::Response;
use hookrail_domain::token::Scope;
use hookrail_wire::trigger_view;
use http::StatusCode;

use crate::auth::Access;
use crate::route::{Served, Shape, Tag, get};
use crate::{Ports, answer};

/// The path of the catalogue.
pub const TRIGGERS_PATH: &str = "/api/v3/trigger";

pub fn routes<P: Ports>() -> Vec<Served<P>> {
    vec![
        get(TRIGGERS_PATH, Access::Company(Scope::WebhooksRead))
            .titled(Tag::Webhooks, "listTriggers", "List the triggers")
            .responds(200, "Each trigger, its context slots, and an example event.", Shape::List("Trigger"))
            .to(list),
    ]
}

/// `GET /api/v3/trigger`
pub async fn list() -> Response {
    answer::json(StatusCode::OK, trigger_view::render_list())
}
