//! Webhooks: list, create, find and change.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hookrail_adapters::random;
use hookrail_domain::audit::{AuditAction, AuditFinding};
use hookrail_domain::commands::Waiting;
use hookrail_domain::id::{CompanyId, WebhookId};
use hookrail_domain::limits::{CONFIG_BYTES_MAX, WEBHOOKS_PER_COMPANY_MAX};
use hookrail_domain::token::Scope;
use hookrail_domain::webhook::Webhook;
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::store::listing::ListStore;
use hookrail_pipeline::store::platform::{NamedStore, Renaming};
use hookrail_pipeline::store::{ConfigStore, Replacement, Replacing, WebhookCreation, WebhookKey};
use hookrail_wire::cot_webhook;
use hookrail_wire::cot_webhook::WebhookPatch;
use hookrail_wire::cursor::List;
use hookrail_wire::problem::{FieldProblem, Problem};
use hookrail_wire::query::Filter;
use hookrail_wire::webhook_filter::WebhookFilter;
use http::StatusCode;
use http::header::LOCATION;

use crate::answer;
use crate::audit::{AuditDetail, with_audit};
use crate::auth::{Access, Tenant};
use crate::error::{ApiError, Bug};
use crate::openapi::input::Input;
use crate::page_builder::PageBuilder;
use crate::request::{JsonBody, Listing, WebhookPath, no_such_webhook};
use crate::route::{Served, Shape, Tag, delete, get, patch, post, refusal};
use crate::{App, Ports, queue};

/// Webhooks of one read of a search, and reads of one page: a page looks at 1,000 webhooks at most.
const SEARCHED_AT_ONCE: usize = 250;
const SEARCHES_MAX: usize = 4;

/// The path of the list of webhooks; one webhook is this path, a slash and its id.
pub const WEBHOOKS_PATH: &str = "/api/v3/webhook/subscription";

pub fn routes<P: Ports>() -> Vec<Served<P>> {
    let one = format!("{WEBHOOKS_PATH}/{{id}}");
    let (read, write) = (Access::Company(Scope::WebhooksRead), Access::Company(Scope::WebhooksWrite));
    vec![
        get(WEBHOOKS_PATH, read)
            .titled(Tag::Webhooks, "listWebhooks", "List webhooks, the newest first")
            .takes([Input::Limit(100), Input::Cursor, Input::IsActive, Input::Trigger])
            .takes([Input::Search, Input::Admin])
            .responds(200, "A page of webhooks, inactive ones included.", Shape::Page("Webhook"))
            .to(list::<P>),
        post(WEBHOOKS_PATH, write)
            .titled(Tag::Webhooks, "createWebhook", "Create a webhook")
            .described(
                "The URL must be an allowed endpoint. A signing secret is created with the webhook: see \
                 the routes of signing secrets.",
            )
            .once()
            .needs_body("NewWebhook")
            .responds(201, "The webhook as it was made.", Shape::Created("Webhook"))
            .refuses([
                (409, "The code is taken, or the company has the most webhooks that it may have: delete one."),
                (404, "The token's company does not exist."),
            ])
            .audited(AuditAction::WebhookCreate)
            .to(create::<P>),
        get(&one, read)
            .titled(Tag::Webhooks, "findWebhook", "Read a webhook")
            .responds(200, "The webhook.", Shape::One("Webhook"))
            .refuses([refusal::NO_WEBHOOK])
            .to(find::<P>),
        patch(&one, write)
            .titled(Tag::Webhooks, "changeWebhook", "Change, activate or deactivate a webhook")
            .described(
                "Deactivate a webhook to stop its deliveries. Its log stays readable, and it can be activated again.",
            )
            .needs_body("WebhookChange")
            .responds(200, "The webhook as it is now.", Shape::One("Webhook"))
            .refuses([refusal::NO_WEBHOOK, refusal::MOVED])
            .audited(AuditAction::WebhookChange)
            .to(change::<P>),
        delete(&one, write)
            .titled(Tag::Webhooks, "deleteWebhook", "Delete an inactive webhook")
            .described(
                "Events that wait for it end unsent. Its log stays readable by its id. Its code is free again. The \
                 implicit webhook of posted jobs, whose id is the first 24 characters of a job's id, is deleted here \
                 too.",
            )
            .responds(204, "It is deleted.", Shape::Nothing)
            .refuses([refusal::NO_WEBHOOK, (409, "The webhook is active, or another change came first.")])
            .audited(AuditAction::WebhookDelete)
            .to(remove::<P>),
    ]
}

