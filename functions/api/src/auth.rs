//! Who calls, and what they may do: from a Bearer token to a grant, from a grant to a company.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use hookrail_adapters::clock::Clock;
use hookrail_adapters::queue::Queue;
use hookrail_adapters::store::{ConfigStore, LineKey};
use hookrail_domain::id::{CompanyId, SubscriptionId};
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, Holder, Scope, TokenHash};
use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::App;
use crate::error::ApiError;

/// How long a sandbox believes what it read about a token. A revoked token works no longer than this.
const GRANT_CACHE_MS: u64 = 5000;
/// Tokens a sandbox remembers at once.
const GRANTS_CACHED_MAX: usize = 1000;

/// Whoever sent a valid token.
#[derive(Debug)]
pub struct Caller(Grant);

impl Caller {
    /// The company of a token that carries `scope`.
    pub fn company(&self, scope: Scope) -> Result<&CompanyId, ApiError> {
        match &self.0.holder {
            Holder::Company(company) if self.0.allows(scope) => Ok(company),
            Holder::Company(_) => Err(lacks(scope)),
            Holder::Operator => Err(ApiError::forbidden("an operator's token belongs to no company")),
        }
    }

    /// The line of the company's webhook of this id, whether or not there is one, if the token carries `scope`.
    pub fn line(&self, scope: Scope, subscription: SubscriptionId) -> Result<LineKey, ApiError> {
        Ok(LineKey { company: self.company(scope)?.clone(), subscription })
    }

    /// Whoever may push events: a company its own, an operator anyone's.
    pub fn pusher(&self) -> Result<&Holder, ApiError> {
        let scope = match &self.0.holder {
            Holder::Company(_) => Scope::EventsWrite,
            Holder::Operator => Scope::Operator,
        };
        if self.0.allows(scope) { Ok(&self.0.holder) } else { Err(lacks(scope)) }
    }

    /// Passes operators only.
    pub fn operator(&self) -> Result<(), ApiError> {
        match &self.0.holder {
            Holder::Operator if self.0.allows(Scope::Operator) => Ok(()),
            Holder::Operator | Holder::Company(_) => Err(lacks(Scope::Operator)),
        }
    }
}

fn lacks(scope: Scope) -> ApiError {
    ApiError::forbidden(format!("the token lacks the scope {}", scope.name()))
}

impl<S, Q, C> FromRequestParts<Arc<App<S, Q, C>>> for Caller
where
    S: ConfigStore,
    Q: Queue,
    C: Clock,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App<S, Q, C>>) -> Result<Self, ApiError> {
        let token = bearer(parts).ok_or_else(|| ApiError::unauthorized("send a Bearer token"))?;
        let unknown = || ApiError::unauthorized("the token is not valid");
        let grant = app.find_grant(TokenHash::of(token)).await?.ok_or_else(unknown)?;
        if grant.is_expired(app.clock.now()) { Err(unknown()) } else { Ok(Self(grant)) }
    }
}

fn bearer(parts: &Parts) -> Option<&str> {
    let (scheme, token) = parts.headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

impl<S: ConfigStore, Q: Queue, C: Clock> App<S, Q, C> {
    async fn find_grant(&self, token: TokenHash) -> Result<Option<Grant>, ApiError> {
        if self.config.operator == Some(token) {
            return Ok(Some(Grant::operator()));
        }
        let now = self.clock.now();
        if let Some(grant) = self.grants.get(token, now) {
            return Ok(Some(grant));
        }
        let grant = self.store.find_grant(token).await?;
        if let Some(grant) = &grant {
            self.grants.put(token, grant, now);
        }
        Ok(grant)
    }
}

/// Grants read in the last seconds. Tokens that were not found are asked for each time, so a new one works at once.
#[derive(Debug, Default)]
pub struct GrantCache(Mutex<HashMap<TokenHash, (Grant, Millis)>>);

impl GrantCache {
    fn get(&self, token: TokenHash, now: Millis) -> Option<Grant> {
        let grants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (grant, read_at) = grants.get(&token)?;
        is_fresh(*read_at, now).then(|| grant.clone())
    }

    fn put(&self, token: TokenHash, grant: &Grant, now: Millis) {
        let mut grants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if GRANTS_CACHED_MAX <= grants.len() {
            grants.retain(|_, (_, read_at)| is_fresh(*read_at, now));
        }
        if grants.len() < GRANTS_CACHED_MAX {
            grants.insert(token, (grant.clone(), now));
        }
    }
}

/// A reading from the future is of a clock that was set back: how old it is nobody knows.
fn is_fresh(read_at: Millis, now: Millis) -> bool {
    read_at <= now && now.since(read_at) < GRANT_CACHE_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Grant {
        Grant::company(CompanyId::parse("acme").unwrap())
    }

    #[test]
    fn a_grant_is_believed_for_five_seconds_and_not_across_a_clock_set_back() {
        let (cache, token) = (GrantCache::default(), TokenHash::of("a"));
        cache.put(token, &grant(), Millis(10_000));
        assert_eq!(cache.get(token, Millis(14_999)), Some(grant()));
        assert_eq!(cache.get(token, Millis(15_000)), None);
        assert_eq!(cache.get(token, Millis(9_999)), None);
        assert_eq!(cache.get(TokenHash::of("b"), Millis(10_000)), None);
    }

    #[test]
    fn a_full_cache_makes_room_by_age_only() {
        let cache = GrantCache::default();
        let token = |number: usize| TokenHash::of(&number.to_string());
        for number in 0..GRANTS_CACHED_MAX {
            cache.put(token(number), &grant(), Millis(0));
        }
        cache.put(token(GRANTS_CACHED_MAX), &grant(), Millis(4_999));
        assert_eq!(cache.get(token(GRANTS_CACHED_MAX), Millis(4_999)), None);
        cache.put(token(GRANTS_CACHED_MAX), &grant(), Millis(5_000));
        assert_eq!(cache.get(token(GRANTS_CACHED_MAX), Millis(5_000)), Some(grant()));
    }

    #[test]
    fn an_operators_token_needs_the_operators_scope() {
        let caller = Caller(Grant { scopes: Vec::new(), ..Grant::operator() });
        assert_eq!(caller.operator().unwrap_err().status(), 403);
        assert_eq!(caller.pusher().unwrap_err().status(), 403);
    }
}
