//! Tests of platform webhooks: from an event to the run of a workflow engine, and its job.

use std::time::Duration;

use hookrail_adapters::clock::SystemClock;
use hookrail_pipeline::clock::Clock as _;
use hookrail_wire::timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use crate::company::Company;
use crate::receiver::{Act, Receiver};
use crate::stack::{COMMON, Stack};
use crate::wait::{PATIENCE, eventually};

const SOURCE: &str = "Kinetic Request CE";

/// The published table: type, event, group of the workflow tree and its name, for the records of [`event`].
const ACTIONS: [(&str, &str, &str); 14] = [
    ("User", "Created", "Users"),
    ("User", "Updated", "Users"),
    ("User", "Deleted", "Users"),
    ("Team", "Created", "Teams"),
    ("Team", "Updated", "Teams"),
    ("Team", "Deleted", "Teams"),
    ("Datastore Form", "Created", "Datastore Forms > laptop"),
    ("Datastore Form", "Updated", "Datastore Forms > laptop"),
    ("Datastore Submission", "Created", "Datastore Submissions > laptop"),
    ("Datastore Submission", "Submitted", "Datastore Submissions > laptop"),
    ("Form", "Created", "services > laptop"),
    ("Form", "Updated", "services > laptop"),
    ("Submission", "Created", "Submissions > services > laptop"),
    ("Submission", "Submitted", "Submissions > services > laptop"),
];

/// Makes an event with all records that any type has.
fn event(kind: &str, action: &str) -> Value {
    json!({
        "event": { "type": kind, "action": action, "timestamp": "2026-04-21T10:00:00Z" },
        "space": { "slug": "acme", "attributesMap": { "Task Source": [SOURCE] } },
        "kapp": { "slug": "services" },
        "form": { "slug": "laptop", "attributesMap": { "Notify On": ["Submitted", "Closed"] } },
        "submission": { "id": "b7a1f0a2", "coreState": action },
        "values": { "Model": "X1", "Quantity": "2" },
        "user": { "username": "ana@acme.com" },
        "team": { "slug": "it" },
    })
}

impl Company<'_> {
    /// Creates a webhook of the space for submissions, and returns its name.
    async fn on_submitted(&self, name: &str, filter: &str, url: &str) {
        let new = json!({
            "name": name, "type": "Submission", "event": "Submitted", "filter": filter, "url": url,
        });
        self.platform(Method::POST, "/webhooks", new).await;
    }
}

async fn engine() -> Receiver {
    let answer = r#"{"messageType":"success","message":"Initiated run #1430.","runId":"1430"}"#;
    Receiver::start(move |_| Act::Say(200, answer.to_owned())).await
}

#[tokio::test]
async fn each_of_the_fourteen_actions_starts_its_tree_and_its_job_shows_the_run() {
    let engine = engine().await;
    let flags = format!("--retry-delay 1 --workflow-engine {}", engine.url("/kinetic-task"));
    let stack = Stack::start(&flags).await;
    let company = Company::new(&stack).await;
    let catalogue = company.platform(Method::GET, "/meta/webhooks/catalogue", Value::Null).await;
    for (kind, action, _) in ACTIONS {
        let types = catalogue["types"].as_array().unwrap();
        let presets = &types.iter().find(|one| one["name"] == kind).unwrap()["presets"];
        let preset = presets.as_array().unwrap().iter().find(|one| one["event"] == action).unwrap();
        let name = format!("{kind} {action}");
        let new = json!({ "name": name, "type": kind, "event": action, "url": preset["url"] });
        company.platform(Method::POST, "/webhooks", new).await;
    }
    for (kind, action, _) in ACTIONS {
        company.push(event(kind, action).to_string()).await;
    }
    let jobs = company.jobs("all=true", &["Complete"; 14]).await;
    for (kind, action, group) in ACTIONS {
        let job = jobs.iter().find(|job| job["type"] == kind && job["event"] == action).unwrap();
        assert_eq!((&job["runId"], &job["summary"]), (&json!("1430"), &json!("200 OK")), "{job}");
        let encode = |text: &str| text.replace(' ', "%20").replace('>', "%3E");
        let path = format!("/kinetic-task/app/api/v1/run-tree/{}/{}/{action}", encode(SOURCE), encode(group));
        assert_eq!(engine.hits_at(&path).len(), 1, "{path}");
        assert_eq!(job["url"], engine.url(&path));
        assert_eq!(job["requestContent"], event(kind, action).to_string(), "as it was pushed");
    }
}

