//! The rounds of one invocation: the order of companies, and the result of each event.

use std::collections::BTreeSet;

use hookrail_adapters::scripts::Scripts;
use hookrail_domain::fan_out::fan_out;
use hookrail_domain::id::WebhookId;
use hookrail_domain::time::Millis;
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::fault::ErrorChain;
use hookrail_pipeline::queue::Queue;
use hookrail_pipeline::store::ConfigStore;
use hookrail_pipeline::store::jobs::JobStore;

use crate::company::{Accepted, CompanyRun, Due, Step};
use crate::jobs::{self, Taken};
use crate::outbox::{Outbox, Unsent};
use crate::scripted::{Evaluation, Recipients, Turn};
use crate::{App, EVENT_MS_MIN, SCRIPTED_EVENT_MS_MIN};

/// One invocation, until its deadline.
#[derive(Debug)]
pub(crate) struct Invocation<'a, S, Q, E, C> {
    app: &'a App<S, Q, E, C>,
    deadline: Millis,
    has_asked: bool,
}

/// The messages of a company's current event or job in the outbox.
struct Begun {
    company: usize,
    webhooks: Vec<WebhookId>,
    /// True if the event or job is complete once they are sent.
    is_complete: bool,
}

impl<'a, S: ConfigStore + JobStore, Q: Queue, E: Scripts, C: Clock> Invocation<'a, S, Q, E, C> {
    pub(crate) fn new(app: &'a App<S, Q, E, C>, deadline: Millis) -> Self {
        Self { app, deadline, has_asked: false }
    }

    /// Handles as many events as there is time for. An event without scripts waits for none: scripts have a
    /// turn of a few seconds, after which everything else comes first.
    pub(crate) async fn run(&mut self, companies: &mut [CompanyRun]) {
        loop {
            while self.plain_round(companies).await {}
            if !self.scripted_turn(companies).await {
                return;
            }
        }
    }

