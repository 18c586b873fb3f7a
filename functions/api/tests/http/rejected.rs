//! Rejected events: what is wrong with them, corrected, pushed again once.

use hookrail_domain::limits::EVENT_BYTES_MAX;
use hookrail_domain::rejected::RejectedEvent;
use hookrail_domain::token::{Grant, Owner, Scope};
use hookrail_pipeline::store::rejected::RejectedStore;
use serde_json::{Value, json};

use crate::world::{Call, NOW, OPERATOR, OTHER, World, company, event};

const PATH: &str = "/api/v3/event/rejected";

/// Keeps what came so many thousandths of a second from now, and tells its id.
async fn keep(world: &World, of: &Owner, (after, text): (u64, &str)) -> String {
    let mut at = NOW;
    at.0 += after;
    let event = RejectedEvent::new(at, &format!("message-{after}"), text);
    world.tables.keep_rejected(of, &event).await.unwrap();
    event.id.to_string()
}

fn acme() -> Owner {
    Owner::Company(company("acme"))
}

fn push(id: &str, body: &str) -> Call {
    Call::post(&format!("{PATH}/{id}/push"), body.to_owned())
}

#[tokio::test]
async fn lists_rejected_events_newest_first_with_their_problems() {
    let world = World::new().await;
    let texts = ["no json", r#"{"company":"acme","type":"COTPlanet","event":"edit"}"#, &event("other")];
    for (after, text) in (0..).zip(texts) {
        keep(&world, &acme(), (after, text)).await;
    }
    let shown = world.send(Call::get(PATH)).await.json();
    let of = |index: usize, pointer: &str| shown[index].pointer(pointer).cloned().unwrap_or_default();
    assert_eq!(
        (of(2, "/body"), of(1, "/body"), of(0, "/body")),
        (json!(texts[0]), json!(texts[1]), json!(texts[2]))
    );
    assert!(of(2, "/errors/0/reason").as_str().unwrap().contains("is not JSON"));
    assert_eq!((of(1, "/errors/0/field"), of(0, "/errors/0/field")), (json!("type"), json!("company")));
    let (mut next, mut found) = (format!("{PATH}?limit=2"), Vec::new());
    loop {
        let page = world.send(Call::get(&next)).await;
        found.extend(page.json().as_array().unwrap().clone());
        let Some(link) = page.header("link") else { break };
        next = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
    }
    assert_eq!(Value::from(found), shown);
}

#[tokio::test]
async fn a_rejected_event_is_corrected_and_pushed_again_only_once() {
    let world = World::new().await;
    let id = keep(&world, &acme(), (0, "no json")).await;
    let refused = world.send(push(&id, "")).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    let refused = world.send(push(&id, &event("other"))).await;
    assert_eq!(refused.json()["errors"][0]["field"], "company");
    assert_eq!(
        world.send(push(&id, &format!("[{}]", event("acme")))).await.status,
        400,
        "one event, no array"
    );
    assert!(world.sent_bodies().is_empty());
    let answer = world.send(push(&id, &event("acme"))).await;
    assert_eq!((answer.status, &answer.json()["body"]), (202, &json!("no json")));
    assert_eq!(world.sent_bodies(), [event("acme")]);
    let shown = world.send(Call::get(&format!("{PATH}/{id}"))).await.json();
    assert_eq!(shown, answer.json());
    assert!(shown["event"].is_string() && shown["pushedAt"].is_string());
    assert_eq!(world.send(push(&id, &event("acme"))).await.status, 409, "once");
    assert_eq!(world.sent_bodies().len(), 1);
}

#[tokio::test]
async fn a_push_shows_no_event_without_logs_read() {
    let world = World::new().await;
    let id = keep(&world, &acme(), (0, r#"{"secret":"canary"}"#)).await;
    let scopes = vec![Scope::EventsWrite];
    world.token("pusher", &Grant { scopes, ..Grant::company(company("acme")) }).await;
    let answer = world.send(push(&id, &event("acme")).by("pusher")).await;
    let shown = answer.json();
    assert_eq!((answer.status, &shown["_id"], &shown["errors"]), (202, &json!(id), &json!([])));
    assert!(shown["event"].is_string() && shown.get("body").is_none(), "{shown}");
}

#[tokio::test]
async fn a_valid_rejected_event_is_pushed_unchanged_and_repeats_are_duplicates() {
    let world = World::new().await;
    let odd = " {\"company\":\"acme\", \"type\":\"COTTask\",\"event\":\"edit\",\"n\":1.50}";
    let id = keep(&world, &acme(), (0, odd)).await;
    world.tables.fail_at("replace_rejected");
    assert_eq!(world.send(push(&id, "")).await.status, 503, "it was sent, and that was not written down");
    world.tables.fail_at("nothing");
    assert_eq!(world.send(push(&id, "")).await.status, 202);
    let sent = world.queue.sent();
    assert!(sent.iter().all(|(_, message)| message.body == odd && message.group == "acme"));
    let names: Vec<_> = sent.iter().map(|(_, message)| &message.deduplication_id).collect();
    assert_eq!(names.len(), 2);
    assert_eq!(names[0], names[1], "which the queue drops");
}

#[tokio::test]
async fn an_oversized_rejected_event_is_shown_whole_at_its_own_url() {
    let world = World::new().await;
    let large = "x".repeat(2 * EVENT_BYTES_MAX + 1);
    let id = keep(&world, &acme(), (0, &large)).await;
    let listed = world.send(Call::get(PATH)).await.json();
    assert_eq!(
        (&listed[0]["truncated"], listed[0]["body"].as_str().unwrap().len()),
        (&json!(true), EVENT_BYTES_MAX)
    );
    let shown = world.send(Call::get(&format!("{PATH}/{id}"))).await.json();
    assert_eq!((&shown["truncated"], &shown["body"]), (&json!(false), &json!(large)));
    assert_eq!(world.send(push(&id, "")).await.status, 413);
}

#[tokio::test]
async fn rejected_events_are_visible_to_their_company_or_else_to_the_operator() {
    let world = World::new().await;
    let own = keep(&world, &acme(), (0, "a")).await;
    let unowned = keep(&world, &Owner::Operator, (1, "b")).await;
    let ids = |answer: &crate::world::Answer| {
        let all = answer.json();
        all.as_array().unwrap().iter().map(|one| one["_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&world.send(Call::get(PATH).by(OPERATOR)).await), [&*unowned]);
    let ghost = keep(&world, &Owner::Company(company("ghost")), (2, "c")).await;
    let of_ghost = world.send(Call::get(&format!("{PATH}?company=ghost")).by(OPERATOR)).await;
    assert_eq!(ids(&of_ghost), [&*ghost]);
    for path in [format!("{PATH}?company=acme"), format!("{PATH}/{own}?company=acme")] {
        assert_eq!(world.send(Call::get(&path).by(OPERATOR)).await.status, 403, "acme's to read");
    }
    assert_eq!(ids(&world.send(Call::get(PATH)).await), [&*own]);
    assert_eq!(ids(&world.send(Call::get(PATH).by(OTHER)).await), [] as [&str; 0]);
    assert_eq!(world.send(Call::get(&format!("{PATH}/{own}")).by(OTHER)).await.status, 404);
    assert_eq!(world.send(push(&own, &event("other")).by(OTHER)).await.status, 404);
    let corrected = world.send(push(&unowned, &event("acme")).by(OPERATOR)).await;
    assert_eq!(corrected.status, 202, "{corrected:?}");
    assert_eq!(world.queue.sent()[0].1.group, "acme");
}
