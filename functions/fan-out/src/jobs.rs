//! Webhook jobs: those of an event, one for each platform webhook, and those that people have posted.

use futures_util::future::try_join_all;
use hookrail_domain::delivery::{Delivery, Destination};
use hookrail_domain::event::Subject;
use hookrail_domain::job::{Job, JobState};
use hookrail_domain::webhook::Webhook;
use hookrail_pipeline::store::jobs::JobStore;
use hookrail_pipeline::store::{Change, StoreError, WebhookKey};

use crate::company::{Accepted, Due};

/// Jobs that are written at the same time: each call has a connection of its own.
const PUT_AT_ONCE: usize = 50;

/// Writes the jobs that do not exist yet.
pub async fn put(
    store: &impl JobStore,
    accepted: &Accepted,
    webhooks: &[Webhook],
    deliveries: &[Delivery],
) -> Result<(), StoreError> {
    let Subject::Platform(occurrence) = &accepted.event.subject else { return Ok(()) };
    if deliveries.is_empty() {
        return Ok(());
    }
    let jobs = deliveries.iter().filter_map(|delivery| {
        let webhook = webhooks.iter().find(|webhook| webhook.id == delivery.webhook)?;
        Some(Job {
            company: delivery.company.clone(),
            webhook: delivery.webhook,
            delivery: delivery.id,
            event: delivery.event,
            name: webhook.name.as_str().to_owned(),
            scope: webhook.platform()?.scope.clone(),
            kind: occurrence.kind,
            action: occurrence.action,
            parents: accepted.parents.clone(),
            created_at: accepted.at,
            created_by: None,
            scheduled_at: accepted.at,
            due_at: None,
            taken: None,
            url: match &delivery.destination {
                Destination::Resolved(url) => Some(url.clone()),
                Destination::Webhook | Destination::Nowhere(_) => None,
            },
            is_corrected: false,
            state: JobState::Queued { sequence: None },
            requeued_after: 0,
            is_deleted: false,
            version: 0,
        })
    });
    let jobs: Vec<_> = jobs.collect();
    for some in jobs.chunks(PUT_AT_ONCE) {
        try_join_all(some.iter().map(|job| store.put_job(job))).await?;
    }
    Ok(())
}

/// Reads of a job that a person changes at the same time.
const TRIES_MAX: usize = 3;

/// The decision on a job that is due.
#[derive(Debug)]
pub enum Taken {
    Send(Box<Delivery>),
    /// Nothing to send: the job was cancelled, deleted or postponed since, or another message has taken it.
    Nothing,
    /// It changes all the time. Its message stays.
    Busy,
}

/// Takes a due job from its message. It can still be cancelled then, as any job that waits in its queue.
pub async fn take(store: &impl JobStore, due: &Due) -> Result<Taken, StoreError> {
    let key = WebhookKey { company: due.company.clone(), webhook: due.address.webhook };
    for _ in 0..TRIES_MAX {
        let Some(job) = store.find_job(&key, due.address.delivery).await? else {
            return Ok(Taken::Nothing);
        };
        let Some(taken) = job.taken_from(due.message, due.address.scheduled_at) else {
            return Ok(Taken::Nothing);
        };
        // A job without a URL was not posted.
        let Some(url) = taken.url.clone() else { return Ok(Taken::Nothing) };
        if store.change_job(&taken).await? == Change::Done {
            return Ok(Taken::Send(Box::new(Delivery {
                id: taken.delivery,
                event: taken.event,
                company: due.company.clone(),
                webhook: taken.webhook,
                accepted: due.position.clone(),
                accepted_at: due.at,
                destination: Destination::Resolved(url),
                body: due.content.clone(),
            })));
        }
    }
    Ok(Taken::Busy)
}
