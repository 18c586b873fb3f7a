//! Tests of bad calls over the real gateway: the status, and the field that is wrong.

use reqwest::Method;
use serde_json::{Value, json};

use crate::company::{COMPANIES, Company, EVENTS, LOGS, WEBHOOKS};
use crate::event::{task, task_of_size};
use crate::receiver::{Hit, Receiver};
use crate::stack::{Answer, COMMON};
use crate::wait::PATIENCE;

/// Checks for a problem document with this status and exactly these fields.
#[track_caller]
fn check(answer: &Answer, status: u16, fields: &[&str]) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{}", answer.text);
    let problem = answer.json();
    assert_eq!(problem.get("status").unwrap(), status);
    let named = problem.get("errors").and_then(Value::as_array).cloned().unwrap_or_default();
    let named: Vec<_> = named.iter().filter_map(|error| error.get("field")?.as_str()).collect();
    assert_eq!(named, fields, "{}", answer.text);
}

/// Makes a valid webhook with these fields changed.
fn webhook(changes: &Value) -> String {
    let mut webhook = json!({
        "name": "n", "code": "refused", "url": "http://127.0.0.1:1/", "trigger": "create-edit-delete-task",
    });
    let fields = webhook.as_object_mut().unwrap();
    for (field, value) in changes.as_object().unwrap() {
        fields.insert(field.clone(), value.clone());
    }
    webhook.to_string()
}

#[tokio::test]
async fn a_bad_webhook_is_rejected_by_field() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let task_group = json!({ "taskGroup": "t1" });
    for (changes, fields) in [
        (json!({ "trigger": "create-planet" }), vec!["trigger"]),
        (json!({ "code": "Not A Code" }), vec!["code"]),
        (json!({ "url": "nowhere" }), vec!["url"]),
        (json!({ "url": "ftp://127.0.0.1/" }), vec!["url"]),
        (json!({ "url": "http://10.0.0.1/" }), vec!["url"]),
        (json!({ "url": "http://user@127.0.0.1/" }), vec!["url"]),
        (json!({ "trigger": "logout-user", "context": task_group }), vec!["context.taskGroup"]),
        (json!({ "context": { "survey": "s1" } }), vec!["context.survey"]),
        (json!({ "context": { "taskgroup": "t1" } }), vec!["context.taskgroup"]),
        (json!({ "name": 7, "isActive": "yes", "context": [] }), vec!["name", "isActive", "context"]),
    ] {
        check(&stack.post(WEBHOOKS, &company.token, webhook(&changes)).await, 400, &fields);
    }
    for malformed in ["", "{", "[]", "7"] {
        check(&stack.post(WEBHOOKS, &company.token, malformed).await, 400, &[""]);
    }
    let oversize = webhook(&json!({ "description": "x".repeat(64 * 1024) }));
    check(&stack.post(WEBHOOKS, &company.token, oversize).await, 413, &[""]);
    let listed = Answer::to(stack.request(Method::GET, WEBHOOKS, Some(&company.token))).await.expect(200);
    assert_eq!(listed.text, "[]", "nothing was made");
}

