//! Dead letters of the ingest queue: what was no event is kept where people can look at it and push it again. A job is
//! put into its line anew: pushed by hand it would be an event for everybody.

use hookrail_adapters::clock::Clock;
use hookrail_adapters::queue::Queue;
use hookrail_adapters::records::Record;
use hookrail_adapters::sender::Sender;
use hookrail_adapters::store::rejected::RejectedStore;
use hookrail_adapters::store::{Change, LineKey, LogStore, StoreError};
use hookrail_adapters::telemetry::Chain;
use hookrail_domain::id::{CompanyId, EventId};
use hookrail_domain::rejected::RejectedEvent;
use hookrail_domain::retry::fault_hold_seconds;
use hookrail_domain::token::Holder;
use hookrail_wire::job_address::JobAddress;

use crate::{App, Verdict};

/// How long a job waits that the ingest queue gave up on, in seconds: as long as a fault of ours holds a message at most.
pub const GIVEN_BACK_SECONDS: u64 = 900;
/// Hold when a job changes while it is given back, in seconds.
const MOVED_HOLD_SECONDS: u64 = 1;

/// Keeps a dead letter in the name of the company that its group names; the operator's, if that is no company. Of a job
/// nothing is kept but the job.
pub(crate) async fn keep<S: LogStore + RejectedStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    record: &Record,
) -> Verdict {
    let company = CompanyId::parse(&record.group).ok();
    let address = record.job.as_deref().and_then(JobAddress::decode);
    let kept = match (company, address) {
        (Some(company), Some(address)) => give_back(app, company, (record, address)).await,
        (company, _) => keep_event(&app.store, company, record).await,
    };
    kept.unwrap_or_else(|error| {
        tracing::warn!(error = %Chain(&error), "a rejected event could not be kept");
        Verdict::Hold { seconds: fault_hold_seconds(record.receive_count) }
    })
}

async fn keep_event(
    store: &impl RejectedStore,
    company: Option<CompanyId>,
    record: &Record,
) -> Result<Verdict, StoreError> {
    let holder = company.map_or(Holder::Operator, Holder::Company);
    let event = RejectedEvent::new(record.sent_at, &record.message_id, &record.body);
    store.keep_rejected(&holder, &event).await?;
    tracing::warn!(rejected.id = %event.id, group = %record.group, "event.rejected");
    Ok(Verdict::Ack)
}

async fn give_back<S: LogStore + RejectedStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    company: CompanyId,
    (record, address): (&Record, JobAddress),
) -> Result<Verdict, StoreError> {
    let line = LineKey { company, subscription: address.subscription };
    let due_at = app.clock.now().plus_seconds(GIVEN_BACK_SECONDS);
    let of = (EventId::of_message(&record.message_id), address.scheduled_at);
    let job = app.store.find_job(&line, address.delivery).await?;
    let Some(back) = job.and_then(|job| job.given_back(of, due_at)) else { return Ok(Verdict::Ack) };
    tracing::warn!(delivery.id = %address.delivery, company.id = %line.company, "a job was given back");
    match app.store.change_job(&back).await? {
        Change::Done => Ok(Verdict::Ack),
        Change::Lost => Ok(Verdict::Hold { seconds: MOVED_HOLD_SECONDS }),
    }
}
