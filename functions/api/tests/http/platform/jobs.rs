//! Webhook jobs: listed, narrowed, read, queued again, cancelled, deleted.

use std::collections::BTreeSet;

use hookrail_api::{JOBS_PATH, KAPPS_PATH};
use hookrail_domain::attempt::{Attempt, AttemptNumber, Outcome, ResponseText};
use hookrail_domain::event::Body;
use hookrail_domain::job::{Job, JobState, Parent};
use hookrail_domain::log_row::LogRow;
use hookrail_domain::platform::EventType;
use hookrail_domain::platform::webhook::WebhookScope;
use hookrail_domain::progress::Progress;
use hookrail_domain::target::TargetUrl;
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, Scope};
use hookrail_pipeline::store::jobs::JobStore;
use hookrail_pipeline::store::{LogStore, WebhookKey};
use hookrail_testkit::contract::jobs::job;
use hookrail_wire::timestamp;
use hookrail_wire::webhook_job::render_id;
use serde_json::{Value, json};

use crate::queue::row;
use crate::world::{Answer, Call, NOW, OTHER, RECOVERY, World, company};

const KAPP_JOBS: &str = "/app/api/v1/kapps/services/webhookJobs";

/// A job of the space, scheduled so many seconds after the begin of time.
pub(super) fn of_space(number: u8, seconds: u64) -> Job {
    let parents = vec![
        Parent { kind: EventType::User, key: "ana".to_owned() },
        Parent { kind: EventType::Space, key: "acme".to_owned() },
    ];
    let scope = WebhookScope::Space;
    Job { scope, kind: EventType::User, action: "Created", parents, ..job("acme", number, seconds * 1_000) }
}

fn of_kapp(number: u8, seconds: u64) -> Job {
    job("acme", number, seconds * 1_000)
}

