//! Commands of a person, and the endpoint's own response: deactivation, replay.

use hookrail_domain::attempt::ErrorClass;
use hookrail_domain::backlog::Mode;
use hookrail_domain::commands::Waiting;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::progress::Progress;
use hookrail_domain::replay::{ReplayRange, ReplayState};
use hookrail_domain::suspension::QueueState;
use hookrail_domain::webhook::{InactiveBecause, Webhook};
use hookrail_pipeline::queue_commands::QueueCommands;
use hookrail_pipeline::store::{Change, ConfigStore as _, LogStore as _, Replacement};
use hookrail_recover::App;
use hookrail_testkit::contract::sample_webhook;
use hookrail_testkit::memory::MemoryTables;
use hookrail_testkit::queue::MemoryQueue;
use hookrail_testkit::script::answer;

use crate::{COMPANY, NOW, POLICY, RECOVERY, World, key, row};

impl World {
    async fn webhook(&self) -> Webhook {
        self.app.store.find_webhook(&key().company, key().webhook).await.unwrap().unwrap()
    }

    fn commands(&self) -> QueueCommands<'_, MemoryTables, MemoryQueue> {
        let App { store, queue, .. } = &self.app;
        QueueCommands { store, queue, recovery_queue_url: RECOVERY, suspension: POLICY }
    }

    async fn deactivate(&self, waiting: Waiting) {
        let off = Webhook { is_active: false, version: 1, ..sample_webhook(COMPANY, 1) };
        let done = self.commands().deactivate((&off).into(), waiting, NOW).await;
        assert_eq!(done.unwrap(), Replacement::Done);
    }

    /// Makes an active webhook whose events have ended with these statuses, in one attempt each.
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
        let range = ReplayRange { first, last, only_failed };
        self.commands().replay(&key(), range, NOW).await.unwrap()
    }

    /// Returns state, accepted and failed events.
    fn progress(&self) -> (ReplayState, u64, u64) {
        let replay = self.state().replay.unwrap();
        (replay.state, replay.accepted, replay.failed)
    }
}

#[tokio::test]
async fn a_gone_endpoint_deactivates_its_webhook_and_keeps_its_backlog() {
    let world = World::new(Mode::Suspended, 2, [answer(410)]).await;
    assert_eq!(world.wake("a", 0).await, 0);
    let webhook = world.webhook().await;
    assert_eq!((webhook.is_active, webhook.inactive_because), (false, Some(InactiveBecause::Gone)));
    let backlog = world.state().backlog.unwrap();
    assert_eq!((backlog.next, backlog.last, backlog.gone, backlog.lease), (1, 2, None, None));
    assert_eq!(world.wake("b", 0).await, 0, "nothing is sent to it");
    let on = Webhook { is_active: true, inactive_because: None, version: 2, ..webhook };
    world.app.store.replace_webhook((&on).into()).await.unwrap();
    world.app.clock.advance_ms(900_000);
    assert_eq!(world.wake("c", 0).await, 0);
    assert_eq!(world.log(), [(1, 2, 410), (1, 3, 200), (2, 2, 200)]);
}

#[tokio::test]
async fn an_endpoint_changed_after_a_410_is_not_gone() {
    let world = World::new(Mode::Suspended, 1, []).await;
    let state = world.state();
    let mut gone = state.clone();
    gone.backlog.as_mut().unwrap().gone = Some(0);
    assert_eq!(world.app.store.change_state(&key(), &state, &gone).await.unwrap(), Change::Done);
    let moved = Webhook { version: 1, ..sample_webhook(COMPANY, 1) };
    world.app.store.replace_webhook((&moved).into()).await.unwrap();
    assert_eq!(world.wake("a", 0).await, 1, "looked at again at once");
    assert_eq!((world.held(), world.state().backlog.unwrap().gone), (0, None));
    assert_eq!(world.wake("b", 0).await, 0);
    assert!(world.webhook().await.is_active);
    assert_eq!(world.log(), [(1, 2, 200)]);
}

#[tokio::test]
async fn the_backlog_of_a_deactivated_webhook_is_dropped_on_request() {
    let world = World::new(Mode::Suspended, 30, []).await;
    world.deactivate(Waiting::Drop).await;
    assert_eq!(world.wake("a", 0).await, 0);
    assert_eq!(world.state().backlog, None);
    let rows = world.app.store.rows(&key());
    let ends: Vec<&LogRow> = rows.iter().filter(|row| row.progress == Progress::Ended).collect();
    assert_eq!(ends.len(), 30);
    assert!(ends.iter().all(|row| row.attempt.outcome.error() == Some(ErrorClass::Disabled)));
    assert!(world.app.sender.requests().is_empty());
}

