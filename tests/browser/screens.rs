//! Every screen with content, and its picture: `cargo test -p hookrail --test browser pictures`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::wait::PATIENCE;
use crate::world::{World, patient, receiver};

/// The screen of a queue once each of its parts is there.
pub(crate) const QUEUE: &str = ".screen:has(#queue dl):has(#replay p) .chart svg";

/// A screen of the panel, and an element that exists once it has been drawn.
#[derive(Debug)]
pub(crate) struct Screen {
    pub(crate) name: &'static str,
    hash: String,
    ready: &'static str,
    /// The element that is clicked then, and one that exists afterwards.
    click: Option<(&'static str, &'static str)>,
}

#[derive(Debug)]
pub(crate) struct Screens {
    pub(crate) places: Vec<Screen>,
}

impl Screen {
    pub(crate) async fn show(&self, world: &World<'_>) {
        let page = &world.page;
        if self.name == "sign in" {
            page.goto(&world.company.stack.ready.panel).await;
            if page.js("sessionStorage.length").await != 0 {
                page.press("Sign out").await;
            }
        } else if page.try_js("sessionStorage.length").await.unwrap() == 0 {
            world.open(&self.hash).await;
        } else {
            // Through the list, so that each screen is drawn again.
            page.goto(&format!("{}{}", world.company.stack.ready.panel, self.hash)).await;
        }
        let there = |selector: &str| format!("document.querySelector({}) !== null", json!(selector));
        page.until(&there(self.ready)).await;
        if let Some((selector, then)) = self.click {
            page.click(selector).await;
            page.until(&there(then)).await;
        }
    }
}

