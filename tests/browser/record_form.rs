//! The form of a platform webhook: create, try, change, and the server's refusals.

use reqwest::Method;
use serde_json::{Value, json};

use crate::page::Page;
use crate::world::{World, quick, receiver};

/// Finds the error of a field's value.
fn error(field: &str) -> String {
    format!("document.querySelector('[data-field=\"{field}\"] .error').textContent")
}

/// Finds the value of a field.
fn value(name: &str) -> String {
    format!("document.querySelector('form [name=\"{name}\"]')?.value")
}

/// Returns the choices of a select that have a value.
async fn offered(page: &Page, name: &str) -> Value {
    let all = format!(
        "[...document.querySelector('form [name={name}]').options].map((each) => each.value).filter(Boolean)"
    );
    page.js(&all).await
}

/// Opens the list of bindings of a field, and inserts one of them.
async fn insert(page: &Page, field: &str, binding: &str) {
    let menu = format!("document.querySelector('[data-field={field}] .insert')");
    if page.js(&format!("{menu}.open")).await == false {
        page.click(&format!("[data-field={field}] .insert summary")).await;
    }
    page.click(&format!("[data-field={field}] [data-binding=\"{binding}\"]")).await;
    page.until(&format!("document.activeElement.name === '{field}'")).await;
}

async fn choose_submitted(page: &Page) {
    page.choose("[name=type]", "Submission").await;
    page.choose("[name=event]", "Submitted").await;
}

#[tokio::test]
async fn a_platform_webhook_is_written_with_bindings_tried_and_saved() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    world.open("#/records").await;
    page.press("Create a webhook").await;
    page.click("#try").await;
    page.is(&error("type"), "is missing").await;
    page.is(&error("payload"), "is missing").await;
    choose_submitted(page).await;
    page.is(&value("name"), "Submission Submitted").await;
    // Only the bindings of the type; the cursor waits for the name of the field.
    let bindings = "[...new Set([...document.querySelectorAll('[data-field=filter] .bindings dt')].map((each) => each.textContent))]";
    page.is(bindings, json!(["space", "kapp", "form", "submission", "values"])).await;
    insert(page, "filter", "values.").await;
    page.call("Input.insertText", json!({ "text": "Model" })).await;
    page.is(&value("filter"), "values('Model')").await;
    page.fill("[name=filter]", "values('Model') === 'X1' && ").await;
    insert(page, "filter", "form.slug").await;
    page.is(&value("filter"), "values('Model') === 'X1' && form('slug')").await;
    page.fill("[name=url]", &receiver.url("/ok/")).await;
    insert(page, "url", "form.slug").await;
    page.is(&value("url"), format!("{}${{form('slug')}}", receiver.url("/ok/"))).await;

    page.click("#try").await;
    page.sees("The filter is true").await;
    page.sees(&receiver.url("/ok/request-laptop")).await;
    page.fill("[name=filter]", "values('Model') === 'X2'").await;
    page.click("#try").await;
    page.sees("The filter is false").await;
    page.fill("[name=filter]", "values('Model').nothing.here").await;
    page.click("#try").await;
    page.sees("The filter fails for this event: threw TypeError").await;
    page.fill("[name=payload]", "{").await;
    page.click("#try").await;
    page.is(&error("payload"), "is not JSON").await;
    page.fill("[name=payload]", "[]").await;
    page.click("#try").await;
    page.is(&error("payload"), "must be an object: the event as it is pushed").await;

    // The server's refusals stand next to their fields, with line and column.
    page.fill("[name=filter]", "form('slug') ===\n  )").await;
    page.fill("[name=url]", "https://example.com/${form('slug'}").await;
    page.click("#save").await;
    page.until(&format!("{}.startsWith('line 2, column 3: ')", error("filter"))).await;
    page.until(&format!("{}.startsWith('line 1, column ')", error("url"))).await;
    page.is("document.activeElement.name", "filter").await;
    page.sees("Not saved. Fields to correct: 2.").await;

    page.fill("[name=filter]", "").await;
    page.fill("[name=url]", &receiver.url("/ok")).await;
    page.click("#save").await;
    page.sees("Submission Submitted was created.").await;
    page.until("document.querySelector('#toggle') !== null").await;
    world.submit("X1").await;
    world.company.jobs("webhook=Submission%20Submitted", &["Complete"]).await;
    page.press("Logs").await;
    page.sees("SUCCESS").await;
    page.press("Open event 1, attempt 1").await;
    page.sees("Submission · Submitted").await;
    page.press("Queue").await;
    page.sees("No events are waiting").await;
    page.press("All platform webhooks").await;
    page.press("Submission Submitted").await;
    page.until("document.querySelector('#toggle') !== null").await;
    page.is_clean().await;
}

