//! Texts of others stay text: names, URLs, payloads and responses that contain markup and scripts.

use serde_json::{Value, json};

use crate::receiver::{Act, Hit, Receiver};
use crate::wait::PATIENCE;
use crate::world::{World, quick};

const HOSTILE: &str = include_str!("hostile.txt");

/// No element of a hostile text exists, and none of its scripts ran.
const NOTHING: &str = "window.pwned === undefined && document.querySelectorAll('#page script, #page iframe, #page object, \
                       #page embed, #page style, #page [onerror], #page [onload], #page [onclick], #page a[href^=\"javascript:\"], \
                       #page img:not([src^=\"/\"], [src^=\"http\"]), #page base, #page form[action], #page meta, #page link').length === 0";

fn texts() -> Vec<&'static str> {
    let texts: Vec<_> = HOSTILE.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")).collect();
    assert_eq!(texts.len(), 50);
    texts
}

#[tokio::test]
async fn fifty_hostile_texts_are_shown_as_text_in_every_field() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    let texts = texts();
    // As the response of a receiver: the event's number chooses the text.
    let receiver = Receiver::start(|hit: &Hit| {
        let number = usize::try_from(hit.number()).unwrap();
        HOSTILE
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with("# "))
            .nth(number)
            .map_or(Act::Answer(200), |text| Act::Say(200, text.to_owned()))
    })
    .await;
    let url =
        |text: &str| format!("{}?q={}", receiver.url("/x"), text.replace(' ', "%20").replace('#', "%23"));
    let mut ids = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        // As a name, a description, part of a URL and a narrowing id.
        let more = json!({ "code": format!("w{number}"), "description": text, "isActive": number == 0 });
        ids.push(world.webhook(text, &url(text), more).await);
    }
    let company = &world.company.id;
    for (number, text) in texts.iter().enumerate() {
        let data = json!({ "number": number, (*text): text, "list": [text] });
        let diff = json!({ (*text): { "previous": text, "changedTo": [text] } });
        world
            .company
            .push(format!(
                r#"{{"company":"{company}","type":"COTTask","event":"edit","data":{data},"diff":{diff}}}"#
            ))
            .await;
    }
    let rows = world.company.rows_to(&ids[0], 50, PATIENCE).await;

    world.open("#/webhooks?disabled=1&size=100").await;
    let mut names = page.texts("table.webhooks tbody th", 50).await;
    let mut expected: Vec<_> = texts.iter().map(|text| text.trim().to_owned()).collect();
    names.sort();
    expected.sort();
    assert_eq!(names, expected);
    assert_eq!(page.js(NOTHING).await, true, "the list");
    for (id, text) in ids.iter().zip(&texts) {
        page.place(&format!("#/webhooks/{id}")).await;
        let name = format!(
            "document.querySelector('[name=identifier]')?.value === '{id}' && document.querySelector('h1').textContent"
        );
        assert_eq!(page.until(&name).await, **text);
        assert_eq!(page.js(NOTHING).await, true, "settings of {text}");
    }
    for (row, text) in rows.iter().zip(&texts) {
        page.place(&format!("#/webhooks/{}/logs?log={}", ids[0], row.id)).await;
        let title = format!(
            "document.querySelector('#detail-title')?.textContent === 'Event #{}' && document.querySelector('.detail [aria-label=Response]').textContent",
            row.sequence
        );
        assert_eq!(page.until(&title).await, **text);
        let shown: Value = page.js("document.querySelector('.diff tbody th').textContent").await;
        assert_eq!(shown, **text);
        assert_eq!(page.js(NOTHING).await, true, "the event of {text}");
    }
    // In the address too.
    for text in &texts {
        page.place(&format!("#/webhooks?search={}", text.replace('%', "%25").replace('&', "%26"))).await;
    }
    page.until("document.querySelector('table.webhooks') !== null").await;
    assert_eq!(page.js(NOTHING).await, true, "the address");
    page.is_clean().await;
}

#[tokio::test]
async fn hostile_texts_of_platform_webhooks_and_jobs_are_shown_as_text() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    // Names stand in paths, in which not every text is allowed: the refusal names the others.
    let texts = texts();
    let receiver = Receiver::start(|hit: &Hit| {
        let event: Value = serde_json::from_slice(&hit.body).unwrap();
        Act::Say(200, event["values"]["Model"].as_str().unwrap().to_owned())
    })
    .await;
    let name = |text: &str| -> String {
        text.chars().filter(|letter| !letter.is_control() && !"?#\\%.".contains(*letter)).collect()
    };
    let mut named = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        let called = format!("{number} {}", name(text).trim_end());
        let more = json!({ "filter": format!("true || {}", json!(text)), "isActive": number == 0 });
        let id = world.record_webhook(&called, &receiver.url("/x"), more).await;
        named.push((id, called));
    }
    for text in &texts {
        world.submit(text).await;
    }
    let jobs = world.company.jobs("limit=100", &["Complete"; 50]).await;

    world.open("#/records?size=100").await;
    let mut names = page.texts("table.records tbody th", 50).await;
    let mut expected: Vec<_> = named.iter().map(|(_, called)| called.clone()).collect();
    names.sort();
    expected.sort();
    assert_eq!(names, expected);
    assert_eq!(page.js(NOTHING).await, true, "the list");
    for ((id, called), text) in named.iter().zip(&texts) {
        page.place(&format!("#/records/{id}")).await;
        page.is("document.querySelector('h1').textContent", called.as_str()).await;
        let filter = format!("true || {}", json!(text));
        page.is("document.querySelector('[name=filter]')?.value", filter).await;
        assert_eq!(page.js(NOTHING).await, true, "settings of {text}");
    }
    for (job, text) in jobs.iter().zip(&texts) {
        page.place(&format!("#/jobs?job={}", job["id"].as_str().unwrap())).await;
        page.is("document.querySelector('.detail section:last-child pre')?.textContent", *text).await;
        let sent = job["requestContent"].as_str().unwrap();
        page.is("document.querySelector('.detail .bytes pre').textContent", sent).await;
        assert_eq!(page.js(NOTHING).await, true, "the job of {text}");
    }
    page.is_clean().await;
}

#[tokio::test]
async fn the_panel_cannot_write_markup_or_call_foreign_hosts() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    world.open("#/webhooks").await;
    let outcome = page
        .js("(async () => { const refused = []; \
             try { document.body.innerHTML = '<b>x</b>'; } catch { refused.push('markup'); } \
             try { await fetch('https://example.com/'); } catch { refused.push('fetch'); } \
             const image = document.createElement('img'); image.src = 'data:image/png;base64,AA'; document.body.append(image); \
             const script = document.createElement('script'); \
             try { script.text = 'window.pwned = 1'; document.body.append(script); } catch { refused.push('script'); } \
             return [refused, window.pwned ?? null]; })()")
        .await;
    assert_eq!(outcome[1], Value::Null, "{outcome}");
    page.until("violations.some((each) => each.startsWith('connect-src')) && violations.some((each) => each.startsWith('require-trusted-types-for')) && violations.some((each) => each.startsWith('img-src'))").await;
}
