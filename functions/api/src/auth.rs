//! Authentication and authorisation: from a Bearer token to a grant, from a grant to a company.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hookrail_domain::audit::{Actor, AuditEntry};
use hookrail_domain::id::{CompanyId, WebhookId};
use hookrail_domain::limits::TOKEN_CHARS_MAX;
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, Owner, Scope, Token, TokenHash, TokenKind, TokenRef};
use hookrail_domain::webhook::Name;
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::fault::ErrorChain;
use hookrail_pipeline::store::WebhookKey;
use hookrail_pipeline::store::access::AccessStore;
use hookrail_wire::problem::Problem;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::error::{ApiError, Bug};
use crate::jwt::is_jwt;
use crate::{App, Ports, platform};

/// The time for which a sandbox caches a token. A revoked token works no longer than this.
const TOKEN_CACHE_MS: u64 = 5000;
/// Tokens a sandbox remembers at once.
const TOKENS_CACHED_MAX: usize = 1000;
/// Sessions that may have grown out of one another by links, counted from the token that began it; one behind them ends.
const SESSION_CHAIN_MAX: usize = 8;
/// Every delivery carries the first two, every test the third.
const DELIVERY_HEADERS: [&str; 3] = ["hookrail-sequence", "hookrail-attempt", "hookrail-test"];
/// The name of the configured operator token in the audit log.
const OPERATOR: &str = "operator";

/// The callers that a route admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Without a token.
    Anyone,
    /// Every valid token.
    AnyToken,
    /// A company's token that carries the scope.
    Company(Scope),
    /// The same, or an operator's, who says whose the call is.
    CompanyOrOperator(Scope),
    Operator,
}

impl Access {
    fn check(self, grant: &Grant) -> Result<(), ApiError> {
        let needed = match (self, &grant.owner) {
            (Self::Anyone | Self::AnyToken, _) => return Ok(()),
            (Self::Company(_), Owner::Operator) => {
                return Err(ApiError::forbidden("an operator's token belongs to no company"));
            }
            (Self::Company(scope) | Self::CompanyOrOperator(scope), Owner::Company(_)) => scope,
            (Self::CompanyOrOperator(_) | Self::Operator, _) => Scope::Operator,
        };
        allowed(grant, needed)
    }
}

fn allowed(grant: &Grant, needed: Scope) -> Result<(), ApiError> {
    if grant.allows(needed) {
        Ok(())
    } else {
        Err(ApiError::forbidden(format!("the token lacks the scope {}", needed.name())))
    }
}

/// The holder of a valid token that may call the route.
#[derive(Debug, Clone)]
pub struct Caller {
    pub grant: Grant,
    /// The token of the grant; none for the configured operator and for a JWT, which cannot be revoked here.
    pub token: Option<TokenRef>,
    pub name: Name,
    pub kind: TokenKind,
    /// The audit entry of the call so far, if the call is audited.
    pub entry: Option<AuditEntry>,
}

impl Caller {
    fn of(token: &Token) -> Self {
        Self {
            grant: token.grant.clone(),
            token: Some(token.reference()),
            name: token.name.clone(),
            kind: token.kind,
            entry: None,
        }
    }

    /// Refuses what the route's own scope does not cover, unless the token carries this one too.
    pub fn needs(&self, scope: Scope) -> Result<(), ApiError> {
        allowed(&self.grant, scope)
    }

    /// Returns true if responses to the caller may show event bodies, responses to writes included.
    #[must_use]
    pub fn may_read_bodies(&self) -> bool {
        Access::CompanyOrOperator(Scope::LogsRead).check(&self.grant).is_ok()
    }

    /// The caller as the audit log names it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::new(self.token.as_ref().map(|token| token.id), self.name.as_str())
    }

    /// The owner that the call acts for: the company of a company's token, or the one that an operator names.
    pub fn owner(&self, named: Option<CompanyId>) -> Result<Owner, CompanyNotYours> {
        match (&self.grant.owner, named) {
            (Owner::Company(own), Some(named)) if *own != named => Err(CompanyNotYours),
            (own @ Owner::Company(_), _) | (own, None) => Ok(own.clone()),
            (Owner::Operator, Some(named)) => Ok(Owner::Company(named)),
        }
    }
}

/// A company's token named another company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is another company than your token's")]
pub struct CompanyNotYours;

/// The company that a call is about: its token's, and no other. Only routes for a company's tokens have one.
#[derive(Debug, Clone)]
pub struct Tenant(CompanyId);

