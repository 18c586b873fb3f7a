//! The drain: sends the backlog, one event after another, as long as the endpoint responds and time is
//! left.

use hookrail_adapters::metrics::{self, Metric};
use hookrail_domain::attempt::{Attempt, ErrorClass, Outcome};
use hookrail_domain::backlog::HeadAttempt;
use hookrail_domain::delivery::{Delivery, Destination, Unsendable};
use hookrail_domain::drain::{DrainStep, Facts, Head, HeadStep};
use hookrail_domain::log_row::{LogRow, log_url};
use hookrail_domain::operational_event::OperationalEvent;
use hookrail_domain::progress::Progress;
use hookrail_domain::replay::Replay;
use hookrail_domain::suspension::{QueueState, Step};
use hookrail_domain::target::TargetUrl;
use hookrail_domain::webhook::Webhook;
use hookrail_pipeline::attempt::{NextAttempt, begin_job, fits, log_attempt, send};
use hookrail_pipeline::clock::Clock as _;
use hookrail_pipeline::fault::Fault;
use hookrail_pipeline::operational_events;
use hookrail_pipeline::ports::Ports;
use hookrail_pipeline::store::{
    Change, LogStore as _, Recorded, Replacement, StoreError, WebhookKey, WebhookSnapshot,
};

use crate::page::{LoggedEvent, Page};
use crate::wake_up::{postponed, publish_pending, read, until};
use crate::{App, Invocation, Verdict};

/// The result of sending one event.
enum Sent {
    /// The queue as it is now.
    GoOn(Box<QueueState>),
    /// Another run changed it: nothing was written.
    Lost,
}

/// A queue that this run has the lease of.
pub(crate) struct Drain<'a, P: Ports> {
    app: &'a App<P>,
    key: &'a WebhookKey,
    invocation: &'a Invocation,
    snapshot: WebhookSnapshot,
    page: Page,
}

/// Returns the facts that decide the next step of this run.
pub(crate) fn facts<'a, P: Ports>(
    app: &App<P>,
    snapshot: &'a WebhookSnapshot,
    invocation: &'a Invocation,
) -> Facts<'a> {
    let WebhookSnapshot { webhook, state, .. } = snapshot;
    Facts { webhook: webhook.as_ref(), state, run: &invocation.run, now: app.clock.now() }
}

impl<'a, P: Ports> Drain<'a, P> {
    pub(crate) fn new(
        app: &'a App<P>,
        key: &'a WebhookKey,
        snapshot: WebhookSnapshot,
        invocation: &'a Invocation,
    ) -> Self {
        Self { app, key, invocation, snapshot, page: Page::default() }
    }

    /// Sends until the webhook is active, must wait, or time is up.
    pub(crate) async fn run(mut self) -> Result<Verdict, Fault> {
        loop {
            let facts = facts(self.app, &self.snapshot, self.invocation);
            let now = facts.now;
            let sent = match facts.next_step(self.has_time()) {
                DrainStep::Leave => return Ok(Verdict::Ack),
                DrainStep::Deactivate { webhook, state } => {
                    return self.deactivate_gone(*webhook, *state).await;
                }
                DrainStep::ProbeAgain(to) => {
                    self.change(&to).await?;
                    return Ok(Verdict::Hold { seconds: 0 });
                }
                DrainStep::Postpone => return Ok(postponed(self.app, self.key, &self.snapshot, now).await),
                DrainStep::Release { until: at } => {
                    // Lost or not, the lease is no longer this run's.
                    if let Some(released) = self.snapshot.state.postponed(at) {
                        self.change(&released).await?;
                    }
                    return Ok(until(at, now));
                }
                DrainStep::Close(active) => match self.change(&active).await? {
                    Change::Done => {
                        tracing::info!(webhook.id = %self.key.webhook, "a webhook is active again");
                        return Ok(Verdict::Ack);
                    }
                    // More was parked in the meantime.
                    Change::Lost => Sent::Lost,
                },
                DrainStep::Replay(replay) => self.replay_next(&replay).await?,
                DrainStep::Send(sequence) => self.send_head(sequence).await?,
            };
            match sent {
                Sent::GoOn(state) => {
                    let snapshot = WebhookSnapshot { state: *state, ..self.snapshot };
                    self.snapshot = publish_pending(self.app, self.key, snapshot).await;
                }
                Sent::Lost => {
                    self.page.forget();
                    self.snapshot = read(self.app, self.key).await?;
                }
            }
        }
    }

