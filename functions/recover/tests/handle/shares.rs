//! Due work of many companies: none waits for the excess of another, nor for what cannot be handled.

use hookrail_domain::backlog::{Lease, Mode};
use hookrail_domain::id::{CompanyId, WebhookId};
use hookrail_domain::job::Job;
use hookrail_domain::log_row::RunId;
use hookrail_domain::progress::{LastRow, Progress};
use hookrail_domain::suspension::QueueState;
use hookrail_domain::time::Millis;
use hookrail_pipeline::store::jobs::JobStore as _;
use hookrail_pipeline::store::{Change, LogStore as _, WebhookKey};
use hookrail_recover::sweep;
use hookrail_testkit::contract::jobs::job;
use hookrail_wire::wake_up::WakeUp;

use crate::{NOW, POLICY, RECOVERY, World, row};

/// A reading of the clock takes so long: a sweep handles some hundred jobs.
const READING_MS: u64 = 20;

/// The companies of all messages in the events queue, in their order.
fn groups(world: &World) -> Vec<String> {
    world.enqueue().into_iter().map(|(_, group, _)| group).collect()
}

/// A queue that has been due since `after_seconds`, at work in a run or not.
async fn suspended(world: &World, company: &str, number: u16, (after_seconds, is_leased): (u64, bool)) {
    let mut bytes = [0; 12];
    bytes[10..].copy_from_slice(&number.to_be_bytes());
    let key =
        WebhookKey { company: CompanyId::parse(company).unwrap(), webhook: WebhookId::from_bytes(bytes) };
    let active = QueueState::default();
    let last = LastRow { given_up: 5, ..row(5, 3, Progress::Ended).last() };
    let mut state = active.suspended(Some(&last), &POLICY, NOW).unwrap();
    state.backlog.as_mut().unwrap().due_at = NOW.plus_seconds(after_seconds);
    if is_leased {
        let until = NOW.plus_seconds(10_000);
        state.backlog.as_mut().unwrap().lease = Some(Lease { run: RunId("r".into()), until });
    }
    assert_eq!(world.app.store.change_state(&key, &active, &state).await.unwrap(), Change::Done);
}

/// The companies whose queues were woken, in their order.
fn woken(world: &World) -> Vec<String> {
    let sent = world.app.queue.sent().into_iter().filter(|(url, _)| url == RECOVERY);
    sent.map(|(_, message)| WakeUp::decode(&message.body).unwrap().company.to_string()).collect()
}

#[tokio::test]
async fn three_thousand_due_jobs_of_a_company_do_not_delay_the_job_of_another() {
    let world = World::with_jobs().await;
    for number in 0..3_000 {
        world.post("acme", number, 0).await;
    }
    world.post("other", 1, 1).await;
    world.app.clock.advance_ms(1_000);
    world.app.clock.advance_on_reading_ms(READING_MS);
    world.sweep().await;
    let groups = groups(&world);
    assert!(groups.contains(&"other".to_owned()), "it is sent in the first sweep");
    assert!((100..3_000).contains(&groups.len()), "there was not time for all: {}", groups.len());
    world.app.clock.advance_on_reading_ms(0);
    world.sweep().await;
    let sent = world.enqueue().into_iter().filter(|(_, group, _)| group == "acme");
    let sent: Vec<_> = sent.map(|(.., body)| body).collect();
    let expected: Vec<_> = (0..3_000).map(|number| format!("{{\"job\":{number}}}")).collect();
    assert_eq!(sent, expected, "the rest follows in order while time is left");
}

#[tokio::test]
async fn an_unsendable_job_with_a_thousand_behind_it_stops_its_own_company_alone() {
    let world = World::with_jobs().await;
    for number in 0..=1_000 {
        world.post("acme", number, 0).await;
    }
    world.post("other", 1, 1).await;
    world.app.clock.advance_ms(1_000);
    world.app.queue.refuse(|message| message.body == "{\"job\":0}");
    world.sweep().await;
    world.sweep().await;
    assert_eq!(groups(&world), ["other"]);
}

#[tokio::test]
async fn more_jobs_without_content_than_a_share_block_no_other_job() {
    let world = World::with_jobs().await;
    for number in 0..=sweep::SHARE_MAX {
        let at = Millis(NOW.0 - 1_000 + number as u64);
        let job = Job { due_at: Some(NOW), ..job("acme", 9, at.0) };
        let webhook = WebhookId::from_bytes([u8::try_from(number % 256).unwrap(); 12]);
        world.app.store.put_job(&Job { webhook, ..job }).await.unwrap();
    }
    world.post("acme", 1, 0).await;
    world.sweep().await;
    assert_eq!(groups(&world), ["acme"]);
}

#[tokio::test]
async fn companies_with_more_jobs_than_one_sweep_handles_take_turns() {
    let world = World::with_jobs().await;
    let companies: Vec<_> = (0..8).map(|number| format!("company-{number}")).collect();
    for company in &companies {
        for number in 0..300 {
            world.post(company, number, 0).await;
        }
    }
    world.app.clock.advance_on_reading_ms(READING_MS);
    world.sweep().await;
    let groups = groups(&world);
    for company in &companies {
        assert!(groups.contains(company), "{company} had no turn");
    }
}

#[tokio::test]
async fn a_thousand_overdue_queues_of_a_company_do_not_delay_the_queue_of_another() {
    for is_leased in [true, false] {
        let world = World::new(Mode::Suspended, 0, []).await;
        for number in 0..1_100 {
            suspended(&world, "acme", number, (0, is_leased)).await;
        }
        suspended(&world, "other", 1, (1, false)).await;
        world.app.clock.advance_ms(sweep::GRACE_MS + 1_000);
        world.app.clock.advance_on_reading_ms(READING_MS * 10);
        world.sweep().await;
        let woken = woken(&world);
        assert!(woken.contains(&"other".to_owned()), "leased: {is_leased}");
        assert!(woken.len() < 1_101, "there was not time for all");
    }
}

#[tokio::test]
async fn more_leased_queues_than_a_share_hide_no_overdue_queue_of_the_company() {
    let world = World::new(Mode::Suspended, 0, []).await;
    for number in 0..500 {
        suspended(&world, "acme", number, (0, true)).await;
    }
    suspended(&world, "acme", 500, (1, false)).await;
    world.app.clock.advance_ms(sweep::GRACE_MS + 1_000);
    world.sweep().await;
    assert_eq!(woken(&world), ["acme"]);
}