#[tokio::test]
async fn a_replay_sends_failed_events_oldest_first_and_ends() {
    let world = World::ended(&[500, 200, 500, 200, 500]).await;
    assert_eq!(world.replay(1, 4, true).await, Change::Done);
    assert_eq!(world.replay(1, 4, true).await, Change::Lost, "one at a time");
    assert_eq!(world.wake("a", 0).await, 0);
    let sent: Vec<_> = world.log().into_iter().filter(|row| row.1 == 2).collect();
    assert_eq!(sent, [(1, 2, 200), (3, 2, 200)]);
    assert_eq!((world.progress(), world.state().backlog), ((ReplayState::Done, 2, 0), None));
    let rows = world.app.store.rows(&key());
    let marked: Vec<_> =
        rows.iter().filter(|row| row.is_replay).map(|row| row.attempt.number.sequence).collect();
    assert_eq!(marked, [1, 3]);
    assert_eq!(world.replay(2, 2, false).await, Change::Done, "an accepted one, if it is asked for");
    assert_eq!(world.wake("b", 0).await, 0);
    assert_eq!(world.progress(), (ReplayState::Done, 1, 0));
}

#[tokio::test]
async fn a_replayed_event_gets_the_usual_attempts() {
    let world = World::ended(&[500, 500]).await;
    for outcome in [500, 500, 500, 500, 200] {
        world.app.sender.then(answer(outcome));
    }
    assert_eq!(world.replay(1, 2, true).await, Change::Done);
    for _ in 0..4 {
        assert_eq!(world.wake("a", 0).await, usize::from(world.state().is_replaying()));
        world.app.clock.advance_ms(30_000);
    }
    let again: Vec<_> = world.log().into_iter().filter(|row| 1 < row.1).collect();
    assert_eq!(again, [(1, 2, 500), (1, 3, 500), (1, 4, 500), (2, 2, 500), (2, 3, 200)]);
    assert_eq!(world.progress(), (ReplayState::Done, 1, 1));
    let rows = world.app.store.rows(&key());
    assert!(rows.iter().all(|row| row.progress == Progress::Ended), "a cancel leaves nothing open");
}

#[tokio::test]
async fn an_endpoint_failing_during_a_replay_is_probed_and_the_replay_continues() {
    // Accepted events lie between lost ones.
    let world = World::ended(&[500, 200].repeat(6)).await;
    for _ in 0..15 {
        world.app.sender.then(answer(500));
    }
    assert_eq!(world.replay(1, 12, true).await, Change::Done);
    while world.state().backlog.unwrap().mode == Mode::Lagging {
        world.wake("a", 0).await;
        world.app.clock.advance_ms(30_000);
    }
    let replay = world.state().replay.unwrap();
    assert_eq!((replay.next, replay.failed), (1, 0), "from the first one it lost");
    assert_eq!(world.state().backlog.unwrap().mode, Mode::Suspended);
    assert_eq!(world.wake("b", 0).await, 0);
    assert_eq!((world.progress(), world.state().backlog), ((ReplayState::Done, 6, 0), None));
}

#[tokio::test]
async fn a_cancelled_replay_ends_at_its_position_and_the_queue_continues() {
    let world = World::ended(&[500, 500]).await;
    world.app.sender.then(answer(500));
    assert_eq!(world.replay(1, 2, true).await, Change::Done);
    assert_eq!(world.wake("a", 0).await, 1);
    let cancel = async || world.commands().cancel_replay(&key(), NOW).await.unwrap();
    assert_eq!(cancel().await, Change::Done);
    assert_eq!(cancel().await, Change::Lost);
    world.app.clock.advance_ms(30_000);
    assert_eq!(world.wake("b", 0).await, 0);
    assert_eq!((world.progress(), world.state().backlog), ((ReplayState::Cancelled, 0, 0), None));
    assert_eq!(world.log().len(), 3);
}

#[tokio::test]
async fn a_replay_skips_events_whose_rows_have_expired() {
    let world = World::new(Mode::Lagging, 0, []).await;
    let mut row = row(7, 1, Progress::Ended);
    row.attempt.outcome = answer(500);
    world.app.store.put_row(&row).await.unwrap();
    assert_eq!(world.replay(1, 7, false).await, Change::Done);
    assert_eq!(world.wake("a", 0).await, 0);
    assert_eq!(world.progress(), (ReplayState::Done, 1, 0));
    assert_eq!(world.state(), QueueState { backlog: None, ..world.state() });
}
