//! A webhook's settings.

use reqwest::Method;
use serde_json::{Value, json};

use crate::company::WEBHOOKS;
use crate::wait::{PATIENCE, eventually};
use crate::world::{World, quick, receiver};

const CODE: &str = "[name=code]";

fn shown(field: &str) -> String {
    format!("document.querySelector('[data-field=\"{field}\"]').checkVisibility()")
}

#[tokio::test]
async fn a_new_webhook_has_a_suggested_code_that_is_locked_after_saving() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    world.open("#/webhooks/new").await;
    page.fill("[name=name]", "Órdenes de compra 2").await;
    page.is(&format!("document.querySelector('{CODE}').value"), "ordenes_de_compra_2").await;
    let labels = page.js("[...document.querySelectorAll('form > section:first-of-type .field:not([hidden]) label')].map((each) => each.innerText)").await;
    assert_eq!(labels, json!(["Name*", "Code*", "URL*", "Description", "Trigger*"]));
    // The server's reasons stand next to their fields.
    page.press("Save").await;
    page.until("document.querySelector('[data-field=url] .error').textContent !== ''").await;
    page.is("document.activeElement.name", "url").await;
    page.is("document.activeElement.getAttribute('aria-invalid')", "true").await;
    page.fill("[name=url]", "https://example.com/orders").await;
    page.fill("[name=description]", "Every order").await;
    page.choose("[name=trigger]", "create-edit-delete-survey").await;
    page.fill("[name='context.survey']", "s1").await;
    page.press("Save").await;
    page.sees("Órdenes de compra 2 was created.").await;
    page.until(&format!("document.querySelector('{CODE}').readOnly")).await;
    page.sees("Identifier").await;
    let id = page.js("document.querySelector('[name=identifier]').value").await;
    let saved = world.company.find(id.as_str().unwrap()).await;
    assert_eq!(
        (&saved["code"], &saved["description"], &saved["context"]["survey"]),
        (&json!("ordenes_de_compra_2"), &json!("Every order"), &json!("s1"))
    );
    page.is_clean().await;
}

#[tokio::test]
async fn a_trigger_shows_its_own_context_fields_only() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    world.open("#/webhooks/new").await;
    page.until("document.querySelector('[name=trigger]') !== null").await;
    for (trigger, expected) in [
        ("create-edit-delete-user", [false, false, false]),
        ("create-edit-delete-task", [true, false, false]),
        ("create-edit-delete-survey", [false, true, true]),
        ("create-edit-delete-property", [false, false, false]),
        ("create-edit-delete-note", [false, false, false]),
        ("logout-user", [false, false, false]),
    ] {
        page.choose("[name=trigger]", trigger).await;
        for (slot, expected) in
            ["context.taskGroup", "context.survey", "context.group"].into_iter().zip(expected)
        {
            page.is(&shown(slot), expected).await;
        }
    }
    let labels =
        page.js("[...document.querySelector('[name=trigger]').options].map((each) => each.text)").await;
    for label in ["Create / Edit / Remove User", "Create / Edit / Remove Element", "Edit Note", "User Logout"]
    {
        assert!(labels.as_array().unwrap().contains(&json!(label)), "{labels}");
    }
}

#[tokio::test]
async fn clearing_a_context_asks_for_confirmation_before_saving() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    let id =
        world.webhook("Narrow", "https://example.com/", json!({ "context": { "taskGroup": "w1" } })).await;
    world.open(&format!("#/webhooks/{id}")).await;
    page.fill("[name='context.taskGroup']", "").await;
    page.press("Save").await;
    page.sees("You have cleared: Workflow. Narrow will get all events").await;
    page.press("Cancel").await;
    assert_eq!(world.company.find(&id).await["context"]["taskGroup"], "w1");
    page.press("Save").await;
    page.press("Save anyway").await;
    page.sees("Saved.").await;
    assert_eq!(world.company.find(&id).await["context"]["taskGroup"], "");
    page.is_clean().await;
}

#[tokio::test]
async fn leaving_with_unsaved_changes_asks_for_confirmation() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    let id = world.webhook("Alpha", "https://example.com/", json!({})).await;
    world.open(&format!("#/webhooks/{id}")).await;
    page.fill("[name=name]", "Beta").await;
    page.press("Logs").await;
    page.sees("Unsaved changes").await;
    page.key("Escape").await;
    page.misses("Unsaved changes").await;
    page.is("document.querySelector('[name=name]').value + location.hash", format!("Beta#/webhooks/{id}"))
        .await;
    page.press("Logs").await;
    page.press("Discard changes").await;
    page.sees("No records found").await;
    assert_eq!(world.company.find(&id).await["name"], "Alpha");
    page.is_clean().await;
}