#[tokio::test]
async fn a_preset_fills_type_event_and_url_and_another_type_clears_them() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    world.open("#/records/new").await;
    page.choose("[name=type]", "User").await;
    page.fill("[name=filter]", "user('username') !== 'x'").await;
    page.choose("[name=preset]", "").await;
    let tree = "[...document.querySelector('[name=preset]').options].find((each) => each.textContent === \
                'Submission Submitted: Submissions > [kapp-slug] > [form-slug] / Submitted').value";
    let tree = page.until(tree).await;
    page.choose("[name=preset]", tree.as_str().unwrap()).await;
    page.is(&value("type"), "Submission").await;
    page.is(&value("event"), "Submitted").await;
    page.is(&value("filter"), "").await;
    page.is(&value("name"), "Submission Submitted").await;
    let url = "/app/api/v1/run-tree/${space('attribute:Task Source')}/Submissions%20%3E%20${kapp('slug')}%20%3E%20${form('slug')}/Submitted";
    page.is(&value("url"), url).await;
    // The operator of this stack has not configured an engine: a trial shows it, and saving does too.
    page.click("#try").await;
    page.sees("The URL fails for this event: must not begin with /: the operator has not configured a workflow engine")
        .await;
    page.click("#save").await;
    page.is(&error("url"), "must not begin with /: the operator has not configured a workflow engine").await;
    page.fill("[name=name]", "Mine").await;
    page.fill("[name=filter]", "true").await;
    page.choose("[name=type]", "Team").await;
    for name in ["event", "filter", "url", "preset"] {
        page.is(&value(name), "").await;
    }
    page.is(&error("url"), "").await;
    page.is(&value("name"), "Mine").await;
    assert_eq!(
        offered(page, "event").await,
        json!(["Created", "Updated", "Deleted", "Restored", "Membership Change"])
    );
    page.is("document.querySelector('[data-binding=\"team.slug\"]') !== null", true).await;
    page.is("document.querySelector('[data-binding=\"form.slug\"]')", json!(null)).await;
    page.sees("Datastore Form (up to version 5)").await;
    page.is_clean().await;
}

#[tokio::test]
async fn a_sent_event_is_tried_byte_for_byte() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    world.record_webhook("Sender", &receiver.url("/ok"), json!({})).await;
    let sent = world.submit("Z9").await;
    world.company.jobs("", &["Complete"]).await;
    world.open("#/records/new").await;
    page.choose("[name=type]", "Form").await;
    page.choose("[name=event]", "Created").await;
    page.until(&format!(
        "JSON.parse({}).event.type === 'Form'",
        value("payload").replace("form ", ".beside ")
    ))
    .await;
    choose_submitted(page).await;
    let past = page.until("[...document.querySelector('[name=source]').options].find((each) => each.textContent.endsWith('Submitted · Sender'))?.value").await;
    page.choose("[name=source]", past.as_str().unwrap()).await;
    page.is("document.querySelector('[name=payload]').value", sent).await;
    page.fill("[name=filter]", "values('Model') === 'Z9'").await;
    page.click("#try").await;
    page.sees("The filter is true").await;
    page.is_clean().await;
}

