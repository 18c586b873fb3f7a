//! Controls that a token may not use are not offered.

use reqwest::Method;
use serde_json::{Value, json};

use crate::company::WEBHOOKS;
use crate::screens::QUEUE;
use crate::wait::{PATIENCE, eventually};
use crate::world::{World, patient, quick, receiver};

const READ: [&str; 2] = ["webhooks:read", "logs:read"];

/// A control, its screen, an element that every token sees there, and the scope that it needs.
struct Control {
    selector: &'static str,
    place: String,
    ready: &'static str,
    scope: &'static str,
}

/// Returns every control that changes something.
fn controls(webhook: &str, others: &Others, row: &str, records: &Records) -> Vec<Control> {
    let list = ("#/webhooks".to_owned(), "tr[data-id]");
    let settings = (format!("#/webhooks/{webhook}"), ".secret");
    let detail = (format!("#/webhooks/{webhook}/logs?log={row}"), ".timeline li");
    let queue = (format!("#/webhooks/{webhook}/queue"), QUEUE);
    let backlog = (format!("#/webhooks/{}/queue", others.suspended), QUEUE);
    let inactive = (format!("#/webhooks/{}", others.inactive), ".secret");
    let (write, secrets, act) = ("webhooks:write", "secrets:read", "deliveries:write");
    let record_list = ("#/records".to_owned(), "tr[data-id]");
    let record = (format!("#/records/{}", records.webhook), "[name=filter]");
    let failed = (format!("#/jobs?job={}", records.failed), "#link");
    let queued = (format!("#/jobs?job={}", records.queued), "#link");
    [
        ("#create", &record_list, write),
        ("tbody button.danger", &record_list, write),
        ("#save", &record, write),
        ("#toggle", &record, write),
        ("#remove", &record, write),
        ("[name=filter]:enabled", &record, write),
        (".insert", &record, write),
        ("#try", &record, write),
        ("#retry", &failed, act),
        ("#cancel", &queued, act),
        ("#create", &list, write),
        ("tbody .check", &list, write),
        ("thead .check", &list, write),
        ("#save", &settings, write),
        ("#toggle", &settings, write),
        ("#remove", &inactive, write),
        ("[name=url]:enabled", &settings, write),
        ("form .headers + button", &settings, write),
        ("form .header button", &settings, write),
        ("#rotate", &settings, write),
        ("#reveal", &settings, secrets),
        ("[aria-label='Copy the signing secret']", &settings, secrets),
        ("#test", &settings, act),
        ("#redeliver", &detail, act),
        ("#retry", &queue, act),
        ("#skip", &queue, act),
        ("#start-replay", &queue, act),
        ("#resume", &backlog, act),
    ]
    .map(|(selector, (place, ready), scope)| Control { selector, place: place.clone(), ready, scope })
    .into()
}

/// Webhooks with states of their own.
struct Others {
    suspended: String,
    inactive: String,
}

/// A platform webhook that fails, and jobs of it and of another.
struct Records {
    webhook: String,
    failed: String,
    queued: String,
}

impl Records {
    async fn new(world: &World<'_>, bad: &str) -> Self {
        let filter = json!({ "filter": "values('Model').nothing.here" });
        world.record_webhook("Filter", bad, filter).await;
        let webhook = world.record_webhook("Waiting", bad, json!({})).await;
        world.submit("X1").await;
        let id = |job: Value| job["id"].as_str().unwrap().to_owned();
        let failed = id(world.company.jobs("status=failed", &["Failed"]).await.remove(0));
        let queued = id(world.company.jobs("status=queued", &["Queued"]).await.remove(0));
        Self { webhook, failed, queued }
    }
}

