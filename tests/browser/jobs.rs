//! The jobs of platform webhooks: the list, the details, and the manual actions.

use serde_json::{Value, json};

use crate::page::Page;
use crate::wait::PATIENCE;
use crate::world::{RUN, World, patient, quick, receiver};

const SUMMARIES: &str = "table.jobs tbody [data-role=open]";

/// Opens the details of the job of this webhook that is first in the list.
async fn open(page: &Page, name: &str) {
    let found = format!(
        "[...document.querySelectorAll('table.jobs tbody tr')].find((row) => row.querySelector('.name').textContent === {})?.dataset.id",
        json!(name)
    );
    let id = page.until(&found).await;
    page.click(&format!("[data-role=open][data-job=\"{}\"]", id.as_str().unwrap())).await;
    page.is("document.querySelector('#detail-title')?.textContent", format!("Job of {name}")).await;
}

/// Finds the value of a name in the details.
fn fact(name: &str) -> String {
    format!(
        "[...document.querySelectorAll('.detail dt')].find((each) => each.textContent === '{name}')?.nextElementSibling.textContent"
    )
}

#[tokio::test]
async fn jobs_are_listed_in_tabs_and_show_their_request_and_response() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    let good = world.record_webhook("Runs", &receiver.url("/run"), json!({ "kapp": "services" })).await;
    world.record_webhook("Tree is missing", &receiver.url("/wrong"), json!({})).await;
    let sent = world.submit("X1").await;
    world.company.jobs("all=true&webhook=Runs", &["Complete"]).await;
    world.company.jobs("status=failed", &["Failed"]).await;
    world.open("").await;
    page.press("Jobs").await;
    page.texts(SUMMARIES, 2).await;
    page.press("Failed").await;
    page.texts(SUMMARIES, 1).await;
    page.sees("404 Not Found").await;
    page.press("Queued").await;
    page.sees("No records found").await;
    page.press("All").await;
    page.texts(SUMMARIES, 2).await;
    page.choose("#webhook", "Runs").await;
    page.texts(SUMMARIES, 1).await;
    page.until("location.hash.includes('webhook=Runs')").await;
    page.is(
        "[...document.querySelector('#names').options].map((each) => each.value)",
        json!(["Runs", "Tree is missing"]),
    )
    .await;

    open(page, "Runs").await;
    page.is("document.activeElement.id", "detail-title").await;
    page.is("document.querySelector('.detail .plain').textContent", "200 OK").await;
    page.is(&fact("Run"), "1430").await;
    page.is(&fact("Retries"), "0").await;
    page.is(&fact("Scope"), "Kapp services").await;
    page.is(&fact("Record"), "Submission b7a1f0a2").await;
    page.is(&fact("URL"), receiver.url("/run")).await;
    page.is("document.querySelector('.detail .bytes pre').textContent", sent).await;
    page.is("document.querySelector('.detail section:last-child pre').textContent", RUN).await;
    page.sees("\"X1\"").await;
    // Only a failed job can be retried, and only a waiting one cancelled.
    page.is("document.querySelectorAll('#retry, #cancel').length", 0).await;
    page.reload().await;
    page.is("document.querySelector('#detail-title')?.textContent", "Job of Runs").await;
    page.press("Queue").await;
    page.is("location.hash", format!("#/records/{good}/queue")).await;
    page.sees("No events are waiting").await;
    page.js("history.back()").await;
    page.is("document.querySelector('#detail-title')?.textContent", "Job of Runs").await;
    page.key("Escape").await;
    page.until("document.querySelector('.detail') === null").await;
    page.click("table.jobs .name a").await;
    page.is("location.hash", format!("#/records/{good}")).await;
    page.is_clean().await;
}

#[tokio::test]
async fn a_failed_job_is_retried_at_a_chosen_url() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    world.record_webhook("Tree", &receiver.url("/wrong"), json!({})).await;
    world.submit("X1").await;
    world.company.jobs("", &["Failed"]).await;
    world.open("#/jobs?status=failed").await;
    open(page, "Tree").await;
    page.is(&fact("Retries"), "2").await;
    page.sees("the tree does not exist").await;
    page.click("#retry").await;
    page.is("document.querySelector('dialog [name=url]').value", receiver.url("/wrong")).await;
    page.fill("dialog [name=url]", "ftp://example.com/").await;
    page.click("dialog .primary").await;
    page.until("document.querySelector('dialog .error').textContent !== ''").await;
    page.fill("dialog [name=url]", &receiver.url("/run")).await;
    page.click("dialog .primary").await;
    page.sees("The job is queued again.").await;
    receiver.wait_for("/run", 1, PATIENCE).await;
    // The open details stay, and follow the list.
    page.is(&fact("Run"), "1430").await;
    page.is(&fact("Retries"), "3").await;
    page.is(&fact("URL"), receiver.url("/run")).await;
    page.is("document.querySelector('#retry')", json!(null)).await;
    page.is_clean().await;
}