/// `GET /api/v3/webhook/subscription`: the newest first.
pub async fn list<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    Listing { page, filter }: Listing<WebhookFilter, 100>,
) -> Result<Response, ApiError> {
    let (company, narrowed) = (tenant.company(), filter.render());
    let list = List::webhooks(company, &narrowed);
    let before = page.position(&list)?;
    let at_once = if narrowed.is_empty() { page.limit + 1 } else { SEARCHED_AT_ONCE };
    let mut page_builder = PageBuilder::new(page.limit, before, SEARCHES_MAX);
    while let Some(before) = page_builder.next_read() {
        let webhooks = app.store.page_webhooks(company, before, at_once).await?;
        let is_end = webhooks.len() < at_once;
        page_builder.take(webhooks, is_end, |webhook| (webhook.id, filter.takes(webhook)));
    }
    let (webhooks, last) = page_builder.finish();
    let cursor = last.map(|last| list.cursor(&last));
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
    app.vet(&new.cot.url).await?;
    let secrets = new.secrets(random::signing_secret()?)?;
    let webhook = new.into_webhook(random::webhook_id(app.clock.now())?, company.clone(), &secrets);
    match app.store.create_webhook(&webhook, &secrets).await? {
        WebhookCreation::Made => {
            let location = format!("{WEBHOOKS_PATH}/{}", webhook.id);
            let document = answer::json(StatusCode::CREATED, cot_webhook::render(&webhook));
            let finding = AuditFinding { subject: Some(webhook.id.to_string()), ..AuditFinding::default() };
            let document = with_audit(document, AuditDetail { finding, log: None });
            Ok(([(LOCATION, location)], document).into_response())
        }
        WebhookCreation::CodeTaken => {
            Err(ApiError::conflict(FieldProblem::new("code", "is taken by another webhook of the company")))
        }
        WebhookCreation::Full => Err(full()),
        WebhookCreation::NoSuchCompany => Err(no_such_company()),
    }
}

/// 409 of a company that has as many webhooks as it may have.
pub(crate) fn full() -> ApiError {
    let detail = format!(
        "the company has {WEBHOOKS_PER_COMPANY_MAX} webhooks, the most that it may have; delete one that is not used"
    );
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
    WebhookPath(id): WebhookPath,
) -> Result<Response, ApiError> {
    let company = tenant.company();
    let webhook = app.find_cot(company, id).await?;
    Ok(answer::json(StatusCode::OK, cot_webhook::render(&webhook)))
}

/// `PATCH /api/v3/webhook/subscription/{id}`
pub async fn change<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookPath(id): WebhookPath,
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
    let finding = AuditFinding { action: action_of(&current, &changed), subject: None, fields };
    let document = answer::json(StatusCode::OK, cot_webhook::render(&changed));
    Ok(with_audit(document, AuditDetail { finding, log: None }))
}