#[tokio::test]
async fn a_key_is_set_kept_when_omitted_and_cleared() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    let id = world.record_webhook("Keyed", "https://example.com/", json!({})).await;
    let strategy = async || {
        let found = world.company.platform(Method::GET, "/webhooks/Keyed", Value::Null).await;
        found["webhook"]["authStrategy"].clone()
    };
    world.open(&format!("#/records/{id}")).await;
    let (key, secret) =
        ("[name=\"authStrategy.properties.Key\"]", "[name=\"authStrategy.properties.Secret\"]");
    page.fill(key, "ours").await;
    page.click("#save").await;
    page.is(&error("authStrategy.properties.Secret"), "is missing").await;
    page.fill(secret, "too short").await;
    page.click("#save").await;
    page.until(&format!("{}.includes('24')", error("authStrategy.properties.Secret"))).await;
    page.fill(secret, "a-secret-of-somebody-s-own").await;
    page.click("#save").await;
    page.sees("Saved.").await;
    page.until(&format!("document.querySelector('{secret}').placeholder === 'unchanged'")).await;
    page.is(&value("authStrategy.properties.Secret"), "").await;
    assert_eq!(strategy().await["properties"][0]["value"], "ours");
    page.press("Close").await;
    page.fill("[name=filter]", "true").await;
    page.click("#save").await;
    page.sees("Saved.").await;
    assert_eq!(strategy().await["properties"][0]["value"], "ours", "a setting that is not named is kept");
    page.press("Close").await;
    page.click("[name=clear]").await;
    page.click("#save").await;
    page.sees("Saved.").await;
    page.is("document.querySelector('[name=clear]')", json!(null)).await;
    assert_eq!(strategy().await, Value::Null);
    page.is_clean().await;
}

#[tokio::test]
async fn a_platform_webhook_is_toggled_and_deleted_after_confirmation() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    let id = world.record_webhook("Alpha", "https://example.com/", json!({ "kapp": "services" })).await;
    world.open(&format!("#/records/{id}")).await;
    page.sees("Scope: Kapp services").await;
    page.click("#toggle").await;
    page.sees("Deactivate Alpha?").await;
    page.click("dialog .danger").await;
    page.sees("Disabled").await;
    page.click("#toggle").await;
    page.sees("Active").await;
    page.fill("[name=name]", "Beta / two").await;
    page.click("#save").await;
    page.is("document.querySelector('h1').textContent", "Beta / two").await;
    page.fill("[name=name]", "Gamma").await;
    page.press("Jobs").await;
    page.sees("Unsaved changes").await;
    page.press("Cancel").await;
    page.click("#remove").await;
    page.sees("Delete Beta / two?").await;
    page.press("Cancel").await;
    page.click("#remove").await;
    page.click("dialog .danger").await;
    page.sees("Beta / two was deleted.").await;
    page.sees("No platform webhooks yet").await;
    page.place(&format!("#/records/{id}")).await;
    page.sees("This webhook does not exist.").await;
    page.is_clean().await;
}

#[tokio::test]
async fn a_kapp_webhook_is_created_in_its_kapp() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    world.open("#/records/new").await;
    page.choose("[name=type]", "Team").await;
    page.fill("[name=filter]", "true").await;
    page.choose("[name=scope]", "kapp").await;
    assert_eq!(offered(page, "type").await, json!(["Form", "Submission"]));
    // A choice that is no longer offered removes the rest with it.
    for name in ["type", "event", "filter"] {
        page.is(&value(name), "").await;
    }
    page.choose("[name=type]", "Form").await;
    page.choose("[name=event]", "Created").await;
    page.fill("[name=url]", "https://example.com/").await;
    page.click("#save").await;
    page.is(&error("kappSlug"), "there is no such kapp").await;
    page.fill("[name=kappSlug]", "services").await;
    page.click("[name=isActive]").await;
    page.click("#save").await;
    page.sees("Form Created was created.").await;
    page.sees("Scope: Kapp services").await;
    page.sees("Disabled").await;
    page.is_clean().await;
}
