//! Webhook jobs that people post: for one webhook, or for none, now or later.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hookrail_adapters::random;
use hookrail_adapters::scripts::Scripts;
use hookrail_domain::audit::{AuditAction, AuditFinding};
use hookrail_domain::id::{DeliveryId, EventId};
use hookrail_domain::job::{CONTENT_SECONDS_KEPT, Job, JobState};
use hookrail_domain::limits::INGEST_BYTES_MAX;
use hookrail_domain::platform::webhook::{PlatformWebhook, WebhookScope};
use hookrail_domain::secrets::Secrets;
use hookrail_domain::target::TargetUrl;
use hookrail_domain::token::Scope;
use hookrail_domain::webhook::Webhook;
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::fault::ErrorChain;
use hookrail_pipeline::jobs::JobQueues;
use hookrail_pipeline::store::jobs::JobStore;
use hookrail_pipeline::store::platform::NamedStore;
use hookrail_pipeline::store::{ConfigStore, WebhookCreation, WebhookKey};
use hookrail_script::service::{Answer, Question};
use hookrail_script::template::ResolvedUrl;
use hookrail_wire::platform_event;
use hookrail_wire::problem::FieldProblem;
use hookrail_wire::webhook_job::call::{self, NamedBy, NewJob};
use http::HeaderMap;

use super::jobs::{JOBS_PATH, kapp_path, newest_row};
use super::scope_path::ScopePath;
use crate::audit::{AuditDetail, with_audit};
use crate::auth::{Access, Caller, Tenant};
use crate::error::{ApiError, Bug};
use crate::idempotency::Key;
use crate::openapi::input::Input;
use crate::queue::conflict;
use crate::request::JsonBody;
use crate::route::{Served, Shape, Tag, post, refusal};
use crate::webhooks::{full, no_such_company};
use crate::{App, Ports};

const INACTIVE: &str = "the webhook is not active; activate it, then post the job";

pub fn routes<P: Ports>() -> Vec<Served<P>> {
    [(JOBS_PATH.to_owned(), "Space", "the space"), (kapp_path(), "Kapp", "a kapp")].map(route_of).into()
}

/// Its caller says where the job goes and what it signs, so that it takes more than a scope of deliveries.
fn route_of<P: Ports>((path, id, scope): (String, &str, &str)) -> Served<P> {
    post(path, Access::Company(Scope::WebhooksWrite))
        .titled(
            Tag::Platform,
            format!("create{id}Job"),
            format!("Post a webhook job of {scope}, for now or later"),
        )
        .described(
            "It is sent in the line of its webhook, or in one of its own for all jobs of the space or kapp that have \
             none, behind everything accepted before its time. The webhook's filter is not asked.",
        )
        .takes([Input::Include])
        .once()
        .needs_body("NewWebhookJob")
        .responds(200, "The job as it was made.", Shape::One("WebhookJobEnvelope"))
        .refuses([
            refusal::NO_SPACE,
            (409, "The webhook is not active, or the company has as many webhooks as it may have."),
        ])
        .audited(AuditAction::JobCreate)
        .to(create::<P>)
}

/// `POST …/webhookJobs`
pub async fn create<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    caller: Caller,
    (place, headers): (ScopePath, HeaderMap),
    JsonBody(body): JsonBody<INGEST_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let new = call::parse_new(&body, tenant.company())?;
    if !place.scope.covers(new.occurrence.kapp.as_ref()) {
        return Err(FieldProblem::new("requestContent", "is about no record of this kapp").into());
    }
    let named = app.named_webhook(&tenant, &place.scope, &new).await?;
    let url = app.posted_url(named.as_ref(), &new).await?;
    let webhook = match named {
        Some(webhook) => webhook,
        None => app.implicit_webhook(&tenant, &caller, &place.scope).await?,
    };
    let key = Key::read(&headers)?;
    let event = if key.is_given {
        // The same for a repeat whose response was not kept: it finds the job and leaves it as it is.
        EventId::of_message(&format!("job {} {} {}", webhook.company, webhook.id, key.text))
    } else {
        EventId::from_bytes(random::bytes()?)
    };
    let job = app.posted(&caller, (&webhook, event), (url, &new))?;
    let webhook_key = WebhookKey::of_job(&job);
    let made = if key.is_given { app.store.find_job(&webhook_key, job.delivery).await? } else { None };
    let followed = if let Some(made) = made {
        let newest = newest_row(&app.store, &made).await?;
        (made, newest)
    } else {
        // What it sends first: a job that is there can be sent.
        let expires_at = job.scheduled_at.plus_seconds(CONTENT_SECONDS_KEPT);
        app.store.put_content(&webhook_key, job.delivery, &new.content, expires_at).await?;
        app.store.put_job(&job).await?;
        (job, None)
    };
    app.put_if_due(&followed.0).await;
    let finding = AuditFinding { subject: Some(webhook_key.webhook.to_string()), ..AuditFinding::default() };
    let document = app.show_job(followed, (place.has_details(), caller.may_read_bodies())).await?;
    Ok(with_audit(document, AuditDetail { finding, log: None }))
}

