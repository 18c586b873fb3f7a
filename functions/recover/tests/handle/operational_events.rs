//! Operational events that recover publishes.

use hookrail_domain::backlog::Mode;
use hookrail_domain::operational_event::StateChange;
use hookrail_domain::trigger::{Context, OPERATIONAL, Trigger, TriggerType};
use hookrail_domain::webhook::{CotWebhook, Webhook, WebhookKind};
use hookrail_pipeline::store::ConfigStore as _;
use hookrail_recover::sweep;
use hookrail_testkit::contract::sample_webhook;
use hookrail_testkit::script::answer;
use serde_json::Value;

use crate::{COMPANY, NOW, World, key};

const EVENTS: &str = "http://queues/0/hookrail-events.fifo";
const BUS: &str = "http://queues/0/hookrail-operational.fifo";

impl World {
    fn with_audit(mut self) -> Self {
        self.app.config.operational_events.events_queue_urls = vec![EVENTS.to_owned()];
        self.app.config.operational_events.operational_queue_url = Some(BUS.to_owned());
        self
    }

    /// Returns the names of the events published there, in order.
    fn published(&self, queue: &str) -> Vec<String> {
        let sent = self.app.queue.sent();
        let bodies = sent.iter().filter(|(url, _)| url == queue).map(|(_, message)| &message.body);
        bodies
            .map(|body| {
                let event: Value = serde_json::from_str(body).unwrap();
                let of = event.pointer("/data/subscription").and_then(Value::as_str);
                assert_eq!(of, Some(key().webhook.to_string().as_str()));
                event.get("event").and_then(Value::as_str).unwrap().to_owned()
            })
            .collect()
    }
}

#[tokio::test]
async fn a_recovered_endpoint_is_published_to_company_and_operator() {
    let world = World::new(Mode::Suspended, 2, []).await.with_audit();
    assert_eq!(world.wake("a", 0).await, 0);
    for queue in [EVENTS, BUS] {
        assert_eq!(world.published(queue), ["webhook.resumed"], "{queue}");
    }
    assert_eq!(world.state().operational_events, []);
    assert_eq!(world.app.queue.sent().first().unwrap().1.group, COMPANY);
}

#[tokio::test]
async fn a_gone_endpoint_is_published_with_its_deactivation() {
    let world = World::new(Mode::Suspended, 1, [answer(410)]).await.with_audit();
    assert_eq!(world.wake("a", 0).await, 0);
    assert_eq!(world.published(EVENTS), ["webhook.deactivated"]);
}

#[tokio::test]
async fn an_exhausted_event_is_published() {
    let world = World::new(Mode::Suspended, 1, [answer(422), answer(422), answer(422)]).await.with_audit();
    for _ in 0..3 {
        world.wake("a", 0).await;
        world.app.clock.advance_ms(30_000);
    }
    assert_eq!(world.published(EVENTS), ["delivery.exhausted"]);
}

#[tokio::test]
async fn the_sweep_publishes_operational_events_that_a_crash_left_unpublished() {
    let world = World::new(Mode::Lagging, 0, []).await.with_audit();
    let state = world.state();
    let noted = state.clone().noting(StateChange::Resumed, NOW);
    hookrail_pipeline::store::LogStore::change_state(&world.app.store, &key(), &state, &noted).await.unwrap();
    world.app.clock.advance_ms(sweep::GRACE_MS);
    sweep::run(&world.app, &world.invocation("s")).await;
    assert_eq!(world.published(EVENTS), ["webhook.resumed"]);
    assert_eq!(world.state().operational_events, []);
    sweep::run(&world.app, &world.invocation("s")).await;
    assert_eq!(world.published(EVENTS).len(), 1, "once");
}

#[tokio::test]
async fn an_operational_webhook_gets_no_events_about_itself() {
    let world = World::new(Mode::Suspended, 1, [answer(410)]).await.with_audit();
    let kind = TriggerType::find(OPERATIONAL).unwrap();
    let trigger = Trigger::new(kind, Context::default()).unwrap();
    let face = WebhookKind::Cot(CotWebhook { trigger, ..sample_webhook(COMPANY, 1).cot().unwrap().clone() });
    let itself = Webhook { face, version: 1, ..sample_webhook(COMPANY, 1) };
    world.app.store.replace_webhook((&itself).into()).await.unwrap();
    assert_eq!(world.wake("a", 0).await, 0);
    assert_eq!(world.published(EVENTS), [""; 0], "it would publish without end");
    assert_eq!(world.published(BUS), ["webhook.deactivated"], "the operator gets it");
}
