//! When a webhook's events are set aside, and how they come back: the states of a line and every step between them.
//!
//! A line is active, or its events are set aside: *suspended* when its endpoint fails and is probed, *lagging* when it
//! works and is behind. Deliver sets aside and parks; recover probes, drains and makes the line active again.

use crate::aside::{Aside, Lease, Mode, Moved, PROBE_SECONDS_MIN};
use crate::attempt::Outcome;
use crate::line::{LastRow, Progress};
use crate::notice::{LineChange, LineNotice};
use crate::replay::Replay;
use crate::retry::RetryPolicy;
use crate::subscription::Subscription;
use crate::time::Millis;

/// So few parked events are left that a fresh one waits for them in the queue instead of being parked as well.
pub const HAND_OVER_EVENTS_MAX: u64 = 10;
/// How long a message may wait so, in seconds since it was sent.
pub const HAND_OVER_SECONDS_MAX: u64 = 30;
/// `suspend_after` of a webhook whose head is never given up: only a person skips it.
pub const HOLD: u32 = 1;

/// When events are set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SuspensionPolicy {
    /// Given-up events in a row, 0 to 100; 1 is hold (nothing is ever skipped), 0 is never.
    pub suspend_after: u32,
    /// Age of a message at its first attempt, in seconds; 0 is never.
    pub park_after_seconds: u64,
    /// Whether an endpoint that answers 410 has its webhook deactivated.
    pub retires_gone: bool,
}

/// The largest `suspend_after`.
pub const SUSPEND_AFTER_MAX: u32 = 100;

impl SuspensionPolicy {
    /// What holds for this webhook, which may have a number of its own.
    #[must_use]
    pub fn of(self, webhook: Option<&Subscription>) -> Self {
        let own = webhook.and_then(|webhook| webhook.suspend_after);
        // Jobs without a webhook go to many endpoints: one that is gone says nothing of the others.
        let retires_gone = self.retires_gone && !webhook.is_some_and(Subscription::is_implicit);
        Self { suspend_after: own.unwrap_or(self.suspend_after), retires_gone, ..self }
    }
}

impl Default for SuspensionPolicy {
    fn default() -> Self {
        Self { suspend_after: 5, park_after_seconds: 900, retires_gone: true }
    }
}

/// A webhook's line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// The last sequence number known to have been used, kept apart from rows that may have expired.
    pub sequence_floor: u64,
    /// Raised by every change between active and set aside.
    pub generation: u64,
    /// Raised by every wake-up that is sent; an older one is void.
    pub wake: u64,
    /// None while the line is active.
    pub aside: Option<Aside>,
    /// The newest replay of ended events, running or not. While it runs the line is set aside.
    pub replay: Option<Replay>,
    /// What has not been told yet, oldest first.
    pub notices: Vec<LineNotice>,
}

/// What deliver does with a message whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Course {
    Send,
    /// Its line is set aside first, as this; then the message is asked about again.
    SetAside(Box<Line>),
    Park,
    /// It is set aside already: acknowledge.
    Parked,
    /// Recover is about to catch up.
    HoldBack,
}

/// What an attempt of recover leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Of the attempt's row.
    pub progress: Progress,
    /// Its event's attempts are used up.
    pub is_given_up: bool,
    pub line: Line,
}

impl Line {
    #[must_use]
    pub fn is_replaying(&self) -> bool {
        self.replay.as_ref().is_some_and(Replay::is_running)
    }

