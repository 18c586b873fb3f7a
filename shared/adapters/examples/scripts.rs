//! Time of a question about an event, in a child process and without: `cargo run --release -p
//! hookrail-adapters --example scripts`.

#![expect(clippy::print_stdout, reason = "a benchmark prints times")]

use std::slice::from_ref;

use hookrail_adapters::scripts::child::ChildScripts;
use hookrail_adapters::scripts::{self, InProcessScripts, Scripts};
use hookrail_domain::limits::{EVENT_BYTES_MAX, WEBHOOKS_PER_COMPANY_MAX};
use hookrail_script::catalogue::EventType;
use hookrail_script::service::{Answer, Question};
use tokio::time::Instant;

/// Repetitions of each; the median and the 99th percentile of them are printed.
const ROUNDS: usize = 500;
/// Repetitions of those with a thousand questions.
const ROUNDS_OF_MANY: usize = 20;

const EVENT: &str = r#"{"event":{"type":"Submission","action":"Submitted"},
    "space":{"slug":"acme","attributesMap":{"Source":["Kinetic Request"],"Events":["Created","Submitted"]}},
    "kapp":{"slug":"catalog"},"form":{"slug":"laptop","type":"Service"},
    "submission":{"id":"7f","coreState":"Submitted"},"values":{"Priority":"High","Note":"a b c"}}"#;

const FILTER: &str = "space('attribute:Events').indexOf('Submitted') > -1 && form('type') === 'Service'";

const TEMPLATE: &str = "/run-tree/${space('attribute:Source')}/Submissions%20%3E%20${kapp('slug')}/Submitted";

fn main() -> std::io::Result<()> {
    if scripts::serve_if_asked() { Ok(()) } else { compare() }
}

#[tokio::main(flavor = "current_thread")]
async fn compare() -> std::io::Result<()> {
    let kind = EventType::Submission;
    let filter = Question::Filter { source: FILTER.to_owned(), kind };
    let url = Question::Url { template: TEMPLATE.to_owned(), kind };
    let number = |number| Question::Filter { source: format!("{FILTER} && {number} === {number}"), kind };
    let many: Vec<_> = (0..WEBHOOKS_PER_COMPANY_MAX).map(number).collect();
    let large = EVENT.replace("a b c", &"x".repeat(EVENT_BYTES_MAX - EVENT.len()));
    let warm = ChildScripts::of_this_executable()?;
    let (one, one_url) = (from_ref(&filter), from_ref(&url));

    println!("microseconds per question (an event of {} bytes, then of {}):", EVENT.len(), large.len());
    measure("in process, filter", ROUNDS, &InProcessScripts, (EVENT, one)).await;
    measure("in process, URL of two values", ROUNDS, &InProcessScripts, (EVENT, one_url)).await;
    measure("in process, 1000 filters", ROUNDS_OF_MANY, &InProcessScripts, (EVENT, &many)).await;
    measure("warm child, event and filter", ROUNDS, &warm, (EVENT, one)).await;
    measure("warm child, event and URL", ROUNDS, &warm, (EVENT, one_url)).await;
    measure("warm child, event and 20 filters", ROUNDS, &warm, (EVENT, &vec![filter.clone(); 20])).await;
    measure("warm child, 1000 filters", ROUNDS_OF_MANY, &warm, (EVENT, &many)).await;
    measure("warm child, largest event, filter", ROUNDS, &warm, (&large, one)).await;
    let mut micros = Vec::new();
    for _ in 0..ROUNDS {
        let cold = ChildScripts::of_this_executable()?;
        micros.push(timed(&cold, (EVENT, one)).await);
    }
    print("new child, event and filter", micros);
    Ok(())
}

/// Measures the time of a call, by question.
async fn timed(scripts: &impl Scripts, (event, questions): (&str, &[Question])) -> f64 {
    let start = Instant::now();
    let answers = scripts.ask(event, questions).await;
    let taken = start.elapsed();
    let is_fine = |answer: &Answer| matches!(answer, Answer::Filter(Ok(true)) | Answer::Url(Ok(_)));
    assert!(answers.iter().all(is_fine), "{answers:?}");
    let count = u32::try_from(answers.len()).unwrap_or(u32::MAX);
    taken.as_secs_f64() * 1e6 / f64::from(count)
}

async fn measure(name: &str, rounds: usize, scripts: &impl Scripts, call: (&str, &[Question])) {
    let mut micros = Vec::new();
    for _ in 0..rounds {
        micros.push(timed(scripts, call).await);
    }
    print(name, micros);
}

fn print(name: &str, mut micros: Vec<f64>) {
    micros.sort_by(f64::total_cmp);
    let at = |share: usize| micros.get(micros.len() * share / 100).copied().unwrap_or_default();
    println!("{name:<36} median {:>9.1}   p99 {:>9.1}", at(50), at(99));
}
