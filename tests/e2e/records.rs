//! Routing of platform events: which webhooks get an event, when the publisher is answered, and which bytes arrive.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::company::Company;
use crate::receiver::{Act, Receiver};
use crate::stack::COMMON;
use crate::wait::PATIENCE;

/// The published types that a webhook can have, with their events.
const CATALOGUE: [(&str, &[&str]); 8] = [
    ("Space", &["Login Failure"]),
    ("User", &["Login", "Logout", "Created", "Updated", "Deleted", "Membership Change"]),
    ("Team", &["Created", "Updated", "Deleted", "Restored", "Membership Change"]),
    ("Form", &["Created", "Updated", "Deleted", "Restored"]),
    ("Submission", &["Created", "Saved", "Submitted", "Updated", "Closed", "Deleted"]),
    ("Datastore Form", &["Created", "Updated", "Deleted", "Restored"]),
    ("Datastore Submission", &["Created", "Updated", "Saved", "Submitted", "Deleted"]),
    ("Discussion", &["Created", "Invitation Created", "Invitation Updated", "Notification"]),
];
/// The most jobs of one page.
const PAGE: usize = 100;

/// Renders an event without records.
fn bare(kind: &str, action: &str) -> String {
    json!({ "event": { "type": kind, "action": action }, "space": { "slug": "acme" } }).to_string()
}

/// Renders a submission of a kapp, or of none, that is a draft whatever the action.
fn submission(action: &str, kapp: Option<&str>) -> String {
    json!({
        "event": { "type": "Submission", "action": action },
        "kapp": kapp.map(|slug| json!({ "slug": slug })),
        "form": { "slug": "laptop" },
        "submission": { "id": "b7a1f0a2", "coreState": "Draft" },
        "values": { "Model": "X1" },
    })
    .to_string()
}

/// Renders an update of a submission to Closed, with its former status. Its spaces and numbers must not be changed.
fn closed_from(previous: &str) -> String {
    format!(
        r#"{{ "event": {{"type":"Submission",  "action":"Updated"}},
  "submission": {{"id":"b7a1f0a2", "previousValues":{{"Status":"{previous}", "Weight":1.50}}}},
  "values": {{"Status":"Closed", "Weight":2.0}} }}"#
    )
}

/// Makes a path from a type and an event.
fn path_of(kind: &str, action: &str) -> String {
    format!("/{kind}/{action}").replace(' ', "-")
}

/// Returns the bodies that arrived at a path, in order.
fn bodies(receiver: &Receiver, path: &str) -> Vec<String> {
    let text = |body: &[u8]| String::from_utf8(body.to_vec()).unwrap();
    receiver.hits_at(path).iter().map(|hit| text(&hit.body)).collect()
}

impl Company<'_> {
    /// Creates a webhook below `home`, named as its path at the receiver, and returns its id.
    async fn on(&self, home: &str, event: (&str, &str), filter: &str, to: (&Receiver, &str)) -> String {
        let (kind, action) = event;
        let (receiver, path) = to;
        let name = path.trim_start_matches('/');
        let url = receiver.url(path);
        let new = json!({ "name": name, "type": kind, "event": action, "filter": filter, "url": url });
        let made = self.platform(Method::POST, &format!("{home}/webhooks"), new).await;
        made.pointer("/webhook/id").and_then(Value::as_str).unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_space_webhook_gets_the_events_of_all_kapps_and_a_kapp_webhook_its_own() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::accepting().await;
    let submitted = ("Submission", "Submitted");
    company.on("", submitted, "", (&receiver, "/space")).await;
    company.on("/kapps/services", submitted, "", (&receiver, "/services")).await;
    company.on("/kapps/catalog", submitted, "", (&receiver, "/catalog")).await;
    let [services, catalog, neither] =
        [Some("services"), Some("catalog"), None].map(|kapp| submission("Submitted", kapp));
    for event in [&services, &catalog, &neither] {
        company.push(event.clone()).await;
    }
    company.jobs("all=true", &["Complete"; 5]).await;
    assert_eq!(bodies(&receiver, "/space"), [services.clone(), catalog.clone(), neither]);
    assert_eq!(bodies(&receiver, "/services"), [services]);
    assert_eq!(bodies(&receiver, "/catalog"), [catalog]);
}