    /// The line with its events set aside after a run of given-up ones, if that is due: the run is sent again first.
    /// An endpoint that is gone needs no run.
    ///
    /// To be asked whenever the last row has ended, before its message is let go: a crash then repairs itself.
    #[must_use]
    pub fn suspended(&self, last: Option<&LastRow>, policy: &SuspensionPolicy, now: Millis) -> Option<Self> {
        let last = last.filter(|last| last.progress == Progress::Ended && 0 < last.given_up)?;
        // Without suspension what was given up before stays so.
        let run = if policy.suspend_after == 0 { 1 } else { last.given_up };
        let is_dead = 0 < policy.suspend_after && policy.suspend_after <= last.given_up;
        let gone = last.gone.filter(|_| policy.retires_gone);
        if !is_dead && gone.is_none() {
            return None;
        }
        let sequence = last.number.sequence;
        let first = (sequence + 1).saturating_sub(run.into());
        match &self.aside {
            None => {
                let wait_seconds = if gone.is_some() { 0 } else { PROBE_SECONDS_MIN };
                let due_at = now.plus_seconds(wait_seconds);
                let aside = Aside::new(Mode::Suspended, first, sequence, now);
                let line = self.changed(Some(Aside { due_at, gone, ..aside }));
                // One that is gone is deactivated next, which says more.
                Some(if gone.is_some() { line } else { line.noting(LineChange::Suspended, now) })
            }
            // Somebody set the line aside while the last attempt of the run was under way.
            Some(aside) if aside.last < sequence => {
                let (next, gone) = (aside.next.min(first), aside.gone.or(gone));
                Some(self.with(Aside { next, last: sequence, gone, ..aside.clone() }))
            }
            Some(_) => None,
        }
    }

    /// What to do with a message of this line whose turn it is, at its first attempt or a later one.
    #[must_use]
    pub fn course(
        &self,
        (sequence, attempt): (u64, u32),
        sent_at: Millis,
        policy: &SuspensionPolicy,
        now: Millis,
    ) -> Course {
        let age_seconds = now.since(sent_at) / 1000;
        let is_late = 0 < policy.park_after_seconds && policy.park_after_seconds <= age_seconds;
        let Some(aside) = &self.aside else {
            if attempt == 1 && is_late {
                let aside = Aside::new(Mode::Lagging, sequence, sequence - 1, now);
                return Course::SetAside(Box::new(self.changed(Some(aside))));
            }
            return Course::Send;
        };
        if sequence <= aside.last {
            return Course::Parked;
        }
        let is_at_work = aside.mode == Mode::Lagging && aside.due_at <= now;
        let is_near = is_at_work && aside.waiting() <= HAND_OVER_EVENTS_MAX;
        // A late one would set the line aside again as soon as recover has caught up.
        let is_fresh = !is_late && age_seconds < HAND_OVER_SECONDS_MAX;
        if is_near && is_fresh { Course::HoldBack } else { Course::Park }
    }

    /// The line after an attempt of recover at its head, with what its row says. None when nothing is set aside.
    #[must_use]
    pub fn after_attempt(
        &self,
        (outcome, version): (&Outcome, u64),
        policies: (&RetryPolicy, &SuspensionPolicy),
        now: Millis,
    ) -> Option<Step> {
        let before = self.aside.as_ref()?;
        let (mut aside, moved) = before.after((outcome, version), policies, now);
        let is_sent = !matches!(outcome, Outcome::Unsent { .. });
        let is_given_up = moved != Moved::Stays && is_sent && !outcome.is_success();
        let noted = match (before.mode, aside.mode) {
            (Mode::Lagging, Mode::Suspended) if aside.gone.is_none() => {
                self.clone().noting(LineChange::Suspended, now)
            }
            (Mode::Suspended, Mode::Lagging) => self.clone().noting(LineChange::Resumed, now),
            _ => self.clone(),
        };
        let Some(replay) = self.replay.as_ref().filter(|_| self.is_replaying()) else {
            aside.next = moved.from(aside.next);
            // Not waiting, which is deliver's: whoever meets this row knows that the line is set aside.
            let progress = if moved == Moved::Stays { Progress::Parked } else { Progress::Ended };
            return Some(Step { progress, is_given_up, line: noted.with(aside) });
        };
        // Its event had ended before and has ended again, whatever comes of it.
        let replay = replay.after(moved, outcome.is_success());
        if !replay.is_running() {
            (aside.head_attempts, aside.given_up) = (0, 0);
        }
        Some(Step {
            progress: Progress::Ended,
            is_given_up,
            line: Self { replay: Some(replay), ..noted.with(aside) },
        })
    }

