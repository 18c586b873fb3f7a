//! Jobs whose time has come, and failed ones that are sent again at a later time.

use std::collections::HashMap;

use aws_lambda_events::sqs::SqsMessageAttribute;
use hookrail_domain::backlog::Mode;
use hookrail_domain::event::Body;
use hookrail_domain::id::{CompanyId, DeliveryId, EventId};
use hookrail_domain::job::{Job, JobState};
use hookrail_domain::progress::Progress;
use hookrail_domain::replay::ReplayRange;
use hookrail_domain::time::Millis;
use hookrail_domain::token::Owner;
use hookrail_pipeline::jobs::BUSY_SECONDS;
use hookrail_pipeline::store::jobs::JobStore as _;
use hookrail_pipeline::store::rejected::RejectedStore as _;
use hookrail_pipeline::store::{Change, LogStore as _, WebhookKey};
use hookrail_recover::rejected::GIVEN_BACK_SECONDS;
use hookrail_recover::sweep;
use hookrail_testkit::contract::jobs::job;
use hookrail_testkit::script::answer;
use hookrail_wire::job_ref::{JOB_ATTRIBUTE, JobRef};

use crate::{COMPANY, DEAD_EVENTS, NOW, World, key, row};

const EVENTS: &str = "http://queues/0/events.fifo";

impl World {
    /// Makes a world without a backlog, with an ingest queue.
    pub(crate) async fn with_jobs() -> Self {
        let mut world = Self::new(Mode::Lagging, 0, []).await;
        world.app.config.operational_events.events_queue_urls = vec![EVENTS.to_owned()];
        world
    }

    pub(crate) async fn post(&self, company: &str, number: u16, after_seconds: u64) -> Job {
        let at = NOW.plus_seconds(after_seconds);
        let mut bytes = [0; 12];
        bytes[10..].copy_from_slice(&number.to_be_bytes());
        let delivery = DeliveryId::from_bytes(bytes);
        let job = Job { due_at: Some(at), delivery, ..job(company, 1, at.0) };
        let content = Body::new(format!("{{\"job\":{number}}}")).unwrap();
        let key = WebhookKey::of_job(&job);
        self.app.store.put_content(&key, delivery, &content, at).await.unwrap();
        self.app.store.put_job(&job).await.unwrap();
        job
    }

    pub(crate) async fn sweep(&self) {
        sweep::run(&self.app, &self.invocation("s")).await;
    }

    /// Returns the messages that were put into the ingest queue, in order.
    pub(crate) fn enqueue(&self) -> Vec<(JobRef, String, String)> {
        let sent = self.app.queue.sent().into_iter().filter(|(url, _)| url == EVENTS);
        sent.map(|(_, message)| {
            let [(JOB_ATTRIBUTE, address)] = message.attributes.as_slice() else { panic!("{message:?}") };
            let address = JobRef::decode(address).unwrap();
            assert_eq!(message.deduplication_id, address.deduplication_id());
            (address, message.group, message.body)
        })
        .collect()
    }

    async fn stored(&self, job: &Job) -> Job {
        self.app.store.find_job(&WebhookKey::of_job(job), job.delivery).await.unwrap().unwrap()
    }
}

fn bodies(put: &[(JobRef, String, String)]) -> Vec<&str> {
    put.iter().map(|(.., body)| body.as_str()).collect()
}

#[tokio::test]
async fn due_jobs_are_queued_oldest_first() {
    let world = World::with_jobs().await;
    let late = world.post("acme", 1, 20).await;
    let early = world.post("acme", 2, 10).await;
    let cancelled = world.post("acme", 3, 10).await;
    let change = cancelled.cancelled().unwrap();
    assert_eq!(world.app.store.change_job(&change).await.unwrap(), Change::Done);
    world.sweep().await;
    assert!(world.enqueue().is_empty(), "no time has come");
    world.app.clock.advance_ms(20_000);
    world.sweep().await;
    let put = world.enqueue();
    assert_eq!(bodies(&put), ["{\"job\":2}", "{\"job\":1}"]);
    assert_eq!((put[0].0, put[0].1.as_str()), (JobRef::of(&early), "acme"));
    assert_eq!(world.stored(&late).await.due_at, None);
    world.sweep().await;
    assert_eq!(world.enqueue().len(), 2, "each once");
}

#[tokio::test]
async fn an_unsent_job_is_not_overtaken_by_the_next_of_its_company() {
    let world = World::with_jobs().await;
    world.post("acme", 1, 0).await;
    world.post("acme", 2, 1).await;
    world.app.clock.advance_ms(1_000);
    world.app.queue.fail_sends_after(0);
    world.sweep().await;
    world.app.queue.heal();
    assert!(world.enqueue().is_empty());
    world.sweep().await;
    assert_eq!(bodies(&world.enqueue()), ["{\"job\":1}", "{\"job\":2}"]);
}

