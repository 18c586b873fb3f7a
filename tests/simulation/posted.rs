//! Webhook jobs that people post: written to the table, and queued by the API, or by the sweep if it is late.

use std::sync::Arc;

use futures_util::FutureExt as _;
use hookrail_domain::event::Body;
use hookrail_domain::id::{DeliveryId, EventId};
use hookrail_domain::job::{Job, JobState};
use hookrail_domain::platform::EventType;
use hookrail_domain::platform::webhook::WebhookScope;
use hookrail_domain::target::TargetUrl;
use hookrail_domain::time::Millis;
use hookrail_pipeline::jobs::JobQueues;
use hookrail_pipeline::queue::{HoldResult, Outgoing, Queue, QueueError, SendResult};
use hookrail_pipeline::queue_commands::QueueCommands;
use hookrail_pipeline::store::WebhookKey;
use hookrail_pipeline::store::jobs::JobStore as _;
use hookrail_testkit::model_queue::ModelQueue;
use hookrail_wire::job_ref::{JOB_ATTRIBUTE, JobRef};

use crate::deployment::{self, EVENTS, RECOVERY};
use crate::history::{EventFact, Recipients};
use crate::rng::Rng;
use crate::setup::{Action, Kind, Setup, Step, Webhook};
use crate::time::Time;
use crate::world::{State, World, url};

/// A job without a message in the ingest queue so far.
#[derive(Debug)]
pub(crate) struct Posted {
    webhook: usize,
    event: EventId,
    body: Arc<str>,
}

impl Setup {
    /// Returns whether people post jobs in this schedule, in addition to those of events.
    pub(crate) fn has_posted_jobs(seed: u64) -> bool {
        seed / 2 % 10 == 5
    }
}

/// Returns the script with jobs posted between its steps. Drawn apart, so that everything else stays the same
/// without them.
pub(crate) fn among(seed: u64, webhooks: &[Webhook], mut script: Vec<Step>) -> Vec<Step> {
    let on_users: Vec<_> = (0..webhooks.len()).filter(|one| webhooks[*one].trigger == Kind::User).collect();
    if !Setup::has_posted_jobs(seed) || on_users.is_empty() {
        return script;
    }
    let mut rng = Rng::new(seed ^ 0x0b5);
    for _ in 0..rng.between(1..=12) {
        let webhook = rng.pick(&on_users);
        let later_ms = rng.pick(&[0, 0, 1, 30_000, 90_000, 600_000]);
        let action = Action::Post { webhook, later_ms, is_left: rng.chance(3_000) };
        script.insert(rng.index(script.len() + 1), Step { after_ms: 0, action });
    }
    script
}

/// Makes a call of the API. `is_left` if it ends before the job is queued.
pub(crate) fn post(world: &World, webhook: usize, (later_ms, is_left): (u64, bool)) {
    let now = Millis(world.time.now());
    let (queue_state, number, version) = {
        let state = world.state();
        let fact = &state.history.webhooks[webhook];
        if !fact.versions.last().is_some_and(|version| version.is_active) {
            return;
        }
        (fact.key.clone(), state.history.actions.len(), fact.versions.len() as u64 - 1)
    };
    let event = EventId::of_message(&format!("posted {number}"));
    let scheduled_at = Millis(now.0 + later_ms);
    let job = job(&queue_state, event, (now, scheduled_at), &url(webhook, version));
    let content = format!(r#"{{"event":{{"type":"User","action":"Updated"}},"note":"posted {number}"}}"#);
    let body = Body::new(content.as_str()).unwrap();
    world
        .tables
        .put_content(&queue_state, job.delivery, &body, scheduled_at)
        .now_or_never()
        .unwrap()
        .unwrap();
    world.tables.put_job(&job).now_or_never().unwrap().unwrap();
    let posted = Posted { webhook, event, body: content.into() };
    world.state().history.posted.insert(job.delivery, posted);
    if later_ms == 0 && !is_left {
        let queue = Noting { world, port: ModelQueue::new(Arc::clone(&world.queues), world.time.clone()) };
        let (events, recovery) = ([deployment::url(EVENTS)], deployment::url(RECOVERY));
        let commands = QueueCommands {
            store: &world.tables,
            queue: &queue,
            recovery_queue_url: &recovery,
            suspension: world.setup.suspension,
        };
        let queues = JobQueues { commands, events_queue_urls: &events };
        queues.enqueue(&job, now).now_or_never().unwrap().unwrap();
    }
}

fn job(key: &WebhookKey, event: EventId, (now, scheduled_at): (Millis, Millis), url: &str) -> Job {
    Job {
        company: key.company.clone(),
        webhook: key.webhook,
        delivery: DeliveryId::of(event, key.webhook),
        event,
        name: "posted".to_owned(),
        scope: WebhookScope::Space,
        kind: EventType::User,
        action: "Updated",
        parents: Vec::new(),
        created_at: now,
        created_by: Some("ana".to_owned()),
        scheduled_at,
        due_at: Some(scheduled_at),
        taken: None,
        url: Some(TargetUrl::parse_unchecked(url).unwrap()),
        is_corrected: false,
        state: JobState::Queued { sequence: None },
        requeued_after: 0,
        is_deleted: false,
        version: 0,
    }
}

/// The queues as a call of the API uses them, without faults.
struct Noting<'a> {
    world: &'a World,
    port: ModelQueue<Time>,
}

impl Queue for Noting<'_> {
    async fn send(&self, queue_url: &str, messages: &[Outgoing]) -> Result<Vec<SendResult>, QueueError> {
        let answers = self.port.send(queue_url, messages).await?;
        self.world.accept_posted(messages, &answers);
        Ok(answers)
    }

    async fn hold(&self, queue_url: &str, holds: &[(String, u64)]) -> Result<Vec<HoldResult>, QueueError> {
        self.port.hold(queue_url, holds).await
    }

    async fn delete(&self, queue_url: &str, handles: &[String]) -> Result<(), QueueError> {
        self.port.delete(queue_url, handles).await
    }

    async fn length(&self, queue_url: &str) -> Result<u64, QueueError> {
        self.port.length(queue_url).await
    }
}

impl World {
    /// Records sent messages: the first one of a job gives the job its turn, as pushing does for an event.
    pub(crate) fn accept_posted(&self, messages: &[Outgoing], answers: &[SendResult]) {
        let now = self.time.now();
        for (message, answer) in messages.iter().zip(answers) {
            let address = message.attributes.iter().find(|(name, _)| *name == JOB_ATTRIBUTE);
            let address = address.and_then(|(_, address)| JobRef::decode(address));
            let (Some(address), true) = (address, answer.is_sent()) else { continue };
            let mut state = self.state();
            let State { history, .. } = &mut *state;
            let Some(Posted { webhook, event: id, body }) = history.posted.remove(&address.delivery) else {
                continue;
            };
            let event = history.events.len();
            let owed = Recipients { event, webhook, queued_at: None, is_posted: true };
            history.owed.insert(address.delivery, owed);
            let company = history.webhooks[webhook].company;
            history.accept(EventFact {
                company,
                kind: Some(Kind::User),
                at: now,
                order: history.actions.len(),
                id,
                body,
                deduplication_id: message.deduplication_id.as_str().into(),
            });
        }
    }

    /// Returns whether the schedule has anything to do: a backlog, or jobs that wait for their time.
    pub(crate) fn waits_for_schedule(&self) -> bool {
        self.has_backlog() || self.tables.has_due_jobs()
    }
}
