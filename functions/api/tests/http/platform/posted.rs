//! Webhook jobs that people post: for a webhook or for none, now or later.

use std::collections::HashSet;

use hookrail_api::{JOBS_PATH, KAPPS_PATH, NAMED_PATH, WEBHOOKS_PATH};
use hookrail_domain::id::{DeliveryId, WebhookId};
use hookrail_domain::job::{Job, JobState};
use hookrail_domain::limits::EVENT_BYTES_MAX;
use hookrail_domain::progress::Progress;
use hookrail_domain::target::TargetUrl;
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, Scope};
use hookrail_pipeline::store::jobs::JobStore;
use hookrail_pipeline::store::{LogStore as _, WebhookKey};
use hookrail_wire::job_ref::{JOB_ATTRIBUTE, JobRef};
use hookrail_wire::timestamp;
use hookrail_wire::webhook_job::parse_id;
use serde_json::{Value, json};

use super::jobs::{answered, of_space, one, path_of, put, read, sent};
use super::{named_webhook, names};
use crate::world::{Answer, Call, NOW, OTHER, RECOVERY, World, company};

const EVENTS: &str = "http://sqs/events.fifo";
/// Spaced as no serializer renders it: it is sent as it came.
const SUBMITTED: &str = r#"{ "event": {"type":"Submission","action":"Submitted"}, "kapp":{"slug":"hr"}, "form":{"slug":"leave"} }"#;

async fn post(world: &World, body: Value) -> Answer {
    world.send(Call::post(JOBS_PATH, body.to_string())).await
}