impl Tenant {
    #[must_use]
    pub fn company(&self) -> &CompanyId {
        &self.0
    }

    /// The line of the company's webhook of this id, whether or not there is one.
    #[must_use]
    pub fn key(&self, webhook: WebhookId) -> WebhookKey {
        WebhookKey { company: self.0.clone(), webhook }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| ApiError::failed(Bug("the route admits no caller")))
    }
}

impl<S: Sync> FromRequestParts<S> for Tenant {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| ApiError::failed(Bug("no company was admitted")))
    }
}

/// Lets a call through to a route of this access, with its caller.
pub async fn admit<P: Ports>(
    State((app, access)): State<(Arc<App<P>>, Access)>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    refuse_deliveries(request.headers())?;
    let text = match bearer(request.headers()) {
        Some(token) => token.to_owned(),
        None => {
            password_of_platform(&request).ok_or_else(|| ApiError::unauthorized("send a Bearer token"))?
        }
    };
    let unknown = || ApiError::unauthorized("the token is not valid");
    if TOKEN_CHARS_MAX < text.len() {
        return Err(unknown());
    }
    let caller = app.find_caller(&text).await?.ok_or_else(unknown)?;
    if caller.grant.is_expired(app.clock.now()) {
        return Err(unknown());
    }
    access.check(&caller.grant)?;
    if let (Access::Company(_), Owner::Company(company)) = (access, &caller.grant.owner) {
        request.extensions_mut().insert(Tenant(company.clone()));
    }
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Clients of the platform know HTTP Basic alone: the password is the token, whatever the user is called. No browser is
/// ever asked for it, so none sends it along with what another site makes it send.
fn password_of_platform(request: &Request) -> Option<String> {
    if !platform::is_below(request.uri().path()) {
        return None;
    }
    let (scheme, encoded) = request.headers().get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let decoded = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let text = String::from_utf8(decoded).ok()?;
    let (_, password) = text.split_once(':')?;
    (!password.is_empty()).then(|| password.to_owned())
}

impl<P: Ports> App<P> {
    async fn find_caller(&self, text: &str) -> Result<Option<Caller>, ApiError> {
        let hash = TokenHash::of(text);
        if self.config.operator == Some(hash) {
            let name = Name::parse(OPERATOR).map_err(ApiError::failed)?;
            return Ok(Some(Caller {
                grant: Grant::operator(),
                token: None,
                name,
                kind: TokenKind::Api,
                entry: None,
            }));
        }
        match &self.jwts {
            Some(jwts) if is_jwt(text) => jwts.caller(text, self.clock.now()).await.map_err(|error| {
                ApiError::unavailable("the identity provider cannot be reached").caused_by(error)
            }),
            Some(_) | None => Ok(self.find_token(hash).await?.map(|token| Caller::of(&token))),
        }
    }

    async fn find_token(&self, hash: TokenHash) -> Result<Option<Token>, ApiError> {
        let now = self.clock.now();
        if let Some(token) = self.tokens.get(hash, now) {
            return Ok(Some(token));
        }
        let Some(mut token) = self.store.find_token(hash).await? else { return Ok(None) };
        if let (TokenKind::Session, Some(maker)) = (token.kind, &token.maker)
            && !self.is_alive(maker).await?
        {
            return Ok(None);
        }
        if token.is_use_news(now) && !token.grant.is_expired(now) {
            match self.store.mark_used(&token, now).await {
                Ok(()) => token.last_used_at = Some(now),
                // The caller loses nothing by it.
                Err(error) => tracing::warn!(cause = %ErrorChain(&error), "token.use_not_marked"),
            }
        }
        self.tokens.put(&token, now);
        Ok(Some(token))
    }
}

impl<P: Ports> App<P> {
    /// Returns whether a session whose link this token made may continue.
    /// The token must exist, and if it is a session itself, every maker up to the first too.
    /// A revoked one ends them all, however long the chain has grown.
    pub(crate) async fn is_alive(&self, maker: &TokenRef) -> Result<bool, ApiError> {
        let mut reference = maker.clone();
        for _ in 0..SESSION_CHAIN_MAX {
            match self.store.token_of(&reference).await? {
                None => return Ok(false),
                Some(Token { kind: TokenKind::Session, maker: Some(next), .. }) => reference = next,
                Some(_) => return Ok(true),
            }
        }
        Ok(false)
    }
}

/// Refuses a delivery of Hookrail, of this stack or another: a webhook that led here would push an event for each event
/// that it gets, without end. No webhook may set or drop these headers.
fn refuse_deliveries(headers: &HeaderMap) -> Result<(), ApiError> {
    if DELIVERY_HEADERS.iter().any(|name| headers.contains_key(*name)) {
        let detail = "the request is a webhook delivery of Hookrail; a webhook must not call Hookrail's API, \
                      because each event would cause another";
        return Err(Problem::new(508, "Loop Detected", detail).into());
    }
    Ok(())
}

/// Tokens read in the last seconds. Those that were not found are asked for each time, so a new one works at once.
#[derive(Debug, Default)]
pub struct TokenCache(Mutex<HashMap<TokenHash, (Token, Millis)>>);

impl TokenCache {
    fn get(&self, hash: TokenHash, now: Millis) -> Option<Token> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (token, read_at) = tokens.get(&hash)?;
        is_fresh(*read_at, now).then(|| token.clone())
    }

    fn put(&self, token: &Token, now: Millis) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if TOKENS_CACHED_MAX <= tokens.len() {
            tokens.retain(|_, (_, read_at)| is_fresh(*read_at, now));
        }
        if tokens.len() < TOKENS_CACHED_MAX {
            tokens.insert(token.hash, (token.clone(), now));
        }
    }

    /// Believes nothing more of this token here; other sandboxes learn of it within seconds.
    pub(crate) fn forget(&self, reference: &TokenRef) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|_, (token, _)| {
            token.reference() != *reference && token.maker.as_ref() != Some(reference)
        });
    }
}