impl<P: Ports> App<P> {
    /// The webhook that the job names, if it names one: of this place, active, and about such an event.
    async fn named_webhook(
        &self,
        tenant: &Tenant,
        scope: &WebhookScope,
        new: &NewJob,
    ) -> Result<Option<Webhook>, ApiError> {
        let (field, found) = match &new.webhook {
            None => return Ok(None),
            Some(NamedBy::Name(name)) => {
                ("webhook", self.store.find_named(tenant.company(), scope, name).await?)
            }
            Some(NamedBy::Id(id)) => {
                let found = self.store.find_webhook(tenant.company(), *id).await?;
                let is_here = |one: &PlatformWebhook| one.scope == *scope;
                ("webhookId", found.filter(|found| found.platform().is_some_and(is_here)))
            }
        };
        let found = found.filter(|webhook| !webhook.is_implicit());
        let (webhook, platform) = found
            .as_ref()
            .and_then(|webhook| Some((webhook, webhook.platform()?)))
            .ok_or_else(|| FieldProblem::new(field, "names no webhook of this space or kapp"))?;
        let (kind, event) = (new.occurrence.kind, new.occurrence.action);
        if (platform.kind, platform.event) != (kind, event) {
            let (own_kind, own_event) = (platform.kind.name(), platform.event);
            let reason =
                format!("is {} {event}, and the webhook is about {own_kind} {own_event}", kind.name());
            return Err(FieldProblem::new("requestContent", reason).into());
        }
        if !webhook.is_active {
            return Err(conflict(INACTIVE));
        }
        Ok(found)
    }

    /// The URL of the job: its own, or that of the webhook's template.
    async fn posted_url(&self, webhook: Option<&Webhook>, new: &NewJob) -> Result<TargetUrl, ApiError> {
        let refused = |why: &dyn std::fmt::Display| FieldProblem::new("url", why);
        let resolved = match (&new.url, webhook.and_then(Webhook::platform)) {
            (Some(url), _) if url.starts_with('/') => ResolvedUrl::Relative(url.clone()),
            (Some(url), _) => ResolvedUrl::Absolute(url.clone()),
            (None, None) => return Err(ApiError::failed(Bug("a job without a URL was accepted"))),
            (None, Some(platform)) => {
                let question = Question::Url { template: platform.url.clone(), kind: platform.kind };
                match self.scripts.ask(new.content.as_str(), &[question]).await.pop() {
                    Some(Answer::Url(Ok(url))) => url,
                    Some(Answer::Url(Err(fault))) => {
                        let reason =
                            format!("of the webhook has no result for requestContent: {}", fault.message);
                        return Err(refused(&reason).into());
                    }
                    Some(Answer::Filter(_)) | None => {
                        return Err(ApiError::failed(Bug("a question for a URL got no result")));
                    }
                }
            }
        };
        let text = self.destination(&resolved).map_err(|failure| refused(&failure.message))?;
        let url = TargetUrl::parse_unchecked(&text).map_err(|invalid| refused(&invalid))?;
        // The workflow engine is the operator's own.
        if let ResolvedUrl::Absolute(_) = resolved {
            self.vet(&url).await?;
        }
        Ok(url)
    }

    /// The implicit webhook, whose queue carries jobs without a webhook. The first such job creates it.
    async fn implicit_webhook(
        &self,
        tenant: &Tenant,
        caller: &Caller,
        scope: &WebhookScope,
    ) -> Result<Webhook, ApiError> {
        let secrets = Secrets::new(random::signing_secret()?);
        let webhook = Webhook::implicit(tenant.company(), scope, &secrets, self.stamp(caller));
        if let Some(found) = self.store.find_webhook(tenant.company(), webhook.id).await? {
            return Ok(found);
        }
        match self.store.create_webhook(&webhook, &secrets).await? {
            // Another call has made the same one.
            WebhookCreation::Made | WebhookCreation::CodeTaken => Ok(webhook),
            WebhookCreation::Full => Err(full()),
            WebhookCreation::NoSuchCompany => Err(no_such_company()),
        }
    }

    fn posted(
        &self,
        caller: &Caller,
        (webhook, event): (&Webhook, EventId),
        (url, new): (TargetUrl, &NewJob),
    ) -> Result<Job, ApiError> {
        let now = self.clock.now();
        let scheduled_at = new.scheduled_at.map_or(now, |at| at.max(now));
        let parents = platform_event::parents(&new.content, new.occurrence.kind)
            .map_err(|invalid| FieldProblem::new("requestContent", invalid))?;
        Ok(Job {
            company: webhook.company.clone(),
            webhook: webhook.id,
            delivery: DeliveryId::of(event, webhook.id),
            event,
            name: webhook.name.as_str().to_owned(),
            scope: webhook.platform().map_or(WebhookScope::Space, |platform| platform.scope.clone()),
            kind: new.occurrence.kind,
            action: new.occurrence.action,
            parents,
            created_at: now,
            created_by: Some(caller.name.as_str().to_owned()),
            scheduled_at,
            due_at: Some(scheduled_at),
            taken: None,
            url: Some(url),
            is_corrected: false,
            state: JobState::Queued { sequence: None },
            requeued_after: 0,
            is_deleted: false,
            version: 0,
        })
    }

    /// Puts a job into its line, if its time has come. If that fails, the schedule does it within a minute.
    pub(super) async fn put_if_due(&self, job: &Job) {
        let now = self.clock.now();
        if job.due_at.is_none_or(|due_at| now < due_at) {
            return;
        }
        let events_queue_urls = &self.config.events_queue_urls;
        let queues = JobQueues { commands: self.queue_commands(), events_queue_urls };
        if let Err(error) = queues.enqueue(job, now).await {
            tracing::warn!(error = %ErrorChain(&error), "a job was not put into its line; the schedule will");
        }
    }
}