#[tokio::test]
async fn a_filter_accepts_skips_or_fails_visibly() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let engine = engine().await;
    company
        .on_submitted("Takes", "form('attribute:Notify On').indexOf('Submitted') > -1", &engine.url("/t"))
        .await;
    company.on_submitted("Refuses", "values('Model') === 'Z'", &engine.url("/r")).await;
    company.on_submitted("Fails", "values('Model').nothing.here", &engine.url("/f")).await;
    company.on_submitted("Loops", "(() => { for (;;) {} })()", &engine.url("/l")).await;
    company.push(event("Submission", "Submitted").to_string()).await;
    let jobs = company.jobs("webhook=Takes", &["Complete"]).await;
    assert_eq!(jobs[0]["url"], engine.url("/t"));
    for (name, expected) in [("Fails", "the filter threw TypeError"), ("Loops", "the filter did more than")] {
        let job = company.jobs(&format!("webhook={name}"), &["Failed"]).await.remove(0);
        assert!(job["summary"].as_str().unwrap().starts_with(expected), "{job}");
        assert_eq!((&job["url"], &job["requestContent"]), (&Value::Null, &Value::Null));
    }
    company.jobs("webhook=Refuses", &[]).await;
    assert!(engine.hits_at("/f").is_empty() && engine.hits_at("/r").is_empty());
}

#[tokio::test]
async fn a_reason_of_characters_that_sqs_refuses_ends_its_own_job_and_holds_up_nobody() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = engine().await;
    company.on_submitted("Throws", "(() => { throw '\\uffff' })()", &receiver.url("/a")).await;
    let filter = "values('Settings')[values('Category')] === 'on'";
    company.on_submitted("Reads", filter, &receiver.url("/b")).await;
    company.on_submitted("Plain", "", &receiver.url("/c")).await;
    company.webhook(&receiver.url("/task")).await;
    let mut event = event("Submission", "Submitted");
    event["values"]["Category"] = json!("pasted \u{FFFF}");
    // As a serializer that writes ASCII only sends it.
    company.push(event.to_string().replace('\u{FFFF}', "\\uffff")).await;
    company.push_tasks([1]).await;
    eventually("the others arrive at once", Duration::from_secs(5), async || {
        let arrived = (receiver.hits_at("/c").len(), receiver.hits_at("/task").len());
        if arrived == (1, 1) { Ok(()) } else { Err(format!("{arrived:?}")) }
    })
    .await;
    let job = company.jobs("webhook=Throws", &["Failed"]).await.remove(0);
    assert_eq!(job["summary"], "the filter threw \u{FFFF}");
    let job = company.jobs("webhook=Reads", &["Failed"]).await.remove(0);
    assert!(job["summary"].as_str().unwrap().starts_with("the filter threw TypeError"), "{job}");
}

