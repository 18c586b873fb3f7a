//! A webhook job: one event owed to one webhook on the platform's records, as its owner follows and steers it.
//!
//! What was sent and what came back is in the rows of the webhook's log. A job says what no row can: that it waits for
//! its first attempt, or was cancelled before it, and where a person has sent it instead.

use crate::attempt::{ErrorClass, Outcome};
use crate::id::{CompanyId, DeliveryId, EventId, SubscriptionId};
use crate::line::Progress;
use crate::log_row::LogRow;
use crate::platform::EventType;
use crate::platform::webhook::WebhookScope;
use crate::target::TargetUrl;
use crate::time::Millis;

/// A job as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub company: CompanyId,
    pub subscription: SubscriptionId,
    pub delivery: DeliveryId,
    pub event: EventId,
    /// What the webhook was called.
    pub name: String,
    pub scope: WebhookScope,
    pub kind: EventType,
    /// One of the kind's events.
    pub action: &'static str,
    /// The records it is found by, the one that it is about first.
    pub parents: Vec<Parent>,
    pub scheduled_at: Millis,
    /// Where it goes; none if filter or template failed.
    pub url: Option<TargetUrl>,
    /// Whether a person gave that URL.
    pub is_corrected: bool,
    pub state: JobState,
    /// Attempts that were made when a person queued it again; 0 if nobody did.
    pub requeued_after: u32,
    /// No longer listed, and not to be found.
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

/// How far a job has come, as far as its rows do not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Nothing was sent. It has a place in its webhook's line once it is set aside there.
    Queued { sequence: Option<u64> },
    /// An attempt was made at this place in the line, or is being made.
    Started { sequence: u64 },
    /// Before its first attempt: nothing is ever sent.
    Cancelled,
}

/// Where a job is found: the list of a company is sorted by this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobPlace {
    pub scheduled_at: Millis,
    pub delivery: DeliveryId,
    pub subscription: SubscriptionId,
}

/// What people are shown.
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

    /// The status of this name, in any case of letters.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name().eq_ignore_ascii_case(name))
    }
}

impl Job {
    #[must_use]
    pub fn place(&self) -> JobPlace {
        JobPlace { scheduled_at: self.scheduled_at, delivery: self.delivery, subscription: self.subscription }
    }

    /// Its status, by the newest row of its event.
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

    /// Its place in its webhook's line, if it has one.
    #[must_use]
    pub fn sequence(&self) -> Option<u64> {
        match self.state {
            JobState::Queued { sequence } => sequence,
            JobState::Started { sequence } => Some(sequence),
            JobState::Cancelled => None,
        }
    }

    /// When its next attempt is due, or when it was.
    #[must_use]
    pub fn due_at(&self, newest: Option<&LogRow>) -> Millis {
        match newest.map(|row| row.progress) {
            Some(Progress::Waiting { until }) => until,
            Some(Progress::Ended | Progress::Parked) | None => self.scheduled_at,
        }
    }

    /// The job after a person has cancelled it; none once it has begun.
    #[must_use]
    pub fn cancelled(&self) -> Option<Self> {
        matches!(self.state, JobState::Queued { .. }).then(|| Self {
            state: JobState::Cancelled,
            version: self.version + 1,
            ..self.clone()
        })
    }

    /// The job with a URL that a person gave.
    #[must_use]
    pub fn corrected(&self, url: TargetUrl) -> Self {
        Self { url: Some(url), is_corrected: true, version: self.version + 1, ..self.clone() }
    }

    /// The job when nobody wants to see it any more.
    #[must_use]
    pub fn deleted(&self) -> Self {
        Self { is_deleted: true, version: self.version + 1, ..self.clone() }
    }

    /// The job after a person has queued it again, when so many attempts were made.
    #[must_use]
    pub fn requeued(&self, attempts: u32) -> Self {
        Self { requeued_after: attempts, version: self.version + 1, ..self.clone() }
    }
}

/// Whether a person has said that it is not to be sent.
fn is_called_off(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unsent { error: ErrorClass::Skipped | ErrorClass::Cancelled, .. })
}
