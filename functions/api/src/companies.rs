//! Companies: made by an operator, each with its first token.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hookrail_adapters::clock::Clock;
use hookrail_adapters::queue::Queue;
use hookrail_adapters::random;
use hookrail_adapters::store::{CompanyCreation, ConfigStore};
use hookrail_domain::id::{CompanyId, hex};
use hookrail_domain::limits::CONFIG_BYTES_MAX;
use hookrail_domain::token::{Grant, TokenHash};
use hookrail_wire::company;
use hookrail_wire::problem::FieldProblem;
use http::StatusCode;

use crate::App;
use crate::answer;
use crate::auth::Caller;
use crate::error::{ApiError, Bug};
use crate::request::JsonBody;

/// Bytes of an id that we choose: as long as the reference system's.
const ID_BYTES: usize = 12;

/// `POST /api/v3/company`
pub async fn create<S: ConfigStore, Q: Queue, C: Clock>(
    State(app): State<Arc<App<S, Q, C>>>,
    caller: Caller,
    JsonBody(body): JsonBody<CONFIG_BYTES_MAX>,
) -> Result<Response, ApiError> {
    caller.operator()?;
    let company = match company::parse(&body)? {
        Some(company) => company,
        None => made_id()?,
    };
    let token = random::token()?;
    let grant = Grant::company(company.clone());
    match app.store.create_company(&company, TokenHash::of(&token), &grant).await? {
        CompanyCreation::Made => Ok(answer::json(StatusCode::CREATED, company::render(&company, &token))),
        CompanyCreation::Taken => Err(ApiError::conflict(FieldProblem::new("company", "is taken"))),
    }
}

fn made_id() -> Result<CompanyId, ApiError> {
    let text = hex(&random::bytes::<ID_BYTES>()?);
    CompanyId::parse(&text).map_err(|_refused| ApiError::failed(Bug("a made company id is none")))
}