/// `DELETE /api/v3/webhook/subscription/{id}`: of an inactive webhook. Its log stays readable by its id.
pub async fn remove<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookPath(id): WebhookPath,
) -> Result<Response, ApiError> {
    let found = app.store.find_webhook(tenant.company(), id).await?;
    // A platform webhook is deleted by its name. An implicit one is never shown, and has no other way out.
    let found = found.filter(|webhook| webhook.cot().is_some() || webhook.is_implicit());
    let webhook = found.ok_or_else(no_such_webhook)?;
    if webhook.is_active && !webhook.is_implicit() {
        return Err(queue::conflict("the webhook is active; deactivate it, then delete it"));
    }
    app.delete_webhook(&webhook).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The audit action of a change that activates or deactivates.
pub(crate) fn action_of(before: &Webhook, after: &Webhook) -> Option<AuditAction> {
    match (before.is_active, after.is_active) {
        (false, true) => Some(AuditAction::WebhookActivate),
        (true, false) => Some(AuditAction::WebhookDeactivate),
        (true, true) | (false, false) => None,
    }
}

impl<P: Ports> App<P> {
    /// The company's webhook of this id, if it is one with a trigger and a context.
    pub(crate) async fn find_cot(&self, company: &CompanyId, id: WebhookId) -> Result<Webhook, ApiError> {
        let found = self.store.find_webhook(company, id).await?;
        found.filter(|webhook| webhook.cot().is_some()).ok_or_else(no_such_webhook)
    }

    /// Makes a change of a webhook as it was read, with all that follows for its secrets and for what waits.
    pub(crate) async fn change(
        &self,
        tenant: &Tenant,
        current: &Webhook,
        patch: WebhookPatch,
    ) -> Result<Webhook, ApiError> {
        let (company, id) = (tenant.company(), current.id);
        let key = tenant.key(id);
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
        let url = |of: &Webhook| of.cot().map(|cot| cot.url.clone());
        if let Some(url) = url(&changed).filter(|to| url(current).as_ref() != Some(to)) {
            self.vet(&url).await?;
        }
        let replacing = Replacing { webhook: &changed, secrets: secrets.as_ref() };
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
        (key, current): (&WebhookKey, &Webhook),
        replacing: Replacing<'_>,
        waiting: Waiting,
    ) -> Result<Renaming, ApiError> {
        let changed = replacing.webhook;
        let is_activated = changed.is_active && !current.is_active;
        if is_activated {
            queue::check_activatable(self, key).await?;
        }
        // A webhook with a code is found by its code, so its name needs no marker.
        let written = if changed.platform().is_some() && changed.name != current.name {
            self.store.rename(replacing, current).await?
        } else {
            match self.replace((current, replacing), waiting).await? {
                Replacement::Done => Renaming::Done,
                Replacement::Lost => Renaming::Lost,
            }
        };
        if is_activated && written == Renaming::Done {
            // The schedule sends the backlog within 15 minutes if recover cannot be called now.
            if let Err(error) = queue::wake_activated(self, key).await {
                tracing::warn!(status = error.status(), "recover was not called for an activated webhook");
            }
        }
        Ok(written)
    }

    /// Deletes a webhook as it was read. What waits for it ends unsent, with a row each.
    pub(crate) async fn delete_webhook(&self, webhook: &Webhook) -> Result<(), ApiError> {
        // Nothing may be parked for it any more before it is gone, whatever interrupts this call.
        let dropped = Webhook { is_active: false, version: webhook.version + 1, ..webhook.clone() };
        let replaced = self.replace((webhook, (&dropped).into()), Waiting::Drop).await?;
        if replaced == Replacement::Lost || self.store.delete(&dropped).await? == Replacement::Lost {
            return Err(queue::conflict("the webhook was changed meanwhile; read it again"));
        }
        Ok(())
    }

    /// Writes the changed webhook, and its line if it is deactivated.
    pub(crate) async fn replace(
        &self,
        (current, replacing): (&Webhook, Replacing<'_>),
        waiting: Waiting,
    ) -> Result<Replacement, ApiError> {
        let (is_active, is_dropped) = (replacing.webhook.is_active, waiting == Waiting::Drop);
        if is_active || (!current.is_active && !is_dropped) {
            return Ok(self.store.replace_webhook(replacing).await?);
        }
        Ok(self.queue_commands().deactivate(replacing, waiting, self.clock.now()).await?)
    }
}
