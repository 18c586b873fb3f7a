//! Hostile scripts: each ends within its limits, as a fault that can be shown, and leaves nothing behind.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a table that cannot be read is a failed test, and how long a script takes is what is tested"
)]

use std::time::{Duration, Instant};

use hookrail_script::bindings::Bindings;
use hookrail_script::catalogue::EventType;
use hookrail_script::filter::Filter;
use hookrail_script::limits::DURATION_MS_MAX;

const SCRIPTS: &str = include_str!("hostile.txt");

/// Scripts of the table, at least.
const SCRIPTS_MIN: usize = 60;

/// Time that a script may take longer: the deadline is checked between pieces of work, and a machine may be
/// busy.
const GRACE: Duration = Duration::from_millis(750);

fn scripts() -> impl Iterator<Item = (&'static str, &'static str)> {
    SCRIPTS
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(' ').expect("a code and a script"))
}

fn bindings() -> Bindings {
    let long = "x".repeat(100_000);
    Bindings::read(format!(r#"{{"form":{{"slug":"a"}},"values":{{"Long":"{long}"}}}}"#).as_bytes()).unwrap()
}

/// Returns the code of the fault, or `ends`.
fn outcome(script: &str, bindings: &Bindings) -> (&'static str, String) {
    let filter = match Filter::compile(script, EventType::Submission) {
        Ok(filter) => filter,
        Err(fault) => return (fault.problem.code(), fault.to_string()),
    };
    match filter.matches(bindings) {
        Ok(_) => ("ends", String::new()),
        Err(fault) => (fault.code(), fault.to_string()),
    }
}

#[test]
fn hostile_scripts_stay_within_limits_and_do_not_affect_the_next_filter() {
    let bindings = bindings();
    let plain = Filter::compile("form('slug') === 'a'", EventType::Submission).unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for (expected, script) in scripts() {
        let start = Instant::now();
        let (found, text) = outcome(script, &bindings);
        let taken = start.elapsed();
        if found != expected || Duration::from_millis(DURATION_MS_MAX) + GRACE < taken {
            wrong.push(format!("{expected}, not {found} ({text}) after {taken:?}: {script}"));
        }
        assert_eq!(plain.matches(&bindings), Ok(true), "after {script}");
        count += 1;
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(SCRIPTS_MIN <= count);
}

/// Returns the peak resident memory, KiB.
#[cfg(target_os = "linux")]
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn memory_bombs_do_not_grow_the_process() {
    /// Memory that a hundred bombs may add, KiB: one realm, and the memory that the allocator keeps.
    const GROWTH_KIB_MAX: u64 = 16 * 1024;
    let bindings = bindings();
    let bombs: Vec<_> = scripts().filter(|(code, _)| *code == "took_too_much_memory").collect();
    outcome(bombs[0].1, &bindings);
    let before = peak_kib();
    for (_, script) in bombs.iter().cycle().take(100) {
        outcome(script, &bindings);
    }
    assert!(peak_kib() - before < GROWTH_KIB_MAX, "{} KiB more", peak_kib() - before);
}