#[tokio::test]
async fn a_concurrent_change_is_shown_and_not_overwritten() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    let id = world.webhook("Alpha", "https://example.com/", json!({})).await;
    world.open(&format!("#/webhooks/{id}")).await;
    page.fill("[name=description]", "mine").await;
    world.company.change(&id, json!({ "description": "theirs" })).await;
    page.press("Save").await;
    page.sees("another person has changed this webhook").await;
    page.press("Load the current version").await;
    page.until("document.querySelector('[name=description]').value === 'theirs'").await;
    page.is_clean().await;
}

#[tokio::test]
async fn a_webhook_is_deactivated_and_activated_in_its_settings() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    let id = world.webhook("Alpha", "https://example.com/", json!({})).await;
    world.open(&format!("#/webhooks/{id}")).await;
    page.click("#toggle").await;
    page.sees("No more events are sent to: Alpha.").await;
    page.click("dialog .danger").await;
    page.press("Activate").await;
    page.until("document.querySelector('#toggle').innerText.trim() === 'Deactivate'").await;
    assert_eq!(world.company.find(&id).await["isActive"], true);
    page.is_clean().await;
}

#[tokio::test]
async fn an_inactive_webhook_is_deleted_after_confirmation_and_an_active_one_cannot_be() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    let id = world.webhook("Alpha", "https://example.com/", json!({})).await;
    world.webhook("Beta", "https://example.com/", json!({})).await;
    world.open(&format!("#/webhooks/{id}")).await;
    page.until("document.querySelector('#toggle') !== null").await;
    page.is("document.querySelector('#remove')", json!(null)).await;
    page.click("#toggle").await;
    page.click("dialog .danger").await;
    page.click("#remove").await;
    page.sees("Delete Alpha?").await;
    page.press("Cancel").await;
    assert_eq!(world.company.find(&id).await["isActive"], false);
    // Another person activates it while the question is open: the API refuses, and says why.
    page.click("#remove").await;
    page.sees("Delete Alpha?").await;
    world.company.change(&id, json!({ "isActive": true })).await;
    page.click("dialog .danger").await;
    page.sees("the webhook is active; deactivate it, then delete it").await;
    page.is("location.hash", format!("#/webhooks/{id}")).await;
    world.company.change(&id, json!({ "isActive": false })).await;
    // Unsaved changes of a deleted webhook are not asked for.
    page.fill("[name=description]", "never saved").await;
    page.click("#remove").await;
    page.click("dialog .danger").await;
    page.sees("Alpha was deleted.").await;
    page.is("location.hash", "#/webhooks").await;
    assert_eq!(page.texts("table.webhooks tbody th", 1).await, ["Beta"]);
    assert_eq!(world.company.ask(Method::GET, &format!("{WEBHOOKS}/{id}"), json!({})).await.0, 404);
    page.is_clean().await;
}

#[tokio::test]
async fn headers_basic_auth_and_suspension_are_saved_and_values_stay_hidden() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    let id = world.webhook("Alpha", &receiver.url("/x"), json!({})).await;
    world.open(&format!("#/webhooks/{id}")).await;
    page.press("Add header").await;
    page.fill(".header input:nth-of-type(1)", "x-api-key").await;
    page.fill(".header input:nth-of-type(2)", "k1").await;
    page.fill("[name=basicAuth]", "ana").await;
    page.fill("[name='basicAuth.password']", "pw").await;
    page.choose("[name=suspendAfter]", "hold").await;
    page.press("Save").await;
    page.sees("Saved.").await;
    let saved = world.company.find(&id).await;
    assert_eq!(
        (&saved["headers"], &saved["basicAuth"]["username"], &saved["suspendAfter"]),
        (&json!(["x-api-key"]), &json!("ana"), &json!(1))
    );
    page.is("[...document.querySelectorAll('[type=password]')].map((each) => each.value).join('')", "").await;
    page.click("#test").await;
    page.sees("Status 200 in").await;
    page.sees(r#"{"received":true}"#).await;
    let hits = receiver.wait_for("/x", 1, PATIENCE).await;
    assert_eq!(hits[0].header("x-api-key"), "k1");
    page.press("Remove header x-api-key").await;
    page.fill("[name=basicAuth]", "").await;
    page.press("Save").await;
    eventually("the header and the name are removed", PATIENCE, async || {
        let saved = world.company.find(&id).await;
        if saved.get("headers").is_none() && saved.get("basicAuth").is_none() {
            Ok(())
        } else {
            Err(saved.to_string())
        }
    })
    .await;
    page.is_clean().await;
}