    fn evaluation(&self) -> Evaluation<'a, E, C> {
        let App { scripts, clock, cache, config, .. } = self.app;
        Evaluation { scripts, workflow: config.workflow.as_ref(), clock, cache }
    }

    fn left_ms(&self) -> u64 {
        self.deadline.since(self.app.clock.now())
    }

    /// Handles one event of every company whose next event needs no script. Returns whether there was any.
    ///
    /// Within a round every message is of another group, so the round's messages can share batches.
    /// The next event of a company begins only after all messages of the one before are in the queue.
    async fn plain_round(&self, companies: &mut [CompanyRun]) -> bool {
        let mut outbox = Outbox::new(&self.app.config);
        let mut begun = Vec::new();
        for (index, run) in companies.iter_mut().enumerate() {
            // Checked for each one: the one before may have taken long.
            if self.left_ms() < EVENT_MS_MIN {
                run.stop_for_time();
            }
            let whole = Begun { company: index, webhooks: Vec::new(), is_complete: true };
            match run.next_step() {
                Step::Nothing => {}
                Step::Deliver(accepted) => {
                    let (evaluation, webhooks) = (self.evaluation(), run.webhooks());
                    let progress = run.progress(accepted.event.id, &self.app.cache);
                    if evaluation.has_questions(&accepted.event, &webhooks, progress) {
                        continue;
                    }
                    let owed = evaluation.owed(&accepted.event, &webhooks, progress);
                    begun.extend(self.deliver((index, run), &accepted, owed, &mut outbox).await);
                }
                Step::Put(due) => {
                    if self.put((index, run), &due, &mut outbox).await {
                        begun.push(whole);
                    }
                }
                Step::Reject { record, reason } => {
                    outbox.reject(index, &record, reason);
                    begun.push(whole);
                }
            }
        }
        self.settle(companies, &begun, outbox).await;
        !begun.is_empty()
    }

    /// Runs a turn of the company whose current event has had the least time for its scripts. Returns whether
    /// there was any.
    async fn scripted_turn(&mut self, companies: &mut [CompanyRun]) -> bool {
        let next = companies.iter_mut().enumerate().filter_map(|(index, run)| match run.next_step() {
            Step::Deliver(accepted) => {
                Some((run.progress(accepted.event.id, &self.app.cache).spent_ms(), index, accepted))
            }
            Step::Nothing | Step::Put(_) | Step::Reject { .. } => None,
        });
        let Some((_, index, accepted)) = next.min_by_key(|(spent_ms, index, _)| (*spent_ms, *index)) else {
            return false;
        };
        let Some(run) = companies.get_mut(index) else { return false };
        // The first one of an invocation begins with any time that is left. Otherwise it might never begin.
        if self.has_asked && self.left_ms() < SCRIPTED_EVENT_MS_MIN {
            run.stop_for_time();
            return true;
        }
        self.has_asked = true;
        let (evaluation, webhooks) = (self.evaluation(), run.webhooks());
        let progress = run.progress(accepted.event.id, &self.app.cache);
        let turn = evaluation.ask(&accepted.event, &webhooks, progress).await;
        let owed = evaluation.owed(&accepted.event, &webhooks, progress);
        let mut outbox = Outbox::new(&self.app.config);
        let begun = self.deliver((index, run), &accepted, owed, &mut outbox).await;
        if turn == Turn::Failed {
            run.stop_for_evaluation();
        }
        self.settle(companies, begun.as_slice(), outbox).await;
        true
    }

    /// Adds the deliveries of an event to the outbox. None after a fault of ours.
    async fn deliver(
        &self,
        (index, run): (usize, &mut CompanyRun),
        accepted: &Accepted,
        owed: Recipients,
        outbox: &mut Outbox<'_>,
    ) -> Option<Begun> {
        let webhooks = owed.to.iter().map(|(webhook, _)| *webhook).collect();
        let deliveries = fan_out(&accepted.event, owed.to, &accepted.position, accepted.at);
        // Before their messages: nothing is sent without a job by which it can be cancelled.
        if let Err(error) = jobs::put(&self.app.store, accepted, &run.webhooks(), &deliveries).await {
            tracing::warn!(error = %ErrorChain(&error), "a job could not be written");
            run.stop_for_fault();
            return None;
        }
        deliveries.into_iter().for_each(|delivery| outbox.deliver(index, delivery));
        Some(Begun { company: index, webhooks, is_complete: owed.is_complete })
    }

    /// Adds a due job to the outbox, unless it is no longer to be sent. Returns whether its message is done.
    async fn put(&self, (index, run): (usize, &mut CompanyRun), due: &Due, outbox: &mut Outbox<'_>) -> bool {
        match jobs::take(&self.app.store, due).await {
            Ok(Taken::Send(delivery)) => {
                outbox.deliver(index, *delivery);
                true
            }
            Ok(Taken::Nothing) => true,
            Ok(Taken::Busy) => {
                run.stop_for_fault();
                false
            }
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "a job that is due could not be taken");
                run.stop_for_fault();
                false
            }
        }
    }

    /// Sends the outbox, and advances its companies.
    async fn settle(&self, companies: &mut [CompanyRun], begun: &[Begun], outbox: Outbox<'_>) {
        let mut unsent = outbox.send(&self.app.queue, &self.app.clock, self.deadline).await;
        unsent.failed.extend(self.reject_refused(companies, &unsent).await);
        for Begun { company, webhooks, is_complete } in begun {
            let Some(run) = companies.get_mut(*company) else { continue };
            if unsent.failed.contains(company) {
                run.stop_for_send();
            } else if *is_complete || unsent.refused.contains(company) {
                run.finish_event();
            } else {
                run.add_sent(webhooks);
            }
        }
    }

    /// Rejects events of which the queue refuses a delivery and its replacement, so that their companies
    /// continue.
    /// Returns the companies whose events could not be rejected.
    async fn reject_refused(&self, companies: &[CompanyRun], unsent: &Unsent) -> BTreeSet<usize> {
        let mut outbox = Outbox::new(&self.app.config);
        for index in &unsent.refused {
            if let Some(record) = companies.get(*index).and_then(|run| run.unfinished().next()) {
                outbox.reject(*index, record, "refused");
            }
        }
        let unsent = outbox.send(&self.app.queue, &self.app.clock, self.deadline).await;
        unsent.failed.into_iter().chain(unsent.refused).collect()
    }
}