/// A time in the future comes from a clock that was set back: its age is unknown.
fn is_fresh(read_at: Millis, now: Millis) -> bool {
    read_at <= now && now.since(read_at) < TOKEN_CACHE_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> Token {
        Token::first(TokenHash::of(text), Grant::company(CompanyId::parse("acme").unwrap()), Millis(0))
    }

    #[test]
    fn caches_a_token_for_five_seconds_and_not_after_a_clock_set_back() {
        let (cache, token) = (TokenCache::default(), token("a"));
        cache.put(&token, Millis(10_000));
        assert_eq!(cache.get(token.hash, Millis(14_999)), Some(token.clone()));
        assert_eq!(cache.get(token.hash, Millis(15_000)), None);
        assert_eq!(cache.get(token.hash, Millis(9_999)), None);
        assert_eq!(cache.get(TokenHash::of("b"), Millis(10_000)), None);
    }

    #[test]
    fn a_full_cache_replaces_expired_tokens_only() {
        let cache = TokenCache::default();
        for number in 0..TOKENS_CACHED_MAX {
            cache.put(&token(&number.to_string()), Millis(0));
        }
        let next = token("next");
        cache.put(&next, Millis(4_999));
        assert_eq!(cache.get(next.hash, Millis(4_999)), None);
        cache.put(&next, Millis(5_000));
        assert_eq!(cache.get(next.hash, Millis(5_000)), Some(next));
    }

    #[test]
    fn revoking_a_token_removes_its_sessions_from_the_cache() {
        let cache = TokenCache::default();
        let (maker, other) = (token("maker"), token("other"));
        let session = Token { maker: Some(maker.reference()), kind: TokenKind::Session, ..token("session") };
        for token in [&maker, &other, &session] {
            cache.put(token, Millis(0));
        }
        cache.forget(&maker.reference());
        let known = [&maker, &session, &other].map(|token| cache.get(token.hash, Millis(0)).is_some());
        assert_eq!(known, [false, false, true]);
    }

    #[test]
    fn an_operator_token_needs_the_operator_scope() {
        let bare = Grant { scopes: Vec::new(), ..Grant::operator() };
        for access in [Access::Operator, Access::CompanyOrOperator(Scope::LogsRead)] {
            assert_eq!(access.check(&bare).unwrap_err().status(), 403);
        }
    }

    #[test]
    fn a_company_acts_for_itself_and_an_operator_for_the_named_company() {
        let name = |name| CompanyId::parse(name).unwrap();
        let caller = |grant| Caller { grant, ..Caller::of(&token("a")) };
        let acme = caller(Grant::company(name("acme")));
        let own = Owner::Company(name("acme"));
        assert_eq!(acme.owner(None), Ok(own.clone()));
        assert_eq!(acme.owner(Some(name("acme"))), Ok(own.clone()));
        assert_eq!(acme.owner(Some(name("other"))), Err(CompanyNotYours));
        let operator = caller(Grant::operator());
        assert_eq!(operator.owner(None), Ok(Owner::Operator));
        assert_eq!(operator.owner(Some(name("acme"))), Ok(own));
    }
}
