//! The faults of a call, and their rates in a schedule.

use crate::rng::{CHANCES, Rng};

/// A call of a function to the outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Send,
    Hold,
    Delete,
    ConfigVersions,
    ListWebhooks,
    Settings,
    LastRow,
    PutRow,
    Park,
    ChangeState,
    Advance,
    Ask,
    PutJob,
    StartJob,
    PlaceJob,
    FindJob,
    FindContent,
    ChangeJob,
    DueJobs,
    DueQueues,
    RowsFrom,
    LastAttempt,
    Post,
    /// The beginning of an invocation. Stalled if it is throttled, refused if it never begins.
    /// Its response is lost if the mapping takes it for failed while it continues.
    Start,
    /// Its response to the mapping.
    Reply,
}

impl Call {
    pub(crate) fn is_of_tables(self) -> bool {
        !self.is_of_queue() && !matches!(self, Self::Ask | Self::Post | Self::Start | Self::Reply)
    }

    fn is_of_queue(self) -> bool {
        matches!(self, Self::Send | Self::Hold | Self::Delete)
    }
}

/// The longest a throttled invocation waits: a little more than the queues' visibility.
const LATE_MS_MAX: u64 = 185_000;

/// The fate of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Fine,
    /// The process dies before the call has an effect.
    CrashBefore,
    /// The process dies when the call has had its effect.
    CrashAfter,
    /// No effect, and an error.
    Refused,
    /// The effect, and an error.
    AnswerLost,
    /// A batch call of which each entry named by a bit fails without an effect.
    Partial(u16),
    /// A call that takes this long, in milliseconds.
    Stall(u64),
}

/// The rate of each fault, out of [`CHANCES`] calls or invocations.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rates {
    pub(crate) crash: u64,
    pub(crate) queue_refuses: u64,
    pub(crate) queue_partial: u64,
    pub(crate) table_refuses: u64,
    pub(crate) answer_lost: u64,
    pub(crate) stall: u64,
    /// An invocation that begins late, by up to the queue's visibility.
    pub(crate) throttle: u64,
    /// An invocation that is throttled until the mapping gives it up.
    pub(crate) dropped: u64,
    /// An invocation that the mapping takes for failed, from the beginning or in spite of its response.
    pub(crate) reply_lost: u64,
}

impl Rates {
    /// Draws the fate of one call.
    pub(crate) fn draw(&self, rng: &mut Rng, call: Call) -> Fate {
        if call == Call::Start {
            return self.draw_start(rng);
        }
        if call == Call::Reply {
            return if rng.chance(self.reply_lost) { Fate::AnswerLost } else { Fate::Fine };
        }
        // For most calls one draw decides that nothing happens.
        let at = rng.below(CHANCES);
        let mut from = 0;
        let mut strikes = |rate: u64| {
            let hit = (from..from + rate).contains(&at);
            from += rate;
            hit
        };
        if strikes(self.crash) {
            return if rng.chance(5_000) { Fate::CrashBefore } else { Fate::CrashAfter };
        }
        if strikes(self.stall) {
            return Fate::Stall(rng.between(1_000..=60_000));
        }
        if call == Call::Post {
            return Fate::Fine;
        }
        if strikes(self.answer_lost) {
            return Fate::AnswerLost;
        }
        if !call.is_of_queue() {
            return if strikes(self.table_refuses) { Fate::Refused } else { Fate::Fine };
        }
        if strikes(self.queue_refuses) {
            return Fate::Refused;
        }
        if strikes(self.queue_partial) {
            return Fate::Partial(u16::try_from(rng.between(1..=1023)).unwrap_or(1));
        }
        Fate::Fine
    }

    fn draw_start(&self, rng: &mut Rng) -> Fate {
        if rng.chance(self.dropped) {
            return Fate::Refused;
        }
        if rng.chance(self.throttle) {
            return Fate::Stall(rng.between(0..=LATE_MS_MAX));
        }
        if rng.chance(self.reply_lost) { Fate::AnswerLost } else { Fate::Fine }
    }
}

/// A fault at a call that a test names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planned {
    /// The function's nth invocation, from 0.
    pub(crate) invocation: usize,
    pub(crate) function: Function,
    pub(crate) call: Call,
    /// The nth such call of the invocation, from 0.
    pub(crate) nth: usize,
    pub(crate) fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Function {
    FanOut,
    Deliver,
    Recover,
}
