//! What a person, or the endpoint itself, asks of a line: deactivation, replay.

use hookrail_adapters::recovery;
use hookrail_adapters::store::{Change, ConfigStore as _, LogStore as _, Replacement};
use hookrail_domain::aside::Mode;
use hookrail_domain::attempt::ErrorClass;
use hookrail_domain::intervention::Waiting;
use hookrail_domain::line::Progress;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::replay::{ReplayRange, ReplayState};
use hookrail_domain::subscription::{InactiveBecause, Subscription};
use hookrail_domain::suspension::Line;
use hookrail_testkit::contract::subscription;
use hookrail_testkit::script::answer;

use crate::{COMPANY, NOW, POLICY, RECOVERY, World, key, row};

impl World {
    async fn webhook(&self) -> Subscription {
        self.app.store.find_subscription(&key().company, key().subscription).await.unwrap().unwrap()
    }

    async fn deactivate(&self, waiting: Waiting) {
        let off = Subscription { is_active: false, version: 1, ..subscription(COMPANY, 1) };
        let ports = (&self.app.store, &self.app.queue);
        let done = recovery::deactivate(ports, (RECOVERY, &POLICY), ((&off).into(), waiting), NOW).await;
        assert_eq!(done.unwrap(), Replacement::Done);
    }

    /// Events of an active line that have ended so, in one attempt each.
    async fn ended(outcomes: &[u16]) -> Self {
        let world = Self::new(Mode::Lagging, 0, []).await;
        for (number, status) in (1..).zip(outcomes) {
            let mut row = row(number, 1, Progress::Ended);
            row.attempt.outcome = answer(*status);
            world.app.store.put_row(&row).await.unwrap();
        }
        world
    }

    async fn replay(&self, first: u64, last: u64, only_failed: bool) -> Change {
        let ports = (&self.app.store, &self.app.queue);
        let range = ReplayRange { first, last, only_failed };
        recovery::replay(ports, (RECOVERY, &POLICY), (&key(), range), NOW).await.unwrap()
    }

    /// State, accepted, failed.
    fn progress(&self) -> (ReplayState, u64, u64) {
        let replay = self.line().replay.unwrap();
        (replay.state, replay.accepted, replay.failed)
    }
}

#[tokio::test]
async fn an_endpoint_that_is_gone_deactivates_its_webhook_and_keeps_everything() {
    let world = World::new(Mode::Suspended, 2, [answer(410)]).await;
    assert_eq!(world.wake("a", 0).await, 0);
    let webhook = world.webhook().await;
    assert_eq!((webhook.is_active, webhook.inactive_because), (false, Some(InactiveBecause::Gone)));
    let aside = world.line().aside.unwrap();
    assert_eq!((aside.next, aside.last, aside.gone, aside.lease), (1, 2, None, None));
    assert_eq!(world.wake("b", 0).await, 0, "nothing is sent to it");
    let on = Subscription { is_active: true, inactive_because: None, version: 2, ..webhook };
    world.app.store.replace_subscription((&on).into()).await.unwrap();
    world.app.clock.advance_ms(900_000);
    assert_eq!(world.wake("c", 0).await, 0);
    assert_eq!(world.log(), [(1, 2, 410), (1, 3, 200), (2, 2, 200)]);
}

#[tokio::test]
async fn an_endpoint_that_was_changed_since_is_not_gone() {
    let world = World::new(Mode::Suspended, 1, []).await;
    let line = world.line();
    let mut gone = line.clone();
    gone.aside.as_mut().unwrap().gone = Some(0);
    assert_eq!(world.app.store.change_line(&key(), &line, &gone).await.unwrap(), Change::Done);
    let moved = Subscription { version: 1, ..subscription(COMPANY, 1) };
    world.app.store.replace_subscription((&moved).into()).await.unwrap();
    assert_eq!(world.wake("a", 0).await, 1, "looked at again at once");
    assert_eq!((world.held(), world.line().aside.unwrap().gone), (0, None));
    assert_eq!(world.wake("b", 0).await, 0);
    assert!(world.webhook().await.is_active);
    assert_eq!(world.log(), [(1, 2, 200)]);
}

#[tokio::test]
async fn what_waits_for_a_deactivated_webhook_is_dropped_when_that_was_chosen() {
    let world = World::new(Mode::Suspended, 30, []).await;
    world.deactivate(Waiting::Drop).await;
    assert_eq!(world.wake("a", 0).await, 0);
    assert_eq!(world.line().aside, None);
    let rows = world.app.store.rows(&key());
    let ends: Vec<&LogRow> = rows.iter().filter(|row| row.progress == Progress::Ended).collect();
    assert_eq!(ends.len(), 30);
    assert!(ends.iter().all(|row| row.attempt.outcome.error() == Some(ErrorClass::Disabled)));
    assert!(world.app.sender.requests().is_empty());
}

