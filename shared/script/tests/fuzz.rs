//! Generated filters and events: bytes, pieces of hostile scripts, and words of JavaScript in any order.
//!
//! The inputs are the same every time, so a failure is caused by the change under test;
//! `HOOKRAIL_SCRIPTS=100000` tries more.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a broken promise is a failed test, and how long a script takes is a promise"
)]

use std::cell::Cell;
use std::time::{Duration, Instant};

use hookrail_script::bindings::Bindings;
use hookrail_script::catalogue::EventType;
use hookrail_script::filter::Filter;
use hookrail_script::limits::DURATION_MS_MAX;
use hookrail_script::template::{ResolvedUrl, Template};
use hookrail_script::workflow::WorkflowBase;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Inputs of each test.
const INPUTS: u32 = 1_500;

/// Inputs that must be filters, so that the test does not try the parser only.
const EVALUATED_MIN: u32 = 100;

/// Time for a busy machine, and for work between two looks at the clock.
const GRACE: Duration = Duration::from_secs(2);

const EVENT: &str =
    r#"{"space":{"slug":"a"},"form":{"slug":"b","attributesMap":{"X":["c","d"]}},"values":{"Y":"é"}}"#;

const WORDS: [&str; 72] = [
    "values('Y')",
    "form('attribute:X')",
    "space",
    "kapp('slug')",
    "submission()",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ".",
    "...",
    "=>",
    "=",
    "===",
    "+",
    "-",
    "**",
    "!",
    "?",
    ":",
    "?.",
    "??",
    "&&",
    "||",
    "`",
    "${",
    "'",
    "\"",
    "/",
    "/(a*)*b/",
    ".test(",
    ".map(",
    ".indexOf(",
    ".split(",
    ".replace(",
    ".concat(",
    ".repeat(",
    ".call(",
    ".apply(",
    ".constructor",
    ".__proto__",
    ".length",
    "function f(a) { return ",
    "async ",
    "await ",
    "yield ",
    "function* ",
    "class A extends ",
    "new ",
    "delete ",
    "typeof ",
    "in ",
    "of ",
    "for (;;) ",
    "while (1) ",
    "try { ",
    "} catch (e) { ",
    "throw ",
    "return ",
    "Array",
    "Object",
    "String",
    "JSON.parse(",
    "this",
    "null",
    "0xFFFFFFFF",
    "9007199254740991",
    "1e8",
    "(() => { ",
];

/// Returns the scripts of the table of hostile ones.
fn seeds() -> Vec<&'static str> {
    let lines = include_str!("hostile.txt").lines();
    lines
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .map(|(_, script)| script)
        .collect()
}

