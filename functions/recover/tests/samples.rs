//! The sample events, handed to the function over tables and queues in memory.

#![expect(clippy::unwrap_used, reason = "a test's set-up fails loudly")]

use aws_lambda_events::sqs::SqsEvent;
use hookrail_adapters::config::RecoverConfig;
use hookrail_domain::id::{CompanyId, WebhookId};
use hookrail_domain::log_row::RunId;
use hookrail_domain::retry::RetryPolicy;
use hookrail_domain::suspension::{QueueState, SuspensionPolicy};
use hookrail_domain::target::TargetPolicy;
use hookrail_domain::time::Millis;
use hookrail_pipeline::operational_events::OperationalEventConfig;
use hookrail_pipeline::store::{Change, LogStore as _, WebhookKey};
use hookrail_recover::sweep::{self, GRACE_MS};
use hookrail_recover::{App, Invocation, handle};
use hookrail_testkit::clock::ManualClock;
use hookrail_testkit::memory::MemoryTables;
use hookrail_testkit::queue::MemoryQueue;
use hookrail_testkit::script::ScriptedSender;
use hookrail_wire::wake_up::WakeUp;
use serde_json::Value;

const WAKE_UP: &str = include_str!("../../../events/recover-wake-up.json");
const SCHEDULE: &str = include_str!("../../../events/recover-schedule.json");
const RECOVERY: &str = "http://queues/0/hookrail-recovery.fifo";
const NOW: Millis = Millis(1_651_780_500_000);

fn key() -> WebhookKey {
    WebhookKey {
        company: CompanyId::parse("625bcbdcc9a8e3a86dbf041c").unwrap(),
        webhook: WebhookId::parse("62685990d918fb5557f9f992").unwrap(),
    }
}

/// Makes the function at `now`, with a backlog of the sample's webhook since `NOW` and without its
/// settings.
async fn world(now: Millis) -> App<(MemoryTables, MemoryQueue, ScriptedSender, ManualClock)> {
    let store = MemoryTables::default();
    let active = QueueState::default();
    let backlog = active.lagging(1, NOW);
    assert_eq!(store.change_state(&key(), &active, &backlog).await.unwrap(), Change::Done);
    let config = RecoverConfig {
        config_table: String::new(),
        log_table: String::new(),
        operational_events: OperationalEventConfig::default(),
        recovery_queue_url: RECOVERY.to_owned(),
        deliveries_dlq_url: "http://queues/0/hookrail-deliveries-dlq.fifo".to_owned(),
        events_dlq_url: "http://queues/0/hookrail-events-dlq.fifo".to_owned(),
        policy: RetryPolicy::default(),
        suspension: SuspensionPolicy::default(),
        targets: TargetPolicy::default(),
    };
    let (queue, sender) = (MemoryQueue::default(), ScriptedSender::with([]));
    App { store, queue, sender, clock: ManualClock::at(now), config }
}

fn invocation(now: Millis) -> Invocation {
    Invocation { run: RunId("run".into()), deadline: Millis(now.0 + 30_000) }
}

#[tokio::test]
async fn the_sample_wake_up_names_its_queue() {
    let app = world(NOW).await;
    let event: SqsEvent = serde_json::from_str(WAKE_UP).unwrap();
    let message = event.records.first().unwrap();
    let wake_up = WakeUp::decode(message.body.as_deref().unwrap()).unwrap();
    assert_eq!(message.attributes.get("MessageGroupId"), Some(&wake_up.name()));
    let held = handle(&app, event.clone(), &invocation(NOW)).await.batch_item_failures;
    // The webhook is not configured: its events are kept, and the schedule looks at them again.
    assert_eq!(held.len(), 0);
    let snapshot = app.store.snapshots(&[key()]).await.unwrap();
    let backlog = snapshot.first().unwrap().state.backlog.clone().unwrap();
    assert!(NOW < backlog.due_at, "{backlog:?}");
}

#[tokio::test]
async fn the_sample_schedule_event_has_no_records_and_wakes_overdue_queues() {
    let event: Value = serde_json::from_str(SCHEDULE).unwrap();
    assert_eq!(event.get("Records"), None);
    for (after, woken) in [(0, 0), (GRACE_MS, 1)] {
        let now = Millis(NOW.0 + after);
        let app = world(now).await;
        sweep::run(&app, &invocation(now)).await;
        let sent = app.queue.sent();
        assert_eq!(sent.len(), woken, "{after} ms after it was due");
        for (queue, message) in sent {
            assert_eq!(queue, RECOVERY);
            assert_eq!(WakeUp::decode(&message.body).unwrap().wake, 2);
        }
    }
}
