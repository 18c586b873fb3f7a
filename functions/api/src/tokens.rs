//! Tokens: create, list, revoke them, and show the caller's own.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hookrail_adapters::random;
use hookrail_domain::audit::{AuditAction, AuditFinding};
use hookrail_domain::id::{CompanyId, TokenId};
use hookrail_domain::limits::{CONFIG_BYTES_MAX, TOKENS_MAX};
use hookrail_domain::token::{Grant, NotYours, Owner, Scope, Token, TokenHash, TokenKind, TokenRef};
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::store::ConfigStore;
use hookrail_pipeline::store::access::{AccessStore, TokenCreation};
use hookrail_wire::problem::{FieldProblem, Problem};
use hookrail_wire::token;
use http::StatusCode;

use crate::audit::{AuditDetail, with_audit};
use crate::auth::{Access, Caller};
use crate::error::ApiError;
use crate::openapi::input::Input;
use crate::request::{CompanyQuery, JsonBody};
use crate::route::{Served, Shape, Tag, Throttle, delete, get, post, refusal};
use crate::{App, Ports, answer};

/// The path of the list of tokens; one token is this path, a slash and its id.
pub const TOKENS_PATH: &str = "/api/v3/token";

pub fn routes<P: Ports>() -> Vec<Served<P>> {
    let write = Access::CompanyOrOperator(Scope::TokensWrite);
    vec![
        get(TOKENS_PATH, write)
            .titled(Tag::Access, "listTokens", "List tokens and panel sessions")
            .takes([Input::Company])
            .responds(200, "The tokens, without their texts.", Shape::List("Token"))
            .to(list::<P>),
        post(TOKENS_PATH, write)
            .titled(Tag::Access, "createToken", "Create a token")
            .described("The token has at most the scopes of its creator, and ends no later.")
            .needs_body("NewToken")
            .responds(201, "The token. Its text is shown this once.", Shape::One("Token"))
            .refuses([refusal::TOKENS_FULL])
            .audited(AuditAction::TokenCreate)
            .throttled(Throttle::RARE)
            .to(create::<P>),
        get(format!("{TOKENS_PATH}/self"), Access::AnyToken)
            .titled(Tag::Access, "ownToken", "Show the caller's own token")
            .responds(200, "The token.", Shape::One("OwnToken"))
            .to(own::<P>),
        delete(format!("{TOKENS_PATH}/{{id}}"), write)
            .titled(Tag::Access, "revokeToken", "Revoke a token and its sessions")
            .takes([Input::Company])
            .responds(204, "The token is revoked. It works nowhere after five seconds.", Shape::Nothing)
            .refuses([(404, "There is no such token.")])
            .audited(AuditAction::TokenRevoke)
            .to(revoke::<P>),
    ]
}

/// `POST /api/v3/token`
pub async fn create<P: Ports>(
    State(app): State<Arc<App<P>>>,
    caller: Caller,
    JsonBody(body): JsonBody<CONFIG_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let now = app.clock.now();
    let new = token::parse_new(&body, now)?;
    let owner = app.owner(&caller, new.company).await?;
    let grant = Grant { owner, scopes: new.scopes, expires_at: new.expires_at };
    caller.grant.may_give(&grant).map_err(|error| FieldProblem::new(field_of(&error), error))?;
    let text = random::token()?;
    let made = Token {
        name: new.name,
        maker: caller.token.clone(),
        ..Token::first(TokenHash::of(&text), grant, now)
    };
    app.make(&made).await?;
    let detail = AuditDetail {
        finding: AuditFinding { subject: Some(made.reference().id.to_string()), ..AuditFinding::default() },
        log: Some(made.grant.owner.clone()),
    };
    Ok(with_audit(answer::json(StatusCode::CREATED, token::render_new(&made, &text)), detail))
}

/// The field of a call that asks for more than its caller has.
pub(crate) fn field_of(error: &NotYours) -> &'static str {
    match error {
        NotYours::Scope(_) | NotYours::Misplaced(_) => "scopes",
        NotYours::End => "expiresAt",
        NotYours::Company => "company",
    }
}

/// `GET /api/v3/token`
pub async fn list<P: Ports>(
    State(app): State<Arc<App<P>>>,
    caller: Caller,
    CompanyQuery(company): CompanyQuery,
) -> Result<Response, ApiError> {
    let owner = app.owner(&caller, company).await?;
    let mut tokens = app.store.list_tokens(&owner).await?;
    tokens.sort_by_key(|token| std::cmp::Reverse(token.made_at));
    answer::page(token::render_list(&tokens), None)
}

/// `GET /api/v3/token/self`
pub async fn own<P: Ports>(State(_): State<Arc<App<P>>>, caller: Caller) -> Response {
    answer::json(StatusCode::OK, token::render_self(caller.name.as_str(), &caller.grant))
}

/// `DELETE /api/v3/token/{id}`
pub async fn revoke<P: Ports>(
    State(app): State<Arc<App<P>>>,
    caller: Caller,
    Path(id): Path<String>,
    CompanyQuery(company): CompanyQuery,
) -> Result<Response, ApiError> {
    let no_such_token = || ApiError::not_found("there is no such token");
    let owner = app.owner(&caller, company).await?;
    let id = TokenId::parse(&id).map_err(|_refused| no_such_token())?;
    app.revoke(&TokenRef { owner: owner.clone(), id }, no_such_token).await?;
    let detail = AuditDetail { log: Some(owner), ..AuditDetail::default() };
    Ok(with_audit(StatusCode::NO_CONTENT.into_response(), detail))
}

impl<P: Ports> App<P> {
    /// Whose the call is; the company that an operator names must be there, and finds in its own log what is about to
    /// be done in its name.
    pub(crate) async fn owner(&self, caller: &Caller, named: Option<CompanyId>) -> Result<Owner, ApiError> {
        let owner = caller.owner(named).map_err(|error| FieldProblem::new("company", error))?;
        if let (Owner::Operator, Owner::Company(company)) = (&caller.grant.owner, &owner)
            && !self.store.is_company(company).await?
        {
            return Err(FieldProblem::new("company", "is not known").into());
        }
        if let Some(entry) = caller.entry.as_ref().filter(|_| owner != caller.grant.owner) {
            self.store.put_audit(&owner, entry).await?;
        }
        Ok(owner)
    }

    pub(crate) async fn make(&self, token: &Token) -> Result<(), ApiError> {
        match self.store.make_token(token).await? {
            TokenCreation::Made => Ok(()),
            TokenCreation::Full => {
                let detail = format!("there are {TOKENS_MAX} tokens, and there may be no more; revoke some");
                Err(Problem::new(409, "Conflict", detail).into())
            }
        }
    }

    pub(crate) async fn revoke(
        &self,
        token: &TokenRef,
        no_such_token: impl FnOnce() -> ApiError,
    ) -> Result<(), ApiError> {
        if !self.store.revoke_token(token).await? {
            return Err(no_such_token());
        }
        self.tokens.forget(token);
        // Its sessions are worth nothing without it; this only tidies the list.
        let sessions = self.store.list_tokens(&token.owner).await?.into_iter();
        let its = sessions.filter(|one| one.kind == TokenKind::Session && one.maker.as_ref() == Some(token));
        for session in its {
            self.store.revoke_token(&session.reference()).await?;
        }
        Ok(())
    }
}
