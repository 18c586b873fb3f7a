//! Dead letters of the ingest queue: what was no event is kept where people can look at it and push it again.

use hookrail_adapters::records::Record;
use hookrail_adapters::store::rejected::RejectedStore;
use hookrail_adapters::telemetry::Chain;
use hookrail_domain::id::CompanyId;
use hookrail_domain::rejected::RejectedEvent;
use hookrail_domain::retry::fault_hold_seconds;
use hookrail_domain::token::Holder;

use crate::Verdict;

/// Keeps the dead letter in the name of the company that its group names; the operator's, if that is no company.
pub(crate) async fn keep(store: &impl RejectedStore, record: &Record) -> Verdict {
    let holder = CompanyId::parse(&record.group).map_or(Holder::Operator, Holder::Company);
    let event = RejectedEvent::new(record.sent_at, &record.message_id, &record.body);
    match store.keep_rejected(&holder, &event).await {
        Ok(()) => {
            tracing::warn!(rejected.id = %event.id, group = %record.group, "event.rejected");
            Verdict::Ack
        }
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "a rejected event could not be kept");
            Verdict::Hold { seconds: fault_hold_seconds(record.receive_count) }
        }
    }
}
