//! What becomes of a delivery after an attempt.

use crate::attempt::{Outcome, STATUS_GONE};

/// Longest hold that a receiver's `Retry-After` can ask for, in seconds.
pub const RETRY_AFTER_SECONDS_MAX: u64 = 900;
/// First hold after a fault of our own, in seconds; doubles with every receive of the message.
pub const FAULT_HOLD_SECONDS_MIN: u64 = 30;
/// Longest hold after a fault of our own, in seconds.
pub const FAULT_HOLD_SECONDS_MAX: u64 = 900;

/// How often and when a delivery is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all per delivery and round, 1 to 10.
    pub attempts_max: u32,
    /// Pause between a failure and the next attempt, in seconds, 0 to 900.
    pub delay_seconds: u64,
    /// Total time of one attempt, in seconds, 1 to 20.
    pub timeout_seconds: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts_max: 3, delay_seconds: 30, timeout_seconds: 10 }
    }
}

/// What becomes of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    Delivered,
    /// Tried again this many seconds after the failure; the line waits.
    RetryAfter {
        seconds: u64,
    },
    /// Ends FAILED; the line goes on.
    GiveUp,
}

impl RetryPolicy {
    /// What becomes of a delivery whose attempt of this number ended so.
    #[must_use]
    pub fn disposition(&self, attempt: u32, outcome: &Outcome) -> Disposition {
        if outcome.is_success() {
            return Disposition::Delivered;
        }
        match outcome {
            Outcome::Unsent { .. } | Outcome::Answered { status: STATUS_GONE, .. } => Disposition::GiveUp,
            _ if self.attempts_max <= attempt => Disposition::GiveUp,
            Outcome::Answered { status: 429 | 503, retry_after_seconds: Some(asked), .. } => {
                Disposition::RetryAfter {
                    seconds: self.delay_seconds.max((*asked).min(RETRY_AFTER_SECONDS_MAX)),
                }
            }
            Outcome::Answered { .. } | Outcome::NotSent { .. } | Outcome::NoAnswer { .. } => {
                Disposition::RetryAfter { seconds: self.delay_seconds }
            }
        }
    }

    /// The longest one delivery can hold its webhook, queue latency and `Retry-After` apart (SEMANTICS: Bounded block).
    #[must_use]
    pub fn block_seconds_max(&self) -> u64 {
        let attempts = u64::from(self.attempts_max);
        attempts * self.timeout_seconds + attempts.saturating_sub(1) * self.delay_seconds
    }
}

/// How long a record waits after a fault of our own, by how often the queue has handed it out.
#[must_use]
pub fn fault_hold_seconds(receive_count: u32) -> u64 {
    let doublings = receive_count.saturating_sub(1).min(16);
    (FAULT_HOLD_SECONDS_MIN << doublings).min(FAULT_HOLD_SECONDS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::{ErrorClass, ResponseText};

    fn answered(status: u16, retry_after_seconds: Option<u64>) -> Outcome {
        Outcome::Answered { status, response: ResponseText::default(), retry_after_seconds }
    }

    #[track_caller]
    fn check(attempt: u32, outcome: &Outcome, expected: Disposition) {
        assert_eq!(RetryPolicy::default().disposition(attempt, outcome), expected);
    }

    #[test]
    fn the_third_failure_gives_up() {
        check(1, &answered(500, None), Disposition::RetryAfter { seconds: 30 });
        check(2, &answered(500, None), Disposition::RetryAfter { seconds: 30 });
        check(3, &answered(500, None), Disposition::GiveUp);
        check(4, &answered(500, None), Disposition::GiveUp);
        check(3, &answered(200, None), Disposition::Delivered);
    }

    #[test]
    fn a_failure_without_an_answer_is_a_failure_like_any_other() {
        let reason = || "no".to_owned();
        check(
            1,
            &Outcome::NotSent { error: ErrorClass::Dns, reason: reason() },
            Disposition::RetryAfter { seconds: 30 },
        );
        check(3, &Outcome::NoAnswer { error: ErrorClass::Timeout, reason: reason() }, Disposition::GiveUp);
    }

    #[test]
    fn retry_after_lengthens_the_hold_of_429_and_503_only_and_never_shortens_it() {
        check(1, &answered(503, Some(120)), Disposition::RetryAfter { seconds: 120 });
        check(1, &answered(429, Some(5)), Disposition::RetryAfter { seconds: 30 });
        check(1, &answered(429, Some(86_400)), Disposition::RetryAfter { seconds: 900 });
        check(1, &answered(500, Some(120)), Disposition::RetryAfter { seconds: 30 });
        check(3, &answered(503, Some(120)), Disposition::GiveUp);
    }

    #[test]
    fn a_skipped_delivery_ends_at_once() {
        check(1, &Outcome::Unsent { error: ErrorClass::Disabled, reason: "off".into() }, Disposition::GiveUp);
    }

    #[test]
    fn an_endpoint_that_is_gone_is_not_tried_again() {
        check(1, &answered(410, None), Disposition::GiveUp);
    }

    #[test]
    fn the_default_block_is_90_seconds() {
        assert_eq!(RetryPolicy::default().block_seconds_max(), 90);
    }

    #[test]
    fn fault_holds_double_to_15_minutes() {
        let holds: Vec<_> = (0..9).map(fault_hold_seconds).collect();
        assert_eq!(holds, [30, 30, 60, 120, 240, 480, 900, 900, 900]);
        assert_eq!(fault_hold_seconds(u32::MAX), 900);
    }
}
