//! Webhooks: list, create, find and change.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hookrail_adapters::clock::Clock;
use hookrail_adapters::random;
use hookrail_adapters::recovery;
use hookrail_adapters::store::listing::ListStore;
use hookrail_adapters::store::platform::{NamedStore, Renaming};
use hookrail_adapters::store::{ConfigStore, LineKey, Replacement, Replacing, SubscriptionCreation};
use hookrail_domain::audit::{AuditAction, Finding};
use hookrail_domain::id::{CompanyId, SubscriptionId};
use hookrail_domain::intervention::Waiting;
use hookrail_domain::limits::{CONFIG_BYTES_MAX, SUBSCRIPTIONS_PER_COMPANY_MAX};
use hookrail_domain::subscription::Subscription;
use hookrail_wire::cot_webhook::SubscriptionPatch;
use hookrail_wire::problem::{FieldProblem, Problem};
use hookrail_wire::query::Filter;
use hookrail_wire::webhook_filter::WebhookFilter;
use hookrail_wire::{cot_webhook, cursor};
use http::StatusCode;
use http::header::LOCATION;

use crate::answer;
use crate::audit::{Told, telling};
use crate::auth::Tenant;
use crate::error::{ApiError, Bug};
use crate::filling::Filling;
use crate::request::{JsonBody, Listing, WebhookId, no_such_webhook};
use crate::{App, Ports, WEBHOOKS_PATH, queue};

/// Webhooks of one read of a search, and reads of one page: a page looks at 1,000 webhooks at most.
const SEARCHED_AT_ONCE: usize = 250;
const SEARCHES_MAX: usize = 4;

/// `GET /api/v3/webhook/subscription`: the newest first.
pub async fn list<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    Listing { page, filter }: Listing<WebhookFilter, 100>,
) -> Result<Response, ApiError> {
    let (company, narrowed) = (tenant.company(), filter.render());
    let list = (company, narrowed.as_str());
    let before = page.place(|text| cursor::parse_subscription(list, text))?;
    let at_once = if narrowed.is_empty() { page.limit + 1 } else { SEARCHED_AT_ONCE };
    let mut filling = Filling::new(page.limit, before, SEARCHES_MAX);
    while let Some(before) = filling.next_read() {
        let webhooks = app.store.page_subscriptions(company, before, at_once).await?;
        let is_end = webhooks.len() < at_once;
        filling.take(webhooks, is_end, |webhook| (webhook.id, filter.takes(webhook)));
    }
    let (webhooks, last) = filling.finish();
    let cursor = last.map(|last| cursor::render_subscription(list, last));
    let next = cursor.map(|cursor| page.next_of(WEBHOOKS_PATH, (&narrowed, &cursor)));
    answer::page(cot_webhook::render_list(&webhooks), next)
}

/// `POST /api/v3/webhook/subscription`
pub async fn create<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    JsonBody(body): JsonBody<CONFIG_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let company = tenant.company();
    let new = cot_webhook::parse_new(&body, &app.config.targets)?;
    app.vet(&new.url).await?;
    let secrets = new.secrets(random::signing_secret()?)?;
    let webhook = new.into_subscription(random::subscription_id(app.clock.now())?, company.clone(), &secrets);
    match app.store.create_subscription(&webhook, &secrets).await? {
        SubscriptionCreation::Made => {
            let location = format!("{WEBHOOKS_PATH}/{}", webhook.id);
            let document = answer::json(StatusCode::CREATED, cot_webhook::render(&webhook));
            let finding = Finding { subject: Some(webhook.id.to_string()), ..Finding::default() };
            let document = telling(document, Told { finding, log: None });
            Ok(([(LOCATION, location)], document).into_response())
        }
        SubscriptionCreation::CodeTaken => {
            Err(ApiError::conflict(FieldProblem::new("code", "is taken by another webhook of the company")))
        }
        SubscriptionCreation::Full => Err(full()),
        SubscriptionCreation::NoSuchCompany => Err(no_such_company()),
    }
}

/// 409 of a company that has all the webhooks that it may have.
pub(crate) fn full() -> ApiError {
    let detail = format!("the company has {SUBSCRIPTIONS_PER_COMPANY_MAX} webhooks, and may have no more");
    Problem::new(409, "Conflict", detail).into()
}

/// 404 of a company that a token outlived, or that a JWT made up.
pub(crate) fn no_such_company() -> ApiError {
    ApiError::not_found("the token's company does not exist")
}

/// `GET /api/v3/webhook/subscription/{id}`
pub async fn find<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookId(id): WebhookId,
) -> Result<Response, ApiError> {
    let company = tenant.company();
    let webhook = app.find_cot(company, id).await?;
    Ok(answer::json(StatusCode::OK, cot_webhook::render(&webhook)))
}

