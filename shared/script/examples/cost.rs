//! Time of a filter, in microseconds: `cargo run --release -p hookrail-script --example cost`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints times"
)]

use std::time::Instant;

use hookrail_script::bindings::Bindings;
use hookrail_script::catalogue::EventType;
use hookrail_script::filter::Filter;
use hookrail_script::template::Template;

/// Repetitions of each; the median and the 99th percentile of them are printed.
const ROUNDS: usize = 2_000;

const EVENT: &str = r#"{"event":{"type":"Submission","action":"Submitted"},
    "space":{"slug":"acme","attributesMap":{"Source":["Kinetic Request"],"Events":["Created","Submitted"]}},
    "kapp":{"slug":"catalog"},"form":{"slug":"laptop","type":"Service"},
    "submission":{"id":"7f","coreState":"Submitted"},"values":{"Priority":"High","Note":"a b c"}}"#;

const FILTERS: [(&str, &str); 4] = [
    ("true", "true"),
    ("slug", "form('slug') === 'laptop'"),
    ("usual", "space('attribute:Events').indexOf('Submitted') > -1 && form('type') === 'Service'"),
    ("pattern", "values('Note').split(' ').some(word => /^[a-c]$/i.test(word))"),
];

const TEMPLATE: &str = "/run-tree/${space('attribute:Source')}/Submissions%20%3E%20${kapp('slug')}/Submitted";

fn measure(name: &str, mut run: impl FnMut()) {
    let mut micros: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    micros.sort_by(f64::total_cmp);
    let at = |share: usize| micros.get(ROUNDS * share / 100).copied().unwrap_or_default();
    println!("{name:<28} median {:>8.1} µs   p99 {:>8.1} µs", at(50), at(99));
}

fn main() {
    let kind = EventType::Submission;
    let bindings = Bindings::read(EVENT.as_bytes()).unwrap();
    measure("read the event", || {
        std::hint::black_box(Bindings::read(EVENT.as_bytes()).unwrap());
    });
    for (name, source) in FILTERS {
        let filter = Filter::compile(source, kind).unwrap();
        measure(&format!("{name}: check at save"), || {
            Filter::compile(source, kind).unwrap();
        });
        measure(&format!("{name}: cold"), || {
            assert!(Filter::compile(source, kind).unwrap().matches(&bindings).unwrap());
        });
        measure(&format!("{name}: warm"), || assert!(filter.matches(&bindings).unwrap()));
    }
    let template = Template::parse(TEMPLATE, kind).unwrap();
    measure("template: check at save", || {
        Template::parse(TEMPLATE, kind).unwrap();
    });
    measure("template: warm, two values", || {
        template.resolve(&bindings).unwrap();
    });
}
