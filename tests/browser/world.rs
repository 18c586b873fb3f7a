//! A company of its own with its webhooks, and a signed-in person.

use reqwest::Method;
use serde_json::{Value, json};

use crate::chromium::Chromium;
use crate::company::{Company, WEBHOOKS};
use crate::page::Page;
use crate::receiver::{Act, Hit, Receiver};
use crate::stack::{Shared, Stack};

/// Attempts are exhausted after a second or so, unless a test needs them to wait.
static QUICK: Shared = Shared::new("--retry-delay 1 --timeout 5");
/// An event whose attempt has failed waits for longer than a test looks at it.
static PATIENT: Shared = Shared::new("--retry-delay 600 --timeout 5 --suspend-after 1");

/// Response of a workflow engine that has begun a run.
pub(crate) const RUN: &str = r#"{"messageType":"success","message":"Initiated run #1430.","runId":"1430"}"#;

/// Returns the stack of a test.
pub(crate) async fn quick() -> Stack {
    QUICK.get().await
}

pub(crate) async fn patient() -> Stack {
    PATIENT.get().await
}

/// Starts a receiver that fails by path: `/bad` and `/wrong` always, `/once` the first attempt of each event,
/// `/dead` by closing the connection.
pub(crate) async fn receiver() -> Receiver {
    Receiver::start(|hit: &Hit| match hit.path.as_str() {
        "/run" => Act::Say(200, RUN.to_owned()),
        "/wrong" => Act::Say(404, r#"{"error":"the tree does not exist"}"#.to_owned()),
        "/bad" => Act::Say(503, r#"{"error":"maintenance until 14:00"}"#.to_owned()),
        "/once" if hit.earlier == 0 => Act::Say(500, "database is busy".to_owned()),
        "/dead" => Act::HangUp,
        _ => Act::Say(200, r#"{"received":true}"#.to_owned()),
    })
    .await
}

/// A company, and a tab in which it is signed in.
#[derive(Debug)]
pub(crate) struct World<'a> {
    pub(crate) company: Company<'a>,
    pub(crate) page: Page,
    _chromium: Chromium,
}

impl<'a> World<'a> {
    pub(crate) async fn new(stack: &'a Stack) -> Self {
        let company = Company::new(stack).await;
        let chromium = Chromium::start().await;
        let page = chromium.page().await;
        Self { company, page, _chromium: chromium }
    }

    /// Opens the panel at this screen, signed in by a link.
    pub(crate) async fn open(&self, hash: &str) {
        let code = self.code().await;
        self.page.goto(&format!("{}#code={code}", self.company.stack.ready.panel)).await;
        self.page.until("document.querySelector('table.webhooks') !== null").await;
        self.page.place(hash).await;
    }

    /// Signs in with a token, after signing out.
    pub(crate) async fn sign_in(&self, token: &str) {
        self.page.goto(&self.company.stack.ready.panel).await;
        if self.page.js("sessionStorage.length").await != 0 {
            self.page.press("Sign out").await;
        }
        self.page.fill("#token", token).await;
        self.page.press("Sign in").await;
        self.page.until("document.querySelector('table.webhooks') !== null").await;
    }

    /// Creates a token of the company with these scopes only.
    pub(crate) async fn token(&self, scopes: &[&str]) -> String {
        let new = json!({ "name": "narrow", "scopes": scopes }).to_string();
        let made = self.company.stack.post("/api/v3/token", &self.company.token, new).await.expect(201);
        made.json()["token"].as_str().unwrap().to_owned()
    }

    /// Creates a code that works once.
    pub(crate) async fn code(&self) -> String {
        let link = self.company.stack.post("/api/v3/panel/link", &self.company.token, "{}").await.expect(201);
        link.json()["code"].as_str().unwrap().to_owned()
    }

    /// Makes a webhook on submissions that are submitted, in the space unless `kapp` is among these settings, and
    /// returns its id.
    pub(crate) async fn record_webhook(&self, name: &str, url: &str, more: Value) -> String {
        let mut webhook = json!({ "name": name, "type": "Submission", "event": "Submitted", "url": url });
        let mut home = "/webhooks".to_owned();
        for (key, value) in more.as_object().unwrap() {
            match value.as_str() {
                Some(slug) if key == "kapp" => home = format!("/kapps/{slug}/webhooks"),
                _ => webhook[key] = value.clone(),
            }
        }
        let made = self.company.platform(Method::POST, &home, webhook).await;
        made["webhook"]["id"].as_str().unwrap().to_owned()
    }

    /// Pushes a submission that was submitted in a kapp, with this as the value of its field Model.
    pub(crate) async fn submit(&self, model: &str) -> String {
        let body = json!({
            "event": { "type": "Submission", "action": "Submitted", "timestamp": "2026-04-21T10:00:00Z" },
            "space": { "slug": "acme" },
            "kapp": { "slug": "services" },
            "form": { "slug": "laptop", "attributesMap": { "Notify On": ["Submitted"] } },
            "submission": { "id": "b7a1f0a2", "coreState": "Submitted" },
            "values": { "Model": model },
        })
        .to_string();
        self.company.push(body.clone()).await;
        body
    }

    /// Makes a webhook of these settings, and returns its id.
    pub(crate) async fn webhook(&self, name: &str, url: &str, more: Value) -> String {
        let code: String = name.to_lowercase().chars().filter(char::is_ascii_lowercase).collect();
        let mut webhook = json!({ "name": name, "code": code, "url": url, "trigger": "create-edit-delete-task", "context": {} });
        for (key, value) in more.as_object().unwrap() {
            webhook[key] = value.clone();
        }
        let (stack, token) = (self.company.stack, &self.company.token);
        let made = stack.post(WEBHOOKS, token, webhook.to_string()).await.expect(201).json();
        made["_id"].as_str().unwrap().to_owned()
    }
}