#[tokio::test]
async fn a_bad_event_is_rejected_by_field() {
    let stack = COMMON.get().await;
    let (company, other) = (Company::new(&stack).await, Company::new(&stack).await);
    let receiver = Receiver::accepting().await;
    company.webhook(&receiver.url("/own")).await;
    other.webhook(&receiver.url("/other")).await;
    let good = task(&company.id, 1);
    for (body, field) in [
        (good.replace("COTTask", "COTPlanet"), "type"),
        (good.replace("edit", "explode"), "event"),
        (good.replace(r#""type":"COTTask","#, ""), "type"),
        (good.replace(&format!(r#""{}""#, company.id), "7"), "company"),
        (task(&other.id, 1), "company"),
        (format!("[{good},{}]", task(&other.id, 2)), "[1].company"),
        ("no json".to_owned(), ""),
        ("[]".to_owned(), ""),
        // Allowed in the text of an event, but not in a message of SQS.
        (good.replace("any", "\u{FFFF}"), ""),
    ] {
        check(&stack.post(EVENTS, &company.token, body).await, 400, &[field]);
    }
    // The limit holds whatever the bytes are, and the refusal above it is a problem document.
    for byte in ["x", "\\\"", "\u{1}"] {
        let too_large = task_of_size(&company.id, 1, 1_000_002, |chars| {
            format!("{}{}", "x".repeat(chars % byte.len()), byte.repeat(chars / byte.len()))
        });
        check(&stack.post(EVENTS, &company.token, too_large).await, 413, &[""]);
        let fitting = format!("[{}", byte.repeat(999_999 / byte.len()));
        check(&stack.post(EVENTS, &company.token, fitting).await, 400, &[""]);
    }
    let beyond_lambda = stack.post(EVENTS, &company.token, "\"".repeat(4 * 1024 * 1024)).await;
    assert_eq!(
        (beyond_lambda.status, beyond_lambda.text.as_str()),
        (413, r#"{"message":"Request Entity Too Large"}"#)
    );
    let call = stack.request(Method::POST, EVENTS, Some(&company.token)).header("content-type", "text/plain");
    check(&Answer::to(call.body(good.clone())).await, 415, &[]);
    company.push(good).await;
    other.push_tasks([3]).await;
    receiver.wait_for("/own", 1, PATIENCE).await;
    receiver.wait_for("/other", 1, PATIENCE).await;
    assert_eq!((receiver.numbers_at("/own"), receiver.numbers_at("/other")), (vec![1], vec![3]));
}

#[tokio::test]
async fn an_idempotency_key_accepts_one_call_once() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::accepting().await;
    company.webhook(&receiver.url("/once")).await;
    let push = async |body: String| {
        let call = stack.request(Method::POST, EVENTS, Some(&company.token));
        let call = call.header("content-type", "application/json").header("idempotency-key", "order-7");
        Answer::to(call.body(body)).await
    };
    let first = push(task(&company.id, 1)).await.expect(202);
    let repeated = push(task(&company.id, 1)).await.expect(202);
    assert_eq!(first.text, repeated.text);
    check(&push(task(&company.id, 2)).await, 422, &["Idempotency-Key"]);
    company.push_tasks([3]).await;
    receiver.wait_for("/once", 2, PATIENCE).await;
    assert_eq!(receiver.hits_at("/once").iter().map(Hit::number).collect::<Vec<_>>(), [1, 3]);
}

#[tokio::test]
async fn a_missing_unknown_or_weak_token_is_refused() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let webhook = company.webhook("http://127.0.0.1:1/").await;
    let paths = [
        (Method::GET, WEBHOOKS.to_owned()),
        (Method::GET, format!("{WEBHOOKS}/{webhook}")),
        (Method::GET, format!("{LOGS}/{webhook}")),
        (Method::POST, EVENTS.to_owned()),
        (Method::POST, COMPANIES.to_owned()),
    ];
    for (method, path) in paths {
        for token in [None, Some("unknown")] {
            let answer = Answer::to(stack.request(method.clone(), &path, token)).await;
            check(&answer, 401, &[]);
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    let narrow = json!({ "name": "reader", "scopes": ["webhooks:read"] }).to_string();
    let made = stack.post("/api/v3/token", &company.token, narrow).await.expect(201).json();
    let weak = made["token"].as_str().unwrap();
    Answer::to(stack.request(Method::GET, WEBHOOKS, Some(weak))).await.expect(200);
    check(&stack.post(WEBHOOKS, weak, "{}").await, 403, &[]);
    check(&stack.post(EVENTS, weak, task(&company.id, 1)).await, 403, &[]);
    check(&Answer::to(stack.request(Method::GET, &format!("{LOGS}/{webhook}"), Some(weak))).await, 403, &[]);
    check(&stack.post(COMPANIES, &company.token, "{}").await, 403, &[]);
    check(
        &Answer::to(stack.request(Method::GET, WEBHOOKS, Some(&stack.ready.operator_token))).await,
        403,
        &[],
    );
}

#[tokio::test]
async fn another_companys_webhook_is_not_found() {
    let stack = COMMON.get().await;
    let (company, other) = (Company::new(&stack).await, Company::new(&stack).await);
    let webhook = company.webhook("http://127.0.0.1:1/").await;
    for path in [format!("{WEBHOOKS}/{webhook}"), format!("{LOGS}/{webhook}")] {
        Answer::to(stack.request(Method::GET, &path, Some(&company.token))).await.expect(200);
        check(&Answer::to(stack.request(Method::GET, &path, Some(&other.token))).await, 404, &[]);
    }
    let stolen = stack.request(Method::PATCH, &format!("{WEBHOOKS}/{webhook}"), Some(&other.token));
    let stolen = stolen.header("content-type", "application/json").body(r#"{"url":"http://127.0.0.1:2/"}"#);
    check(&Answer::to(stolen).await, 404, &[]);
}

#[tokio::test]
async fn an_unsupported_method_returns_405_with_the_allowed_methods() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    for (method, path, allowed) in [
        (Method::DELETE, WEBHOOKS, "GET,HEAD,POST"),
        (Method::GET, EVENTS, "POST"),
        (Method::PUT, COMPANIES, "POST"),
    ] {
        let answer = Answer::to(stack.request(method, path, Some(&company.token))).await;
        check(&answer, 405, &[]);
        assert_eq!(answer.header("allow"), Some(allowed), "{path}");
    }
    check(&Answer::to(stack.request(Method::GET, "/api/v3/nothing", Some(&company.token))).await, 404, &[]);
}