    fn has_time(&self) -> bool {
        fits(self.invocation, self.app.clock.now(), self.app.config.policy.timeout_seconds)
    }

    async fn change(&self, to: &QueueState) -> Result<Change, Fault> {
        let changed = self.app.store.change_state(self.key, &self.snapshot.state, to).await;
        changed.map_err(Fault::of("a webhook's queue could not be written"))
    }

    /// Continues with the queue as `to`, without a row.
    async fn go_on(&self, to: QueueState) -> Result<Sent, Fault> {
        Ok(match self.change(&to).await? {
            Change::Done => Sent::GoOn(Box::new(to)),
            Change::Lost => Sent::Lost,
        })
    }

    /// Sends the head of the backlog, or ends it without sending it.
    async fn send_head(&mut self, sequence: u64) -> Result<Sent, Fault> {
        let parked = self.page.find(&self.app.store, self.key, sequence).await.map_err(fault)?;
        let parked = parked.ok_or(Fault::lasting("a parked event has no row"))?;
        let head = Head { parked_at: parked.first.attempt.started_at, is_final: parked.is_final };
        let facts = facts(self.app, &self.snapshot, self.invocation);
        match facts.head_step(head) {
            None => Ok(Sent::Lost),
            Some(HeadStep::Skip(to)) => self.go_on(to).await,
            Some(HeadStep::End { outcome, state }) => {
                let number = parked.next_number();
                let attempt = Attempt { number, started_at: facts.now, duration_ms: 0, outcome };
                let step = Step { progress: Progress::Ended, is_given_up: false, state };
                let url = parked.first.url.clone();
                self.record(&parked, attempt, step, url).await
            }
            Some(HeadStep::Attempt) => {
                let state = self.snapshot.state.clone();
                self.attempt(&parked, &state).await
            }
        }
    }

    /// Finds the next event of a replay, and sends it. Its rows may have expired, and the replay may not
    /// include all.
    async fn replay_next(&mut self, replay: &Replay) -> Result<Sent, Fault> {
        let mut sequence = replay.next;
        loop {
            let found = self.page.find_from(&self.app.store, self.key, sequence).await.map_err(fault)?;
            let found = found.filter(|found| found.sequence() <= replay.range.last);
            let is_late = !self.has_time();
            let Some(found) = found.filter(|_| !is_late) else {
                // All events were looked at, or as many as there was time for.
                let next = if is_late { sequence } else { replay.range.last + 1 };
                return self.go_on(self.snapshot.state.replay_at(next)).await;
            };
            sequence = found.sequence();
            // The row that held its body may have expired before the others.
            if replay.range.wants(&found.newest) && found.first.body.is_some() {
                let state = self.snapshot.state.replay_at(sequence);
                return self.attempt(&found, &state).await;
            }
            sequence += 1;
        }
    }

    /// Makes an attempt at the head of `state` and records it with the queue after it.
    async fn attempt(&mut self, event: &LoggedEvent, state: &QueueState) -> Result<Sent, Fault> {
        let (app, snapshot) = (self.app, &self.snapshot);
        let webhook = snapshot.webhook.as_ref();
        let number = event.next_number();
        let delivery = delivery_of(&event.first, webhook).ok_or(Fault::lasting("an event has no body"))?;
        let delivery = begin_job(&app.store, webhook, &delivery, number.sequence).await.map_err(fault)?;
        let (retry, suspension) = (app.config.policy, app.config.suspension.of(webhook));
        let next = NextAttempt { delivery: &delivery, number, timeout_seconds: retry.timeout_seconds };
        let attempt = send(&app.sender, &app.clock, snapshot, next).await?;
        metrics::record(Metric::Attempts, 1);
        let after = state.after_attempt(HeadAttempt {
            outcome: &attempt.outcome,
            version: webhook.map_or(0, |webhook| webhook.version),
            retry,
            suspension,
            ended_at: app.clock.now(),
        });
        let Some(step) = after else { return Ok(Sent::Lost) };
        log_attempt(&delivery, &attempt, step.progress);
        let exhausted = step.is_given_up.then(|| OperationalEvent::Exhausted {
            delivery: delivery.id,
            number,
            at: attempt.started_at,
            status: attempt.outcome.status(),
        });
        let url = log_url(webhook, &delivery.destination);
        let sent = self.record(event, attempt, step, url).await?;
        if let (Sent::GoOn(_), Some(event), Some(webhook)) = (&sent, exhausted, &self.snapshot.webhook) {
            metrics::record(Metric::DeliveriesExhausted, 1);
            operational_events::publish(&app.queue, &app.config.operational_events, webhook, &event).await;
        }
        Ok(sent)
    }

