//! What is told about a webhook itself.

use hookrail_adapters::store::ConfigStore as _;
use hookrail_domain::aside::Mode;
use hookrail_domain::notice::LineChange;
use hookrail_domain::subscription::{CotWebhook, Face, Subscription};
use hookrail_domain::trigger::{Context, OPERATIONAL, Trigger, TriggerType};
use hookrail_recover::sweep;
use hookrail_testkit::contract::subscription;
use hookrail_testkit::script::answer;
use serde_json::Value;

use crate::{COMPANY, NOW, World, key};

const EVENTS: &str = "http://queues/0/hookrail-events.fifo";
const BUS: &str = "http://queues/0/hookrail-operational.fifo";

impl World {
    fn telling(mut self) -> Self {
        self.app.config.notices.events_queue_urls = vec![EVENTS.to_owned()];
        self.app.config.notices.operational_queue_url = Some(BUS.to_owned());
        self
    }

    /// What was told there, in order.
    fn told(&self, queue: &str) -> Vec<String> {
        let sent = self.app.queue.sent();
        let bodies = sent.iter().filter(|(url, _)| url == queue).map(|(_, message)| &message.body);
        bodies
            .map(|body| {
                let event: Value = serde_json::from_str(body).unwrap();
                let of = event.pointer("/data/subscription").and_then(Value::as_str);
                assert_eq!(of, Some(key().subscription.to_string().as_str()));
                event.get("event").and_then(Value::as_str).unwrap().to_owned()
            })
            .collect()
    }
}

#[tokio::test]
async fn the_company_and_the_operator_are_told_when_an_endpoint_answers_again() {
    let world = World::new(Mode::Suspended, 2, []).await.telling();
    assert_eq!(world.wake("a", 0).await, 0);
    for queue in [EVENTS, BUS] {
        assert_eq!(world.told(queue), ["webhook.resumed"], "{queue}");
    }
    assert_eq!(world.line().notices, []);
    assert_eq!(world.app.queue.sent().first().unwrap().1.group, COMPANY);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_told_with_its_deactivation() {
    let world = World::new(Mode::Suspended, 1, [answer(410)]).await.telling();
    assert_eq!(world.wake("a", 0).await, 0);
    assert_eq!(world.told(EVENTS), ["webhook.deactivated"]);
}

#[tokio::test]
async fn an_event_that_is_given_up_is_told() {
    let world = World::new(Mode::Suspended, 1, [answer(422), answer(422), answer(422)]).await.telling();
    for _ in 0..3 {
        world.wake("a", 0).await;
        world.app.clock.advance_ms(30_000);
    }
    assert_eq!(world.told(EVENTS), ["delivery.exhausted"]);
}

#[tokio::test]
async fn what_a_crash_left_untold_is_told_by_the_schedule_of_an_active_line_too() {
    let world = World::new(Mode::Lagging, 0, []).await.telling();
    let line = world.line();
    let noted = line.clone().noting(LineChange::Resumed, NOW);
    hookrail_adapters::store::LogStore::change_line(&world.app.store, &key(), &line, &noted).await.unwrap();
    world.app.clock.advance_ms(sweep::GRACE_MS);
    sweep::run(&world.app, &world.invocation("s")).await;
    assert_eq!(world.told(EVENTS), ["webhook.resumed"]);
    assert_eq!(world.line().notices, []);
    sweep::run(&world.app, &world.invocation("s")).await;
    assert_eq!(world.told(EVENTS).len(), 1, "once");
}

#[tokio::test]
async fn an_operational_webhook_is_never_told_about_itself() {
    let world = World::new(Mode::Suspended, 1, [answer(410)]).await.telling();
    let kind = TriggerType::find(OPERATIONAL).unwrap();
    let trigger = Trigger::new(kind, Context::default()).unwrap();
    let face = Face::Cot(CotWebhook { trigger, ..subscription(COMPANY, 1).cot().unwrap().clone() });
    let itself = Subscription { face, version: 1, ..subscription(COMPANY, 1) };
    world.app.store.replace_subscription((&itself).into()).await.unwrap();
    assert_eq!(world.wake("a", 0).await, 0);
    assert_eq!(world.told(EVENTS), [""; 0], "it would tell itself for ever");
    assert_eq!(world.told(BUS), ["webhook.deactivated"], "the operator is");
}
