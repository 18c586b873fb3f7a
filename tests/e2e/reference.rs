//! Tests with the clients and the published events of the reference system.

use std::collections::HashMap;
use std::process::{Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};

use crate::company::Company;
use crate::process::Ended;
use crate::receiver::{Hit, Receiver};
use crate::stack::{COMMON, Stack};
use crate::wait::PATIENCE;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/contract/reference_client.sh");
const TASK_CREATE: &str = include_str!("../../events/samples/cot_event_task_create.json");
const USER_EDIT: &str = include_str!("../../events/samples/cot_event_user_edit.json");
const SURVEY_CREATE: &str = include_str!("../../events/samples/cot_event_survey_create.json");
const LOGOUT: &str = include_str!("../../events/samples/cot_event_logout.json");

/// The published triggers, with the `type` and the values of `event` that each selects.
const TRIGGERS: [(&str, &str, &[&str]); 6] = [
    ("create-edit-delete-user", "COTUser", &["create", "edit", "delete"]),
    ("create-edit-delete-task", "COTTask", &["create", "edit", "delete"]),
    ("create-edit-delete-survey", "COTSurvey", &["create", "edit", "delete"]),
    ("create-edit-delete-property", "COTProperty", &["create", "edit", "delete"]),
    ("create-edit-delete-note", "COTNote", &["create", "edit", "delete"]),
    ("logout-user", "Auth", &["logout"]),
];

/// Runs the script to its end, while the receiver of the test is served.
async fn run_client(base: &str, token: &str, receiver: &str) -> Ended {
    let variables = [("BASE", base), ("TOKEN", token), ("RECEIVER", receiver), ("NO_PROXY", "127.0.0.1")];
    let variables = variables.map(|(name, value)| (name, value.to_owned()));
    let run = move || {
        let mut bash = Command::new("bash");
        Ended::of(&bash.arg(SCRIPT).envs(variables).stdin(Stdio::null()).output().unwrap())
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test]
async fn a_client_of_the_reference_system_works_with_a_new_base_url() {
    let stack = Stack::start("--retry-delay 1").await;
    let company = Company::first(&stack);
    let receiver = Receiver::accepting().await;
    let ended = run_client(&stack.ready.api, &company.token, &receiver.url("/published")).await;
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.output, ended.error);
    let id = ended.output.lines().last().and_then(|line| line.strip_prefix("done: ")).unwrap();
    assert_eq!(company.find(id).await["url"], receiver.url("/published"));
    // The event in between was pushed while the webhook was not active.
    let hits = receiver.hits_at("/published");
    assert_eq!(hits.iter().map(Hit::sequence).collect::<Vec<_>>(), [1, 2], "{}", ended.output);
    for hit in &hits {
        assert_eq!(hit.method, Method::POST);
        assert_eq!(std::str::from_utf8(&hit.body).unwrap(), TASK_CREATE);
    }
    // A difference from the published form is reported with its step.
    let refused = run_client(&stack.ready.api, "unknown", &receiver.url("/")).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let told = "FAILED: GET /api/v3/webhook/subscription: status 401 instead of 200\n";
    assert!(refused.error.starts_with(told), "{refused:?}");
}

#[tokio::test]
async fn every_published_event_reaches_the_webhooks_of_its_trigger_only() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::accepting().await;
    let mut expected: HashMap<&str, Vec<String>> = HashMap::new();
    for (trigger, ..) in TRIGGERS {
        company.webhook_of(&receiver.url(&format!("/{trigger}")), trigger, json!({})).await;
    }
    for (trigger, subject, actions) in TRIGGERS {
        for action in actions {
            let event = json!({ "company": company.id, "type": subject, "event": action, "data": null });
            expected.entry(trigger).or_default().push(event.to_string());
            company.push(event.to_string()).await;
        }
    }
    // The last event of each webhook, after all others.
    for (trigger, subject, actions) in TRIGGERS {
        let last = json!({ "company": company.id, "type": subject, "event": actions[0], "data": "last" });
        expected.entry(trigger).or_default().push(last.to_string());
        company.push(last.to_string()).await;
    }
    for (trigger, events) in expected {
        let hits = receiver.wait_for(&format!("/{trigger}"), events.len(), PATIENCE).await;
        let bodies: Vec<_> = hits.iter().map(|hit| String::from_utf8_lossy(&hit.body).into_owned()).collect();
        assert_eq!(bodies, events, "{trigger}");
    }
}

#[tokio::test]
async fn published_events_arrive_unchanged_except_for_a_password() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::accepting().await;
    for (path, trigger, context) in [
        ("/user", "create-edit-delete-user", json!({})),
        ("/logout", "logout-user", json!({ "survey": "", "group": "", "taskGroup": "" })),
        ("/survey", "create-edit-delete-survey", json!({ "survey": "627acd7e58a77633efc55b69" })),
        ("/group", "create-edit-delete-survey", json!({ "group": "627acd8437cc96869d805470" })),
        (
            "/other",
            "create-edit-delete-survey",
            json!({ "survey": "627acd7e58a77633efc55b69", "group": "x" }),
        ),
    ] {
        company.webhook_of(&receiver.url(path), trigger, context).await;
    }
    let own = |text: &str| {
        text.replace("625bc5429a54e8868bd89be2", &company.id).replace("625bcbdcc9a8e3a86dbf041c", &company.id)
    };
    let of_group_x = own(SURVEY_CREATE).replace("627acd8437cc96869d805470", "x");
    for event in [own(USER_EDIT), own(SURVEY_CREATE), own(LOGOUT), of_group_x.clone()] {
        company.push(event).await;
    }
    let mut bodies = HashMap::new();
    for (path, count) in [("/user", 1), ("/logout", 1), ("/survey", 2), ("/group", 1), ("/other", 1)] {
        let hits = receiver.wait_for(path, count, PATIENCE).await;
        let texts = hits.iter().map(|hit| String::from_utf8(hit.body.to_vec()).unwrap());
        bodies.insert(path, texts.collect::<Vec<_>>());
    }
    assert_eq!(bodies["/logout"], [own(LOGOUT)]);
    assert_eq!(bodies["/survey"], [own(SURVEY_CREATE), of_group_x.clone()]);
    assert_eq!(bodies["/group"], [own(SURVEY_CREATE)]);
    assert_eq!(bodies["/other"], [of_group_x], "both slots must be equal");
    let mut edit: Value = serde_json::from_str(&own(USER_EDIT)).unwrap();
    edit.pointer_mut("/data").and_then(Value::as_object_mut).unwrap().remove("password").unwrap();
    assert_eq!(serde_json::from_str::<Value>(&bodies["/user"][0]).unwrap(), edit);
    assert_eq!(
        edit["diff"]["/name/names"],
        json!({ "previous": "Mechanic Profile I", "changedTo": "Thomas" })
    );
}
