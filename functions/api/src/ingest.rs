//! The admission of pushed events while the events queue is long.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use hookrail_adapters::metrics::{self, Metric};
use hookrail_domain::id::CompanyId;
use hookrail_domain::ingest::Budget;
use hookrail_domain::time::Millis;
use hookrail_pipeline::clock::Clock as _;
use hookrail_pipeline::fault::ErrorChain;
use hookrail_pipeline::queue::Queue as _;
use hookrail_pipeline::store::{Change, ConfigStore as _, StoreError};

use crate::error::ApiError;
use crate::{App, Ports};

/// The time for which a sandbox believes the length of a queue, in milliseconds.
const LENGTH_MS_MAX: u64 = 2_000;
/// Tries to count the events of a call while other calls of the company do the same.
const TRIES_MAX: usize = 8;

/// The lengths of events queues, as this sandbox read them last.
#[derive(Debug, Default)]
pub(crate) struct QueueLengths(Mutex<HashMap<String, (Millis, u64)>>);

impl QueueLengths {
    fn find(&self, queue_url: &str, now: Millis) -> Option<u64> {
        let lengths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lengths
            .get(queue_url)
            .filter(|(read_at, _)| now.since(*read_at) < LENGTH_MS_MAX)
            .map(|(_, length)| *length)
    }

    fn keep(&self, queue_url: &str, now: Millis, length: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(queue_url.to_owned(), (now, length));
    }
}

impl<P: Ports> App<P> {
    /// Refuses a call whose companies have pushed more than they may while their queue is long. All or nothing: none
    /// of its events is accepted then.
    pub(crate) async fn admit(&self, companies: impl Iterator<Item = &CompanyId>) -> Result<(), ApiError> {
        let mut events = BTreeMap::<&CompanyId, u64>::new();
        for company in companies {
            *events.entry(company).or_default() += 1;
        }
        for (company, events) in events {
            let now = self.clock.now();
            let waiting = self.waiting(self.events_queue_of(company)?, now).await;
            let Some(budget) = self.config.ingest.budget(waiting, now) else { continue };
            match self.count(company, events, budget).await {
                Ok(true) => {}
                Ok(false) => {
                    metrics::record(Metric::EventsThrottled, events);
                    return Err(too_many(company, self.config.ingest.events_per_second, budget, now));
                }
                // The limit protects other companies. A fault of ours must not refuse events.
                Err(error) => {
                    tracing::warn!(error = %ErrorChain(&error), "the events of a company could not be counted");
                }
            }
        }
        Ok(())
    }

    /// Returns how many messages wait in a queue; 0 if that is not known.
    async fn waiting(&self, queue_url: &str, now: Millis) -> u64 {
        if let Some(length) = self.queue_lengths.find(queue_url, now) {
            return length;
        }
        let length = self.queue.length(queue_url).await.unwrap_or_else(|error| {
            tracing::warn!(error = %ErrorChain(&error), "the length of an events queue could not be read");
            0
        });
        self.queue_lengths.keep(queue_url, now, length);
        length
    }

    /// Counts the events of a call, if the budget allows them.
    async fn count(&self, company: &CompanyId, events: u64, budget: Budget) -> Result<bool, StoreError> {
        for _ in 0..TRIES_MAX {
            let pushed = self.store.find_pushed(company).await?;
            let Some(with) = pushed.with(events, budget) else { return Ok(false) };
            if self.store.replace_pushed(company, pushed, with).await? == Change::Done {
                return Ok(true);
            }
        }
        // That many calls at once are more than a budget allows.
        Ok(false)
    }
}

fn too_many(company: &CompanyId, events_per_second: u64, budget: Budget, now: Millis) -> ApiError {
    let detail = format!(
        "the events queue is long, so company `{company}` may push {events_per_second} events per second at the \
         moment; no event of this call was accepted. Repeat the call after the time in Retry-After"
    );
    ApiError::too_many(detail, budget.ends_at().since(now).div_ceil(1000).max(1))
}