/// Makes an expression that parses, most likely.
fn expression() -> impl Strategy<Value = String> {
    let leaf = select(vec![
        "values('Y')",
        "form('attribute:X')",
        "space('slug')",
        "kapp",
        "null",
        "1e9",
        "-0",
        "'x'",
        "[,]",
        "this",
        "values",
        "/(a*)*b/g",
        "a",
        "new Array(1e6)",
        "'x'.repeat(1e5)",
        "({length: 1e15})",
        "Object.prototype",
        "function f() { return f() }",
        "function* g() { yield* g() }",
        "async () => { for (;;); }",
        "class extends Array {}",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(5, 24, 3, |inner| {
        let method = select(vec![
            "map", "indexOf", "split", "replace", "concat", "join", "test", "exec", "call", "apply", "at", "filter",
            "reduce", "slice", "repeat", "padEnd", "toString", "constructor", "next", "push", "includes", "keys", "match",
        ]);
        let operator = select(vec!["+", "*", "**", "<", "===", "in", "instanceof", "&&", "??", ",", ">>>", "%"]);
        let one = select(vec!["!", "-", "typeof ", "...", "void ", "delete ", "new ", "(a => ", "[", "`${", "JSON.parse("]);
        let block = select(vec!["for (const a of ", "while (", "try { throw ", "let { a } = ", "with (", "for (a in "]);
        prop_oneof![
            3 => (inner.clone(), method, inner.clone(), inner.clone())
                .prop_map(|(on, name, first, second)| format!("({on}).{name}(({first}), ({second}))")),
            2 => (inner.clone(), operator, inner.clone()).prop_map(|(a, sign, b)| format!("(({a}) {sign} ({b}))")),
            2 => (one, inner.clone()).prop_map(|(sign, a)| match sign {
                "[" | "..." => format!("[...[{a}]]"),
                "`${" => format!("`${{{a}}}`"),
                "(a => " | "JSON.parse(" => format!("{sign}{a})"),
                _ => format!("{sign}({a})"),
            }),
            1 => (block, inner.clone(), inner).prop_map(|(head, a, b)| match head {
                "try { throw " => format!("(a => {{ try {{ throw {a} }} catch (a) {{ return {b} }} }})()"),
                "let { a } = " => format!("(() => {{ let {{ a, ...b }} = {a}; return {b} }})()"),
                _ => format!("(() => {{ let a; {head}{a}) {{ {b} }} }})()"),
            }),
        ]
    })
}

fn script() -> impl Strategy<Value = String> {
    let words = prop::collection::vec(select(WORDS.to_vec()), 0..24).prop_map(|words| words.concat());
    let bytes = prop::collection::vec(any::<u8>(), 0..64)
        .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let crossed = (select(seeds()), select(seeds()), any::<(u8, u8)>(), words.clone()).prop_map(
        |(first, second, (cut, skip), words)| {
            let head = first.chars().take(usize::from(cut) % (first.len() + 1));
            let tail = second.chars().skip(usize::from(skip) % (second.len() + 1));
            head.chain(words.chars()).chain(tail).collect()
        },
    );
    let wrapped = words.clone().prop_map(|words| format!("(() => {{ {words} }})()"));
    prop_oneof![1 => words, 1 => bytes, 4 => crossed, 1 => wrapped, 8 => expression()]
}

fn event() -> impl Strategy<Value = Vec<u8>> {
    let changed = (any::<(prop::sample::Index, u8)>()).prop_map(|(at, byte)| {
        let mut event = EVENT.as_bytes().to_vec();
        let at = at.index(event.len());
        event.splice(at..=at, [byte]);
        event
    });
    prop_oneof![3 => Just(EVENT.as_bytes().to_vec()), 1 => changed]
}

fn check<T: std::fmt::Debug>(inputs: &impl Strategy<Value = T>, run: impl Fn(T)) {
    let cases = std::env::var("HOOKRAIL_SCRIPTS").map_or(INPUTS, |count| count.parse().unwrap());
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let same_every_time = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let tried = TestRunner::new_with_rng(config, same_every_time).run(inputs, |input| {
        run(input);
        Ok(())
    });
    tried.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn any_filter_on_any_event_ends_in_time() {
    let plain = Filter::compile("form('slug') === 'b'", EventType::Submission).unwrap();
    let fine = Bindings::read(EVENT.as_bytes()).unwrap();
    let evaluated = Cell::new(0_u32);
    check(&(script(), event()), |(script, event)| {
        let Ok(filter) = Filter::compile(&script, EventType::Submission) else { return };
        let Ok(bindings) = Bindings::read(&event) else { return };
        evaluated.set(evaluated.get() + 1);
        let start = Instant::now();
        let first = filter.matches(&bindings);
        let taken = start.elapsed();
        assert!(taken < Duration::from_millis(DURATION_MS_MAX) + GRACE, "{taken:?}: {script}");
        if let Err(fault) = first {
            assert!(!fault.code().is_empty() && fault.to_string().len() < 2_000, "{script}");
        }
        assert_eq!(plain.matches(&fine), Ok(true), "after {script}");
    });
    println!("{} were filters", evaluated.get());
    assert!(EVALUATED_MIN < evaluated.get());
}

#[test]
fn any_template_keeps_its_host_or_base() {
    let base = WorkflowBase::parse("https://engine.example/task").unwrap();
    let start = select(vec!["https://a.io/", "https://a.io/b?c=", "/", "/run/", "https://a.io", ""]);
    let texts = (start, script(), select(vec!["", "}", "/x", "}/${form('slug')}"]));
    let fine = Bindings::read(EVENT.as_bytes()).unwrap();
    check(&(texts, any::<bool>()), |((start, script, end), is_value)| {
        let text =
            if is_value { format!("{start}${{{script}}}{end}") } else { format!("{start}{script}{end}") };
        let Ok(template) = Template::parse(&text, EventType::Submission) else { return };
        match template.resolve(&fine) {
            Ok(ResolvedUrl::Absolute(url)) => {
                assert_eq!(origin(&url), origin(&template.sample()), "{text}");
            }
            Ok(ResolvedUrl::Relative(url)) => {
                if let Ok(url) = base.resolve(&url) {
                    assert!(url.as_str().starts_with("https://engine.example/task/"), "{text}");
                }
            }
            Err(fault) => assert!(!fault.code().is_empty(), "{text}"),
        }
    });
}

fn origin(url: &str) -> String {
    url::Url::parse(url).unwrap().origin().ascii_serialization()
}