/// Makes an ordinary company, and returns all its screens.
pub(crate) async fn screens(world: &World<'_>, receiver: &Receiver) -> Screens {
    let more =
        json!({ "description": "Each approved order, for the ledger.", "headers": { "x-api-key": "k" } });
    let orders = world.webhook("Purchase orders to ERP", &receiver.url("/orders"), more).await;
    let failing = world.webhook("Maintenance notifications", &receiver.url("/bad"), json!({})).await;
    let survey = json!({ "trigger": "create-edit-delete-survey", "context": { "survey": "5f3d2c" } });
    world.webhook("Survey answers to warehouse", &receiver.url("/ok"), survey).await;
    world.webhook("Old CRM", &receiver.url("/ok"), json!({ "isActive": false })).await;
    let company = &world.company.id;
    for number in 1..=12 {
        let diff = r#"{"/status":{"previous":"open","changedTo":"approved"},"/assignee/name":{"previous":null,"changedTo":"Ana Pérez"}}"#;
        let data = json!({ "number": number, "subject": format!("Purchase order {number}"), "assignee": { "name": "Ana Pérez" }, "tags": ["urgent", "north"] });
        world.company.push(format!(r#"{{"company":"{company}","type":"COTTask","event":"edit","createdAt":"2026-05-05T19:54:29.924Z","data":{data},"diff":{diff}}}"#)).await;
    }
    let rows = world.company.rows_to(&orders, 12, PATIENCE).await;
    crate::logs::has_row(world, &failing).await;
    let row = &rows.last().unwrap().id;
    let screen = |name, hash: String, ready| Screen { name, hash, ready, click: None };
    // Rows load their state once they are visible.
    let list = "tbody tr:nth-child(1) .day > span";
    let mut places = vec![
        screen("sign in", String::new(), "#token"),
        screen("list", "#/webhooks?disabled=1".to_owned(), list),
        screen("empty search", "#/webhooks?search=nothing".to_owned(), ".empty"),
        screen("create", "#/webhooks/new".to_owned(), "#save"),
        screen("settings", format!("#/webhooks/{orders}"), "#reveal"),
        screen("logs", format!("#/webhooks/{orders}/logs"), "tr[data-log]"),
        screen("waiting", format!("#/webhooks/{failing}/logs"), ".badge.waiting"),
        screen("detail", format!("#/webhooks/{orders}/logs?log={row}"), ".timeline li"),
        screen("queue", format!("#/webhooks/{failing}/queue"), QUEUE),
    ];
    let clicked = |name, hash: String, ready, click| Screen { name, hash, ready, click: Some(click) };
    places.push(clicked("selected", "#/webhooks".to_owned(), list, ("thead input", ".bulk .danger")));
    places.push(clicked("deactivate", format!("#/webhooks/{orders}"), "#toggle", ("#toggle", "dialog")));
    places.push(clicked("rotate", format!("#/webhooks/{orders}"), "#rotate", ("#rotate", "dialog")));
    places.push(clicked("replay", format!("#/webhooks/{orders}/queue"), QUEUE, ("#start-replay", "dialog")));
    places.push(clicked("test", format!("#/webhooks/{orders}"), "#test", ("#test", "#answer .badge")));
    places.extend(record_screens(world, receiver).await);
    Screens { places }
}

/// Adds platform webhooks and their jobs: accepted, failed, cancelled, waiting.
async fn record_screens(world: &World<'_>, receiver: &Receiver) -> Vec<Screen> {
    let filter = "form('attribute:Notify On').indexOf('Submitted') > -1";
    let more = json!({ "filter": filter, "kapp": "services" });
    world.record_webhook("Submission Submitted", &receiver.url("/run?form=${form('slug')}"), more).await;
    let failing = json!({ "filter": "values('Model').nothing.here" });
    world.record_webhook("Requests to ticket system", &receiver.url("/ok"), failing).await;
    let waiting = world.record_webhook("Laptops to stock", &receiver.url("/bad"), json!({})).await;
    let idle = json!({ "type": "User", "event": "Membership Change", "isActive": false });
    world.record_webhook("People to directory", "https://directory.example.com/", idle).await;
    world.submit("X1").await;
    let failed = world.company.jobs("status=failed", &["Failed"]).await.remove(0);
    let done = world.company.jobs("all=true&webhook=Submission%20Submitted", &["Complete"]).await.remove(0);
    crate::logs::has_row(world, &waiting).await;
    let screen = |name, hash: String, ready| Screen { name, hash, ready, click: None };
    let clicked = |name, hash: String, ready, click| Screen { name, hash, ready, click: Some(click) };
    let of = |job: &Value| format!("#/jobs?job={}", job["id"].as_str().unwrap());
    let edit = format!("#/records/{waiting}");
    vec![
        screen("record list", "#/records".to_owned(), "tbody tr[data-id]"),
        screen("no records", "#/records?name=nothing".to_owned(), ".empty"),
        screen("record create", "#/records/new".to_owned(), "#try"),
        screen("record settings", edit.clone(), "#toggle"),
        clicked("bindings", edit.clone(), "#toggle", (".insert summary", ".insert[open]")),
        clicked("trial", edit.clone(), "#toggle", ("#try", "#tried code")),
        clicked("record delete", edit, "#toggle", ("#remove", "dialog")),
        screen("jobs", "#/jobs".to_owned(), "tr[data-id]"),
        screen("job", of(&done), ".detail pre"),
        clicked("job retry", of(&failed), "#retry", ("#retry", "dialog")),
    ]
}

#[tokio::test]
async fn takes_pictures_of_every_screen() {
    let stack = patient().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let Screens { places } = screens(&world, &receiver).await;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    fs::create_dir_all(&folder).unwrap();
    for (device, width, height) in [("desktop", 1280, 900), ("phone", 390, 844)] {
        world.page.size(width, height).await;
        for scheme in ["light", "dark"] {
            world.page.scheme(scheme).await;
            for screen in &places {
                screen.show(&world).await;
                let name = format!("{} {device} {scheme}.png", screen.name).replace(' ', "-");
                let picture = world.page.picture().await;
                assert!(5_000 < picture.len(), "{name} is blank");
                fs::write(folder.join(name), picture).unwrap();
            }
        }
    }
    world.page.is_clean().await;
    eprintln!("{} pictures in {}", places.len() * 4, folder.display());
}
