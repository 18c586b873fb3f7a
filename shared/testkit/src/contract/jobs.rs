//! Webhook jobs: made once, started or cancelled and never both, listed latest first.

use std::collections::HashSet;

use hookrail_domain::event::Body;
use hookrail_domain::id::{CompanyId, DeliveryId, EventId, KappSlug, WebhookId};
use hookrail_domain::job::{Job, JobState, Parent};
use hookrail_domain::platform::EventType;
use hookrail_domain::platform::webhook::WebhookScope;
use hookrail_domain::target::TargetUrl;
use hookrail_domain::time::Millis;
use hookrail_pipeline::store::jobs::{JobStart, JobStore};
use hookrail_pipeline::store::{Change, WebhookKey};

/// Makes a job that waits, of a webhook of this number.
#[must_use]
pub fn job(company: &str, number: u8, scheduled_at: u64) -> Job {
    Job {
        company: CompanyId::parse(company).expect("a company id"),
        webhook: WebhookId::from_bytes([number; 12]),
        delivery: DeliveryId::from_bytes([number; 12]),
        event: EventId::from_bytes([9; 12]),
        name: "Name".to_owned(),
        scope: WebhookScope::Kapp(KappSlug::parse("services").expect("a slug")),
        kind: EventType::Submission,
        action: "Submitted",
        parents: vec![Parent { kind: EventType::Form, key: "laptop".to_owned() }],
        created_at: Millis(scheduled_at),
        created_by: None,
        scheduled_at: Millis(scheduled_at),
        due_at: None,
        taken: None,
        url: None,
        is_corrected: false,
        state: JobState::Queued { sequence: None },
        requeued_after: 0,
        is_deleted: false,
        version: 0,
    }
}

pub(super) async fn check(store: &impl JobStore, prefix: &str) {
    let name = format!("{prefix}-jobs");
    let one = job(&name, 1, 1_000);
    let key = WebhookKey { company: one.company.clone(), webhook: one.webhook };
    let find = async || store.find_job(&key, one.delivery).await.expect("read");
    assert_eq!(find().await, None);
    let start = async |sequence| store.start_job(&key, one.delivery, sequence).await.expect("write");
    assert_eq!(start(1).await, JobStart::NoJob);
    store.place_job(&key, one.delivery, 1).await.expect("write");
    assert_eq!(find().await, None, "a start does not create a job");

    store.put_job(&one).await.expect("write");
    store.put_job(&Job { name: "Other".to_owned(), ..one.clone() }).await.expect("write");
    assert_eq!(find().await, Some(one.clone()), "the first one stays");

    let url = TargetUrl::parse_unchecked("https://corrected.example/").expect("a URL");
    let corrected = one.corrected(url.clone());
    assert_eq!(store.change_job(&corrected).await.expect("write"), Change::Done);
    assert_eq!(store.change_job(&corrected).await.expect("write"), Change::Lost);
    store.place_job(&key, one.delivery, 6).await.expect("write");
    let placed = find().await.expect("it exists");
    assert_eq!((placed.state, placed.version), (JobState::Queued { sequence: Some(6) }, 2));
    assert_eq!(start(7).await, JobStart::Started { corrected: Some(url) });
    let started = find().await.expect("it exists");
    assert_eq!((started.state, started.version), (JobState::Started { sequence: 7 }, 3));
    assert_eq!(started.cancelled(), None);
    let late = placed.cancelled().expect("it was queued when it was read");
    assert_eq!(store.change_job(&late).await.expect("write"), Change::Lost, "it has begun since");

    let two = job(&name, 2, 3_000);
    store.put_job(&two).await.expect("write");
    let cancelled = two.cancelled().expect("it waits");
    assert_eq!(store.change_job(&cancelled).await.expect("write"), Change::Done);
    let key = WebhookKey { webhook: two.webhook, ..key.clone() };
    assert_eq!(store.start_job(&key, two.delivery, 1).await.expect("write"), JobStart::Cancelled);

    for (number, at) in [(3, 2_000), (4, 2_000)] {
        store.put_job(&job(&name, number, at)).await.expect("write");
    }
    let page = async |before, limit| {
        let jobs = store.page_jobs(&one.company, before, limit).await.expect("read");
        jobs.iter().map(|job| job.webhook.as_bytes()[0]).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 10).await, [2, 4, 3, 1]);
    assert_eq!(page(None, 2).await, [2, 4]);
    assert_eq!(page(Some(job(&name, 4, 2_000).place()), 10).await, [3, 1]);
    assert_eq!(store.change_job(&job(&name, 4, 2_000).deleted()).await.expect("write"), Change::Done);
    assert_eq!(page(None, 10).await, [2, 3, 1]);
    check_due(store, &name).await;
    let unknown = CompanyId::parse(&format!("{prefix}-unknown")).expect("a company id");
    assert_eq!(store.page_jobs(&unknown, None, 10).await.expect("read"), []);
}

/// Checks that jobs that wait for their time are found when it has come, and that their content is kept with
/// them.
async fn check_due(store: &impl JobStore, name: &str) {
    // Times of their own: other checks leave jobs that are due.
    let posted = |number: u8, at: u64| Job {
        due_at: Some(Millis(at)),
        created_by: Some("ana".to_owned()),
        ..job(name, number, at)
    };
    let (early, late) = (posted(5, 100), posted(6, 200));
    let key = |job: &Job| WebhookKey { company: job.company.clone(), webhook: job.webhook };
    for job in [&late, &early] {
        store.put_job(job).await.expect("write");
    }
    let due = async |now| {
        let all = store.due_jobs(Millis(now), 100, &HashSet::new()).await.expect("read");
        all.into_iter().filter(|(webhook_key, _)| webhook_key.company == early.company).collect::<Vec<_>>()
    };
    assert_eq!(due(99).await, []);
    assert_eq!(due(100).await, [(key(&early), early.delivery)]);
    assert_eq!(due(200).await, [(key(&early), early.delivery), (key(&late), late.delivery)]);
    let later = early.postponed(Millis(300)).expect("it waits");
    assert_eq!(store.change_job(&later).await.expect("write"), Change::Done);
    assert_eq!(store.find_job(&key(&later), later.delivery).await.expect("read"), Some(later.clone()));
    assert_eq!(due(299).await, [(key(&late), late.delivery)]);
    let message = EventId::from_bytes([7; 12]);
    let taken = later.taken_from(message, Millis(300)).expect("it waits");
    assert_eq!(store.change_job(&taken).await.expect("write"), Change::Done);
    let found = store.find_job(&key(&taken), taken.delivery).await.expect("read").expect("it exists");
    assert_eq!((&found, found.taken), (&taken, Some(message)));
    assert_eq!(due(1_000).await, [(key(&late), late.delivery)], "a queued one is not due");

    let (webhook_key, delivery) = (key(&early), early.delivery);
    assert_eq!(store.find_content(&webhook_key, delivery).await.expect("read"), None);
    let content = Body::new(format!("{{\"text\":\"{}\"}}", "x".repeat(5_000))).expect("a body");
    // Far enough that no table deletes it while the check runs.
    let expires_at = Millis(4_000_000_000_000);
    store.put_content(&webhook_key, delivery, &content, expires_at).await.expect("write");
    assert_eq!(store.find_content(&webhook_key, delivery).await.expect("read"), Some(content));
    assert_eq!(store.find_content(&webhook_key, late.delivery).await.expect("read"), None);
}
