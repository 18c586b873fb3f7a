//! Webhook jobs of an event: one for each webhook on the platform's records.

use futures_util::future::try_join_all;
use hookrail_adapters::store::StoreError;
use hookrail_adapters::store::jobs::JobStore;
use hookrail_domain::delivery::{Delivery, Destination};
use hookrail_domain::event::Subject;
use hookrail_domain::job::{Job, JobState};
use hookrail_domain::subscription::Subscription;
use hookrail_wire::platform_event;

use crate::company::Accepted;

/// Jobs that are put at the same time: each call has a connection of its own.
const PUT_AT_ONCE: usize = 50;

/// Puts the jobs that are not there yet.
pub async fn put(
    store: &impl JobStore,
    (accepted, webhooks): (&Accepted, &[Subscription]),
    deliveries: &[Delivery],
) -> Result<(), StoreError> {
    let Subject::Platform(occurrence) = &accepted.event.subject else { return Ok(()) };
    if deliveries.is_empty() {
        return Ok(());
    }
    let parents = platform_event::parents(&accepted.event.body, occurrence.kind);
    let jobs = deliveries.iter().filter_map(|delivery| {
        let webhook = webhooks.iter().find(|webhook| webhook.id == delivery.subscription)?;
        Some(Job {
            company: delivery.company.clone(),
            subscription: delivery.subscription,
            delivery: delivery.id,
            event: delivery.event,
            name: webhook.name.as_str().to_owned(),
            scope: webhook.platform()?.scope.clone(),
            kind: occurrence.kind,
            action: occurrence.action,
            parents: parents.clone(),
            scheduled_at: accepted.at,
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
