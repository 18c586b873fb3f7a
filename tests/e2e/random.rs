//! Seeds of random tests, which a failed run prints and a later run can repeat.

use std::hash::{BuildHasher as _, RandomState};

/// The variable with the seed of a run to repeat.
const SEED_VARIABLE: &str = "HOOKRAIL_E2E_SEED";

/// The seed of a test. Printed when the test fails.
#[derive(Debug)]
pub(crate) struct Seed(u64);

impl Seed {
    /// Takes the seed of the environment, or a new one.
    #[expect(clippy::disallowed_methods, reason = "a person repeats a failed run by it")]
    pub(crate) fn draw() -> Self {
        let given = std::env::var(SEED_VARIABLE).ok().and_then(|text| text.parse().ok());
        Self(given.unwrap_or_else(|| RandomState::new().hash_one(SEED_VARIABLE)))
    }

    /// Returns a number that depends on the seed and these parts only.
    pub(crate) fn of(&self, parts: &[u64]) -> u64 {
        parts.iter().fold(mix(self.0), |state, part| mix(state ^ mix(*part)))
    }

    /// Returns random letters, digits and signs that JSON does not escape.
    pub(crate) fn text(&self, chars: usize) -> String {
        const SIGNS: &[u8] =
            b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-*/=<>()[]{}!?.,;:#%&$@^_|~'";
        let sign = |at: usize| {
            let draw = usize::try_from(self.of(&[at as u64]) % SIGNS.len() as u64).unwrap();
            char::from(*SIGNS.get(draw).unwrap())
        };
        (0..chars).map(sign).collect()
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("repeat with {SEED_VARIABLE}={}", self.0);
        }
    }
}

/// Mixes the bits as `SplitMix64` does.
fn mix(state: u64) -> u64 {
    let state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}
