//! The catalogue of triggers: what a webhook can be made for.

use axum::response::Response;
use hookrail_wire::trigger_view;
use http::StatusCode;

use crate::answer;

/// `GET /api/v3/trigger`
pub async fn list() -> Response {
    answer::json(StatusCode::OK, trigger_view::render_list())
}
