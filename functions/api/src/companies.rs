//! Companies: made by an operator, each with its first token.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hookrail_adapters::clock::Clock;
use hookrail_adapters::random;
use hookrail_adapters::store::{CompanyCreation, ConfigStore};
use hookrail_domain::audit::Finding;
use hookrail_domain::id::{CompanyId, hex};
use hookrail_domain::limits::CONFIG_BYTES_MAX;
use hookrail_domain::token::{Grant, Holder, Token, TokenHash};
use hookrail_wire::company;
use hookrail_wire::problem::FieldProblem;
use http::StatusCode;

use crate::answer;
use crate::audit::{Told, telling};
use crate::error::{ApiError, Bug};
use crate::request::JsonBody;
use crate::{App, Ports};

/// Bytes of an id that we choose: as long as the reference system's.
const ID_BYTES: usize = 12;

/// `POST /api/v3/company`
pub async fn create<P: Ports>(
    State(app): State<Arc<App<P>>>,
    JsonBody(body): JsonBody<CONFIG_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let company = match company::parse(&body)? {
        Some(company) => company,
        None => made_id()?,
    };
    let token = random::token()?;
    let holder = Holder::Company(company.clone());
    let first = Token::first(TokenHash::of(&token), Grant::company(company.clone()), app.clock.now());
    match app.store.create_company(&company, &first).await? {
        CompanyCreation::Made => {
            let finding = Finding { subject: Some(company.to_string()), ..Finding::default() };
            let document = answer::json(StatusCode::CREATED, company::render(&company, &token));
            Ok(telling(document, Told { finding, log: Some(holder) }))
        }
        CompanyCreation::Taken => Err(ApiError::conflict(FieldProblem::new("company", "is taken"))),
    }
}

fn made_id() -> Result<CompanyId, ApiError> {
    let text = hex(&random::bytes::<ID_BYTES>()?);
    CompanyId::parse(&text).map_err(|_refused| ApiError::failed(Bug("a made company id is none")))
}
