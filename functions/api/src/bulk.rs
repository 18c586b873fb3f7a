//! Several webhooks activated or deactivated in one call: each as a call of its own would, and told by itself.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hookrail_adapters::clock::Clock;
use hookrail_adapters::telemetry::Chain;
use hookrail_domain::audit::{AuditAction, Finding};
use hookrail_domain::id::SubscriptionId;
use hookrail_domain::intervention::Waiting;
use hookrail_domain::limits::CONFIG_BYTES_MAX;
use hookrail_wire::bulk::{self, BulkCall, BulkResult};
use http::StatusCode;

use crate::auth::{Caller, Tenant};
use crate::error::{ApiError, Cause};
use crate::request::JsonBody;
use crate::subscriptions::action_of;
use crate::{App, Ports, answer};

/// How long a call goes on. API Gateway gives up after 30 s, and the caller would never learn what was done.
const CHANGING_MS_MAX: u64 = 15_000;

const OK: u16 = 200;

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

/// A failure inside a call that is answered 200 all the same is logged here: nobody else will.
fn told(id: SubscriptionId, error: ApiError) -> (u16, Option<String>) {
    let (status, detail, cause) = error.into_parts();
    if let Some(Cause(cause)) = cause {
        tracing::error!(subscription.id = %id, status, cause = %Chain(&cause), "bulk.failed");
    }
    (status, Some(detail))
}

impl<P: Ports> App<P> {
    async fn change_one(
        &self,
        (tenant, caller): (&Tenant, &Caller),
        id: SubscriptionId,
        call: &BulkCall,
    ) -> Result<(), ApiError> {
        let action =
            if call.is_active { AuditAction::WebhookActivate } else { AuditAction::WebhookDeactivate };
        let entry = self.begin_audit(caller, action, Some(id.to_string())).await?;
        let done = self.change_found(tenant, id, call).await;
        let status = done.as_ref().map_or_else(ApiError::status, |_| OK);
        let patch = call.patch();
        let finding =
            Finding { action: done.as_ref().ok().copied().flatten(), subject: None, fields: patch.fields };
        self.end_audit(&caller.grant.holder, &entry.ended(finding, status)).await;
        done.map(|_| ())
    }

    /// Changes the webhook, if that changes anything, and tells what was done to it.
    async fn change_found(
        &self,
        tenant: &Tenant,
        id: SubscriptionId,
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
