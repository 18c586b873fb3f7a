//! Parsers that meet outside bytes, tried with the seeds of `corpus` and of `events/samples` and with mutations of them.
//!
//! The mutations are the same ones every time, so that a failure is the change's own. `tests/fuzz/run` looks further,
//! led by coverage; what it finds becomes a seed.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a broken promise is a failed test, and a seed that cannot be read too"
)]

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

mod targets;
mod request;
mod mutation;

/// Mutated inputs of each target.
const MUTATIONS: u32 = 3_000;

/// Tries the target with every seed, then with mutations. What fails is shown at its smallest.
#[track_caller]
fn check(name: &str, target: fn(&[u8])) {
    let seeds = seeds(name);
    for (path, seed) in &seeds {
        let passed = catch_unwind(|| target(seed));
        assert!(passed.is_ok(), "{path} breaks a promise of {name}");
    }
    let config = Config { cases: MUTATIONS, failure_persistence: None, ..Config::default() };
    let same_every_time = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let inputs = mutation::inputs(seeds.into_iter().map(|(_, seed)| seed).collect());
    let tried = TestRunner::new_with_rng(config, same_every_time).run(&inputs, |input| {
        target(&input.0);
        Ok(())
    });
    tried.unwrap_or_else(|failure| panic!("{name}: {failure}"));
}

/// The target's own seeds and the published samples, by path.
fn seeds(name: &str) -> Vec<(String, Vec<u8>)> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds = Vec::new();
    for folder in [tests.join("fuzz/corpus").join(name), tests.join("../events/samples")] {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            seeds.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    seeds.sort();
    seeds
}

#[test]
fn events() {
    check("event", targets::event::run);
}

#[test]
fn event_calls() {
    check("event_call", targets::event_call::run);
}

#[test]
fn queue_messages() {
    check("queue_message", targets::queue_message::run);
}

#[test]
fn webhooks() {
    check("webhook", targets::webhook::run);
}

#[test]
fn cursors() {
    check("cursor", targets::cursor::run);
}

#[test]
fn tokens_and_ids() {
    check("token", targets::token::run);
}

#[test]
fn target_urls() {
    check("target_url", targets::target_url::run);
}

#[test]
fn addresses() {
    check("address", targets::address::run);
}

#[test]
fn answers() {
    check("answer", targets::answer::run);
}

#[test]
fn requests() {
    check("request", request::run);
}
