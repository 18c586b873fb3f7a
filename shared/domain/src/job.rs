//! A webhook job: one event owed to one platform webhook, as its owner follows and controls it.
//!
//! Requests and responses are in the rows of the webhook's log.
//! A job holds what no row can: that it waits for its time or for its first attempt, or was cancelled before
//! it, and the URL that a person has given instead.

use crate::attempt::{ErrorClass, Outcome};
use crate::id::{CompanyId, DeliveryId, EventId, WebhookId};
use crate::log_row::LogRow;
use crate::platform::EventType;
use crate::platform::webhook::{IMPLICIT_NAME, WebhookScope};
use crate::progress::Progress;
use crate::target::TargetUrl;
use crate::time::Millis;

/// Retention of a job's content after its time, in seconds (30 days): by then it was sent, or its webhook no
/// longer exists.
pub const CONTENT_SECONDS_KEPT: u64 = 30 * 24 * 60 * 60;

/// A job as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub company: CompanyId,
    pub webhook: WebhookId,
    pub delivery: DeliveryId,
    pub event: EventId,
    /// The webhook's name.
    pub name: String,
    pub scope: WebhookScope,
    pub kind: EventType,
    /// One of the kind's events.
    pub action: &'static str,
    /// The records it is found by, the one that it is about first.
    pub parents: Vec<Parent>,
    /// The time of its creation, and the token that made it; none if an event made it.
    pub created_at: Millis,
    pub created_by: Option<String>,
    pub scheduled_at: Millis,
    /// The time at which it must next be put into its queue: a job for later, or one that failed and is sent
    /// again later.
    /// None once it is there.
    pub due_at: Option<Millis>,
    /// The message of the ingest queue that it was taken from: a second message of the same job is ignored.
    pub taken: Option<EventId>,
    /// Its URL; none if filter or template failed.
    pub url: Option<TargetUrl>,
    /// True if a person gave that URL.
    pub is_corrected: bool,
    pub state: JobState,
    /// Attempts that were made when a person queued it again; 0 if it was not queued again.
    pub requeued_after: u32,
    /// Deleted: not listed, and not found.
    pub is_deleted: bool,
    /// Raised by one with every write.
    pub version: u64,
}

/// A record that a job is about, or that its record belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    pub kind: EventType,
    /// A slug, a user name or an id.
    pub key: String,
}

/// The progress of a job, as far as its rows do not show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Nothing was sent. It has a sequence in its webhook's queue once it is parked there.
    Queued { sequence: Option<u64> },
    /// An attempt was made at this sequence, or is being made.
    Started { sequence: u64 },
    /// Cancelled before its first attempt: it is never sent.
    Cancelled,
}

/// The position of a job: the list of a company is sorted by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobPosition {
    pub scheduled_at: Millis,
    pub delivery: DeliveryId,
    pub webhook: WebhookId,
}

/// The status that people are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobStatus {
    /// It waits: for its turn, for its next attempt, or for its endpoint.
    Queued,
    InProgress,
    Complete,
    Failed,
    Cancelled,
}

impl JobStatus {
    pub const ALL: [Self; 5] =
        [Self::Queued, Self::InProgress, Self::Complete, Self::Failed, Self::Cancelled];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::InProgress => "In Progress",
            Self::Complete => "Complete",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }

    /// Returns the status of this name, in any letter case.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name().eq_ignore_ascii_case(name))
    }
}

impl Job {
    #[must_use]
    pub fn place(&self) -> JobPosition {
        JobPosition { scheduled_at: self.scheduled_at, delivery: self.delivery, webhook: self.webhook }
    }

    /// Returns its status, by the newest row of its event.
    #[must_use]
    pub fn status(&self, newest: Option<&LogRow>) -> JobStatus {
        match (self.state, newest) {
            (JobState::Cancelled, _) => JobStatus::Cancelled,
            (JobState::Queued { .. }, None) => JobStatus::Queued,
            (JobState::Started { .. }, None) => JobStatus::InProgress,
            (JobState::Queued { .. } | JobState::Started { .. }, Some(row)) => match row.progress {
                Progress::Waiting { .. } | Progress::Parked => JobStatus::Queued,
                Progress::Ended if row.attempt.outcome.is_success() => JobStatus::Complete,
                Progress::Ended if row.attempt.number.attempt <= self.requeued_after => JobStatus::Queued,
                Progress::Ended if is_called_off(&row.attempt.outcome) => JobStatus::Cancelled,
                Progress::Ended => JobStatus::Failed,
            },
        }
    }

