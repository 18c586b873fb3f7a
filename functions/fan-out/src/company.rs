//! One company's events of a batch: which is next, and why the rest stays in the queue.

use std::sync::Arc;

use hookrail_adapters::records::{Lost, Record};
use hookrail_domain::delivery::QueuePosition;
use hookrail_domain::event::{Body, Event};
use hookrail_domain::id::{CompanyId, EventId};
use hookrail_domain::subscription::Subscription;
use hookrail_domain::time::Millis;
use hookrail_wire::cot_event;
use hookrail_wire::job_address::JobAddress;
use hookrail_wire::redaction::redact;

/// Why a company's run ended before its last event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Its webhooks could not be read.
    Fault,
    /// A message could not be put into the queue.
    Send,
    /// The invocation's time is up.
    Time,
}

/// What is to be done next for a company.
#[derive(Debug)]
pub enum Step {
    Nothing,
    /// The event is to be put into the queue for each of its webhooks.
    Deliver(Box<Accepted>),
    /// The record is one job that is due.
    Put(Box<Due>),
    /// The record is no event; it goes to the dead-letter queue and its company goes on.
    Reject {
        record: Record,
        reason: &'static str,
    },
}

/// An event with its place in the ingest queue.
#[derive(Debug)]
pub struct Accepted {
    pub event: Event,
    pub position: QueuePosition,
    pub at: Millis,
    /// How often the queue has handed it out.
    pub receive_count: u32,
}

/// A job that is due, with what it sends and its place in the ingest queue.
#[derive(Debug)]
pub struct Due {
    pub company: CompanyId,
    pub address: JobAddress,
    /// The message, as events are called by theirs.
    pub message: EventId,
    pub content: Body,
    pub position: QueuePosition,
    pub at: Millis,
}

/// The events of one company, in order.
#[derive(Debug)]
pub struct CompanyRun {
    /// None when the queue group is no company's id: every record is rejected.
    company: Option<CompanyId>,
    records: Vec<Record>,
    finished: usize,
    subscriptions: Arc<[Subscription]>,
    stop: Option<Stop>,
    /// Whether fields that no receiver should see are taken out.
    redacts: bool,
}

impl CompanyRun {
    #[must_use]
    pub fn new(records: Vec<Record>, redacts: bool) -> Self {
        let company = records.first().and_then(|record| CompanyId::parse(&record.group).ok());
        Self { company, records, finished: 0, subscriptions: Arc::new([]), stop: None, redacts }
    }

    #[must_use]
    pub fn company(&self) -> Option<&CompanyId> {
        self.company.as_ref()
    }

    /// Leaves alone what another run may hold, and returns its ids.
    pub fn cut_off(&mut self, lost: &Lost) -> Vec<String> {
        lost.cut_off(&mut self.records, |record| record)
    }

    #[must_use]
    pub fn subscriptions(&self) -> Arc<[Subscription]> {
        Arc::clone(&self.subscriptions)
    }

    pub fn set_subscriptions(&mut self, subscriptions: Arc<[Subscription]>) {
        self.subscriptions = subscriptions;
    }

    pub fn stop_for_fault(&mut self) {
        self.stop.get_or_insert(Stop::Fault);
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

    /// The current event is in the queue, or rejected, for good.
    pub fn finish_event(&mut self) {
        self.finished += 1;
    }

    /// What stays in the ingest queue, in order.
    pub fn unfinished(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().skip(self.finished)
    }

    /// The step of the current event. The same until it is finished.
    #[must_use]
    pub fn next_step(&self) -> Step {
        let (None, Some(record)) = (self.stop, self.records.get(self.finished)) else { return Step::Nothing };
        if let Some(job) = &record.job {
            return match self.read_due(record, job) {
                Ok(due) => Step::Put(Box::new(due)),
                Err(reason) => Step::Reject { record: record.clone(), reason },
            };
        }
        match self.read(record) {
            Ok(event) => Step::Deliver(Box::new(Accepted {
                event,
                position: record.position.clone(),
                at: record.sent_at,
                receive_count: record.receive_count,
            })),
            Err(reason) => Step::Reject { record: record.clone(), reason },
        }
    }

    fn read_due(&self, record: &Record, job: &str) -> Result<Due, &'static str> {
        Ok(Due {
            company: self.company.clone().ok_or("group_no_company")?,
            address: JobAddress::decode(job).ok_or("bad_job")?,
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
        // The queue's group is the authenticated company; a body may not speak for another one.
        if &event.company != company {
            return Err("company_mismatch");
        }
        let redacted = event.cot().map_or(&[][..], |(kind, _)| kind.redacted);
        if self.redacts && !redacted.is_empty() {
            return Ok(Event { body: redact(&event.body, redacted), ..event });
        }
        Ok(event)
    }
}