#[tokio::test]
async fn a_job_without_content_blocks_no_other_job() {
    let world = World::with_jobs().await;
    let empty = Job { due_at: Some(NOW), ..job("acme", 9, NOW.0) };
    world.app.store.put_job(&empty).await.unwrap();
    world.post("acme", 2, 0).await;
    world.sweep().await;
    assert_eq!(bodies(&world.enqueue()), ["{\"job\":2}"]);
    assert!(world.stored(&empty).await.due_at.is_some(), "it stays due and is logged again");
}

/// Makes a job of the world's webhook that has failed once, to be sent again at this time.
async fn to_be_sent_again(world: &World, at: Millis) -> Job {
    let mut failed = row(1, 1, Progress::Ended);
    failed.attempt.outcome = answer(500);
    world.app.store.put_row(&failed).await.unwrap();
    let job = Job {
        company: CompanyId::parse(COMPANY).unwrap(),
        webhook: key().webhook,
        delivery: failed.delivery,
        state: JobState::Started { sequence: 1 },
        ..job(COMPANY, 1, NOW.0)
    };
    let job = job.requeued(1, Some(at));
    world.app.store.put_job(&job).await.unwrap();
    job
}

#[tokio::test]
async fn a_failed_job_is_replayed_when_it_is_due() {
    let world = World::with_jobs().await;
    let job = to_be_sent_again(&world, NOW.plus_seconds(5)).await;
    world.sweep().await;
    assert!(world.state().replay.is_none());
    world.app.clock.advance_ms(5_000);
    world.sweep().await;
    assert_eq!(world.state().replay.as_ref().map(|replay| replay.range), Some(ReplayRange::of_one(1)));
    assert_eq!(world.stored(&job).await.due_at, None);
    assert_eq!(world.wake("r", 0).await, 0);
    assert_eq!(world.log(), [(1, 1, 500), (1, 2, 200)]);
}

#[tokio::test]
async fn a_sweep_interrupted_after_starting_a_replay_does_not_start_another() {
    let world = World::with_jobs().await;
    let job = to_be_sent_again(&world, NOW).await;
    world.sweep().await;
    assert_eq!(world.wake("r", 0).await, 0);
    // As if the job had not been written.
    let stored = world.stored(&job).await;
    world.app.store.change_job(&stored.to_be_put_in(Some(NOW))).await.unwrap();
    world.sweep().await;
    assert_eq!(world.stored(&job).await.due_at, None);
    assert_eq!(world.log(), [(1, 1, 500), (1, 2, 200)]);
    assert!(world.state().backlog.is_none(), "nothing is replayed again");
}

#[tokio::test]
async fn a_failed_job_waits_for_the_end_of_another_replay() {
    let world = World::with_jobs().await;
    let job = to_be_sent_again(&world, NOW).await;
    let state = world.state();
    let last = world.app.store.last_row(&key()).await.unwrap();
    let busy = state.replayed(ReplayRange::of_one(1), last.as_ref(), NOW).unwrap();
    assert_eq!(world.app.store.change_state(&key(), &state, &busy).await.unwrap(), Change::Done);
    world.sweep().await;
    assert_eq!(world.stored(&job).await.due_at, Some(NOW.plus_seconds(BUSY_SECONDS)));
}

#[tokio::test]
async fn a_dead_lettered_job_is_queued_again_and_never_becomes_a_rejected_event() {
    let world = World::with_jobs().await;
    let job = world.post("acme", 1, 0).await;
    world.sweep().await;
    let (message, at) = (EventId::of_message("m"), job.scheduled_at);
    let taken = world.stored(&job).await.taken_from(message, at).unwrap();
    assert_eq!(world.app.store.change_job(&taken).await.unwrap(), Change::Done);
    let dead = async || {
        let mut attribute = SqsMessageAttribute::default();
        attribute.string_value = Some(JobRef::of(&job).encode());
        let named = HashMap::from([(JOB_ATTRIBUTE.to_owned(), attribute)]);
        world.handle_named("d", DEAD_EVENTS, ("acme", "{\"job\":1}".to_owned()), named).await
    };
    assert_eq!(dead().await, 0);
    let later = NOW.plus_seconds(GIVEN_BACK_SECONDS);
    assert_eq!((world.stored(&job).await.due_at, world.stored(&job).await.taken), (Some(later), None));
    let company = Owner::Company(job.company.clone());
    assert_eq!(world.app.store.list_rejected(&company, None, 10).await.unwrap(), []);
    world.app.clock.advance_ms(GIVEN_BACK_SECONDS * 1_000);
    world.sweep().await;
    assert_eq!(bodies(&world.enqueue()), ["{\"job\":1}", "{\"job\":1}"]);

    let key = WebhookKey::of_job(&job);
    world.app.store.start_job(&key, job.delivery, 1).await.unwrap();
    assert_eq!(dead().await, 0);
    assert_eq!(world.stored(&job).await.due_at, None, "it has begun: there is nothing to give back");
    world.app.store.go_away();
    assert_eq!(dead().await, 1, "it comes back");
}