    /// Returns its sequence in its webhook's queue, if it has one.
    #[must_use]
    pub fn sequence(&self) -> Option<u64> {
        match self.state {
            JobState::Queued { sequence } => sequence,
            JobState::Started { sequence } => Some(sequence),
            JobState::Cancelled => None,
        }
    }

    /// Returns the time at which its next attempt is due, or was.
    #[must_use]
    pub fn next_at(&self, newest: Option<&LogRow>) -> Millis {
        match newest.map(|row| row.progress) {
            Some(Progress::Waiting { until }) => until,
            Some(Progress::Ended | Progress::Parked) | None => self.scheduled_at,
        }
    }

    /// Returns whether it is a job without a webhook.
    #[must_use]
    pub fn is_implicit(&self) -> bool {
        self.name == IMPLICIT_NAME
    }

    /// Returns the job after a person has cancelled it: it is never sent, or not again if it has failed and
    /// was to be sent again later.
    /// None once it has begun.
    #[must_use]
    pub fn cancelled(&self) -> Option<Self> {
        match (self.state, self.due_at) {
            (JobState::Queued { .. }, _) => {
                Some(Self { state: JobState::Cancelled, ..self.to_be_put_in(None) })
            }
            (JobState::Started { .. }, Some(_)) => {
                Some(Self { requeued_after: 0, ..self.to_be_put_in(None) })
            }
            (JobState::Started { .. } | JobState::Cancelled, None) | (JobState::Cancelled, Some(_)) => None,
        }
    }

    /// Returns the job for another time; none once it is in its queue.
    #[must_use]
    pub fn postponed(&self, to: Millis) -> Option<Self> {
        self.due_at.map(|_| Self { scheduled_at: to, ..self.to_be_put_in(Some(to)) })
    }

    /// Returns the job once it is in its queue (`None`), or to be put there at this time.
    #[must_use]
    pub fn to_be_put_in(&self, due_at: Option<Millis>) -> Self {
        Self { due_at, version: self.version + 1, ..self.clone() }
    }

    /// Returns the job as fan-out takes it from a message that was sent for this time.
    /// None if it is not to be sent: it was cancelled or postponed since, or another message has taken it.
    #[must_use]
    pub fn taken_from(&self, message: EventId, scheduled_at: Millis) -> Option<Self> {
        let is_open = matches!(self.state, JobState::Queued { .. }) && self.scheduled_at == scheduled_at;
        let is_own = self.taken.is_none_or(|taken| taken == message);
        (is_open && is_own).then(|| Self { taken: Some(message), ..self.to_be_put_in(None) })
    }

    /// Returns the job with a URL that a person gave.
    #[must_use]
    pub fn corrected(&self, url: TargetUrl) -> Self {
        Self { url: Some(url), is_corrected: true, version: self.version + 1, ..self.clone() }
    }

    /// Returns the job after a person has deleted it.
    #[must_use]
    pub fn deleted(&self) -> Self {
        Self { is_deleted: true, version: self.version + 1, ..self.clone() }
    }

    /// Returns the job after the ingest queue has moved this message away: to be put into its queue again, at
    /// `due_at`.
    /// None if the job is no longer to be taken from this message.
    #[must_use]
    pub fn given_back(&self, message: EventId, scheduled_at: Millis, due_at: Millis) -> Option<Self> {
        let open = self.taken_from(message, scheduled_at)?;
        Some(Self { taken: None, due_at: Some(due_at), ..open })
    }

    /// Returns the job after a person has queued it again, when this many attempts were made: now, or for
    /// later.
    #[must_use]
    pub fn requeued(&self, attempts: u32, later: Option<Millis>) -> Self {
        let scheduled_at = later.unwrap_or(self.scheduled_at);
        Self { requeued_after: attempts, scheduled_at, ..self.to_be_put_in(later) }
    }
}

