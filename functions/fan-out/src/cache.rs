//! The memory of a sandbox: the webhooks of companies while they do not change, and the evaluation progress
//! of events.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hookrail_domain::id::{CompanyId, EventId};
use hookrail_domain::webhook::Webhook;
use hookrail_pipeline::store::{ConfigStore, StoreError};

use crate::scripted::Progress;

/// Companies kept in one sandbox; the whole cache is emptied when it is full.
const COMPANIES_MAX: usize = 1_000;

/// Events whose progress is kept: 2 MB each at most, a thousand URLs.
const EVENTS_MAX: usize = 4;

/// Slow scripts that are remembered; all are forgotten when there are more.
const SLOW_MAX: usize = 10_000;

/// A company's webhooks at a version.
type Kept = (u64, Arc<[Webhook]>);

/// The memory of this sandbox. Without it everything is read and evaluated again.
#[derive(Debug, Default)]
pub struct Cache {
    webhooks: Mutex<HashMap<CompanyId, Kept>>,
    events: Mutex<VecDeque<(EventId, Progress)>>,
    slow: Mutex<HashSet<u64>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cache {
    /// Returns the company's webhooks, at `version` or newer.
    ///
    /// The version is read before the webhooks, so a change in between is kept under the older number and
    /// read again next time: never the reverse.
    pub async fn webhooks(
        &self,
        store: &impl ConfigStore,
        company: &CompanyId,
        version: u64,
    ) -> Result<Arc<[Webhook]>, StoreError> {
        if let Some(webhooks) = self.find(company, version) {
            return Ok(webhooks);
        }
        let webhooks: Arc<[Webhook]> = store.list_webhooks(company).await?.into();
        let mut kept = locked(&self.webhooks);
        if COMPANIES_MAX <= kept.len() {
            kept.clear();
        }
        kept.insert(company.clone(), (version, Arc::clone(&webhooks)));
        Ok(webhooks)
    }

    fn find(&self, company: &CompanyId, version: u64) -> Option<Arc<[Webhook]>> {
        let kept = locked(&self.webhooks);
        kept.get(company).filter(|(at, _)| *at == version).map(|(_, webhooks)| Arc::clone(webhooks))
    }

    /// Removes and returns the progress of an event that went back to its queue.
    #[must_use]
    pub fn take_progress(&self, event: EventId) -> Progress {
        let mut events = locked(&self.events);
        let at = events.iter().position(|(kept, _)| *kept == event);
        at.and_then(|at| events.remove(at)).map(|(_, progress)| progress).unwrap_or_default()
    }

    /// Keeps the progress until the event comes again. The oldest is dropped when the cache is full.
    pub fn keep_progress(&self, event: EventId, progress: Progress) {
        let mut events = locked(&self.events);
        if EVENTS_MAX <= events.len() {
            events.pop_front();
        }
        events.push_back((event, progress));
    }

    /// Returns whether the script of this question took too long the last time.
    pub(crate) fn is_slow(&self, question: u64) -> bool {
        locked(&self.slow).contains(&question)
    }

    pub(crate) fn set_slow(&self, question: u64, is_slow: bool) {
        let mut slow = locked(&self.slow);
        if !is_slow {
            slow.remove(&question);
            return;
        }
        if SLOW_MAX <= slow.len() {
            slow.clear();
        }
        slow.insert(question);
    }
}
