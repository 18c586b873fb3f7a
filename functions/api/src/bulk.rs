//! Bulk activation and deactivation of webhooks: each as its own call would do it, with its own result.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hookrail_domain::audit::{AuditAction, AuditFinding};
use hookrail_domain::commands::Waiting;
use hookrail_domain::id::WebhookId;
use hookrail_domain::limits::CONFIG_BYTES_MAX;
use hookrail_domain::token::Scope;
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::fault::ErrorChain;
use hookrail_wire::bulk::{self, BulkCall, BulkResult};
use http::StatusCode;

use crate::auth::{Access, Caller, Tenant};
use crate::error::{ApiError, Cause};
use crate::request::JsonBody;
use crate::route::{Served, Shape, Tag, post};
use crate::webhooks::action_of;
use crate::{App, Ports, WEBHOOKS_PATH, answer};

/// The time for which a call continues. API Gateway times out after 30 s, and the caller would not see the results.
const CHANGING_MS_MAX: u64 = 15_000;

const OK: u16 = 200;

pub fn routes<P: Ports>() -> Vec<Served<P>> {
    vec![
        // Its handler writes down what is done to each webhook.
        post(format!("{WEBHOOKS_PATH}/bulk"), Access::Company(Scope::WebhooksWrite))
            .titled(Tag::Webhooks, "changeWebhooks", "Activate or deactivate several webhooks")
            .needs_body("BulkChange")
            .responds(200, "A result for each webhook, in the order of the call.", Shape::One("BulkResults"))
            .to(change::<P>),
    ]
}

/// `POST /api/v3/webhook/subscription/bulk`: one by one, in the order of the call.
pub async fn change<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    caller: Caller,
    JsonBody(body): JsonBody<CONFIG_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let call = BulkCall::parse(&body)?;
    let started_at = app.clock.now();
    let mut results = Vec::with_capacity(call.ids.len());
    for id in &call.ids {
        let done = if CHANGING_MS_MAX <= app.clock.now().since(started_at) {
            Err(ApiError::unavailable("the call's time was up; repeat it for this webhook"))
        } else {
            app.change_one((&tenant, &caller), *id, &call).await
        };
        let (status, reason) = match done {
            Ok(()) => (OK, None),
            Err(error) => told(*id, error),
        };
        results.push(BulkResult { id: *id, status, reason });
    }
    Ok(answer::json(StatusCode::OK, bulk::render(&results)))
}

/// A failure inside a call that gets 200 all the same is logged here, and nowhere else.
fn told(id: WebhookId, error: ApiError) -> (u16, Option<String>) {
    let (status, detail, cause) = error.into_parts();
    if let Some(Cause(cause)) = cause {
        tracing::error!(webhook.id = %id, status, cause = %ErrorChain(&cause), "bulk.failed");
    }
    (status, Some(detail))
}

impl<P: Ports> App<P> {
    async fn change_one(
        &self,
        (tenant, caller): (&Tenant, &Caller),
        id: WebhookId,
        call: &BulkCall,
    ) -> Result<(), ApiError> {
        let action =
            if call.is_active { AuditAction::WebhookActivate } else { AuditAction::WebhookDeactivate };
        let entry = self.begin_audit(caller, action, Some(id.to_string())).await?;
        let done = self.change_found(tenant, id, call).await;
        let status = done.as_ref().map_or_else(ApiError::status, |_| OK);
        let patch = call.patch();
        let finding = AuditFinding {
            action: done.as_ref().ok().copied().flatten(),
            subject: None,
            fields: patch.fields,
        };
        self.end_audit(&caller.grant.owner, &entry.ended(finding, status)).await;
        done.map(|_| ())
    }

    /// Changes the webhook, if that changes anything, and returns the result.
    async fn change_found(
        &self,
        tenant: &Tenant,
        id: WebhookId,
        call: &BulkCall,
    ) -> Result<Option<AuditAction>, ApiError> {
        let current = self.find_cot(tenant.company(), id).await?;
        if current.is_active == call.is_active && call.waiting == Waiting::Keep {
            return Ok(None);
        }
        let changed = self.change(tenant, &current, call.patch()).await?;
        Ok(action_of(&current, &changed))
    }
}
