//! Parsers of outside bytes, tried with the seeds of `corpus` and of `events/samples` and with mutations of
//! them.
//!
//! The mutations are the same every time, so a failure is caused by the change under test.
//! `tests/fuzz/run` searches further, guided by coverage; its findings become seeds.

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

/// Tries the target with every seed, then with mutations. A failing input is shown at its smallest.
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

/// Returns the target's own seeds and the published samples, by path.
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
fn fuzzes_events() {
    check("event", targets::event::run);
}

#[test]
fn fuzzes_event_calls() {
    check("event_call", targets::event_call::run);
}

#[test]
fn fuzzes_queue_messages() {
    check("queue_message", targets::queue_message::run);
}

#[test]
fn fuzzes_webhooks() {
    check("webhook", targets::webhook::run);
}

#[test]
fn fuzzes_cursors() {
    check("cursor", targets::cursor::run);
}

#[test]
fn fuzzes_tokens_and_ids() {
    check("token", targets::token::run);
}

#[test]
fn fuzzes_target_urls() {
    check("target_url", targets::target_url::run);
}

#[test]
fn fuzzes_addresses() {
    check("address", targets::address::run);
}

#[test]
fn fuzzes_responses() {
    check("answer", targets::answer::run);
}

#[test]
fn fuzzes_requests() {
    check("request", request::run);
}