    /// The line after its head has ended without an attempt, as one that a person skips or that is too old.
    #[must_use]
    pub fn after_skip(&self, now: Millis) -> Option<Self> {
        let aside = self.aside.as_ref()?;
        Some(self.with(Aside { next: aside.next + 1, given_up: 0, ..aside.ended(now) }))
    }

    /// The line with `lease` on what is set aside.
    #[must_use]
    pub fn leased(&self, lease: Lease) -> Option<Self> {
        let aside = self.aside.clone()?;
        Some(self.with(Aside { lease: Some(lease), ..aside }))
    }

    /// The line with nobody at work on it, to be gone on with at `due_at`.
    #[must_use]
    pub fn put_off(&self, due_at: Millis) -> Option<Self> {
        let aside = self.aside.clone()?;
        Some(self.with(Aside { lease: None, due_at, ..aside }))
    }

    /// The line made active, if nothing waits any more.
    #[must_use]
    pub fn closed(&self) -> Option<Self> {
        let aside = self.aside.as_ref()?;
        (aside.waiting() == 0 && !self.is_replaying()).then(|| self.changed(None))
    }

    /// The line as it is woken at once.
    #[must_use]
    pub fn woken(&self, now: Millis) -> Option<Self> {
        let aside = self.aside.as_ref()?;
        let due_at = aside.due_at.min(now);
        Some(Self { wake: self.wake + 1, ..self.with(Aside { due_at, ..aside.clone() }) })
    }

    /// Whether this line may become `to` for someone who read it as `from`. Parking goes on beside every change but
    /// that to active, and a wake-up beside every change but another wake-up.
    #[must_use]
    pub fn allows(&self, from: &Self, to: &Self) -> bool {
        let holds_lease = |aside: &Aside| aside.lease.as_ref().map(|lease| lease.run.clone());
        let is_same_aside = match (&self.aside, &from.aside) {
            (None, None) => true,
            (Some(now), Some(then)) => {
                now.next == then.next
                    && now.mode == then.mode
                    && now.is_dropped == then.is_dropped
                    && holds_lease(now) == holds_lease(then)
                    && (to.aside.as_ref().is_some_and(|to| to.last == then.last) || now.last == then.last)
            }
            (None, Some(_)) | (Some(_), None) => false,
        };
        let replayed =
            |line: &Self| line.replay.as_ref().map(|replay| (replay.number, replay.state, replay.next));
        is_same_aside
            && (to.notices == from.notices || self.notices == from.notices)
            && replayed(self) == replayed(from)
            && self.generation == from.generation
            && (to.wake == from.wake || self.wake == from.wake)
    }

    /// Takes over what differs between `from` and `to`.
    pub fn take(&mut self, from: &Self, to: &Self) {
        fn replace<T: PartialEq + Clone>(field: &mut T, from: &T, to: &T) {
            if from != to {
                field.clone_from(to);
            }
        }
        replace(&mut self.generation, &from.generation, &to.generation);
        replace(&mut self.wake, &from.wake, &to.wake);
        replace(&mut self.replay, &from.replay, &to.replay);
        replace(&mut self.notices, &from.notices, &to.notices);
        let (Some(aside), Some(from), Some(to)) = (&mut self.aside, &from.aside, &to.aside) else {
            self.aside.clone_from(&to.aside);
            return;
        };
        replace(&mut aside.mode, &from.mode, &to.mode);
        replace(&mut aside.since, &from.since, &to.since);
        replace(&mut aside.next, &from.next, &to.next);
        replace(&mut aside.last, &from.last, &to.last);
        replace(&mut aside.due_at, &from.due_at, &to.due_at);
        replace(&mut aside.failed_probes, &from.failed_probes, &to.failed_probes);
        replace(&mut aside.head_attempts, &from.head_attempts, &to.head_attempts);
        replace(&mut aside.given_up, &from.given_up, &to.given_up);
        replace(&mut aside.lease, &from.lease, &to.lease);
        replace(&mut aside.gone, &from.gone, &to.gone);
        replace(&mut aside.is_dropped, &from.is_dropped, &to.is_dropped);
    }