/// Returns whether a person has said that it is not to be sent.
fn is_called_off(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unsent { error: ErrorClass::Skipped | ErrorClass::Cancelled, .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Millis = Millis(43_200_000);

    fn posted() -> Job {
        let company = CompanyId::parse("acme").unwrap();
        let (webhook, event) = (WebhookId::of_implicit(&company, None), EventId::from_bytes([1; 12]));
        Job {
            company,
            webhook,
            delivery: DeliveryId::of(event, webhook),
            event,
            name: IMPLICIT_NAME.to_owned(),
            scope: WebhookScope::Space,
            kind: EventType::User,
            action: "Created",
            parents: Vec::new(),
            created_at: Millis(0),
            created_by: Some("ana".to_owned()),
            scheduled_at: NOON,
            due_at: Some(NOON),
            taken: None,
            url: None,
            is_corrected: false,
            state: JobState::Queued { sequence: None },
            requeued_after: 0,
            is_deleted: false,
            version: 3,
        }
    }

    fn message(number: u8) -> EventId {
        EventId::from_bytes([number; 12])
    }

    #[test]
    fn the_same_message_can_take_a_job_repeatedly() {
        let taken = posted().taken_from(message(7), NOON).unwrap();
        assert_eq!((taken.due_at, taken.taken, taken.version), (None, Some(message(7)), 4));
        let again = taken.taken_from(message(7), NOON).unwrap();
        assert_eq!(again.taken, Some(message(7)), "who took it may have been cut off");
        assert_eq!(taken.taken_from(message(8), NOON), None, "a second message of the same job");
        let placed = Job { state: JobState::Queued { sequence: Some(4) }, ..taken.clone() };
        assert!(placed.taken_from(message(7), NOON).is_some());
        let started = Job { state: JobState::Started { sequence: 4 }, ..taken };
        assert_eq!(started.taken_from(message(7), NOON), None, "it is certainly queued");
    }

    #[test]
    fn a_dead_lettered_job_is_queued_again_only_by_its_own_message() {
        let (taken, later) = (posted().taken_from(message(7), NOON).unwrap(), Millis(NOON.0 + 9));
        for job in [posted(), taken.clone()] {
            let back = job.given_back(message(7), NOON, later).unwrap();
            assert_eq!((back.due_at, back.taken, back.version), (Some(later), None, job.version + 1));
            assert!(back.taken_from(message(8), NOON).is_some());
        }
        assert_eq!(taken.given_back(message(8), NOON, later), None);
        assert_eq!(posted().cancelled().unwrap().given_back(message(7), NOON, later), None);
    }

    #[test]
    fn an_older_message_does_not_take_a_cancelled_or_postponed_job() {
        let cancelled = posted().cancelled().unwrap();
        assert_eq!((cancelled.state, cancelled.due_at), (JobState::Cancelled, None));
        assert_eq!(cancelled.taken_from(message(7), NOON), None);
        assert_eq!(cancelled.cancelled(), None);
        let later = posted().postponed(Millis(NOON.0 + 1)).unwrap();
        assert_eq!(later.due_at, Some(later.scheduled_at));
        assert_eq!(later.taken_from(message(7), NOON), None);
        assert!(later.taken_from(message(7), Millis(NOON.0 + 1)).is_some());
        assert_eq!(later.to_be_put_in(None).postponed(NOON), None, "it has its place");
    }

    #[test]
    fn cancelling_a_scheduled_retry_restores_the_failed_job() {
        let failed = Job { state: JobState::Started { sequence: 4 }, due_at: None, ..posted() };
        assert_eq!(failed.cancelled(), None);
        let later = failed.requeued(3, Some(NOON));
        assert_eq!((later.due_at, later.requeued_after), (Some(NOON), 3));
        let left = later.cancelled().unwrap();
        assert_eq!((left.state, left.due_at, left.requeued_after), (failed.state, None, 0));
        assert_eq!(failed.requeued(3, None).due_at, None);
    }
}