#[tokio::test]
async fn each_event_of_the_catalogue_reaches_its_own_webhook_once_and_no_other() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::accepting().await;
    let served = company.platform(Method::GET, "/meta/webhooks/catalogue", Value::Null).await;
    let served = served["types"].as_array().unwrap().iter().map(|kind| (&kind["name"], &kind["events"]));
    let published = CATALOGUE.map(|(kind, actions)| (json!(kind), json!(actions)));
    assert!(served.eq(published.iter().map(|(kind, actions)| (kind, actions))), "{published:?}");
    let all: Vec<_> =
        CATALOGUE.iter().flat_map(|(kind, actions)| actions.iter().map(|action| (*kind, *action))).collect();
    for (kind, action) in &all {
        company.on("", (kind, action), "", (&receiver, &path_of(kind, action))).await;
    }
    // An event that no webhook can have: its type is not offered.
    company.push(bare("Kapp", "Created")).await;
    for (kind, action) in &all {
        company.push(bare(kind, action)).await;
    }
    company.jobs(&format!("all=true&limit={PAGE}"), &vec!["Complete"; all.len()]).await;
    for (kind, action) in all {
        assert_eq!(bodies(&receiver, &path_of(kind, action)), [bare(kind, action)], "{kind} {action}");
    }
}

#[tokio::test]
async fn the_action_alone_decides_between_submitted_saved_and_closed() {
    const ACTIONS: [&str; 3] = ["Submitted", "Saved", "Closed"];
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::accepting().await;
    for action in ACTIONS {
        company.on("", ("Submission", action), "", (&receiver, &format!("/{action}"))).await;
    }
    // The submission of each event is a draft: what the action means is the publisher's decision.
    for action in ACTIONS {
        company.push(submission(action, None)).await;
    }
    company.jobs("", &["Complete"; 3]).await;
    let hits = |webhook: &str, pushed: &str| {
        let pushed = submission(pushed, None);
        bodies(&receiver, &format!("/{webhook}")).iter().filter(|body| **body == pushed).count()
    };
    let matrix = ACTIONS.map(|webhook| ACTIONS.map(|pushed| hits(webhook, pushed)));
    assert_eq!(matrix, [[1, 0, 0], [0, 1, 0], [0, 0, 1]]);
}

#[tokio::test]
async fn a_push_is_accepted_while_its_receiver_has_not_responded() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let (gate, opened) = watch::channel(false);
    let receiver = Receiver::start(move |_| Act::Gated(opened.clone(), 200)).await;
    let webhook = company.on("", ("Submission", "Submitted"), "", (&receiver, "/held")).await;
    company.push(submission("Submitted", None)).await;
    receiver.wait_for("/held", 1, PATIENCE).await;
    company.jobs("", &["In Progress"]).await;
    let ended = company.rows(&webhook).await;
    assert!(ended.is_empty(), "the push waited for an attempt: {ended:?}");
    gate.send(true).unwrap();
    let job = company.jobs("", &["Complete"]).await.remove(0);
    assert_eq!(job["summary"], "200 OK");
}

#[tokio::test]
async fn previous_values_arrive_byte_for_byte_and_a_filter_on_one_decides() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::accepting().await;
    let updated = ("Submission", "Updated");
    let was_open = "submission('previousValues')['Status'] === 'Open'";
    company.on("", updated, "", (&receiver, "/all")).await;
    company.on("", updated, was_open, (&receiver, "/was-open")).await;
    // Only the previous status differs.
    let [open, draft] = ["Open", "Draft"].map(closed_from);
    for event in [&draft, &open] {
        company.push(event.clone()).await;
    }
    company.jobs("webhook=all", &["Complete"; 2]).await;
    company.jobs("webhook=was-open", &["Complete"]).await;
    assert_eq!(bodies(&receiver, "/all"), [draft, open.clone()]);
    assert_eq!(bodies(&receiver, "/was-open"), [open]);
}
