//! Accessibility: by keyboard alone, by screen reader, in two languages, on any screen.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::page::Page;
use crate::screens::{Screens, screens};
use crate::wait::PATIENCE;
use crate::world::{World, patient, quick, receiver};

/// Returns the script that `npm ci` of this folder's `package.json` has installed.
fn axe() -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser/node_modules/axe-core/axe.min.js");
    fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!("{error}: {}; docs/TESTING.md says how axe-core is fetched", path.display())
    })
}

/// Returns the violations that axe-core finds on the page.
async fn violations(page: &Page, axe: &str) -> Vec<String> {
    page.js(&format!("{axe}; 0")).await;
    let found = page
        .js("axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.flatMap((each) => \
             each.nodes.map((node) => `${each.id}: ${node.target} ${node.failureSummary}`)))")
        .await;
    serde_json::from_value(found).unwrap()
}

#[tokio::test]
async fn axe_finds_no_violations_on_any_screen_in_light_and_dark() {
    let stack = patient().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let Screens { places, .. } = screens(&world, &receiver).await;
    let (page, axe) = (&world.page, axe());
    let mut all = Vec::new();
    for scheme in ["light", "dark"] {
        page.scheme(scheme).await;
        for screen in &places {
            screen.show(&world).await;
            let found = violations(page, &axe).await;
            all.extend(found.into_iter().map(|each| format!("{} {scheme}: {each}", screen.name)));
        }
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
    page.is_clean().await;
}

#[tokio::test]
async fn every_screen_fits_320_pixels_and_large_displays() {
    let stack = patient().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let Screens { places, .. } = screens(&world, &receiver).await;
    let page = &world.page;
    for (width, height) in [(320, 640), (3840, 2160)] {
        page.size(width, height).await;
        for screen in &places {
            screen.show(&world).await;
            let over =
                page.js("document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
            assert_eq!(over, 0, "{} at {width}", screen.name);
        }
    }
}

async fn tab_to(page: &Page, wanted: &str) {
    for _ in 0..60 {
        let name = page.js("(document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent).trim()").await;
        if name == wanted {
            return;
        }
        page.key("Tab").await;
    }
    panic!("no way to {wanted:?} by Tab");
}

#[tokio::test]
async fn a_webhook_is_created_viewed_and_deactivated_by_keyboard() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    world.open("").await;
    tab_to(page, "Create a webhook").await;
    page.key("Enter").await;
    page.until("document.activeElement.name === 'name'").await;
    page.call("Input.insertText", json!({ "text": "Keys" })).await;
    page.key("Tab").await;
    page.key("Tab").await;
    page.call("Input.insertText", json!({ "text": receiver.url("/ok") })).await;
    page.key("Tab").await;
    page.key("Tab").await;
    page.until("document.activeElement.name === 'trigger'").await;
    let trigger = "document.activeElement.value";
    while page.js(trigger).await != "create-edit-delete-task" {
        let before = page.js(trigger).await;
        page.key("ArrowDown").await;
        page.until(&format!("{trigger} !== {before}")).await;
    }
    page.js("document.body.focus(); document.activeElement.blur()").await;
    tab_to(page, "Save").await;
    page.key("Enter").await;
    page.sees("Keys was created.").await;
    world.company.push_tasks([1]).await;
    receiver.wait_for("/ok", 1, PATIENCE).await;
    tab_to(page, "Logs").await;
    page.key("Enter").await;
    page.sees("SUCCESS").await;
    tab_to(page, "Open event 1, attempt 1").await;
    page.key("Enter").await;
    page.until("document.activeElement.id === 'detail-title'").await;
    page.key("Escape").await;
    page.until("document.activeElement.ariaLabel === 'Open event 1, attempt 1'").await;
    page.js("document.body.focus(); document.activeElement.blur()").await;
    tab_to(page, "Settings").await;
    page.key("Enter").await;
    page.until("document.querySelector('#toggle') !== null").await;
    tab_to(page, "Deactivate").await;
    page.key("Enter").await;
    // The dialog keeps the focus, begins at a harmless control, and returns the focus.
    page.until("document.activeElement.closest('dialog') && document.activeElement.textContent === 'Cancel'")
        .await;
    page.key("Enter").await;
    // A dialog returns the focus a moment before its button works again.
    page.until("document.activeElement.id === 'toggle' && document.activeElement.ariaDisabled !== 'true'")
        .await;
    page.key("Enter").await;
    page.until("document.activeElement.closest('dialog') !== null").await;
    page.key("Tab").await;
    page.until("document.activeElement.textContent === 'Deactivate'").await;
    page.key("Enter").await;
    page.sees("Disabled").await;
    page.is_clean().await;
}

#[tokio::test]
async fn a_binding_is_inserted_and_a_job_retried_by_keyboard() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    let id = world.record_webhook("Tree", &receiver.url("/wrong"), json!({ "filter": "true" })).await;
    world.submit("X1").await;
    world.company.jobs("", &["Failed"]).await;
    world.open(&format!("#/records/{id}")).await;
    page.until("document.querySelector('#toggle') !== null").await;
    tab_to(page, "Insert a binding").await;
    page.key("Enter").await;
    page.until("document.querySelector('.insert').open").await;
    tab_to(page, "Insert form slug").await;
    page.key("Enter").await;
    page.until(
        "document.activeElement.name === 'filter' && document.activeElement.value.includes(\"form('slug')\")",
    )
    .await;
    page.place("#/jobs").await;
    page.sees("Unsaved changes").await;
    tab_to(page, "Discard changes").await;
    page.key("Enter").await;
    page.sees("404 Not Found").await;
    tab_to(page, "Details of Tree: 404 Not Found").await;
    page.key("Enter").await;
    page.until("document.activeElement.id === 'detail-title'").await;
    tab_to(page, "Retry").await;
    page.key("Enter").await;
    page.until("document.activeElement.closest('dialog') && document.activeElement.textContent === 'Cancel'")
        .await;
    page.key("Tab").await;
    page.until("document.activeElement.textContent === 'Retry'").await;
    page.key("Enter").await;
    page.sees("The job is queued again.").await;
    receiver.wait_for("/wrong", 4, PATIENCE).await;
    page.until("document.activeElement.closest('.detail') !== null").await;
    page.key("Escape").await;
    page.until("document.activeElement.dataset.role === 'open'").await;
    page.is_clean().await;
}

#[tokio::test]
async fn the_panel_speaks_english_and_spanish_and_shows_its_time_zone() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    page.call("Emulation.setTimezoneOverride", json!({ "timezoneId": "America/Santiago" })).await;
    world.webhook("Alpha", "https://example.com/", json!({})).await;
    world.open("#/webhooks").await;
    page.sees("Times in America/Santiago (UTC−03:00)").await;
    page.choose("#language", "es").await;
    page.sees("Crear / Editar / Eliminar tarea").await;
    page.is("document.documentElement.lang", "es").await;
    page.reload().await;
    page.sees("Nombre").await;
    page.is_clean().await;
}

#[tokio::test]
async fn reduced_motion_disables_animations() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    let features = json!([{ "name": "prefers-reduced-motion", "value": "reduce" }]);
    page.call("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    let id = world.webhook("Alpha", "https://example.com/", json!({})).await;
    for place in ["#/webhooks".to_owned(), format!("#/webhooks/{id}/logs")] {
        world.open(&place).await;
        let moving: Value = page
            .js("[...document.querySelectorAll('*')].filter((each) => { const style = getComputedStyle(each); \
                 return style.animationName !== 'none' || parseFloat(style.transitionDuration) > 0; }).length")
            .await;
        assert_eq!(moving, 0);
    }
}
