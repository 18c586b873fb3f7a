//! One company's events of a batch: the next one, and the reason why the rest stays in the queue.

use std::sync::Arc;

use hookrail_domain::delivery::QueuePosition;
use hookrail_domain::event::{Body, Event, Subject};
use hookrail_domain::id::{CompanyId, EventId, WebhookId};
use hookrail_domain::job::Parent;
use hookrail_domain::time::Millis;
use hookrail_domain::webhook::Webhook;
use hookrail_pipeline::batch::{Lost, Record};
use hookrail_wire::job_ref::JobRef;
use hookrail_wire::redaction::redact;
use hookrail_wire::{cot_event, platform_event};

use crate::cache::Cache;
use crate::scripted::Progress;

/// The reason why a company's run ended before its last event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Its webhooks could not be read.
    Fault,
    /// Its scripts could not be evaluated, by a fault of ours.
    Evaluation,
    /// A message could not be sent to the queue.
    Send,
    /// The invocation's time is up.
    Time,
}

/// The next step of a company.
#[derive(Debug)]
pub enum Step {
    Nothing,
    /// Send the event to the queue for each of its webhooks.
    Deliver(Box<Accepted>),
    /// The record is one job that is due.
    Put(Box<Due>),
    /// The record is not an event. It goes to the dead-letter queue and its company continues.
    Reject {
        record: Record,
        reason: &'static str,
    },
}

/// An event with its position in the ingest queue.
#[derive(Debug)]
pub struct Accepted {
    pub event: Event,
    pub position: QueuePosition,
    pub at: Millis,
    /// The records that its jobs are found by.
    pub parents: Vec<Parent>,
}

/// A due job, with its content and its position in the ingest queue.
#[derive(Debug)]
pub struct Due {
    pub company: CompanyId,
    pub address: JobRef,
    /// The id of the message, in the form of an event id.
    pub message: EventId,
    pub content: Body,
    pub position: QueuePosition,
    pub at: Millis,
}

/// The events of one company, in order.
#[derive(Debug)]
pub struct CompanyRun {
    /// None if the queue group is not a company's id: every record is rejected.
    company: Option<CompanyId>,
    records: Vec<Record>,
    finished: usize,
    webhooks: Arc<[Webhook]>,
    stop: Option<Stop>,
    /// The evaluation progress of the current event.
    progress: Option<(EventId, Progress)>,
    /// True if fields that no receiver should see are removed.
    redacts: bool,
}

impl CompanyRun {
    #[must_use]
    pub fn new(records: Vec<Record>, redacts: bool) -> Self {
        let company = records.first().and_then(|record| CompanyId::parse(&record.group).ok());
        Self { company, records, finished: 0, webhooks: Arc::new([]), stop: None, progress: None, redacts }
    }

    #[must_use]
    pub fn company(&self) -> Option<&CompanyId> {
        self.company.as_ref()
    }

    /// Leaves alone the records that another run may hold, and returns their ids.
    pub fn split_lost(&mut self, lost: &Lost) -> Vec<String> {
        lost.split_lost(&mut self.records, |record| record)
    }

    #[must_use]
    pub fn webhooks(&self) -> Arc<[Webhook]> {
        Arc::clone(&self.webhooks)
    }

    pub fn set_webhooks(&mut self, webhooks: Arc<[Webhook]>) {
        self.webhooks = webhooks;
    }

    pub fn stop_for_fault(&mut self) {
        self.stop.get_or_insert(Stop::Fault);
    }

    pub fn stop_for_evaluation(&mut self) {
        self.stop.get_or_insert(Stop::Evaluation);
    }

    pub fn stop_for_send(&mut self) {
        self.stop.get_or_insert(Stop::Send);
    }

    pub fn stop_for_time(&mut self) {
        if self.finished < self.records.len() {
            self.stop.get_or_insert(Stop::Time);
        }
    }

    #[must_use]
    pub fn stopped(&self) -> Option<Stop> {
        self.stop
    }

    /// Marks the current event as done: it is in the queue, or rejected, for good.
    pub fn finish_event(&mut self) {
        self.finished += 1;
        self.progress = None;
    }

    /// Returns the evaluation progress of this event, the current one, as this run or an earlier one left it.
    pub fn progress(&mut self, event: EventId, cache: &Cache) -> &mut Progress {
        if self.progress.as_ref().is_none_or(|(of, _)| *of != event) {
            self.progress = None;
        }
        let (_, progress) = self.progress.get_or_insert_with(|| (event, cache.take_progress(event)));
        progress
    }

    /// Records that these deliveries of the current event are in their queues.
    pub fn add_sent(&mut self, webhooks: &[WebhookId]) {
        if let Some((_, progress)) = &mut self.progress {
            progress.add_sent(webhooks.iter().copied());
        }
    }

    /// Keeps the evaluation progress of the current event for the next run that receives it.
    pub fn keep_progress(&mut self, cache: &Cache) {
        if let Some((event, progress)) = self.progress.take() {
            cache.keep_progress(event, progress);
        }
    }

    /// Returns the records that stay in the ingest queue, in order.
    pub fn unfinished(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().skip(self.finished)
    }

    /// Returns the step of the current event. The same until it is finished.
    #[must_use]
    pub fn next_step(&self) -> Step {
        let (None, Some(record)) = (self.stop, self.records.get(self.finished)) else { return Step::Nothing };
        if let Some(job) = &record.job {
            return match self.read_due(record, job) {
                Ok(due) => Step::Put(Box::new(due)),
                Err(reason) => Step::Reject { record: record.clone(), reason },
            };
        }
        match self.read(record).and_then(|event| Ok((parents_of(&event)?, event))) {
            Ok((parents, event)) => Step::Deliver(Box::new(Accepted {
                event,
                parents,
                position: record.position.clone(),
                at: record.sent_at,
            })),
            Err(reason) => Step::Reject { record: record.clone(), reason },
        }
    }

    fn read_due(&self, record: &Record, job: &str) -> Result<Due, &'static str> {
        Ok(Due {
            company: self.company.clone().ok_or("group_no_company")?,
            address: JobRef::decode(job).ok_or("bad_job")?,
            message: EventId::of_message(&record.message_id),
            content: Body::new(record.body.as_str()).map_err(|_too_large| "too_large")?,
            position: record.position.clone(),
            at: record.sent_at,
        })
    }

    fn read(&self, record: &Record) -> Result<Event, &'static str> {
        let company = self.company.as_ref().ok_or("group_no_company")?;
        let body = Body::new(record.body.as_str()).map_err(|_too_large| "too_large")?;
        let event = cot_event::parse(&body, EventId::of_message(&record.message_id), Some(company))
            .map_err(|invalid| invalid.code())?;
        // The queue's group is the authenticated company; a body must not name another one.
        if &event.company != company {
            return Err("company_mismatch");
        }
        let redacted = event.cot().map_or(&[][..], |(kind, _)| kind.redacted);
        if self.redacts && !redacted.is_empty() {
            let body = redact(&event.body, redacted).map_err(|_unreadable| "not_redacted")?;
            return Ok(Event { body, ..event });
        }
        Ok(event)
    }
}

fn parents_of(event: &Event) -> Result<Vec<Parent>, &'static str> {
    match &event.subject {
        Subject::Cot { .. } => Ok(Vec::new()),
        Subject::Platform(occurrence) => {
            platform_event::parents(&event.body, occurrence.kind).map_err(|invalid| invalid.code())
        }
    }
}
