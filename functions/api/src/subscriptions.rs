//! Webhooks: list, create, find and change.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hookrail_adapters::clock::Clock;
use hookrail_adapters::queue::Queue;
use hookrail_adapters::random;
use hookrail_adapters::recovery;
use hookrail_adapters::store::{ConfigStore, LineKey, LogStore, Replacement, SubscriptionCreation};
use hookrail_domain::intervention::Waiting;
use hookrail_domain::limits::{CONFIG_BYTES_MAX, SUBSCRIPTIONS_PER_COMPANY_MAX};
use hookrail_domain::token::Scope;
use hookrail_wire::problem::{FieldProblem, Problem};
use hookrail_wire::{cot_webhook, cursor};
use http::StatusCode;
use http::header::LOCATION;

use crate::answer;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::request::{JsonBody, Page, WebhookId, no_such_webhook};
use crate::{App, WEBHOOKS_PATH, queue};

/// `GET /api/v3/webhook/subscription`
pub async fn list<S: ConfigStore, Q: Queue, C: Clock>(
    State(app): State<Arc<App<S, Q, C>>>,
    caller: Caller,
    page: Page<100>,
) -> Result<Response, ApiError> {
    let company = caller.company(Scope::WebhooksRead)?;
    let after = page.place(|text| cursor::parse_subscription(company, text))?;
    let mut webhooks = app.store.list_subscriptions(company).await?;
    webhooks.retain(|webhook| after.is_none_or(|after| after < webhook.id));
    let has_more = page.limit < webhooks.len();
    webhooks.truncate(page.limit);
    let last = webhooks.last().filter(|_| has_more);
    let next = last.map(|last| page.next(WEBHOOKS_PATH, &cursor::render_subscription(company, last.id)));
    answer::page(cot_webhook::render_list(&webhooks), next)
}

/// `POST /api/v3/webhook/subscription`
pub async fn create<S: ConfigStore, Q: Queue, C: Clock>(
    State(app): State<Arc<App<S, Q, C>>>,
    caller: Caller,
    JsonBody(body): JsonBody<CONFIG_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let company = caller.company(Scope::WebhooksWrite)?;
    let new = cot_webhook::parse_new(&body, &app.config.targets)?;
    let webhook = new.into_subscription(random::subscription_id()?, company.clone());
    match app.store.create_subscription(&webhook, &random::signing_secret()?).await? {
        SubscriptionCreation::Made => {
            let location = format!("{WEBHOOKS_PATH}/{}", webhook.id);
            let document = answer::json(StatusCode::CREATED, cot_webhook::render(&webhook));
            Ok(([(LOCATION, location)], document).into_response())
        }
        SubscriptionCreation::CodeTaken => {
            Err(ApiError::conflict(FieldProblem::new("code", "is taken by another webhook of the company")))
        }
        SubscriptionCreation::Full => {
            let detail =
                format!("the company has {SUBSCRIPTIONS_PER_COMPANY_MAX} webhooks, and may have no more");
            Err(Problem::new(409, "Conflict", detail).into())
        }
        SubscriptionCreation::NoSuchCompany => Err(ApiError::not_found("the token's company does not exist")),
    }
}

/// `GET /api/v3/webhook/subscription/{id}`
pub async fn find<S: ConfigStore, Q: Queue, C: Clock>(
    State(app): State<Arc<App<S, Q, C>>>,
    caller: Caller,
    WebhookId(id): WebhookId,
) -> Result<Response, ApiError> {
    let company = caller.company(Scope::WebhooksRead)?;
    let webhook = app.store.find_subscription(company, id).await?.ok_or_else(no_such_webhook)?;
    Ok(answer::json(StatusCode::OK, cot_webhook::render(&webhook)))
}

/// `PATCH /api/v3/webhook/subscription/{id}`
pub async fn change<S: ConfigStore + LogStore, Q: Queue, C: Clock>(
    State(app): State<Arc<App<S, Q, C>>>,
    caller: Caller,
    WebhookId(id): WebhookId,
    JsonBody(body): JsonBody<CONFIG_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let company = caller.company(Scope::WebhooksWrite)?;
    let current = app.store.find_subscription(company, id).await?.ok_or_else(no_such_webhook)?;
    let patch = cot_webhook::parse_patch(&body, &app.config.targets)?;
    if patch.expected_version.is_some_and(|expected| expected != current.version) {
        let reason = format!("is not the webhook's version, which is {}", current.version);
        return Err(ApiError::conflict(FieldProblem::new("__v", reason)));
    }
    let waiting = patch.waiting;
    let changed = patch.apply(&current)?;
    let key = LineKey { company: company.clone(), subscription: id };
    let is_activated = changed.is_active && !current.is_active;
    if is_activated {
        queue::may_activate(&app, &key).await?;
    }
    let is_dropped = waiting == Waiting::Drop;
    let replaced = if !changed.is_active && (current.is_active || is_dropped) {
        let ports = (&app.store, &app.queue);
        let url = (queue::recovery_queue(&app), &app.config.suspension);
        recovery::deactivate(ports, url, (&changed, waiting), app.clock.now()).await?
    } else {
        app.store.replace_subscription(&changed).await?
    };
    match replaced {
        Replacement::Done => {
            if is_activated {
                // What was parked follows by itself; if nobody can be called now, within a quarter of an hour.
                if let Err(error) = queue::wake_activated(&app, &key).await {
                    tracing::warn!(
                        status = error.status(),
                        "recover was not called for an activated webhook"
                    );
                }
            }
            Ok(answer::json(StatusCode::OK, cot_webhook::render(&changed)))
        }
        Replacement::Lost => {
            let reason = "was raised by another change at the same time; read the webhook again";
            Err(ApiError::conflict(FieldProblem::new("__v", reason)))
        }
    }
}