    /// The line with one more thing to tell.
    #[must_use]
    pub fn noting(mut self, kind: LineChange, at: Millis) -> Self {
        self.notices.push(LineNotice { kind, at });
        self
    }

    /// The line with nothing left to tell.
    #[must_use]
    pub fn told(&self) -> Self {
        Self { notices: Vec::new(), ..self.clone() }
    }

    pub(crate) fn with(&self, aside: Aside) -> Self {
        Self { aside: Some(aside), ..self.clone() }
    }

    /// Every change between active and set aside wakes recover, or makes a wake-up that is under way void.
    pub(crate) fn changed(&self, aside: Option<Aside>) -> Self {
        Self { generation: self.generation + 1, wake: self.wake + 1, aside, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::{AttemptNumber, ErrorClass, ResponseText};
    use crate::delivery::{QueueName, QueuePosition};
    use crate::id::{CompanyId, DeliveryId};
    use crate::log_row::RunId;
    use crate::platform::webhook::{Stamp, WebhookScope};
    use crate::secrets::Secrets;
    use crate::signature::SigningSecret;

    const NOW: Millis = Millis(1_000_000);
    const POLICY: SuspensionPolicy =
        SuspensionPolicy { suspend_after: 5, park_after_seconds: 900, retires_gone: true };
    const HOLDING: SuspensionPolicy = SuspensionPolicy { suspend_after: HOLD, ..POLICY };

    fn answered(status: u16) -> Outcome {
        Outcome::Answered { status, response: ResponseText::default(), retry_after_seconds: None }
    }

    fn no_answer() -> Outcome {
        Outcome::NoAnswer { error: ErrorClass::Timeout, reason: String::new() }
    }

    fn aside(mode: Mode) -> Line {
        let aside = Aside { since: Millis(5), head_attempts: 0, ..Aside::new(mode, 7, 11, NOW) };
        Line { sequence_floor: 3, generation: 1, wake: 1, aside: Some(aside), ..Line::default() }
    }

    fn last_row(sequence: u64, given_up: u32, progress: Progress) -> LastRow {
        let at = || QueuePosition { queue: QueueName::new("q"), number: 1 };
        LastRow {
            number: AttemptNumber { sequence, attempt: 3 },
            delivery: DeliveryId::from_bytes([1; 12]),
            queued: at(),
            accepted: at(),
            progress,
            given_up,
            status: 500,
            gone: None,
        }
    }

    /// Mode, next event, attempts at it, seconds until it is due.
    fn short(line: &Line) -> (Mode, u64, u32, u64) {
        let aside = line.aside.as_ref().unwrap();
        (aside.mode, aside.next, aside.head_attempts, aside.due_at.since(NOW) / 1000)
    }

    #[track_caller]
    fn after(line: &Line, outcome: &Outcome, policy: &SuspensionPolicy) -> Step {
        line.after_attempt((outcome, 4), (&RetryPolicy::default(), policy), NOW).unwrap()
    }

    #[test]
    fn a_line_is_suspended_by_as_many_give_ups_in_a_row_and_the_run_is_sent_again() {
        let due = |line: &Line, given_up, policy: &SuspensionPolicy| {
            line.suspended(Some(&last_row(9, given_up, Progress::Ended)), policy, NOW)
        };
        let active = Line { sequence_floor: 3, ..Line::default() };
        assert_eq!(due(&active, 4, &POLICY), None);
        for given_up in [5, 6] {
            let line = due(&active, given_up, &POLICY).unwrap();
            assert_eq!(short(&line), (Mode::Suspended, 10 - u64::from(given_up), 0, 30));
            assert_eq!((line.aside.as_ref().unwrap().last, line.generation, line.wake), (9, 1, 1));
            assert_eq!(line.sequence_floor, 3);
        }
        assert_eq!(due(&active, 1, &HOLDING).map(|line| short(&line).1), Some(9), "hold");
        assert_eq!(due(&active, 99, &SuspensionPolicy { suspend_after: 0, ..POLICY }), None, "never");
        assert_eq!(due(&aside(Mode::Lagging), 5, &POLICY), None, "it is set aside already");
        let mut earlier = aside(Mode::Lagging);
        earlier.aside = Some(Aside { next: 9, last: 8, ..earlier.aside.unwrap() });
        let covered = due(&earlier, 5, &POLICY).unwrap();
        assert_eq!((short(&covered).1, covered.aside.unwrap().last), (5, 9), "set aside amid its attempt");
        let waiting = last_row(9, 5, Progress::Waiting { until: NOW });
        assert_eq!(active.suspended(Some(&waiting), &POLICY, NOW), None, "the next one has begun");
        assert_eq!(active.suspended(None, &POLICY, NOW), None);
    }

    #[test]
    fn what_happens_to_a_line_is_noted_until_it_is_told() {
        let kinds = |line: &Line| line.notices.iter().map(|notice| notice.kind).collect::<Vec<_>>();
        let row = last_row(9, 5, Progress::Ended);
        let suspended = Line::default().suspended(Some(&row), &POLICY, NOW).unwrap();
        assert_eq!(kinds(&suspended), [LineChange::Suspended]);
        let probed = after(&suspended, &no_answer(), &POLICY).line;
        assert_eq!(kinds(&probed), [LineChange::Suspended], "once");
        let back = after(&probed, &answered(200), &POLICY).line;
        assert_eq!(kinds(&back), [LineChange::Suspended, LineChange::Resumed]);
        assert_eq!(kinds(&after(&back.told(), &answered(200), &POLICY).line), []);
        let once = SuspensionPolicy { suspend_after: 1, ..POLICY };
        let mut dies = back.told();
        dies.aside.as_mut().unwrap().head_attempts = 2;
        assert_eq!(kinds(&after(&dies, &no_answer(), &once).line), [LineChange::Suspended]);
        assert_eq!(kinds(&after(&dies, &answered(410), &POLICY).line), [], "recover says that");
        assert!(probed.allows(&probed, &probed.told()) && !back.allows(&probed, &probed.told()));
    }

    #[test]
    fn an_endpoint_that_is_gone_is_set_aside_at_once_and_told_to_recover() {
        let active = Line::default();
        let gone = |given_up| LastRow { gone: Some(4), ..last_row(9, given_up, Progress::Ended) };
        for (given_up, suspend_after, next) in [(1, 5, 9), (3, 5, 7), (1, 1, 9), (70, 0, 9)] {
            let policy = SuspensionPolicy { suspend_after, ..POLICY };
            let line = active.suspended(Some(&gone(given_up)), &policy, NOW).unwrap();
            assert_eq!(short(&line), (Mode::Suspended, next, 0, 0), "{given_up} of {suspend_after}");
            assert_eq!(line.aside.unwrap().gone, Some(4));
        }
        assert_eq!(
            active.suspended(Some(&gone(0)), &POLICY, NOW),
            None,
            "a replay's row tells deliver nothing"
        );
        for (mode, policy) in [(Mode::Suspended, POLICY), (Mode::Lagging, POLICY), (Mode::Lagging, HOLDING)] {
            let step = after(&aside(mode), &answered(410), &policy);
            assert_eq!((step.progress, short(&step.line)), (Progress::Parked, (Mode::Suspended, 7, 0, 0)));
            assert_eq!(step.line.aside.unwrap().gone, Some(4), "the version that was asked");
        }
    }

    #[test]
    fn a_job_without_a_webhook_whose_endpoint_is_gone_has_failed_and_no_more() {
        let (company, by) = (CompanyId::parse("acme").unwrap(), Stamp { at: NOW, by: "ana".to_owned() });
        let secrets = Secrets::new(SigningSecret::from_random([7; 32]));
        let implicit = Subscription::implicit(&company, &WebhookScope::Space, &secrets, by);
        let policy = POLICY.of(Some(&implicit));
        assert_eq!((policy.suspend_after, policy.retires_gone), (0, false));
        let gone = LastRow { gone: Some(4), ..last_row(9, 70, Progress::Ended) };
        assert_eq!(Line::default().suspended(Some(&gone), &policy, NOW), None, "the next one is sent");
        let step = after(&aside(Mode::Lagging), &answered(410), &policy);
        assert_eq!((step.progress, short(&step.line)), (Progress::Ended, (Mode::Lagging, 8, 0, 0)));
        assert!(step.is_given_up);
        assert_eq!(step.line.aside.unwrap().gone, None);
    }

    #[test]
    fn what_deliver_does_with_a_message_follows_from_the_line_and_its_age() {
        let sent = |seconds: u64| Millis(NOW.0 - seconds * 1000);
        let active = Line::default();
        let course = |line: &Line, attempt, age| line.course((12, attempt), sent(age), &POLICY, NOW);
        assert_eq!(course(&active, 1, 899), Course::Send);
        assert_eq!(course(&active, 2, 10_000.min(NOW.0 / 1000)), Course::Send, "a begun event is finished");
        let Course::SetAside(lagging) = course(&active, 1, 900) else { panic!("it is late") };
        assert_eq!(short(&lagging), (Mode::Lagging, 12, 0, 0));
        assert_eq!(lagging.aside.as_ref().unwrap().waiting(), 0);
        let never = SuspensionPolicy { park_after_seconds: 0, ..POLICY };
        assert_eq!(active.course((12, 1), sent(900), &never, NOW), Course::Send);
        assert_eq!(course(&aside(Mode::Suspended), 1, 0), Course::Park);
        let again = aside(Mode::Lagging).course((11, 2), sent(0), &POLICY, NOW);
        assert_eq!(again, Course::Parked, "received again while recover tries it");
        assert_eq!(course(&aside(Mode::Lagging), 1, 29), Course::HoldBack, "5 are left");
        assert_eq!(course(&aside(Mode::Lagging), 1, 30), Course::Park);
        let mut many = aside(Mode::Lagging);
        many.aside.as_mut().unwrap().next = 1;
        assert_eq!(course(&many, 1, 0), Course::Park, "11 are left");
        let mut waits = aside(Mode::Lagging);
        waits.aside.as_mut().unwrap().due_at = NOW.plus_seconds(1);
        assert_eq!(course(&waits, 1, 0), Course::Park, "nobody is at work");
    }

    #[test]
    fn success_ends_the_head_and_the_next_is_due_whatever_the_state() {
        for mode in [Mode::Suspended, Mode::Lagging] {
            let step = after(&aside(mode), &answered(204), &POLICY);
            assert_eq!((step.progress, short(&step.line)), (Progress::Ended, (Mode::Lagging, 8, 0, 0)));
            assert_eq!(
                (step.line.generation, step.line.wake),
                (1, 1),
                "still set aside, still the same wake-up"
            );
        }
    }

    #[test]
    fn a_dead_endpoint_is_probed_ever_more_slowly_and_that_costs_the_event_nothing() {
        for outcome in
            [no_answer(), answered(500), answered(429), answered(408), answered(425), answered(301)]
        {
            let mut line = aside(Mode::Suspended);
            let mut waits = Vec::new();
            for _ in 0..6 {
                let step = after(&line, &outcome, &POLICY);
                assert_eq!(step.progress, Progress::Parked);
                let (mode, next, attempts, seconds) = short(&step.line);
                assert_eq!((mode, next, attempts), (Mode::Suspended, 7, 0));
                waits.push(seconds);
                line = step.line;
            }
            assert_eq!(waits, [60, 120, 240, 480, 900, 900], "{outcome:?}");
        }
    }

    #[test]
    fn a_refusal_of_the_event_ends_it_after_its_attempts_and_the_next_one_probes() {
        let mut line = aside(Mode::Suspended);
        for attempt in 1..=2 {
            let step = after(&line, &answered(422), &POLICY);
            assert_eq!(step.progress, Progress::Parked);
            assert_eq!(short(&step.line), (Mode::Suspended, 7, attempt, 30));
            line = step.line;
        }
        let step = after(&line, &answered(422), &POLICY);
        assert_eq!((step.progress, short(&step.line)), (Progress::Ended, (Mode::Suspended, 8, 0, 0)));
        let held = after(&aside(Mode::Suspended), &answered(422), &HOLDING);
        assert_eq!(
            (held.progress, short(&held.line)),
            (Progress::Parked, (Mode::Suspended, 7, 0, 60)),
            "hold"
        );
    }

    #[test]
    fn an_endpoint_that_dies_again_is_probed_again_from_the_first_event_that_it_lost() {
        let mut line = aside(Mode::Lagging);
        let mut seen = Vec::new();
        for _ in 0..15 {
            let step = after(&line, &no_answer(), &POLICY);
            seen.push(step.progress == Progress::Ended);
            line = step.line;
        }
        assert_eq!(seen.iter().filter(|ended| **ended).count(), 5);
        assert_eq!(short(&line), (Mode::Suspended, 7, 0, 30), "five events, three attempts each");
        let never = SuspensionPolicy { suspend_after: 0, ..POLICY };
        let mut line = aside(Mode::Lagging);
        for _ in 0..15 {
            line = after(&line, &no_answer(), &never).line;
        }
        assert_eq!(short(&line), (Mode::Lagging, 12, 0, 0), "without suspension each ends in its turn");
    }

    #[test]
    fn a_line_becomes_active_when_nothing_waits_and_every_older_wake_up_is_void() {
        let mut line = aside(Mode::Lagging);
        assert_eq!(line.closed(), None);
        line.aside.as_mut().unwrap().next = 12;
        let active = line.closed().unwrap();
        assert_eq!(active, Line { sequence_floor: 3, generation: 2, wake: 2, ..Line::default() });
        assert_eq!(active.closed(), None);
        assert_eq!(active.woken(NOW), None);
    }

    #[test]
    fn waking_never_puts_off() {
        let mut line = aside(Mode::Suspended);
        line.aside.as_mut().unwrap().due_at = NOW.plus_seconds(500);
        let woken = line.woken(NOW).unwrap();
        assert_eq!((woken.wake, short(&woken).3), (2, 0));
        assert_eq!(woken.woken(NOW.plus_seconds(9)).unwrap().aside.unwrap().due_at, NOW);
    }

    #[test]
    fn changes_go_on_beside_each_other_only_where_that_loses_nothing() {
        let from = aside(Mode::Lagging);
        let parked = {
            let mut line = from.clone();
            line.aside.as_mut().unwrap().last = 12;
            line
        };
        let step = after(&from, &answered(200), &POLICY).line;
        assert!(parked.allows(&from, &step), "parking goes on beside a drain");
        let mut drained = parked.clone();
        drained.take(&from, &step);
        assert_eq!(drained.aside.as_ref().map(|aside| (aside.next, aside.last)), Some((8, 12)));
        let woken = from.woken(NOW).unwrap();
        assert!(woken.allows(&from, &step), "and so does a wake-up");
        assert!(!woken.allows(&from, &woken), "but for another one");
        assert!(!step.allows(&from, &step), "a head ends once");
        let leased = from.leased(Lease { run: RunId("r".into()), until: NOW }).unwrap();
        assert!(!leased.allows(&from, &step), "another run is at work");
        let closed = Line { aside: None, generation: 2, wake: 2, ..from.clone() };
        assert!(from.allows(&from, &closed) && !parked.allows(&from, &closed), "one more was parked");
        let further = {
            let mut line = from.clone();
            line.aside.as_mut().unwrap().last = 13;
            line
        };
        assert!(from.allows(&from, &further) && !parked.allows(&from, &further), "its end never goes back");
        assert!(!Line { generation: 2, ..from.clone() }.allows(&from, &step));
        assert!(!Line::default().allows(&from, &step));
    }
}