#[tokio::test]
async fn a_test_send_uses_the_given_event_and_shows_a_failure() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    let id = world.webhook("Alpha", &receiver.url("/bad"), json!({})).await;
    world.open(&format!("#/webhooks/{id}")).await;
    page.fill("[name=event]", "{").await;
    page.click("#test").await;
    page.sees("is not JSON").await;
    page.fill("[name=event]", r#"{"hello":"world"}"#).await;
    page.click("#test").await;
    page.sees("Status 503 in").await;
    page.sees("maintenance until 14:00").await;
    assert_eq!(receiver.hits_at("/bad")[0].body.as_ref(), br#"{"hello":"world"}"#);
    page.is_clean().await;
}

#[tokio::test]
async fn the_browser_asks_before_leaving_unsaved_changes_only() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    let id = world.webhook("Alpha", "https://example.com/", json!({})).await;
    world.open(&format!("#/webhooks/{id}")).await;
    page.fill("[name=name]", "Beta").await;
    // As a closed tab or another address would: the call itself must return first.
    let leave = "void setTimeout(() => location.reload())";
    page.js(leave).await;
    page.is_asked_to_leave(1, false).await;
    page.is("document.querySelector('[name=name]').value", "Beta").await;
    page.js("void (window.isOld = true)").await;
    page.js(leave).await;
    page.is_asked_to_leave(2, true).await;
    page.until("window.isOld === undefined && document.querySelector('[name=name]')?.value === 'Alpha'")
        .await;
    // The page no longer asks once the form is saved, or restored.
    page.fill("[name=name]", "Gamma").await;
    page.press("Save").await;
    page.sees("Saved.").await;
    page.reload().await;
    page.until("document.querySelector('[name=name]')?.value === 'Gamma'").await;
    page.fill("[name=name]", "Delta").await;
    page.fill("[name=name]", "Gamma").await;
    page.reload().await;
    page.until("document.querySelector('[name=name]')?.value === 'Gamma'").await;
    assert_eq!(page.events("Page.javascriptDialogOpening").len(), 2);
    page.is_clean().await;
}

#[tokio::test]
async fn each_suspension_policy_is_saved_and_shown_again() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    let id = world.webhook("Alpha", "https://example.com/", json!({})).await;
    world.open(&format!("#/webhooks/{id}")).await;
    let (policy, count) = ("[name=suspendAfter]", "[aria-label='Exhausted events in a row']");
    let shown = |policy: &str| format!("document.querySelector('[name=suspendAfter]')?.value === '{policy}'");
    let number = format!("document.querySelector(\"{count}\")");
    page.until(&shown("default")).await;
    for (chosen, stored) in
        [("never", json!(0)), ("number", json!(7)), ("hold", json!(1)), ("default", json!(null))]
    {
        page.choose(policy, chosen).await;
        page.is(&format!("{number}.checkVisibility()"), chosen == "number").await;
        if chosen == "number" {
            // The usual choice.
            page.is(&format!("{number}.value"), "5").await;
            page.fill(count, "101").await;
            page.press("Save").await;
            page.until("document.querySelector('[data-field=suspendAfter] .error').textContent !== ''").await;
            page.fill(count, "7").await;
        }
        page.press("Save").await;
        page.until("document.querySelector('#save').ariaDisabled !== 'true' && document.body.innerText.includes('Saved.')")
            .await;
        assert_eq!(world.company.find(&id).await["suspendAfter"], stored, "{chosen}");
        page.reload().await;
        page.until(&shown(chosen)).await;
        if chosen == "number" {
            page.is(&format!("{number}.value"), "7").await;
        }
    }
    page.is_clean().await;
}

#[tokio::test]
async fn a_url_is_tested_with_a_trigger_before_the_webhook_exists() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    world.open("#/webhooks/new").await;
    page.click("#test").await;
    page.until("document.querySelector('[data-field=url] .error').textContent !== ''").await;
    page.fill("[name=url]", &receiver.url("/bad")).await;
    page.choose("[name=trigger]", "logout-user").await;
    page.click("#test").await;
    page.sees("Status 503 in").await;
    page.sees("maintenance until 14:00").await;
    page.sees("a secret for this test only").await;
    page.until("document.querySelector('[data-field=url] .error').textContent === ''").await;
    let sent: Value = serde_json::from_slice(&receiver.hits_at("/bad")[0].body).unwrap();
    assert_eq!((&sent["type"], &sent["event"]), (&json!("Auth"), &json!("logout")));
    assert_eq!(world.company.ask(Method::GET, WEBHOOKS, json!({})).await.1, json!([]), "nothing is created");
    page.is_clean().await;
}
