//! A webhook's signing secret: shown, replaced, and what was replaced ended.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hookrail_adapters::clock::Clock;
use hookrail_adapters::random;
use hookrail_adapters::store::{ConfigStore, Replacement, Replacing};
use hookrail_domain::id::SubscriptionId;
use hookrail_domain::limits::CONFIG_BYTES_MAX;
use hookrail_domain::secrets::{InvalidRotation, Secrets};
use hookrail_domain::subscription::Subscription;
use hookrail_wire::problem::FieldProblem;
use hookrail_wire::secret;
use http::StatusCode;

use crate::auth::Tenant;
use crate::error::{ApiError, Bug};
use crate::request::{JsonBody, WebhookId};
use crate::{App, Ports, answer};

/// `GET /api/v3/webhook/subscription/{id}/secret`
pub async fn reveal<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookId(id): WebhookId,
) -> Result<Response, ApiError> {
    let (_, secrets) = app.find_with_secrets(&tenant, id).await?;
    Ok(answer::json(StatusCode::OK, secret::reveal(&secrets, app.clock.now())))
}

/// `POST /api/v3/webhook/subscription/{id}/secret/rotate`
pub async fn rotate<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookId(id): WebhookId,
    JsonBody(body): JsonBody<CONFIG_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let call = secret::parse_rotation(&body)?;
    let (webhook, secrets) = app.find_with_secrets(&tenant, id).await?;
    let new = match call.secret {
        Some(own) => own,
        None => random::signing_secret()?,
    };
    let rotated =
        secrets.rotated(new, call.overlap_seconds, app.clock.now()).map_err(|error| match error {
            InvalidRotation::Overlap => FieldProblem::new("overlapSeconds", error).into(),
            InvalidRotation::Same => FieldProblem::new("secret", error).into(),
            InvalidRotation::TooMany => crate::queue::conflict(&error.to_string()),
        })?;
    app.write_secrets(&webhook, &rotated).await
}

/// `POST /api/v3/webhook/subscription/{id}/secret/expire`
pub async fn expire<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookId(id): WebhookId,
) -> Result<Response, ApiError> {
    let (webhook, secrets) = app.find_with_secrets(&tenant, id).await?;
    app.write_secrets(&webhook, &secrets.without_retired()).await
}

impl<P: Ports> App<P> {
    /// The webhook, and its secrets as they are with it: a change between the two reads loses its race below.
    pub(crate) async fn find_with_secrets(
        &self,
        tenant: &Tenant,
        id: SubscriptionId,
    ) -> Result<(Subscription, Secrets), ApiError> {
        let company = tenant.company();
        // A platform webhook's secret is its owner's own, and is never shown again.
        let webhook = self.find_cot(company, id).await?;
        let secrets = self.store.find_secrets(company, id).await?;
        Ok((webhook, secrets.ok_or_else(|| ApiError::failed(Bug("a webhook has no secrets")))?))
    }

    async fn write_secrets(&self, webhook: &Subscription, secrets: &Secrets) -> Result<Response, ApiError> {
        let version = webhook.version + 1;
        let changed = Subscription { version, credentials: secrets.credentials(version), ..webhook.clone() };
        let replacing = Replacing { subscription: &changed, secrets: Some(secrets) };
        match self.store.replace_subscription(replacing).await? {
            Replacement::Done => {
                Ok(answer::json(StatusCode::OK, secret::render_state(secrets, self.clock.now())))
            }
            Replacement::Lost => Err(crate::queue::conflict("the webhook was changed meanwhile; try again")),
        }
    }
}
