//! Companies: made by an operator, each with its first token.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hookrail_adapters::random;
use hookrail_domain::audit::{AuditAction, AuditFinding};
use hookrail_domain::id::{CompanyId, hex};
use hookrail_domain::limits::CONFIG_BYTES_MAX;
use hookrail_domain::token::{Grant, Owner, Token, TokenHash};
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::store::{CompanyCreation, ConfigStore};
use hookrail_wire::company;
use hookrail_wire::problem::FieldProblem;
use http::StatusCode;

use crate::answer;
use crate::audit::{AuditDetail, with_audit};
use crate::auth::Access;
use crate::error::{ApiError, Bug};
use crate::request::JsonBody;
use crate::route::{Served, Shape, Tag, Throttle, post};
use crate::{App, Ports};

/// Bytes of an id that we choose: as long as the reference system's.
const ID_BYTES: usize = 12;

/// The path to which an operator posts new companies.
pub const COMPANIES_PATH: &str = "/api/v3/company";

pub fn routes<P: Ports>() -> Vec<Served<P>> {
    vec![
        post(COMPANIES_PATH, Access::Operator)
            .titled(Tag::Access, "createCompany", "Create a company and its first token")
            .may_have_body("NewCompany")
            .responds(201, "The company. Its token is shown this once.", Shape::One("Company"))
            .refuses([(409, "The id is taken.")])
            .audited(AuditAction::CompanyCreate)
            .throttled(Throttle::RARE)
            .to(create::<P>),
    ]
}

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
    let owner = Owner::Company(company.clone());
    let first = Token::first(TokenHash::of(&token), Grant::company(company.clone()), app.clock.now());
    match app.store.create_company(&company, &first).await? {
        CompanyCreation::Made => {
            let finding = AuditFinding { subject: Some(company.to_string()), ..AuditFinding::default() };
            let document = answer::json(StatusCode::CREATED, company::render(&company, &token));
            Ok(with_audit(document, AuditDetail { finding, log: Some(owner) }))
        }
        CompanyCreation::Taken => Err(ApiError::conflict(FieldProblem::new("company", "is taken"))),
    }
}

fn made_id() -> Result<CompanyId, ApiError> {
    let text = hex(&random::bytes::<ID_BYTES>()?);
    CompanyId::parse(&text).map_err(|_refused| ApiError::failed(Bug("a made company id is none")))
}
