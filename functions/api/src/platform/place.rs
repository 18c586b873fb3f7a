//! What the paths and queries of this face name: a space or a kapp, a webhook in it, and how much of it to show.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path, Query};
use hookrail_domain::id::KappSlug;
use hookrail_domain::platform::webhook::WebhookScope;
use hookrail_wire::platform_webhook::Detail;
use hookrail_wire::problem::FieldProblem;
use http::request::Parts;

use crate::error::{ApiError, Bug};
use crate::request::no_such_webhook;

/// Where webhooks are kept, and how much of them to show.
#[derive(Debug, Clone)]
pub struct Place {
    pub scope: WebhookScope,
    pub detail: Detail,
}

/// One of the webhooks that are kept there, by its name.
#[derive(Debug, Clone)]
pub struct Target {
    pub place: Place,
    pub name: String,
}

impl Place {
    /// Whether jobs of this scope are among those that are found here: a space finds those of its kapps too.
    #[must_use]
    pub fn holds(&self, scope: &WebhookScope) -> bool {
        self.scope == WebhookScope::Space || self.scope == *scope
    }

    /// Whether the call asks who made what it is shown, and when.
    #[must_use]
    pub fn has_details(&self) -> bool {
        self.detail == Detail::Full
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Place {
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
        let place = Place::from_request_parts(parts, state).await?;
        let name = names(parts, state).await?.remove("name");
        let name = name.ok_or_else(|| ApiError::failed(Bug("the route names no webhook")))?;
        Ok(Self { place, name })
    }
}

/// What is no text names nothing.
async fn names<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<HashMap<String, String>, ApiError> {
    let names = Path::from_request_parts(parts, state).await;
    names.map(|Path(names)| names).map_err(|_no_text| no_such_webhook())
}