    /// Deactivates a webhook whose endpoint responded 410 Gone.
    async fn deactivate_gone(self, webhook: Webhook, to: QueueState) -> Result<Verdict, Fault> {
        let Self { app, key, snapshot, .. } = self;
        let replaced = app.store.replace_with_state((&webhook).into(), &snapshot.state, &to).await;
        match replaced.map_err(Fault::of("a webhook could not be deactivated"))? {
            Replacement::Done => {
                tracing::warn!(webhook.id = %key.webhook, "a webhook's endpoint is gone; it is deactivated");
                let snapshot = WebhookSnapshot { state: to, webhook: Some(webhook), ..snapshot };
                publish_pending(app, key, snapshot).await;
                Ok(Verdict::Ack)
            }
            Replacement::Lost => Ok(Verdict::Hold { seconds: 0 }),
        }
    }

    /// Writes the row of an attempt and the queue after it, both or neither.
    async fn record(
        &mut self,
        event: &LoggedEvent,
        attempt: Attempt,
        step: Step,
        url: String,
    ) -> Result<Sent, Fault> {
        let WebhookSnapshot { webhook, state, .. } = &self.snapshot;
        let row = LogRow {
            attempt,
            progress: step.progress,
            given_up: 0,
            url,
            version: webhook.as_ref().map_or(0, |webhook| webhook.version),
            is_replay: state.is_replaying(),
            run: self.invocation.run.clone(),
            body: None,
            ..event.first.clone()
        };
        match self.app.store.advance(&row, state, &step.state).await.map_err(fault)? {
            Change::Done => {
                self.page.see(&row);
                Ok(Sent::GoOn(Box::new(step.state)))
            }
            Change::Lost => self.record_late(row).await,
        }
    }

    /// Writes the row of a request that was open while its queue changed: a webhook was deactivated, a
    /// replay cancelled.
    ///
    /// The run that continues with the queue finds an accepted event as accepted, and tries any other
    /// again.
    async fn record_late(&self, row: LogRow) -> Result<Sent, Fault> {
        let has_ended = row.is_replay || row.attempt.outcome.is_success();
        let progress = if has_ended { Progress::Ended } else { Progress::Parked };
        if !matches!(row.attempt.outcome, Outcome::Unsent { .. }) {
            match self.app.store.put_row(&LogRow { progress, ..row }).await.map_err(fault)? {
                Recorded::Mine | Recorded::Another => {}
            }
        }
        Ok(Sent::Lost)
    }
}

fn fault(error: StoreError) -> Fault {
    Fault::of("a table did not respond")(error)
}

/// Returns the delivery of a parked row.
fn delivery_of(first: &LogRow, webhook: Option<&Webhook>) -> Option<Delivery> {
    Some(Delivery {
        id: first.delivery,
        event: first.event,
        company: first.company.clone(),
        webhook: first.webhook,
        accepted: first.accepted.clone(),
        // The row does not have this time; no later than it was parked.
        accepted_at: first.attempt.started_at,
        destination: destination_of(first, webhook),
        body: first.body.clone()?,
    })
}

/// Returns the destination of an event that has a row: fan-out made its URL, if its webhook has a
/// template.
fn destination_of(first: &LogRow, webhook: Option<&Webhook>) -> Destination {
    if webhook.is_none_or(|webhook| webhook.platform().is_none()) {
        return Destination::Webhook;
    }
    TargetUrl::parse_unchecked(&first.url).map_or_else(
        |_none| {
            let reason = "the filter or the URL failed for this event, as its first row says".to_owned();
            Destination::Nowhere(Unsendable { class: ErrorClass::Template, reason })
        },
        Destination::Resolved,
    )
}
