//! Tokens: made, listed, revoked, and looked at by whoever holds one.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hookrail_adapters::clock::Clock;
use hookrail_adapters::random;
use hookrail_adapters::store::ConfigStore;
use hookrail_adapters::store::access::{AccessStore, TokenCreation};
use hookrail_domain::audit::Finding;
use hookrail_domain::id::{CompanyId, TokenId};
use hookrail_domain::limits::{CONFIG_BYTES_MAX, TOKENS_MAX};
use hookrail_domain::token::{Grant, Holder, NotYours, Token, TokenHash, TokenKind, TokenRef};
use hookrail_wire::problem::{FieldProblem, Problem};
use hookrail_wire::token;
use http::StatusCode;

use crate::audit::{Told, telling};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::request::{JsonBody, Named};
use crate::{App, Ports, answer};

/// `POST /api/v3/token`
pub async fn create<P: Ports>(
    State(app): State<Arc<App<P>>>,
    caller: Caller,
    JsonBody(body): JsonBody<CONFIG_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let now = app.clock.now();
    let new = token::parse_new(&body, now)?;
    let holder = app.holder(&caller, new.company).await?;
    let grant = Grant { holder, scopes: new.scopes, expires_at: new.expires_at };
    caller.grant.may_give(&grant).map_err(|error| FieldProblem::new(field_of(&error), error))?;
    let text = random::token()?;
    let made = Token {
        name: new.name,
        maker: caller.token.clone(),
        ..Token::first(TokenHash::of(&text), grant, now)
    };
    app.make(&made).await?;
    let told = Told {
        finding: Finding { subject: Some(made.reference().id.to_string()), ..Finding::default() },
        log: Some(made.grant.holder.clone()),
    };
    Ok(telling(answer::json(StatusCode::CREATED, token::render_new(&made, &text)), told))
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
    Named(company): Named,
) -> Result<Response, ApiError> {
    let holder = app.holder(&caller, company).await?;
    let mut tokens = app.store.list_tokens(&holder).await?;
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
    Named(company): Named,
) -> Result<Response, ApiError> {
    let no_such_token = || ApiError::not_found("there is no such token");
    let holder = app.holder(&caller, company).await?;
    let id = TokenId::parse(&id).map_err(|_refused| no_such_token())?;
    app.revoke(&TokenRef { holder: holder.clone(), id }, no_such_token).await?;
    let told = Told { log: Some(holder), ..Told::default() };
    Ok(telling(StatusCode::NO_CONTENT.into_response(), told))
}

impl<P: Ports> App<P> {
    /// Whose the call is; the company that an operator names must be there, and finds in its own log what is about to
    /// be done in its name.
    pub(crate) async fn holder(&self, caller: &Caller, named: Option<CompanyId>) -> Result<Holder, ApiError> {
        let holder = caller.holder(named).map_err(|error| FieldProblem::new("company", error))?;
        if let (Holder::Operator, Holder::Company(company)) = (&caller.grant.holder, &holder)
            && !self.store.is_company(company).await?
        {
            return Err(FieldProblem::new("company", "is not known").into());
        }
        if let Some(entry) = caller.entry.as_ref().filter(|_| holder != caller.grant.holder) {
            self.store.put_audit(&holder, entry).await?;
        }
        Ok(holder)
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
        let sessions = self.store.list_tokens(&token.holder).await?.into_iter();
        let its = sessions.filter(|one| one.kind == TokenKind::Session && one.maker.as_ref() == Some(token));
        for session in its {
            self.store.revoke_token(&session.reference()).await?;
        }
        Ok(())
    }
}
