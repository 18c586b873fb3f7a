//! Posted jobs: taken from the ingest queue into the queue of one webhook.

use aws_lambda_events::sqs::{SqsEvent, SqsMessageAttribute};
use hookrail_domain::delivery::{Delivery, Destination};
use hookrail_domain::id::{CompanyId, EventId};
use hookrail_domain::job::{Job, JobState};
use hookrail_domain::target::TargetUrl;
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, Token, TokenHash};
use hookrail_fan_out::handle;
use hookrail_pipeline::store::jobs::JobStore as _;
use hookrail_pipeline::store::{Change, ConfigStore as _, WebhookKey};
use hookrail_testkit::contract::jobs::job;
use hookrail_testkit::memory::MemoryTables;
use hookrail_wire::job_ref::{JOB_ATTRIBUTE, JobRef};
use hookrail_wire::queue_message;

use crate::{DEAD_LETTERS, DELIVERIES, NOW, SAMPLE, TestApp, app_over};

/// Content of a job. It is not read again here: it was read when it was posted.
const CONTENT: &str = "{ \"event\": 7 }";

struct World {
    app: TestApp,
    job: Job,
}

impl World {
    /// Makes a company with a job that is due.
    async fn new() -> Self {
        let store = MemoryTables::default();
        let company = CompanyId::parse("acme").unwrap();
        let token = Token::first(TokenHash::of("t"), Grant::company(company.clone()), Millis(0));
        store.create_company(&company, &token).await.unwrap();
        let url = TargetUrl::parse_unchecked("https://www.server.com/run").unwrap();
        let job = Job { due_at: Some(NOW), url: Some(url), ..job("acme", 1, NOW.0) };
        store.put_job(&job).await.unwrap();
        Self { app: app_over(store), job }
    }

    /// Handles a message for a job, valid or not, sent under this id.
    async fn take(&self, message_id: &str, address: &str) -> Vec<String> {
        let mut event: SqsEvent = serde_json::from_str(SAMPLE).unwrap();
        let record = &mut event.records[0];
        record.message_id = Some(message_id.to_owned());
        record.attributes.insert("MessageGroupId".to_owned(), "acme".to_owned());
        record.body = Some(CONTENT.to_owned());
        let mut attribute = SqsMessageAttribute::default();
        attribute.string_value = Some(address.to_owned());
        record.message_attributes.insert(JOB_ATTRIBUTE.to_owned(), attribute);
        let reply = handle(&self.app, event, NOW.plus_seconds(30)).await;
        reply.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
    }

    fn sent(&self) -> Vec<Delivery> {
        let sent = self.app.queue.sent().into_iter().filter(|(url, _)| url == DELIVERIES);
        sent.map(|(_, message)| queue_message::decode(&message.body).unwrap()).collect()
    }

    async fn stored(&self) -> Job {
        let key = WebhookKey::of_job(&self.job);
        self.app.store.find_job(&key, self.job.delivery).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn a_due_job_becomes_one_delivery_even_if_its_message_repeats() {
    let world = World::new().await;
    let address = JobRef::of(&world.job).encode();
    assert!(world.take("m1", &address).await.is_empty());
    let [delivery] = &world.sent()[..] else { panic!("{:?}", world.sent()) };
    assert_eq!((delivery.id, delivery.event), (world.job.delivery, world.job.event));
    assert_eq!(delivery.body.as_str(), CONTENT);
    assert_eq!(Some(&delivery.destination), world.job.url.clone().map(Destination::Resolved).as_ref());
    let taken = world.stored().await;
    assert_eq!((taken.due_at, taken.taken), (None, Some(EventId::of_message("m1"))));
    // Interrupted before it was acknowledged: the delivery queue drops the second message of one name.
    assert!(world.take("m1", &address).await.is_empty());
    assert_eq!(world.sent().len(), 2);
    assert_eq!(world.sent()[0], world.sent()[1]);
    // The sweep sent it once more, long after the first.
    assert!(world.take("m2", &address).await.is_empty());
    assert_eq!(world.sent().len(), 2);
}

#[tokio::test]
async fn a_cancelled_or_postponed_job_is_deleted_silently() {
    let cancelled = |job: &Job| job.cancelled().unwrap();
    let postponed = |job: &Job| job.postponed(NOW.plus_seconds(60)).unwrap();
    for change in [&cancelled as &dyn Fn(&Job) -> Job, &postponed] {
        let world = World::new().await;
        assert_eq!(world.app.store.change_job(&change(&world.job)).await.unwrap(), Change::Done);
        assert!(world.take("m1", &JobRef::of(&world.job).encode()).await.is_empty());
        assert!(world.app.queue.sent().is_empty());
        assert_eq!(world.stored().await.taken, None);
    }
    let world = World::new().await;
    let key = WebhookKey::of_job(&world.job);
    world.app.store.start_job(&key, world.job.delivery, 1).await.unwrap();
    assert!(world.take("m1", &JobRef::of(&world.job).encode()).await.is_empty());
    assert_eq!((world.sent().len(), world.stored().await.state), (0, JobState::Started { sequence: 1 }));
}

#[tokio::test]
async fn a_company_cannot_take_a_job_of_another() {
    let world = World::new().await;
    let foreign = Job { company: CompanyId::parse("other").unwrap(), ..world.job.clone() };
    world.app.store.put_job(&foreign).await.unwrap();
    let own = world.job.cancelled().unwrap();
    world.app.store.change_job(&own).await.unwrap();
    // The same ids, in acme's group: they name acme's job, and that was cancelled.
    assert!(world.take("m1", &JobRef::of(&foreign).encode()).await.is_empty());
    assert!(world.app.queue.sent().is_empty());
    let key = WebhookKey::of_job(&foreign);
    let left = world.app.store.find_job(&key, foreign.delivery).await.unwrap().unwrap();
    assert_eq!(left, foreign);
}

#[tokio::test]
async fn rejects_a_message_without_a_job_and_keeps_one_if_tables_are_unavailable() {
    let world = World::new().await;
    assert!(world.take("m1", "job 7").await.is_empty());
    let sent = world.app.queue.sent();
    assert_eq!((sent.len(), sent[0].0.as_str()), (1, DEAD_LETTERS));
    assert_eq!(sent[0].1.attributes[0], ("reason", "bad_job".to_owned()));
    world.app.store.go_away();
    assert_eq!(world.take("m2", &JobRef::of(&world.job).encode()).await, ["m2"]);
}