/// A job without a webhook, with this in addition to its content.
fn implicit(more: &Value) -> Value {
    let mut body = json!({ "url": "https://www.server.com/x", "requestContent": SUBMITTED });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn at(seconds: u64) -> String {
    timestamp::render(NOW.plus_seconds(seconds))
}

async fn stored(world: &World, shown: &Value) -> Job {
    let (webhook, delivery) = parse_id(shown["id"].as_str().unwrap()).unwrap();
    let key = WebhookKey { company: company("acme"), webhook };
    world.tables.find_job(&key, delivery).await.unwrap().unwrap()
}

async fn due(world: &World, now: Millis) -> Vec<DeliveryId> {
    world
        .tables
        .due_jobs(now, 10, &HashSet::new())
        .await
        .unwrap()
        .into_iter()
        .map(|(_, delivery)| delivery)
        .collect()
}

/// The jobs that were put into the ingest queue: each with its group and its body.
fn enqueue(world: &World) -> Vec<(JobRef, String, String)> {
    let sent = world.queue.sent().into_iter().filter(|(url, _)| url == EVENTS);
    sent.map(|(_, message)| {
        let [(name, address)] = message.attributes.as_slice() else { panic!("{message:?}") };
        assert_eq!(*name, JOB_ATTRIBUTE);
        (JobRef::decode(address).unwrap(), message.group, message.body)
    })
    .collect()
}

#[tokio::test]
async fn a_posted_job_of_a_webhook_uses_its_url_template_and_is_queued_at_once() {
    let world = World::new().await;
    world.send(Call::post(NAMED_PATH, named_webhook("Laptops"))).await;
    let answer = post(&world, json!({ "webhook": "Laptops", "requestContent": SUBMITTED })).await;
    let shown = one(&answer);
    let job = stored(&world, &shown).await;
    for (field, expected) in [
        ("name", json!("Laptops")),
        ("webhookId", json!(job.webhook.to_string())),
        ("type", json!("Submission")),
        ("event", json!("Submitted")),
        ("status", json!("Queued")),
        ("url", json!("https://www.server.com/leave")),
        ("requestContent", json!(SUBMITTED)),
        ("parentType", json!("Form")),
        ("scheduledAt", json!(at(0))),
        ("retryCount", json!(0)),
    ] {
        assert_eq!(shown[field], expected, "{field}");
    }
    let state = enqueue(&world);
    assert_eq!(state, [(JobRef::of(&job), "acme".to_owned(), SUBMITTED.to_owned())]);
    assert_eq!((job.state, job.due_at), (JobState::Queued { sequence: None }, None));
    // By its id, and elsewhere.
    let by_id = json!({ "webhookId": shown["webhookId"], "url": "https://www.server.com/y", "requestContent": SUBMITTED });
    let elsewhere = one(&post(&world, by_id).await);
    assert_eq!(
        (&elsewhere["url"], &elsewhere["name"]),
        (&json!("https://www.server.com/y"), &json!("Laptops"))
    );
    let detailed = one(&world.send(Call::get(&format!("{}?include=details", path_of(&job)))).await);
    assert_eq!((&detailed["createdBy"], &detailed["createdAt"]), (&json!("first"), &json!(at(0))));
}

#[tokio::test]
async fn a_key_is_kept_of_a_job_whose_response_is_too_large_to_keep() {
    let world = World::new().await;
    // Twice as large as text in JSON.
    let content = |last: &str| {
        let quotes = r#"\""#.repeat(120_000);
        let text = format!(r#"{{"event":{{"type":"Form","action":"Created"}},"text":"{quotes}{last}"}}"#);
        implicit(&json!({ "requestContent": text, "scheduledAt": at(60) })).to_string()
    };
    let send = async |last: &str| world.send(Call::post(JOBS_PATH, content(last)).key("k1")).await;
    let first = send("a").await;
    assert!(400 * 1024 < first.body.len(), "{}", first.body.len());
    let again = send("a").await;
    assert_eq!((again.status, one(&again)), (200, one(&first)));
    send("b").await.errs(422, "Idempotency-Key");
    assert_eq!(world.send(Call::get(JOBS_PATH)).await.json()["webhookJobs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_implicit_webhook_can_be_deleted_so_that_its_place_is_free() {
    let world = World::new().await;
    let job = stored(&world, &one(&post(&world, implicit(&json!({}))).await)).await;
    let path = format!("{WEBHOOKS_PATH}/{}", job.webhook);
    world.send(Call::get(&path)).await.refuses(404, &[]);
    world.send(Call::delete(&path).by(OTHER)).await.refuses(404, &[]);
    assert_eq!(world.send(Call::delete(&path)).await.status, 204);
    world.send(Call::delete(&path)).await.refuses(404, &[]);
    // The next job makes it again.
    assert_eq!(stored(&world, &one(&post(&world, implicit(&json!({}))).await)).await.webhook, job.webhook);
}

#[tokio::test]
async fn jobs_without_a_webhook_share_a_queue_that_is_not_a_webhook() {
    let world = World::new().await;
    let shown = one(&post(&world, implicit(&json!({}))).await);
    assert_eq!((&shown["name"], &shown["webhookId"]), (&json!("Implicit Webhook Job"), &Value::Null));
    let (first, second) = (stored(&world, &shown).await, one(&post(&world, implicit(&json!({}))).await));
    let second = stored(&world, &second).await;
    assert_eq!(first.webhook, second.webhook);
    assert_ne!(first.delivery, second.delivery);
    let of_kapp = format!("{KAPPS_PATH}/hr/webhookJobs");
    let in_kapp = one(&world.send(Call::post(&of_kapp, implicit(&json!({})).to_string())).await);
    assert_eq!((&in_kapp["scopeType"], &in_kapp["scopeId"]), (&json!("Kapp"), &json!("hr")));
    assert_ne!(stored(&world, &in_kapp).await.webhook, first.webhook);
    let (of_other, _) = parse_id(
        one(&world.send(Call::post(JOBS_PATH, implicit(&json!({})).to_string()).by(OTHER)).await)["id"]
            .as_str()
            .unwrap(),
    )
    .unwrap();
    assert_ne!(of_other, first.webhook);

    assert!(names(&world, NAMED_PATH).await.is_empty());
    let path = format!("{NAMED_PATH}/Implicit%20Webhook%20Job");
    world.send(Call::get(&path)).await.errs(404, "");
    world.send(Call::put(&path, r#"{"isActive":false}"#)).await.errs(404, "");
    world.send(Call::delete(&path)).await.errs(404, "");
    world
        .send(Call::post(NAMED_PATH, named_webhook("Implicit Webhook Job")))
        .await
        .errs(400, "name is reserved for jobs without a webhook");
    let listed = world.send(Call::get(&format!("{JOBS_PATH}?webhook=Implicit%20Webhook%20Job"))).await.json();
    assert_eq!(listed["webhookJobs"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_scheduled_job_can_be_postponed_corrected_and_cancelled() {
    let world = World::new().await;
    let shown = one(&post(&world, implicit(&json!({ "scheduledAt": at(86_400) }))).await);
    assert_eq!((&shown["status"], &shown["scheduledAt"]), (&json!("Queued"), &json!(at(86_400))));
    assert_eq!((&shown["requestContent"], &shown["summary"]), (&json!(SUBMITTED), &Value::Null));
    let job = stored(&world, &shown).await;
    let queued = world.send(Call::get(&format!("{JOBS_PATH}?status=queued"))).await.json();
    assert_eq!(queued["webhookJobs"][0]["id"], shown["id"]);
    assert!(enqueue(&world).is_empty() && due(&world, NOW.plus_seconds(86_399)).await.is_empty());

    let moved = json!({ "scheduledAt": at(600), "url": "https://www.server.com/moved" });
    let moved = one(&put(&world, &job, moved).await);
    assert_eq!(
        (&moved["scheduledAt"], &moved["url"]),
        (&json!(at(600)), &json!("https://www.server.com/moved"))
    );
    assert_eq!(due(&world, NOW.plus_seconds(600)).await, [job.delivery]);
    // As it was read it asks for nothing.
    assert_eq!(one(&put(&world, &job, moved.clone()).await)["scheduledAt"], moved["scheduledAt"]);
    let cancelled = one(&put(&world, &job, json!({ "status": "Cancelled" })).await);
    assert_eq!(cancelled["status"], "Cancelled");
    assert!(due(&world, NOW.plus_seconds(600)).await.is_empty(), "it is not looked at again");
    put(&world, &job, json!({ "scheduledAt": at(900) })).await.errs(409, "waits for its time");

    let now = one(&post(&world, implicit(&json!({ "scheduledAt": at(60) }))).await);
    let now = stored(&world, &now).await;
    let brought_forward = json!({ "scheduledAt": "2001-01-01T00:00:00Z" });
    assert_eq!(one(&put(&world, &now, brought_forward).await)["scheduledAt"], at(0));
    assert_eq!(enqueue(&world).len(), 1, "what is past is now");
    put(&world, &now, json!({ "scheduledAt": at(900) })).await.errs(409, "waits for its time");
}

#[tokio::test]
async fn a_failed_job_can_be_retried_later_and_that_retry_cancelled() {
    let world = World::new().await;
    let id = world.make_webhook("mine").await;
    let job = Job { webhook: WebhookId::parse(&id).unwrap(), ..of_space(1, 1) };
    sent(&world, &job, &[(404, "no such tree")]).await;
    put(&world, &job, json!({ "scheduledAt": at(60) })).await.errs(409, "waits for its time");
    let later = json!({ "status": "Queued", "scheduledAt": at(60), "url": "https://www.server.com/right" });
    let shown = one(&put(&world, &job, later).await);
    assert_eq!((&shown["status"], &shown["scheduledAt"]), (&json!("Queued"), &json!(at(60))));
    assert_eq!(shown["url"], "https://www.server.com/right");
    assert_eq!(due(&world, NOW.plus_seconds(60)).await, [job.delivery]);
    assert!(world.queue.sent().is_empty(), "its line is left alone until then");
    let kept = one(&put(&world, &job, json!({ "status": "Cancelled" })).await);
    assert_eq!((&kept["status"], &kept["summary"]), (&json!("Failed"), &json!("404 Not Found")));
    assert!(due(&world, NOW.plus_seconds(60)).await.is_empty());

    one(&put(&world, &job, json!({ "status": "Queued", "scheduledAt": at(60) })).await);
    world.clock.set(NOW.plus_seconds(30));
    let brought_forward = json!({ "scheduledAt": timestamp::render(NOW) });
    assert_eq!(one(&put(&world, &job, brought_forward).await)["status"], "Queued");
    let to_recover = world.queue.sent().into_iter().filter(|(url, _)| url == RECOVERY).count();
    assert_eq!(to_recover, 1, "brought forward, it is replayed at once");
    assert!(due(&world, NOW.plus_seconds(90)).await.is_empty());
}

#[tokio::test]
async fn rejects_jobs_that_cannot_be_sent_and_stores_nothing() {
    let world = World::new().await;
    world.send(Call::post(NAMED_PATH, named_webhook("Laptops"))).await;
    let of = |content: &str| json!({ "url": "https://a.io/", "requestContent": content });
    let user = r#"{"event":{"type":"User","action":"Created"}}"#;
    for (body, reason) in [
        (json!({}), "requestContent is missing"),
        (json!({ "requestContent": SUBMITTED }), "url is missing: a job without a webhook"),
        (json!({ "url": "https://a.io/", "requestContent": {} }), "requestContent must be a string"),
        (of(""), "requestContent is not JSON"),
        (of("[1]"), "requestContent must be a JSON object"),
        (of(r#"{"event":{"type":"Thing","action":"Created"}}"#), "requestContent event.type"),
        (
            of(r#"{"company":"acme","type":"Auth","event":"logout"}"#),
            "requestContent must be a platform event",
        ),
        (of(r#"{"company":"other","event":{"type":"User","action":"Created"}}"#), "names another company"),
        (implicit(&json!({ "url": "http://a.io/" })), "url must begin with https://"),
        (implicit(&json!({ "url": "https://127.0.0.1/" })), "url points to an address"),
        (implicit(&json!({ "url": "/run" })), "url must not begin with /"),
        (implicit(&json!({ "scheduledAt": "tomorrow" })), "scheduledAt must be a time"),
        (implicit(&json!({ "webhook": "Nobody" })), "webhook names no webhook of this space"),
        (implicit(&json!({ "webhookId": "010101010101010101010101" })), "webhookId names no webhook"),
        (
            implicit(&json!({ "webhook": "Laptops", "webhookId": "010101010101010101010101" })),
            "cannot be sent together with webhook",
        ),
        (
            json!({ "webhook": "Laptops", "requestContent": user }),
            "requestContent is User Created, and the webhook is about Submission Submitted",
        ),
        (
            json!({ "webhook": "Laptops", "requestContent": r#"{"event":{"type":"Submission","action":"Submitted"}}"# }),
            "url of the webhook has no result for requestContent",
        ),
    ] {
        post(&world, body.clone()).await.errs(400, reason);
    }
    let of_kapp = format!("{KAPPS_PATH}/facilities/webhookJobs");
    world
        .send(Call::post(&of_kapp, implicit(&json!({})).to_string()))
        .await
        .errs(400, "requestContent is about no record of this kapp");
    world.send(Call::put(&format!("{NAMED_PATH}/Laptops"), r#"{"isActive":false}"#)).await;
    post(&world, json!({ "webhook": "Laptops", "requestContent": SUBMITTED })).await.errs(409, "not active");
    let listed = world.send(Call::get(&format!("{JOBS_PATH}?all=true"))).await.json();
    assert_eq!(listed["webhookJobs"], json!([]));
    assert!(world.queue.sent().is_empty());
}

#[tokio::test]
async fn an_accepted_job_is_sent_despite_later_failures() {
    let world = World::new().await;
    world.queue.fail_sends_after(0);
    let shown = one(&post(&world, implicit(&json!({}))).await);
    let job = stored(&world, &shown).await;
    assert_eq!((&shown["status"], due(&world, NOW).await), (&json!("Queued"), vec![job.delivery]));
    assert_eq!(one(&world.send(Call::get(&path_of(&job))).await)["requestContent"], SUBMITTED);
    for call in ["put_content", "put_job"] {
        world.tables.fail_at(call);
        post(&world, implicit(&json!({}))).await.errs(503, "");
        let listed = world.send(Call::get(JOBS_PATH)).await.json();
        assert_eq!(listed["webhookJobs"].as_array().unwrap().len(), 1, "{call}");
    }
}

#[tokio::test]
async fn only_webhook_writers_can_set_the_url_of_a_job() {
    let world = World::new().await;
    let id = world.make_webhook("mine").await;
    let url = TargetUrl::parse_unchecked("https://www.server.com/made").unwrap();
    let job = Job { webhook: WebhookId::parse(&id).unwrap(), url: Some(url), ..of_space(1, 1) };
    sent(&world, &job, &[(404, "")]).await;
    for (token, scope) in [("actor", Scope::DeliveriesWrite), ("writer", Scope::WebhooksWrite)] {
        world.token(token, &Grant { scopes: vec![scope], ..Grant::company(company("acme")) }).await;
    }
    let new = || Call::post(JOBS_PATH, implicit(&json!({})).to_string());
    world.send(new().by("actor")).await.errs(403, "webhooks:write");
    assert_eq!(world.send(new().by("writer")).await.status, 200);
    let change = |body: Value| Call::put(&path_of(&job), body.to_string()).by("actor");
    let elsewhere = json!({ "status": "Queued", "url": "https://elsewhere.example/" });
    world.send(change(elsewhere)).await.errs(403, "webhooks:write");
    assert_eq!(read(&world, &job).await["status"], "Failed");
    assert_eq!(one(&world.send(change(json!({ "status": "Queued" }))).await)["status"], "Queued");
}

#[tokio::test]
async fn the_same_key_creates_one_job() {
    let world = World::new().await;
    let post = async || {
        let call = Call::post(JOBS_PATH, implicit(&json!({})).to_string());
        one(&world.send(call.key("k")).await)["id"].clone()
    };
    let first = post().await;
    assert_eq!(post().await, first);
    assert_eq!(enqueue(&world).len(), 1);
    // The response to this one was not kept.
    let lost = async |seconds| {
        world.tables.fail_at("keep_answer");
        world.clock.set(NOW.plus_seconds(seconds));
        let call = Call::post(JOBS_PATH, implicit(&json!({})).to_string());
        one(&world.send(call.key("other")).await)
    };
    let second = lost(1).await;
    let again = lost(2).await;
    assert_eq!((&again["id"], &again["scheduledAt"]), (&second["id"], &second["scheduledAt"]));
    assert_ne!(second["id"], first);
    world.tables.fail_at("keep_answer");
    let other = implicit(&json!({ "scheduledAt": at(60) })).to_string();
    let waiting = one(&world.send(Call::post(JOBS_PATH, other).key("third")).await);
    let other = json!({ "requestContent": SUBMITTED.replace("leave", "other"), "scheduledAt": at(60) });
    let other = one(&world.send(Call::post(JOBS_PATH, implicit(&other).to_string()).key("third")).await);
    assert_eq!(other, waiting, "another body does not change what is there");
    let job = stored(&world, &second).await;
    world.tables.start_job(&WebhookKey::of_job(&job), job.delivery, 1).await.unwrap();
    world.tables.put_row(&answered(&job, 1, (200, ""), Progress::Ended)).await.unwrap();
    assert_eq!(lost(3).await["status"], "Complete", "a repeat shows how it stands");
    assert_eq!(enqueue(&world).len(), 2);
}

#[tokio::test]
async fn accepts_the_largest_job_content_with_a_key() {
    let world = World::new().await;
    let text = "\"".repeat(EVENT_BYTES_MAX / 2 - 100);
    let content = json!({ "event": { "type": "User", "action": "Created" }, "values": text }).to_string();
    let body = implicit(&json!({ "requestContent": content })).to_string();
    assert!(EVENT_BYTES_MAX < body.len(), "each quote takes two bytes, and each of these two again");
    let shown = one(&world.send(Call::post(JOBS_PATH, body).key("k")).await);
    assert_eq!(shown["status"], "Queued");
    assert_eq!(enqueue(&world)[0].2, content);
    let larger =
        json!({ "event": { "type": "User", "action": "Created" }, "values": "x".repeat(EVENT_BYTES_MAX) });
    let larger = post(&world, implicit(&json!({ "requestContent": larger.to_string() }))).await;
    larger.errs(400, "requestContent is larger than 262144 bytes");
}

#[tokio::test]
async fn a_waiting_job_is_visible_as_posted_to_its_space_only() {
    let world = World::new().await;
    let shown = one(&post(&world, implicit(&json!({ "scheduledAt": at(60) }))).await);
    let job = stored(&world, &shown).await;
    assert_eq!(read(&world, &job).await, shown);
    world.send(Call::get(&path_of(&job)).by(OTHER)).await.errs(404, "no such webhook job");
}
