//! Dead letters of the ingest queue. A rejected event is kept where people can look at it and push it
//! again.
//! A job is queued again: pushed by hand it would be an event for all webhooks.

use hookrail_domain::id::{CompanyId, EventId};
use hookrail_domain::rejected::RejectedEvent;
use hookrail_domain::retry::fault_hold_seconds;
use hookrail_domain::token::Owner;
use hookrail_pipeline::batch::Record;
use hookrail_pipeline::clock::Clock as _;
use hookrail_pipeline::fault::ErrorChain;
use hookrail_pipeline::ports::Ports;
use hookrail_pipeline::store::jobs::JobStore as _;
use hookrail_pipeline::store::rejected::RejectedStore;
use hookrail_pipeline::store::{Change, StoreError, WebhookKey};
use hookrail_wire::job_ref::JobRef;

use crate::{App, Verdict};

/// Time that a job waits after the ingest queue moved it away, in seconds: as long as a fault of ours
/// holds a message at most.
pub const GIVEN_BACK_SECONDS: u64 = 900;
/// Hold when a job changes while it is given back, in seconds.
const MOVED_HOLD_SECONDS: u64 = 1;

/// Keeps a dead letter for the company that its group names, or for the operator if that company does
/// not exist.
/// Of a job nothing is kept but the job.
pub(crate) async fn keep<P: Ports>(app: &App<P>, record: &Record) -> Verdict {
    let company = CompanyId::parse(&record.group).ok();
    let address = record.job.as_deref().and_then(JobRef::decode);
    let kept = match (company, address) {
        (Some(company), Some(address)) => give_back(app, company, record, address).await,
        (company, _) => keep_event(&app.store, company, record).await,
    };
    kept.unwrap_or_else(|error| {
        tracing::warn!(error = %ErrorChain(&error), "a rejected event could not be kept");
        Verdict::Hold { seconds: fault_hold_seconds(record.receive_count) }
    })
}

async fn keep_event(
    store: &impl RejectedStore,
    company: Option<CompanyId>,
    record: &Record,
) -> Result<Verdict, StoreError> {
    let owner = company.map_or(Owner::Operator, Owner::Company);
    let event = RejectedEvent::new(record.sent_at, &record.message_id, &record.body);
    store.keep_rejected(&owner, &event).await?;
    tracing::warn!(rejected.id = %event.id, group = %record.group, "event.rejected");
    Ok(Verdict::Ack)
}

async fn give_back<P: Ports>(
    app: &App<P>,
    company: CompanyId,
    record: &Record,
    address: JobRef,
) -> Result<Verdict, StoreError> {
    let key = WebhookKey { company, webhook: address.webhook };
    let due_at = app.clock.now().plus_seconds(GIVEN_BACK_SECONDS);
    let message = EventId::of_message(&record.message_id);
    let job = app.store.find_job(&key, address.delivery).await?;
    let Some(back) = job.and_then(|job| job.given_back(message, address.scheduled_at, due_at)) else {
        return Ok(Verdict::Ack);
    };
    tracing::warn!(delivery.id = %address.delivery, company.id = %key.company, "a job was given back");
    match app.store.change_job(&back).await? {
        Change::Done => Ok(Verdict::Ack),
        Change::Lost => Ok(Verdict::Hold { seconds: MOVED_HOLD_SECONDS }),
    }
}