#[tokio::test]
async fn each_control_is_shown_only_with_its_scope() {
    let stack = patient().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    let webhook =
        world.webhook("Alpha", &receiver.url("/ok"), json!({ "headers": { "x-api-key": "k" } })).await;
    let suspended = world.webhook("Beta", &receiver.url("/bad"), json!({ "suspendAfter": 1 })).await;
    let inactive = world.webhook("Gamma", &receiver.url("/ok"), json!({ "isActive": false })).await;
    world.company.push_tasks([1]).await;
    let row = world.company.rows_to(&webhook, 1, PATIENCE).await.remove(0).id;
    // Now the first has a head that waits, and the second has a backlog.
    world.company.change(&webhook, json!({ "url": receiver.url("/bad") })).await;
    world.company.push_tasks([2]).await;
    eventually("a head that waits", PATIENCE, async || {
        let (_, queue) =
            world.company.ask(Method::GET, &format!("{WEBHOOKS}/{webhook}/queue"), json!({})).await;
        if queue["head"].is_object() { Ok(()) } else { Err(queue.to_string()) }
    })
    .await;
    eventually("a webhook with a backlog", PATIENCE, async || {
        let queue = format!("{WEBHOOKS}/{suspended}/queue");
        world.company.ask(Method::POST, &format!("{queue}/retry"), json!({})).await;
        let (_, queue) = world.company.ask(Method::GET, &queue, json!({})).await;
        if queue["state"] == "suspended" { Ok(()) } else { Err(queue.to_string()) }
    })
    .await;

    let records = Records::new(&world, &receiver.url("/bad")).await;
    let controls = controls(&webhook, &Others { suspended, inactive }, &row, &records);
    for extra in ["", "webhooks:write", "secrets:read", "deliveries:write"] {
        let scopes: Vec<_> = READ.into_iter().chain((!extra.is_empty()).then_some(extra)).collect();
        world.sign_in(&world.token(&scopes).await).await;
        for Control { selector, place, ready, scope } in &controls {
            // Loaded again, so that no element of the screen before is taken for this one's.
            if page.js("location.hash").await != place.as_str() {
                page.goto(&format!("{}{place}", stack.ready.panel)).await;
            }
            page.until(&format!("document.querySelector({}) !== null", json!(ready))).await;
            let is_shown = format!("document.querySelector({})?.checkVisibility() ?? false", json!(selector));
            if *scope == extra {
                page.until(&is_shown).await;
            } else {
                assert_eq!(page.js(&is_shown).await, false, "{selector} with {scopes:?}");
            }
        }
    }
    page.is_clean().await;
}

#[tokio::test]
async fn a_read_only_token_sees_why_it_cannot_write() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    world.sign_in(&world.token(&READ).await).await;
    page.sees("No webhooks yet").await;
    page.is("document.querySelector('.empty button')", json!(null)).await;
    for list in ["#/webhooks", "#/records"] {
        page.place(&format!("{list}/new")).await;
        page.is("document.querySelector('.places [aria-current]').hash", list).await;
        page.sees("it lacks the scope webhooks:write").await;
        page.is("document.querySelector('form')", json!(null)).await;
    }
    let id = world.webhook("Alpha", "https://example.com/", json!({})).await;
    page.place(&format!("#/webhooks/{id}")).await;
    page.until("document.querySelector('[name=name]')?.value === 'Alpha'").await;
    page.sees("it lacks the scope webhooks:write").await;
    page.is_clean().await;
}

#[tokio::test]
async fn a_token_without_logs_sees_the_list_and_its_missing_scope() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    let id = world.webhook("Alpha", "https://example.com/", json!({})).await;
    world.sign_in(&world.token(&["webhooks:read"]).await).await;
    page.sees("Alpha").await;
    for tab in ["logs", "queue"] {
        page.place(&format!("#/webhooks/{id}/{tab}")).await;
        page.sees("the token lacks the scope logs:read").await;
    }
    page.is("document.querySelector('.places a:last-child').textContent", "Platform webhooks").await;
    page.place("#/jobs").await;
    page.sees("the token lacks the scope logs:read").await;
    page.is_clean().await;
}

#[tokio::test]
async fn a_token_without_webhooks_cannot_sign_in_and_sees_why() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    let events = world.token(&["events:write"]).await;
    for token in [&stack.ready.operator_token, &events] {
        page.goto(&stack.ready.panel).await;
        page.fill("#token", token).await;
        page.press("Sign in").await;
        page.sees("it is an operator token, or it lacks the scope webhooks:read").await;
        page.is("document.activeElement.id", "token").await;
        page.is("sessionStorage.length", 0).await;
    }
    // The same for a session of a link.
    let link = json!({ "scopes": ["logs:read"] }).to_string();
    let made = stack.post("/api/v3/panel/link", &world.company.token, link).await.expect(201).json();
    page.goto(&format!("{}#code={}", stack.ready.panel, made["code"].as_str().unwrap())).await;
    page.sees("it is an operator token, or it lacks the scope webhooks:read").await;
    page.is("sessionStorage.length", 0).await;
    page.is_clean().await;
}
