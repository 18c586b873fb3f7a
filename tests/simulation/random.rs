//! Random schedules: each drawn from a seed, played, and checked against every promise.

use indicatif::{ProgressBar, ProgressStyle};

use crate::checks::{Counts, Violation, check};
use crate::planted::Bug;
use crate::run::run;
use crate::schedule::draw;
use crate::setup::Setup;
use crate::timeline::render;

/// Schedules of each sweep, by default.
const SCHEDULES: u64 = 2_500;
/// Seeds that once failed, one a line.
const CORPUS: &str = include_str!("seeds.txt");

/// Plays one seed; a failure shows everything and the command that repeats it.
fn play(seed: u64) -> Result<Counts, String> {
    let setup = draw(seed);
    let (world, history) = run(setup);
    check(&world.setup, &history).map_err(|Violation { promise, what }| {
        let timeline = render(&world.setup, &history);
        format!(
            "{timeline}\nseed {seed} breaks {promise}:\n  {what}\nagain with\n  HOOKRAIL_SEED={seed} \
             cargo test -p hookrail-tests --test simulation the_requested_seed -- --nocapture"
        )
    })
}

#[expect(clippy::disallowed_methods, reason = "asked for by a person at a terminal, not by the product")]
pub(crate) fn asked_for(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn sweep(mode: u64) {
    let schedules = asked_for("HOOKRAIL_SCHEDULES").map_or(SCHEDULES, |all| all.div_ceil(2));
    let first = asked_for("HOOKRAIL_FIRST_SEED").unwrap_or(0);
    let mut counts = Counts::default();
    // Drawn on a terminal only.
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} schedules, {per_sec}, {eta} left");
    let bar = ProgressBar::new(schedules).with_style(style.unwrap());
    for index in (0..schedules).inspect(|_| bar.inc(1)) {
        match play(first + 2 * index + mode) {
            Ok(more) => counts.add(&more),
            Err(failure) => panic!("{failure}"),
        }
    }
    println!("{schedules} schedules: {counts:?}");
    // A promise that is never tested proves nothing.
    let Counts {
        retries_timed,
        turns_timed,
        blocks_timed,
        crashes_timed,
        fan_outs_timed,
        overtaken,
        parked,
        recovered,
        gone,
        replayed,
        posted,
        unsendable,
        ..
    } = counts;
    for put_to_the_test in [
        retries_timed,
        turns_timed,
        blocks_timed,
        crashes_timed,
        fan_outs_timed,
        overtaken,
        parked,
        recovered,
        gone,
        replayed,
        posted,
        unsendable,
    ] {
        assert!(schedules / 100 <= put_to_the_test, "{counts:?}");
    }
}

#[test]
fn every_promise_holds_when_only_the_queue_locks_a_group() {
    sweep(0);
}

#[test]
fn every_promise_holds_when_the_mapping_also_locks_a_group() {
    sweep(1);
}

/// Finds the first seed that reveals each planted bug, and the promise it breaks.
#[test]
fn every_planted_bug_is_found() {
    for bug in Bug::ALL {
        let found = (0..SCHEDULES).find_map(|seed| {
            let (world, history) = run(Setup { bug: Some(bug), ..draw(seed) });
            check(&world.setup, &history).err().map(|violation| (seed + 1, violation.promise))
        });
        let (schedules, promise) = found.unwrap_or_else(|| panic!("{bug:?} is not found"));
        println!("{bug:?}: breaks {promise}, found by {schedules} schedule(s)");
    }
}

#[test]
fn seeds_that_once_failed_now_pass() {
    for state in CORPUS.lines().filter(|state| !state.starts_with('#')) {
        let seed = state.split_whitespace().next().and_then(|seed| seed.parse().ok()).unwrap();
        if let Err(failure) = play(seed) {
            panic!("{failure}");
        }
    }
}

#[test]
fn the_requested_seed_passes() {
    if let Some(seed) = asked_for("HOOKRAIL_SEED") {
        match play(seed) {
            Ok(counts) => {
                let (world, history) = run(draw(seed));
                println!("{}\n{counts:?}", render(&world.setup, &history));
            }
            Err(failure) => panic!("{failure}"),
        }
    }
}

#[test]
fn a_seed_plays_identically_every_time() {
    for seed in [4, 5, 1_000_000] {
        let [one, other] = [(), ()].map(|()| {
            let (world, history) = run(draw(seed));
            render(&world.setup, &history)
        });
        assert!(one == other, "seed {seed} played differently");
    }
}
