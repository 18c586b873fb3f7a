//! Deliberate bugs, each a faulty double of a port or a wrong setting: a simulation that did not find them
//! would prove nothing.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::lock::MutexGuard as AsyncMutexGuard;
use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::backlog::Mode;
use hookrail_domain::delivery::{QueueName, QueuePosition};
use hookrail_domain::id::{CompanyId, DeliveryId};
use hookrail_domain::limits::QUEUE_BATCH_MAX;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::progress::{LastRow, Progress};
use hookrail_domain::suspension::QueueState;
use hookrail_domain::time::Millis;
use hookrail_fifo::mapping::Batch;
use hookrail_fifo::message::Received;
use hookrail_pipeline::queue::{HoldResult, Outgoing, Queue as _, SendResult};
use hookrail_pipeline::store::{Recorded, StoreError, WebhookKey, WebhookSnapshot};
use hookrail_testkit::model_queue::ModelQueue;

use crate::deployment;
use crate::faults::Function;
use crate::troubles;
use crate::world::{World, webhook_of};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Attempts are counted by the queue's receive count instead of the log's rows.
    CountsReceives,
    /// A failed head is held, the messages behind it are left at the claim.
    HoldsTheHeadOnly,
    /// Nothing is claimed on entry: a crash costs the queue's own visibility.
    NeverClaims,
    /// A failed head is named in the response, the messages behind it are not.
    ReportsTheHeadOnly,
    /// One failed message fails its whole batch.
    FailsTheWholeBatch,
    /// The message is deleted, then the row is written.
    DeletesBeforeRecording,
    /// A row that could not be written is taken for written.
    GoesOnWithoutARow,
    /// Another run's row is taken for one's own.
    IgnoresTheFence,
    /// Only the delivery of the last row is known to have ended, not those before it.
    ForgetsPlaces,
    /// Numbers begin again when the rows have expired.
    ForgetsTheFloor,
    /// Neither the queue nor the row makes a failed delivery wait.
    RetriesAtOnce,
    /// Finished messages stay until the whole batch has ended.
    KeepsFinishedMessages,
    /// The groups of a batch wait for each other's requests.
    SendsOneAtATime,
    /// A sandbox of deliver reads a webhook once.
    RemembersSettings,
    /// A sandbox of fan-out reads a company's version once.
    RemembersVersions,
    /// A message that the delivery queue did not accept is taken for sent.
    TakesFailedForSent,
    /// Messages of two events share a batch call, so that two are of one group.
    SendsAGroupTwiceInABatch,
    /// An event is parked although its webhook is active again.
    ParksBlindly,
    /// A webhook is made active although more was parked in the meantime.
    ClosesBlindly,
    /// A recovered event's queue is moved on, then its row is written.
    AdvancesTheStateFirst,
    /// The events that led to the suspension are not sent again.
    StartsBehindTheRun,
    /// Events that a suspended endpoint refuses one after another are each exhausted for good.
    TakesAnOutageForBadEvents,
    /// A message that its queue refuses for good is taken for one that a later try may send.
    TriesARefusedEntryForEver,
    /// One late script uses up the time of the others.
    FailsEveryScriptForOne,
    /// A filter that never ended is taken for one that said no.
    TakesALateScriptForARefusal,
    /// The schedule finds nothing.
    NeverSweeps,
    /// Equal events are one event (content-based deduplication).
    ComparesBodies,
    /// Equal event ids of two companies are one event (deduplication across groups).
    ComparesAcrossCompanies,
}

impl Bug {
    pub(crate) const ALL: [Self; 28] = [
        Self::CountsReceives,
        Self::HoldsTheHeadOnly,
        Self::NeverClaims,
        Self::ReportsTheHeadOnly,
        Self::FailsTheWholeBatch,
        Self::DeletesBeforeRecording,
        Self::GoesOnWithoutARow,
        Self::IgnoresTheFence,
        Self::ForgetsPlaces,
        Self::ForgetsTheFloor,
        Self::RetriesAtOnce,
        Self::KeepsFinishedMessages,
        Self::SendsOneAtATime,
        Self::RemembersSettings,
        Self::RemembersVersions,
        Self::TakesFailedForSent,
        Self::SendsAGroupTwiceInABatch,
        Self::ParksBlindly,
        Self::ClosesBlindly,
        Self::AdvancesTheStateFirst,
        Self::StartsBehindTheRun,
        Self::TakesAnOutageForBadEvents,
        Self::TriesARefusedEntryForEver,
        Self::FailsEveryScriptForOne,
        Self::TakesALateScriptForARefusal,
        Self::NeverSweeps,
        Self::ComparesBodies,
        Self::ComparesAcrossCompanies,
    ];
}

/// The bug of one sandbox, if any, and its memory for it.
#[derive(Debug)]
pub(crate) struct Planted {
    bug: Option<Bug>,
    memory: Mutex<Memory>,
    turn: futures_util::lock::Mutex<()>,
}

