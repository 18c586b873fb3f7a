//! The state of a delivery after an attempt.

use crate::attempt::{Outcome, STATUS_GONE};

/// Longest hold that a receiver's `Retry-After` can ask for, in seconds.
pub const RETRY_AFTER_SECONDS_MAX: u64 = 900;
/// First hold after a fault of our own, in seconds; doubles with every receive of the message.
pub const FAULT_HOLD_SECONDS_MIN: u64 = 30;
/// Longest hold after a fault of our own, in seconds.
pub const FAULT_HOLD_SECONDS_MAX: u64 = 900;

/// The number and the times of a delivery's attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all per delivery and round, 1 to 10.
    pub attempts_max: u32,
    /// Delay between a failure and the next attempt, in seconds, 0 to 900.
    pub delay_seconds: u64,
    /// Total time of one attempt, in seconds, 1 to 20.
    pub timeout_seconds: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts_max: 3, delay_seconds: 30, timeout_seconds: 10 }
    }
}

/// The state of a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    Delivered,
    /// Attempted again this many seconds after the failure; the queue waits.
    RetryAfter {
        seconds: u64,
    },
    /// Ends FAILED; the queue continues.
    GiveUp,
}

impl RetryPolicy {
    /// Returns the disposition of a delivery whose attempt of this number ended so.
    #[must_use]
    pub fn disposition(&self, attempt: u32, outcome: &Outcome) -> Disposition {
        if outcome.is_success() {
            return Disposition::Delivered;
        }
        match outcome {
            Outcome::Unsent { .. } | Outcome::Responded { status: STATUS_GONE, .. } => Disposition::GiveUp,
            _ if self.attempts_max <= attempt => Disposition::GiveUp,
            Outcome::Responded { status: 429 | 503, retry_after_seconds: Some(asked), .. } => {
                Disposition::RetryAfter {
                    seconds: self.delay_seconds.max((*asked).min(RETRY_AFTER_SECONDS_MAX)),
                }
            }
            Outcome::Responded { .. } | Outcome::NotSent { .. } | Outcome::NoResponse { .. } => {
                Disposition::RetryAfter { seconds: self.delay_seconds }
            }
        }
    }

    /// Returns the longest time that one delivery can block its webhook, queue latency and `Retry-After`
    /// apart (SEMANTICS: Bounded block).
    #[must_use]
    pub fn block_seconds_max(&self) -> u64 {
        let attempts = u64::from(self.attempts_max);
        attempts * self.timeout_seconds + attempts.saturating_sub(1) * self.delay_seconds
    }
}

/// Returns the hold of a record after a fault of our own, by the number of its receives.
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
        Outcome::Responded { status, response: ResponseText::default(), retry_after_seconds }
    }

    #[track_caller]
    fn check(attempt: u32, outcome: &Outcome, expected: Disposition) {
        assert_eq!(RetryPolicy::default().disposition(attempt, outcome), expected);
    }

    #[test]
    fn the_third_failure_exhausts_a_delivery() {
        check(1, &answered(500, None), Disposition::RetryAfter { seconds: 30 });
        check(2, &answered(500, None), Disposition::RetryAfter { seconds: 30 });
        check(3, &answered(500, None), Disposition::GiveUp);
        check(4, &answered(500, None), Disposition::GiveUp);
        check(3, &answered(200, None), Disposition::Delivered);
    }

    #[test]
    fn a_failure_without_a_response_is_retried_like_any_other() {
        let reason = || "no".to_owned();
        check(
            1,
            &Outcome::NotSent { error: ErrorClass::Dns, reason: reason() },
            Disposition::RetryAfter { seconds: 30 },
        );
        check(3, &Outcome::NoResponse { error: ErrorClass::Timeout, reason: reason() }, Disposition::GiveUp);
    }

    #[test]
    fn retry_after_only_lengthens_the_hold_and_only_for_429_and_503() {
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
    fn a_gone_endpoint_is_not_retried() {
        check(1, &answered(410, None), Disposition::GiveUp);
    }

    #[test]
    fn a_failing_event_blocks_the_queue_for_90_seconds_by_default() {
        assert_eq!(RetryPolicy::default().block_seconds_max(), 90);
    }

    #[test]
    fn fault_holds_double_to_15_minutes() {
        let holds: Vec<_> = (0..9).map(fault_hold_seconds).collect();
        assert_eq!(holds, [30, 30, 60, 120, 240, 480, 900, 900, 900]);
        assert_eq!(fault_hold_seconds(u32::MAX), 900);
    }
}
