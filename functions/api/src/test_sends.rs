//! Test sends: one request to a webhook, outside its order, and the answer at once.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hookrail_adapters::clock::Clock;
use hookrail_adapters::random;
use hookrail_adapters::sender::{Sender, Vetted};
use hookrail_domain::id::DeliveryId;
use hookrail_domain::limits::INGEST_BYTES_MAX;
use hookrail_domain::request::prepare_test;
use hookrail_domain::target::TargetUrl;
use hookrail_wire::problem::FieldProblem;
use hookrail_wire::test_send;
use http::StatusCode;

use crate::auth::Tenant;
use crate::error::ApiError;
use crate::request::{JsonBody, WebhookId};
use crate::{App, Ports, answer};

/// `POST /api/v3/webhook/subscription/{id}/test`: also of an inactive webhook, whose events wait.
pub async fn send<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookId(id): WebhookId,
    JsonBody(body): JsonBody<INGEST_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let (webhook, secrets) = app.find_with_secrets(&tenant, id).await?;
    let started_at = app.clock.now();
    let body = test_send::parse(&body, &webhook, started_at)?;
    let delivery = DeliveryId::from_bytes(random::bytes()?);
    let target = (&webhook.url, &secrets);
    let request = prepare_test(delivery, &body, target, started_at, app.config.timeout_seconds)
        .map_err(ApiError::failed)?;
    let outcome = app.sender.send(&request).await;
    let duration_ms = app.clock.now().since(started_at);
    let webhook_id = format!("{delivery}_test");
    let document = test_send::render(&outcome, duration_ms, (webhook.url.as_str(), &webhook_id, &body));
    Ok(answer::json(StatusCode::OK, document))
}

impl<P: Ports> App<P> {
    /// Refuses a URL that no request would be sent to. A name that does not resolve yet may be saved.
    pub(crate) async fn vet(&self, url: &TargetUrl) -> Result<(), ApiError> {
        match self.sender.vet(url).await {
            Vetted::Forbidden(reason) => Err(FieldProblem::new("url", reason).into()),
            Vetted::Allowed | Vetted::Unresolved => Ok(()),
        }
    }
}
