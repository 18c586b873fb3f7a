//! Points in time and spans, as whole milliseconds.

/// A point in time: milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(pub u64);

impl Millis {
    /// Returns this time, `seconds` later.
    #[must_use]
    pub fn plus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// Returns whole milliseconds from `earlier` to this time; zero if `earlier` is later, as clocks of two
    /// machines may differ.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns whole seconds since the Unix epoch.
    #[must_use]
    pub fn unix_seconds(self) -> u64 {
        self.0 / 1000
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_saturate_instead_of_wrapping() {
        assert_eq!(Millis(u64::MAX).plus_seconds(1), Millis(u64::MAX));
        assert_eq!(Millis(1).plus_seconds(u64::MAX), Millis(u64::MAX));
        assert_eq!(Millis(1).since(Millis(2)), 0);
    }

    proptest! {
        #[test]
        fn adding_seconds_moves_a_time_by_those_seconds(at in 0..u64::MAX / 2, seconds in 0..1_000_000_000_u64) {
            let later = Millis(at).plus_seconds(seconds);
            prop_assert_eq!(later.since(Millis(at)), seconds * 1000);
            prop_assert_eq!(later.unix_seconds() - Millis(at).unix_seconds(), seconds);
        }
    }
}