/// `PATCH /api/v3/webhook/subscription/{id}`
pub async fn change<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookId(id): WebhookId,
    JsonBody(body): JsonBody<CONFIG_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let company = tenant.company();
    let current = app.find_cot(company, id).await?;
    let patch = cot_webhook::parse_patch(&body, &app.config.targets)?;
    if patch.expected_version.is_some_and(|expected| expected != current.version) {
        let reason = format!("is not the webhook's version, which is {}", current.version);
        return Err(ApiError::conflict(FieldProblem::new("__v", reason)));
    }
    let fields = patch.fields.clone();
    let changed = app.change(&tenant, &current, patch).await?;
    let finding = Finding { action: action_of(&current, &changed), subject: None, fields };
    let document = answer::json(StatusCode::OK, cot_webhook::render(&changed));
    Ok(telling(document, Told { finding, log: None }))
}

/// What a change is called that activates or deactivates.
pub(crate) fn action_of(before: &Subscription, after: &Subscription) -> Option<AuditAction> {
    match (before.is_active, after.is_active) {
        (false, true) => Some(AuditAction::WebhookActivate),
        (true, false) => Some(AuditAction::WebhookDeactivate),
        (true, true) | (false, false) => None,
    }
}

impl<P: Ports> App<P> {
    /// The company's webhook of this id, if it is one with a trigger and a context.
    pub(crate) async fn find_cot(
        &self,
        company: &CompanyId,
        id: SubscriptionId,
    ) -> Result<Subscription, ApiError> {
        let found = self.store.find_subscription(company, id).await?;
        found.filter(|webhook| webhook.cot().is_some()).ok_or_else(no_such_webhook)
    }

    /// Makes a change of a webhook as it was read, with all that follows for its secrets and for what waits.
    pub(crate) async fn change(
        &self,
        tenant: &Tenant,
        current: &Subscription,
        patch: SubscriptionPatch,
    ) -> Result<Subscription, ApiError> {
        let (company, id) = (tenant.company(), current.id);
        let key = tenant.line(id);
        let secrets = if patch.concerns_secrets(current) {
            let secrets = self.store.find_secrets(company, id).await?;
            let secrets = secrets.ok_or_else(|| ApiError::failed(Bug("a webhook has no secrets")))?;
            Some(patch.apply_to_secrets(current, &secrets)?)
        } else {
            None
        };
        let waiting = patch.waiting;
        let mut changed = patch.apply(current)?;
        if let Some(secrets) = &secrets {
            changed.credentials = secrets.credentials(changed.version);
        }
        let url = |of: &Subscription| of.cot().map(|cot| cot.url.clone());
        if let Some(url) = url(&changed).filter(|to| url(current).as_ref() != Some(to)) {
            self.vet(&url).await?;
        }
        let replacing = Replacing { subscription: &changed, secrets: secrets.as_ref() };
        match self.write_change((&key, current), replacing, waiting).await? {
            Renaming::Done => Ok(changed),
            Renaming::Lost | Renaming::NameTaken => {
                let reason = "was raised by another change at the same time; read the webhook again";
                Err(ApiError::conflict(FieldProblem::new("__v", reason)))
            }
        }
    }

    /// Writes a webhook over the one that was read, with all that follows for what waits.
    pub(crate) async fn write_change(
        &self,
        (key, current): (&LineKey, &Subscription),
        replacing: Replacing<'_>,
        waiting: Waiting,
    ) -> Result<Renaming, ApiError> {
        let changed = replacing.subscription;
        let is_activated = changed.is_active && !current.is_active;
        if is_activated {
            queue::may_activate(self, key).await?;
        }
        // A webhook with a code is found by that, and its name is nobody's but its own.
        let written = if changed.platform().is_some() && changed.name != current.name {
            self.store.rename(replacing, current).await?
        } else {
            match self.replace((current, replacing), waiting).await? {
                Replacement::Done => Renaming::Done,
                Replacement::Lost => Renaming::Lost,
            }
        };
        if is_activated && written == Renaming::Done {
            // What was parked follows by itself; if nobody can be called now, within a quarter of an hour.
            if let Err(error) = queue::wake_activated(self, key).await {
                tracing::warn!(status = error.status(), "recover was not called for an activated webhook");
            }
        }
        Ok(written)
    }

    /// Writes the changed webhook, and its line if it is deactivated.
    pub(crate) async fn replace(
        &self,
        (current, replacing): (&Subscription, Replacing<'_>),
        waiting: Waiting,
    ) -> Result<Replacement, ApiError> {
        let (is_active, is_dropped) = (replacing.subscription.is_active, waiting == Waiting::Drop);
        if is_active || (!current.is_active && !is_dropped) {
            return Ok(self.store.replace_subscription(replacing).await?);
        }
        let ports = (&self.store, &self.queue);
        let url = (queue::recovery_queue(self), &self.config.suspension);
        Ok(recovery::deactivate(ports, url, (replacing, waiting), self.clock.now()).await?)
    }
}