#[tokio::test]
async fn a_replay_sends_what_failed_oldest_first_and_ends() {
    let world = World::ended(&[500, 200, 500, 200, 500]).await;
    assert_eq!(world.replay(1, 4, true).await, Change::Done);
    assert_eq!(world.replay(1, 4, true).await, Change::Lost, "one at a time");
    assert_eq!(world.wake("a", 0).await, 0);
    let sent: Vec<_> = world.log().into_iter().filter(|row| row.1 == 2).collect();
    assert_eq!(sent, [(1, 2, 200), (3, 2, 200)]);
    assert_eq!((world.progress(), world.line().aside), ((ReplayState::Done, 2, 0), None));
    let rows = world.app.store.rows(&key());
    let marked: Vec<_> =
        rows.iter().filter(|row| row.is_replay).map(|row| row.attempt.number.sequence).collect();
    assert_eq!(marked, [1, 3]);
    assert_eq!(world.replay(2, 2, false).await, Change::Done, "an accepted one, if it is asked for");
    assert_eq!(world.wake("b", 0).await, 0);
    assert_eq!(world.progress(), (ReplayState::Done, 1, 0));
}

#[tokio::test]
async fn an_event_of_a_replay_has_its_attempts_like_any_other() {
    let world = World::ended(&[500, 500]).await;
    for outcome in [500, 500, 500, 500, 200] {
        world.app.sender.then(answer(outcome));
    }
    assert_eq!(world.replay(1, 2, true).await, Change::Done);
    for _ in 0..4 {
        assert_eq!(world.wake("a", 0).await, usize::from(world.line().is_replaying()));
        world.app.clock.advance_ms(30_000);
    }
    let again: Vec<_> = world.log().into_iter().filter(|row| 1 < row.1).collect();
    assert_eq!(again, [(1, 2, 500), (1, 3, 500), (1, 4, 500), (2, 2, 500), (2, 3, 200)]);
    assert_eq!(world.progress(), (ReplayState::Done, 1, 1));
    let rows = world.app.store.rows(&key());
    assert!(rows.iter().all(|row| row.progress == Progress::Ended), "a cancel leaves nothing open");
}

#[tokio::test]
async fn an_endpoint_that_dies_under_a_replay_is_probed_and_the_replay_goes_on() {
    // What was accepted lies between what was lost.
    let world = World::ended(&[500, 200].repeat(6)).await;
    for _ in 0..15 {
        world.app.sender.then(answer(500));
    }
    assert_eq!(world.replay(1, 12, true).await, Change::Done);
    while world.line().aside.unwrap().mode == Mode::Lagging {
        world.wake("a", 0).await;
        world.app.clock.advance_ms(30_000);
    }
    let replay = world.line().replay.unwrap();
    assert_eq!((replay.next, replay.failed), (1, 0), "from the first one it lost");
    assert_eq!(world.line().aside.unwrap().mode, Mode::Suspended);
    assert_eq!(world.wake("b", 0).await, 0);
    assert_eq!((world.progress(), world.line().aside), ((ReplayState::Done, 6, 0), None));
}

#[tokio::test]
async fn a_cancelled_replay_ends_where_it_stands_and_the_line_goes_on() {
    let world = World::ended(&[500, 500]).await;
    world.app.sender.then(answer(500));
    assert_eq!(world.replay(1, 2, true).await, Change::Done);
    assert_eq!(world.wake("a", 0).await, 1);
    let ports = (&world.app.store, &world.app.queue);
    let cancel = async || recovery::cancel_replay(ports, (RECOVERY, &POLICY), &key(), NOW).await.unwrap();
    assert_eq!(cancel().await, Change::Done);
    assert_eq!(cancel().await, Change::Lost);
    world.app.clock.advance_ms(30_000);
    assert_eq!(world.wake("b", 0).await, 0);
    assert_eq!((world.progress(), world.line().aside), ((ReplayState::Cancelled, 0, 0), None));
    assert_eq!(world.log().len(), 3);
}

#[tokio::test]
async fn events_whose_rows_have_expired_are_passed_over() {
    let world = World::new(Mode::Lagging, 0, []).await;
    let mut row = row(7, 1, Progress::Ended);
    row.attempt.outcome = answer(500);
    world.app.store.put_row(&row).await.unwrap();
    assert_eq!(world.replay(1, 7, false).await, Change::Done);
    assert_eq!(world.wake("a", 0).await, 0);
    assert_eq!(world.progress(), (ReplayState::Done, 1, 0));
    assert_eq!(world.line(), Line { aside: None, ..world.line() });
}