/// The row of an attempt at the job's event, answered so.
pub(super) fn answered(job: &Job, attempt: u32, (status, text): (u16, &str), progress: Progress) -> LogRow {
    let response = ResponseText { text: text.to_owned(), truncated: false };
    let outcome = Outcome::Responded { status, response, retry_after_seconds: None };
    let number = AttemptNumber { sequence: 1, attempt };
    let attempt = Attempt { number, started_at: Millis(5_000), duration_ms: 1, outcome };
    let body = (number.attempt == 1).then(|| Body::new(r#"{ "event": 1 }"#).unwrap());
    let url = "https://www.server.com/made".to_owned();
    LogRow { attempt, body, url, ..row(&WebhookKey::of_job(job), (1, 1), progress, 0) }
}

/// A job that was sent once or several times, with the rows of that.
pub(super) async fn sent(world: &World, job: &Job, answers: &[(u16, &str)]) {
    let started = Job { state: JobState::Started { sequence: 1 }, ..job.clone() };
    world.tables.put_job(&started).await.unwrap();
    for (attempt, answer) in (1..).zip(answers) {
        let is_last = usize::try_from(attempt).unwrap() == answers.len();
        let progress = if is_last { Progress::Ended } else { Progress::Waiting { until: Millis(35_000) } };
        world.tables.put_row(&answered(job, attempt, *answer, progress)).await.unwrap();
    }
}

pub(super) fn path_of(job: &Job) -> String {
    format!("{JOBS_PATH}/{}", render_id(job))
}

pub(super) async fn read(world: &World, job: &Job) -> Value {
    one(&world.send(Call::get(&path_of(job))).await)
}

#[track_caller]
pub(super) fn one(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["webhookJob"].clone()
}

/// The numbers of the listed jobs, and the token of the next page.
async fn listed(world: &World, path: &str) -> (Vec<u8>, Option<String>) {
    let answer = world.send(Call::get(path)).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    let list = answer.json();
    let number = |job: &Value| u8::from_str_radix(job["id"].as_str().unwrap().get(..2).unwrap(), 16).unwrap();
    let numbers = list["webhookJobs"].as_array().unwrap().iter().map(number).collect();
    (numbers, list["nextPageToken"].as_str().map(str::to_owned))
}

async fn numbers(world: &World, query: &str) -> Vec<u8> {
    listed(world, &format!("{JOBS_PATH}?{query}")).await.0
}

#[tokio::test]
async fn a_job_shows_its_webhook_request_and_responses() {
    let world = World::new().await;
    let job = of_kapp(1, 1);
    let answer = r#"{"messageType":"success","message":"Initiated run #1430.","runId":"1430"}"#;
    sent(&world, &job, &[(503, "later"), (200, answer)]).await;
    let expected = json!({
        "id": "010101010101010101010101010101010101010101010101",
        "name": "Name",
        "webhookId": "010101010101010101010101",
        "type": "Submission",
        "event": "Submitted",
        "status": "Complete",
        "summary": "200 OK",
        "url": "https://www.server.com/made",
        "scopeType": "Kapp",
        "scopeId": "services",
        "parentType": "Form",
        "parentId": "laptop",
        "retryCount": 1,
        "scheduledAt": "1970-01-01T00:00:01.000Z",
        "requestContent": "{ \"event\": 1 }",
        "responseContent": answer,
        "runId": "1430",
    });
    assert_eq!(read(&world, &job).await, expected);
    let detailed = one(&world.send(Call::get(&format!("{}?include=details", path_of(&job)))).await);
    for (field, value) in [
        ("createdAt", "1970-01-01T00:00:01.000Z"),
        ("createdBy", "hookrail"),
        ("updatedAt", "1970-01-01T00:00:05.001Z"),
        ("updatedBy", "hookrail"),
    ] {
        assert_eq!(detailed[field], value, "{field}");
    }
}

#[tokio::test]
async fn a_run_id_can_be_a_number_and_is_null_for_other_responses() {
    let world = World::new().await;
    for (number, answer, expected) in [
        (1, r#"{"runId":7}"#, json!("7")),
        (2, r#"{"runId":null}"#, Value::Null),
        (3, "OK", Value::Null),
        (4, "[1]", Value::Null),
    ] {
        let job = of_kapp(number, 1);
        sent(&world, &job, &[(200, answer)]).await;
        assert_eq!(read(&world, &job).await["runId"], expected, "{answer}");
    }
}

#[tokio::test]
async fn jobs_are_paged_latest_first_and_listed_once() {
    let world = World::new().await;
    for number in 1..=7 {
        // Two at each second.
        world.tables.put_job(&of_space(number, u64::from(number) / 2)).await.unwrap();
    }
    assert_eq!(listed(&world, JOBS_PATH).await, (vec![7, 6, 5, 4, 3, 2, 1], None));
    assert_eq!(listed(&world, &format!("{JOBS_PATH}?limit=0")).await, (vec![], None));
    let (mut walked, mut path, mut pages) = (Vec::new(), format!("{JOBS_PATH}?limit=2"), 0);
    loop {
        let (page, next) = listed(&world, &path).await;
        assert!(page.len() <= 2);
        walked.extend(page);
        pages += 1;
        let Some(next) = next else { break };
        path = format!("{JOBS_PATH}?limit=2&pageToken={next}");
    }
    assert_eq!((walked, pages), (vec![7, 6, 5, 4, 3, 2, 1], 4));
    let other = format!("{JOBS_PATH}?status=queued&{}", path.split_once('?').unwrap().1);
    world.send(Call::get(&other)).await.errs(400, "pageToken is not a cursor of this list");
}

#[tokio::test]
async fn a_space_lists_its_own_or_all_jobs_and_a_kapp_its_own() {
    let world = World::new().await;
    for job in [of_space(1, 1), of_kapp(2, 2)] {
        world.tables.put_job(&job).await.unwrap();
    }
    assert_eq!(numbers(&world, "").await, [1]);
    assert_eq!(numbers(&world, "all=true").await, [2, 1]);
    assert_eq!(listed(&world, KAPP_JOBS).await.0, [2]);
    assert_eq!(listed(&world, &format!("{KAPPS_PATH}/catalog/webhookJobs")).await.0, [0; 0]);
    world
        .send(Call::get(&format!("{KAPPS_PATH}/catalog/webhookJobs/{}", render_id(&of_kapp(2, 2)))))
        .await
        .errs(404, "no such webhook job");
    let foreign = world.send(Call::get(&format!("{JOBS_PATH}?all=true")).by(OTHER)).await.json();
    assert_eq!(foreign["webhookJobs"], json!([]));
}

#[tokio::test]
async fn filters_jobs_and_rejects_invalid_filters() {
    let world = World::new().await;
    sent(&world, &of_space(1, 10), &[(500, "")]).await;
    sent(&world, &of_space(2, 20), &[(200, "")]).await;
    world.tables.put_job(&Job { name: "Other".to_owned(), ..of_space(3, 30) }).await.unwrap();
    for (query, expected) in [
        ("status=failed", vec![1]),
        ("status=Queued", vec![3]),
        ("webhook=Other", vec![3]),
        ("webhook=Nobody", vec![]),
        ("parentType=User&parentKey=ana", vec![3, 2, 1]),
        ("parentType=Space&parentKey=other", vec![]),
        ("start=1970-01-01T00:00:20Z", vec![3, 2]),
        ("end=1970-01-01T00:00:20Z", vec![1]),
        ("start=1970-01-01T00:00:10Z&end=1970-01-01T00:00:30Z", vec![2, 1]),
    ] {
        assert_eq!(numbers(&world, query).await, expected, "{query}");
    }
    for (query, reason) in [
        ("status=INVALID", "status must be failed or queued"),
        ("webhook=", "webhook must not be empty"),
        ("parentType=User", "parentKey is missing"),
        ("parentKey=ana", "parentType is missing"),
        ("parentType=Form&parentKey=x", "parentType must be one of Space, User, Team"),
        ("start=yesterday", "start must be a time"),
        ("limit=1001", "limit must be a whole number from 0 to 1000"),
        ("limit=-1", "limit must be a whole number"),
    ] {
        world.send(Call::get(&format!("{JOBS_PATH}?{query}"))).await.errs(400, reason);
    }
}

#[tokio::test]
async fn a_job_search_is_bounded_per_page_and_continues() {
    let world = World::new().await;
    for number in 0..1_500_u32 {
        let [_, _, high, low] = number.to_be_bytes();
        let mut delivery = [0; 12];
        delivery[..2].copy_from_slice(&[high, low]);
        let delivery = hookrail_domain::id::DeliveryId::from_bytes(delivery);
        let name = if number == 3 { "Wanted" } else { "Other" }.to_owned();
        world.tables.put_job(&Job { delivery, name, ..of_space(1, u64::from(number)) }).await.unwrap();
    }
    let (first, next) = listed(&world, &format!("{JOBS_PATH}?webhook=Wanted")).await;
    assert!(first.is_empty() && next.is_some(), "no call reads them all");
    let next = format!("{JOBS_PATH}?webhook=Wanted&pageToken={}", next.unwrap());
    assert_eq!(listed(&world, &next).await, (vec![1], None));
}

fn calls_of_recover(world: &World) -> usize {
    world.queue.sent().iter().filter(|(url, _)| url == RECOVERY).count()
}

pub(super) async fn put(world: &World, job: &Job, body: Value) -> Answer {
    world.send(Call::put(&path_of(job), body.to_string())).await
}

#[tokio::test]
async fn a_failed_job_is_corrected_and_queued_again() {
    let world = World::new().await;
    let id = world.make_webhook("mine").await;
    let webhook = hookrail_domain::id::WebhookId::parse(&id).unwrap();
    let job = Job { webhook, ..of_space(1, 1) };
    sent(&world, &job, &[(404, "the tree does not exist")]).await;
    assert_eq!(read(&world, &job).await["summary"], "404 Not Found");
    let again = json!({ "status": "Queued", "url": "https://www.server.com/right" });
    let shown = one(&put(&world, &job, again).await);
    assert_eq!((&shown["status"], &shown["url"]), (&json!("Queued"), &json!("https://www.server.com/right")));
    assert_eq!(calls_of_recover(&world), 1, "recover is called");
    let stored = world.tables.find_job(&WebhookKey::of_job(&job), job.delivery).await.unwrap().unwrap();
    let right = TargetUrl::parse_unchecked("https://www.server.com/right").unwrap();
    assert_eq!((stored.url, stored.is_corrected, stored.requeued_after), (Some(right), true, 1));
    // Once more, while it waits, changes nothing.
    assert_eq!(one(&put(&world, &job, json!({ "status": "queued" })).await)["status"], "Queued");
    assert_eq!(calls_of_recover(&world), 1);
}

#[tokio::test]
async fn writes_show_no_content_of_a_job_without_logs_read() {
    let world = World::new().await;
    let writing = vec![Scope::DeliveriesWrite, Scope::WebhooksWrite];
    world.token("writer", &Grant { scopes: writing, ..Grant::company(company("acme")) }).await;
    let job = of_space(1, 1);
    sent(&world, &job, &[(200, r#"{"runId":"7"}"#)]).await;
    let contents = ["requestContent", "responseContent", "runId"];
    let of = |shown: &Value| contents.map(|field| shown[field].clone());
    let read = read(&world, &job).await;
    assert!(of(&read).iter().all(|content| !content.is_null()), "{read}");
    let new = json!({
        "url": "https://www.server.com/x",
        "requestContent": r#"{"event":{"type":"User","action":"Created"}}"#,
        "scheduledAt": timestamp::render(NOW.plus_seconds(60)),
    });
    for call in [
        Call::put(&path_of(&job), "{}"),
        Call::delete(&path_of(&job)),
        Call::post(JOBS_PATH, new.to_string()),
    ] {
        let shown = one(&world.send(call.by("writer")).await);
        assert_eq!(of(&shown), contents.map(|_| Value::Null), "{shown}");
        assert!(shown["status"].is_string(), "{shown}");
    }
}

#[tokio::test]
async fn jobs_allow_documented_transitions_only() {
    let world = World::new().await;
    let waiting = of_space(1, 1);
    world.tables.put_job(&waiting).await.unwrap();
    let cancelled = one(&put(&world, &waiting, json!({ "status": "Cancelled" })).await);
    assert_eq!(cancelled["status"], "Cancelled");
    assert_eq!(one(&put(&world, &waiting, json!({ "status": "Cancelled" })).await)["status"], "Cancelled");
    put(&world, &waiting, json!({ "status": "Queued" })).await.errs(409, "only a failed job");

    let complete = of_space(2, 2);
    sent(&world, &complete, &[(200, "")]).await;
    put(&world, &complete, json!({ "status": "Queued" })).await.errs(409, "only a failed job");
    put(&world, &complete, json!({ "status": "Cancelled" })).await.errs(409, "has started");
    put(&world, &complete, json!({ "url": "https://www.server.com/x" })).await.errs(409, "go elsewhere");

    let retried = of_space(3, 3);
    sent(&world, &retried, &[(500, ""), (500, "")]).await;
    for status in ["Complete", "Failed", "In Progress", "INVALID"] {
        put(&world, &retried, json!({ "status": status }))
            .await
            .errs(400, "status must be Queued or Cancelled");
    }
    put(&world, &retried, json!({ "url": "http://10.0.0.1/" })).await.errs(400, "url");
    // What cannot be changed may come along as it was read.
    let same = one(&put(&world, &retried, json!({ "name": "x", "retryCount": 9 })).await);
    assert_eq!((&same["name"], &same["retryCount"]), (&json!("Name"), &json!(1)));
}

#[tokio::test]
async fn a_job_with_a_failed_filter_needs_a_url_to_be_queued_again() {
    let world = World::new().await;
    let job = of_space(1, 1);
    let started = Job { state: JobState::Started { sequence: 1 }, ..job.clone() };
    world.tables.put_job(&started).await.unwrap();
    let mut failed = answered(&job, 1, (500, ""), Progress::Ended);
    failed.url = String::new();
    failed.attempt.outcome = Outcome::Unsent {
        error: hookrail_domain::attempt::ErrorClass::Filter,
        reason: "the filter threw".to_owned(),
    };
    world.tables.put_row(&failed).await.unwrap();
    let shown = read(&world, &job).await;
    assert_eq!((&shown["status"], &shown["summary"]), (&json!("Failed"), &json!("the filter threw")));
    assert_eq!((&shown["url"], &shown["requestContent"]), (&Value::Null, &Value::Null));
    put(&world, &job, json!({ "status": "Queued" })).await.errs(400, "url is needed");
}

#[tokio::test]
async fn a_deleted_job_is_not_found_and_if_it_waited_is_never_sent() {
    let world = World::new().await;
    let (waiting, complete) = (of_space(1, 1), of_space(2, 2));
    world.tables.put_job(&waiting).await.unwrap();
    sent(&world, &complete, &[(200, "")]).await;
    for (job, status) in [(&waiting, "Cancelled"), (&complete, "Complete")] {
        assert_eq!(one(&world.send(Call::delete(&path_of(job))).await)["status"], status);
        world.send(Call::get(&path_of(job))).await.errs(404, "no such webhook job");
        world.send(Call::delete(&path_of(job))).await.errs(404, "no such webhook job");
    }
    assert_eq!(numbers(&world, "").await, [0; 0]);
    let left = world.tables.find_job(&WebhookKey::of_job(&waiting), waiting.delivery).await.unwrap().unwrap();
    assert_eq!(left.state, JobState::Cancelled, "deliver still meets it");
    let known: BTreeSet<_> = ["010203", "", "x"].into_iter().collect();
    for id in known {
        world.send(Call::get(&format!("{JOBS_PATH}/{id}"))).await.errs(404, "");
    }
}