#[derive(Debug, Default)]
struct Memory {
    batch: Vec<Received>,
    holds: usize,
    snapshot: HashMap<WebhookKey, WebhookSnapshot>,
    versions: HashMap<CompanyId, u64>,
    /// Messages of fan-out that wait for the next event's, by queue.
    gathered: HashMap<String, Vec<Outgoing>>,
}

impl Planted {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        Self { bug, memory: Mutex::default(), turn: futures_util::lock::Mutex::new(()) }
    }

    fn is(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an invocation.
    pub(crate) fn begin(&self, batch: &Batch) {
        if self.bug.is_some() {
            let mut memory = self.memory();
            memory.batch.clone_from(&batch.messages);
            memory.holds = 0;
        }
    }

    /// Returns the part of the holds that is made. The first hold of an invocation is its claim.
    pub(crate) fn holds(&self, holds: &[(String, u64)]) -> Vec<(String, u64)> {
        let is_claim = {
            let mut memory = self.memory();
            memory.holds += 1;
            memory.holds == 1
        };
        match self.bug {
            Some(Bug::NeverClaims) if is_claim => Vec::new(),
            Some(Bug::HoldsTheHeadOnly) if !is_claim => holds.iter().take(1).cloned().collect(),
            Some(Bug::RetriesAtOnce) if !is_claim => {
                holds.iter().map(|(handle, _)| (handle.clone(), 0)).collect()
            }
            _ => holds.to_vec(),
        }
    }

    /// Reports every hold as made, those left out too.
    pub(crate) fn held(&self, wanted: usize, mut results: Vec<HoldResult>) -> Vec<HoldResult> {
        if self.bug.is_some() {
            results.resize(wanted, HoldResult::Held);
        }
        results
    }

    pub(crate) fn deletes(&self) -> bool {
        !self.is(Bug::KeepsFinishedMessages)
    }

    pub(crate) fn snapshots(&self, keys: &[WebhookKey], read: Vec<WebhookSnapshot>) -> Vec<WebhookSnapshot> {
        let mut memory = self.memory();
        let snapshot = keys.iter().zip(read).map(|(key, mut snapshot)| match self.bug {
            Some(Bug::RemembersSettings) => memory.snapshot.entry(key.clone()).or_insert(snapshot).clone(),
            Some(Bug::ForgetsTheFloor) => {
                snapshot.state.sequence_floor = 0;
                snapshot
            }
            _ => snapshot,
        });
        snapshot.collect()
    }

    pub(crate) fn versions(&self, companies: &[CompanyId], read: Vec<u64>) -> Vec<u64> {
        if !self.is(Bug::RemembersVersions) {
            return read;
        }
        let mut memory = self.memory();
        let versions = companies.iter().zip(read).map(|(company, version)| {
            match memory.versions.entry(company.clone()) {
                Entry::Occupied(remembered) => *remembered.get(),
                Entry::Vacant(unknown) => *unknown.insert(version),
            }
        });
        versions.collect()
    }

    pub(crate) fn last_row(&self, key: &WebhookKey, read: Option<LastRow>) -> Option<LastRow> {
        match self.bug {
            Some(Bug::CountsReceives) => self.counted(key, read),
            Some(Bug::ForgetsPlaces) => read.map(|row| {
                let (queued, accepted) = (nowhere(), nowhere());
                LastRow { queued, accepted, ..row }
            }),
            Some(Bug::RetriesAtOnce) => read.map(|mut row| {
                if let Progress::Waiting { until } = &mut row.progress {
                    *until = Millis(0);
                }
                row
            }),
            _ => read,
        }
    }

    /// Makes up the row after which the queue's head has as many attempts as it was received.
    fn counted(&self, key: &WebhookKey, read: Option<LastRow>) -> Option<LastRow> {
        let memory = self.memory();
        let group = key.webhook.to_string();
        let head = memory.batch.iter().find(|one| one.message.group.as_deref() == Some(group.as_str()));
        let Some(head) = head.filter(|head| 1 < head.receive_count) else { return read };
        let id = head.message.deduplication_id.as_deref().unwrap_or_default();
        let Ok(delivery) = DeliveryId::parse(id) else { return read };
        let sequence = match &read {
            None => 1,
            Some(row) if row.delivery != delivery => row.number.sequence + 1,
            Some(row) if row.progress == Progress::Ended => return read,
            Some(row) => row.number.sequence,
        };
        let number = AttemptNumber { sequence, attempt: head.receive_count - 1 };
        let progress = Progress::Waiting { until: Millis(0) };
        Some(LastRow {
            number,
            delivery,
            queued: nowhere(),
            accepted: nowhere(),
            progress,
            given_up: 0,
            status: 0,
            gone: None,
        })
    }

    /// Runs before a row is put.
    pub(crate) async fn before_row(&self, world: &World, row: &LogRow) {
        if !self.is(Bug::DeletesBeforeRecording) || row.progress != Progress::Ended {
            return;
        }
        let id = row.delivery.to_string();
        let handle = {
            let memory = self.memory();
            let same =
                memory.batch.iter().find(|one| one.message.deduplication_id.as_deref() == Some(id.as_str()));
            same.map(|one| one.handle.to_string())
        };
        let queue = world.state().history.webhooks[webhook_of(row.webhook)].queue;
        let url = deployment::url(&deployment::deliveries(queue));
        let queues = ModelQueue::new(Arc::clone(&world.queues), world.time.clone());
        if let Some(handle) = handle {
            queues.delete(&url, &[handle]).await.unwrap();
        }
    }

    pub(crate) fn recorded(&self, result: Result<Recorded, StoreError>) -> Result<Recorded, StoreError> {
        match (self.bug, result) {
            (Some(Bug::GoesOnWithoutARow), Err(_)) | (Some(Bug::IgnoresTheFence), Ok(Recorded::Another)) => {
                Ok(Recorded::Mine)
            }
            (_, result) => result,
        }
    }

    pub(crate) fn parks_blindly(&self) -> bool {
        self.is(Bug::ParksBlindly)
    }

    pub(crate) fn moves_on_first(&self) -> bool {
        self.is(Bug::AdvancesTheStateFirst)
    }

    pub(crate) fn sweeps(&self) -> bool {
        !self.is(Bug::NeverSweeps)
    }

    /// Returns the change that is made of a queue instead of the correct one.
    pub(crate) fn change(
        &self,
        from: &QueueState,
        to: &QueueState,
        now: impl FnOnce() -> QueueState,
    ) -> (QueueState, QueueState) {
        let (mut from, mut to) = (from.clone(), to.clone());
        match (self.bug, &mut from.backlog, &mut to.backlog) {
            (Some(Bug::ClosesBlindly), Some(backlog), None) => {
                backlog.last = now().backlog.map_or(backlog.last, |backlog| backlog.last);
            }
            (Some(Bug::StartsBehindTheRun), None, Some(backlog)) => backlog.next = backlog.last + 1,
            _ => {}
        }
        (from, to)
    }

    /// The state that an attempt of recover leads to, instead of the right one.
    pub(crate) fn advance(&self, from: &QueueState, to: &QueueState) -> QueueState {
        let mut to = to.clone();
        if let (Some(from), Some(backlog)) = (&from.backlog, &mut to.backlog)
            && self.is(Bug::TakesAnOutageForBadEvents)
            && from.mode == Mode::Suspended
            && backlog.next < from.next
        {
            backlog.next = from.next + 1;
        }
        to
    }

    /// Waits until this sandbox sends nothing else.
    pub(crate) async fn turn(&self) -> Option<AsyncMutexGuard<'_, ()>> {
        if self.is(Bug::SendsOneAtATime) { Some(self.turn.lock().await) } else { None }
    }

    /// Returns the messages to send now, instead of `messages`: everything gathered, or nothing while only
    /// one event's are there.
    pub(crate) fn gather(&self, function: Function, queue_url: &str, messages: &[Outgoing]) -> Vec<Outgoing> {
        let is_event = messages.iter().all(|message| DeliveryId::parse(&message.deduplication_id).is_ok());
        if !self.is(Bug::SendsAGroupTwiceInABatch) || function != Function::FanOut || !is_event {
            return messages.to_vec();
        }
        let mut memory = self.memory();
        let gathered = memory.gathered.entry(queue_url.to_owned()).or_default();
        let mut all = std::mem::take(gathered);
        if all.is_empty() || QUEUE_BATCH_MAX < all.len() + messages.len() {
            *gathered = messages.to_vec();
        } else {
            all.extend_from_slice(messages);
        }
        all
    }

    /// Returns the results of `wanted` messages after the last of `results` were sent for them.
    pub(crate) fn sent(&self, wanted: usize, results: &[SendResult]) -> Vec<SendResult> {
        let own = results.iter().skip(results.len().saturating_sub(wanted));
        let is_taken = |result: &SendResult| result.is_sent() || self.is(Bug::TakesFailedForSent);
        let result =
            own.map(|result| if is_taken(result) { sent() } else { troubles::taken(self.bug, result) });
        let gathered = std::iter::repeat_with(sent);
        result.chain(gathered).take(wanted).collect()
    }

    /// Returns the messages that are left at the end.
    pub(crate) fn take_gathered(&self) -> HashMap<String, Vec<Outgoing>> {
        std::mem::take(&mut self.memory().gathered)
    }

    /// Returns the messages that the response names as failed.
    pub(crate) fn failed(&self, failed: Vec<String>) -> Vec<String> {
        let memory = self.memory();
        let all = memory.batch.iter().map(|one| (&one.message.group, one.message.id.to_string()));
        match self.bug {
            Some(Bug::FailsTheWholeBatch) if !failed.is_empty() => all.map(|(_, id)| id).collect(),
            Some(Bug::ReportsTheHeadOnly) => {
                let mut named: Vec<_> = all.filter(|(_, id)| failed.contains(id)).collect();
                named.dedup_by(|one, other| one.0 == other.0);
                named.into_iter().map(|(_, id)| id).collect()
            }
            _ => failed,
        }
    }
}

fn nowhere() -> QueuePosition {
    QueuePosition { queue: QueueName::new("nowhere"), number: 0 }
}

fn sent() -> SendResult {
    SendResult::Sent { message_id: String::new() }
}
