//! A webhook's signing secret: shown, replaced, and what was replaced ended.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hookrail_adapters::random;
use hookrail_domain::audit::AuditAction;
use hookrail_domain::id::WebhookId;
use hookrail_domain::limits::CONFIG_BYTES_MAX;
use hookrail_domain::secrets::{InvalidRotation, Secrets};
use hookrail_domain::token::Scope;
use hookrail_domain::webhook::Webhook;
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::store::{ConfigStore, Replacement, Replacing};
use hookrail_wire::problem::FieldProblem;
use hookrail_wire::secret;
use http::StatusCode;

use crate::auth::{Access, Tenant};
use crate::error::{ApiError, Bug};
use crate::request::{JsonBody, NoFields, WebhookPath};
use crate::route::{Served, Shape, Tag, get, post, refusal};
use crate::{App, Ports, WEBHOOKS_PATH, answer};

pub fn routes<P: Ports>() -> Vec<Served<P>> {
    let secret = format!("{WEBHOOKS_PATH}/{{id}}/secret");
    let write = Access::Company(Scope::WebhooksWrite);
    vec![
        get(&secret, Access::Company(Scope::SecretsRead))
            .titled(Tag::Secrets, "revealSecret", "Show the signing secrets")
            .responds(
                200,
                "The secret, and those that it replaced and that still sign.",
                Shape::One("SigningSecrets"),
            )
            .refuses([refusal::NO_WEBHOOK])
            .audited(AuditAction::SecretReveal)
            .to(reveal::<P>),
        post(format!("{secret}/rotate"), write)
            .titled(Tag::Secrets, "rotateSecret", "Replace the signing secret")
            .described(
                "The replaced secret continues to sign next to the new one for a while, so that receivers \
                 can switch.",
            )
            .may_have_body("Rotation")
            .responds(200, "The ends of the replaced secrets.", Shape::One("SecretState"))
            .refuses([refusal::NO_WEBHOOK, refusal::MOVED])
            .audited(AuditAction::SecretRotate)
            .to(rotate::<P>),
        post(format!("{secret}/expire"), write)
            .titled(Tag::Secrets, "expireSecrets", "Expire the replaced secrets now")
            .responds(200, "No replaced secret signs any more.", Shape::One("SecretState"))
            .refuses([refusal::NO_WEBHOOK, refusal::MOVED])
            .audited(AuditAction::SecretExpire)
            .to(expire::<P>),
    ]
}

/// `GET /api/v3/webhook/subscription/{id}/secret`
pub async fn reveal<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookPath(id): WebhookPath,
) -> Result<Response, ApiError> {
    let (_, secrets) = app.find_with_secrets(&tenant, id).await?;
    Ok(answer::json(StatusCode::OK, secret::reveal(&secrets, app.clock.now())))
}

/// `POST /api/v3/webhook/subscription/{id}/secret/rotate`
pub async fn rotate<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookPath(id): WebhookPath,
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
    WebhookPath(id): WebhookPath,
    _: NoFields,
) -> Result<Response, ApiError> {
    let (webhook, secrets) = app.find_with_secrets(&tenant, id).await?;
    app.write_secrets(&webhook, &secrets.without_retired()).await
}

impl<P: Ports> App<P> {
    /// The webhook, and its secrets as they are with it: a change between the two reads loses its race below.
    pub(crate) async fn find_with_secrets(
        &self,
        tenant: &Tenant,
        id: WebhookId,
    ) -> Result<(Webhook, Secrets), ApiError> {
        let company = tenant.company();
        // A platform webhook's secret is its owner's own, and is never shown again.
        let webhook = self.find_cot(company, id).await?;
        let secrets = self.store.find_secrets(company, id).await?;
        Ok((webhook, secrets.ok_or_else(|| ApiError::failed(Bug("a webhook has no secrets")))?))
    }

    async fn write_secrets(&self, webhook: &Webhook, secrets: &Secrets) -> Result<Response, ApiError> {
        let version = webhook.version + 1;
        let changed = Webhook { version, credentials: secrets.credentials(version), ..webhook.clone() };
        let replacing = Replacing { webhook: &changed, secrets: Some(secrets) };
        match self.store.replace_webhook(replacing).await? {
            Replacement::Done => {
                Ok(answer::json(StatusCode::OK, secret::render_state(secrets, self.clock.now())))
            }
            Replacement::Lost => Err(crate::queue::conflict("the webhook was changed meanwhile; try again")),
        }
    }
}
