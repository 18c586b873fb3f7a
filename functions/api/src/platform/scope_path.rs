//! Paths and queries of the platform API: a space or a kapp, a webhook in it, and the level of detail.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path, Query};
use hookrail_domain::id::KappSlug;
use hookrail_domain::platform::webhook::WebhookScope;
use hookrail_wire::platform_webhook::Detail;
use hookrail_wire::problem::FieldProblem;
use http::request::Parts;

use crate::error::{ApiError, Bug};
use crate::request::no_such_webhook;

/// The scope of webhooks, and the level of detail.
#[derive(Debug, Clone)]
pub struct ScopePath {
    pub scope: WebhookScope,
    pub detail: Detail,
}

/// One of the webhooks that are kept there, by its name.
#[derive(Debug, Clone)]
pub struct Target {
    pub place: ScopePath,
    pub name: String,
}

impl ScopePath {
    /// Returns true if jobs of the scope are found here. A space finds those of its kapps too.
    #[must_use]
    pub fn holds(&self, scope: &WebhookScope) -> bool {
        self.scope == WebhookScope::Space || self.scope == *scope
    }

    /// Returns true if the call asks for the names and times of changes.
    #[must_use]
    pub fn has_details(&self) -> bool {
        self.detail == Detail::Full
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ScopePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let names = names(parts, state).await?;
        let scope = match names.get("kappSlug").map(|slug| KappSlug::parse(slug)) {
            None => WebhookScope::Space,
            Some(Ok(slug)) => WebhookScope::Kapp(slug),
            Some(Err(_no_slug)) => return Err(ApiError::not_found("there is no such kapp")),
        };
        let query = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Query(query) = query.map_err(|_unreadable| FieldProblem::new("", "the query is not readable"))?;
        let included = query.iter().filter(|(name, _)| name == "include").map(|(_, value)| value);
        // The platform knows other things to include; asking for them has no effect.
        let has_details = included.flat_map(|value| value.split(',')).any(|one| one.trim() == "details");
        let detail = if has_details { Detail::Full } else { Detail::Plain };
        Ok(Self { scope, detail })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Target {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let place = ScopePath::from_request_parts(parts, state).await?;
        let name = names(parts, state).await?.remove("name");
        let name = name.ok_or_else(|| ApiError::failed(Bug("the route names no webhook")))?;
        Ok(Self { place, name })
    }
}

/// A parameter that is not UTF-8 matches nothing.
async fn names<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<HashMap<String, String>, ApiError> {
    let names = Path::from_request_parts(parts, state).await;
    names.map(|Path(names)| names).map_err(|_no_text| no_such_webhook())
}