#[tokio::test]
async fn a_job_with_a_failed_filter_needs_a_url_to_be_retried() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    let filter = json!({ "filter": "values('Model').nothing.here" });
    world.record_webhook("Filter", &receiver.url("/ok"), filter).await;
    world.submit("X1").await;
    world.company.jobs("", &["Failed"]).await;
    world.open("#/jobs").await;
    open(page, "Filter").await;
    page.sees("none: the filter or the URL failed").await;
    page.sees("the filter threw TypeError").await;
    page.sees("It was not sent.").await;
    page.click("#retry").await;
    page.click("dialog .primary").await;
    page.until("document.querySelector('dialog .error').textContent !== ''").await;
    page.fill("dialog [name=url]", &receiver.url("/run")).await;
    page.click("dialog .primary").await;
    page.sees("The job is queued again.").await;
    page.is(&fact("Run"), "1430").await;
    page.is_clean().await;
}

#[tokio::test]
async fn a_waiting_job_can_be_cancelled_and_an_attempted_one_cannot() {
    let stack = patient().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    world.record_webhook("Slow", &receiver.url("/bad"), json!({})).await;
    world.submit("X1").await;
    receiver.wait_for("/bad", 1, PATIENCE).await;
    world.submit("X2").await;
    world.company.jobs("", &["Queued", "Queued"]).await;
    world.open("#/jobs?status=queued").await;
    let untried = page
        .until("[...document.querySelectorAll('table.jobs tbody tr')].find((row) => row.querySelector('.summary').textContent.endsWith('not sent yet'))?.dataset.id")
        .await;
    page.click(&format!("[data-role=open][data-job=\"{}\"]", untried.as_str().unwrap())).await;
    page.sees("Not sent yet.").await;
    page.click("#cancel").await;
    page.sees("Cancel the job?").await;
    page.click("dialog .danger").await;
    page.sees("The job was cancelled.").await;
    page.texts(SUMMARIES, 1).await;
    page.sees("Cancelled").await;
    // The one before it has begun: the server names the possible action.
    page.click(SUMMARIES).await;
    page.until("document.querySelector('.detail .plain')?.textContent === '503 Service Unavailable'").await;
    page.until(&format!("{}.startsWith('09:')", fact("Scheduled"))).await;
    page.click("#cancel").await;
    page.click("dialog .danger").await;
    page.sees("skip its event in the queue if it is being retried").await;
    world.company.jobs("", &["Queued", "Cancelled"]).await;
    page.is_clean().await;
}

#[tokio::test]
async fn a_job_without_a_webhook_and_a_scheduled_job_are_marked() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    world.open("#/webhooks").await;
    let job = json!({
        "id": "0".repeat(48), "name": "Implicit Webhook Job", "webhookId": null, "type": "Submission", "event": "Submitted",
        "status": "Queued", "summary": null, "url": "https://example.com/", "scopeType": "Space", "scopeId": "acme",
        "parentType": null, "parentId": null, "retryCount": 0, "scheduledAt": "2999-01-01T00:00:00Z",
        "requestContent": null, "responseContent": null, "runId": null,
    });
    let answer = json!({ "webhookJobs": [job], "nextPageToken": null });
    page.js(&format!(
        "void ((real) => {{ window.fetch = (path, ...rest) => path.includes('webhookJobs') \
         ? Promise.resolve(new Response({})) : real(path, ...rest); }})(window.fetch)",
        json!(answer.to_string())
    ))
    .await;
    page.place("#/jobs").await;
    open(page, "Implicit Webhook Job").await;
    page.is("document.querySelector('table.jobs .name a')", json!(null)).await;
    page.is("document.querySelector('.detail dd a')", json!(null)).await;
    page.until("document.querySelector('table.jobs time').textContent.startsWith('in ')").await;
    page.until("document.querySelector('.detail [data-until]') !== null").await;
    page.is_clean().await;
}

#[tokio::test]
async fn jobs_are_paged_latest_first_and_update_live() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    world.record_webhook("Many", &receiver.url("/ok"), json!({})).await;
    for number in 0..12 {
        world.submit(&number.to_string()).await;
    }
    world.company.jobs("", &["Complete"; 12]).await;
    page.hold_time().await;
    world.open("#/jobs").await;
    page.texts(SUMMARIES, 10).await;
    page.press("Next").await;
    page.texts(SUMMARIES, 2).await;
    page.press("Previous").await;
    page.texts(SUMMARIES, 10).await;
    let times =
        page.js("[...document.querySelectorAll('table.jobs time')].map((each) => each.dateTime)").await;
    let mut sorted = times.as_array().unwrap().clone();
    sorted.sort_by_key(|time: &Value| std::cmp::Reverse(time.as_str().unwrap().to_owned()));
    assert_eq!(times, json!(sorted));
    page.choose(".pager select", "25").await;
    page.texts(SUMMARIES, 12).await;
    world.submit("new").await;
    world.company.jobs("", &["Complete"; 13]).await;
    page.time_passes().await;
    page.texts(SUMMARIES, 13).await;
    page.is_clean().await;
}