#[tokio::test]
async fn a_failed_job_is_corrected_and_requeued_and_a_waiting_one_cancelled() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::start(|hit| Act::Answer(if hit.path == "/right" { 200 } else { 404 })).await;
    company.on_submitted("Tree", "", &receiver.url("/wrong/${form('slug')}")).await;
    company.push(event("Submission", "Submitted").to_string()).await;
    company.jobs("", &["Queued"]).await;
    company.push(event("Submission", "Submitted").to_string()).await;
    // It waits behind the first one, which is retried, and has not begun.
    let waiting = company.jobs("status=queued", &["Queued", "Queued"]).await.remove(1);
    let path = |job: &Value| format!("/webhookJobs/{}", job["id"].as_str().unwrap());
    let cancelled = company.platform(Method::PUT, &path(&waiting), json!({ "status": "Cancelled" })).await;
    assert_eq!(cancelled["webhookJob"]["status"], "Cancelled");
    let failed = company.jobs("status=failed", &["Failed"]).await.remove(0);
    assert_eq!((&failed["summary"], &failed["retryCount"]), (&json!("404 Not Found"), &json!(2)));
    let again = json!({ "status": "Queued", "url": receiver.url("/right") });
    company.platform(Method::PUT, &path(&failed), again).await;
    let jobs = company.jobs("", &["Complete", "Cancelled"]).await;
    assert_eq!((&jobs[0]["retryCount"], &jobs[0]["url"]), (&json!(3), &json!(receiver.url("/right"))));
    assert_eq!(receiver.hits_at("/wrong/laptop").len(), 3, "the cancelled one was never sent");
    assert_eq!(receiver.hits_at("/right").len(), 1);
}

/// Renders the event of [`event`] as text with unusual spaces.
fn spaced(note: &str) -> String {
    format!(
        r#"{{ "event": {{"type":"Submission", "action":"Submitted"}}, "kapp": {{"slug":"services"}}, "note": "{note}" }}"#
    )
}

#[tokio::test]
async fn a_posted_job_is_sent_after_earlier_accepted_events() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let engine = engine().await;
    company.on_submitted("Tree", "", &engine.url("/tree")).await;
    let (first, second, third) = (spaced("pushed"), spaced("posted"), spaced("pushed later"));
    company.push(first.clone()).await;
    let new = json!({ "webhook": "Tree", "requestContent": second });
    let made = company.platform(Method::POST, "/webhookJobs", new).await["webhookJob"].clone();
    company.push(third.clone()).await;
    let jobs = company.jobs("webhook=Tree", &["Complete"; 3]).await;
    let bodies: Vec<_> = engine.hits_at("/tree").into_iter().map(|hit| hit.body).collect();
    assert_eq!(bodies, [first, second, third].map(String::into_bytes), "byte for byte, in order");
    let shown = jobs.iter().find(|job| job["id"] == made["id"]).unwrap();
    assert_eq!((&shown["runId"], &shown["webhookId"]), (&json!("1430"), &made["webhookId"]));

    let implicit = json!({ "url": engine.url("/none"), "requestContent": spaced("for nobody") });
    company.platform(Method::POST, "/webhookJobs", implicit).await;
    let job = company.jobs("webhook=Implicit%20Webhook%20Job", &["Complete"]).await.remove(0);
    assert_eq!((&job["webhookId"], &job["summary"]), (&Value::Null, &json!("200 OK")));
    assert_eq!(engine.hits_at("/none").len(), 1);
}

#[tokio::test]
async fn a_scheduled_job_is_sent_once_when_it_is_due() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let engine = engine().await;
    company.on_submitted("Tree", "", &engine.url("/tree")).await;
    let at = timestamp::render(SystemClock.now().plus_seconds(3));
    let new = json!({ "webhook": "Tree", "requestContent": spaced("later"), "scheduledAt": at });
    let made = company.platform(Method::POST, "/webhookJobs", new).await;
    assert_eq!(made["webhookJob"]["status"], "Queued");
    company.push(spaced("now")).await;
    // The schedule comes once a minute.
    eventually("two requests", Duration::from_secs(60) + PATIENCE, async || {
        let hits = engine.hits_at("/tree").len();
        if hits == 2 { Ok(()) } else { Err(hits.to_string()) }
    })
    .await;
    let jobs = company.jobs("webhook=Tree", &["Complete"; 2]).await;
    let bodies: Vec<_> = engine.hits_at("/tree").into_iter().map(|hit| hit.body).collect();
    assert_eq!(bodies, [spaced("now"), spaced("later")].map(String::into_bytes));
    assert!(jobs.iter().any(|job| job["id"] == made["webhookJob"]["id"]), "{jobs:?}");
}
