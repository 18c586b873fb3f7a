//! Filters and templates in a child process, which is this function's own executable.

#![expect(clippy::unwrap_used, reason = "a child that cannot be looked at is a failed test")]

use std::future::poll_fn;
use std::pin::pin;
use std::process::{Command, Stdio};
use std::task::Poll;
use std::time::Duration;

use hookrail_adapters::scripts::child::{CALL_MS_MAX, ChildScripts, EVENT_MS_MAX, QUESTION_MS_MAX};
use hookrail_adapters::scripts::{ARGUMENTS, InProcessScripts, Scripts as _};
use hookrail_domain::limits::{EVENT_BYTES_MAX, WEBHOOKS_PER_COMPANY_MAX};
use hookrail_script::catalogue::EventType;
use hookrail_script::service::{Answer, Question};
use hookrail_script::template::ResolvedUrl;
use tokio::time::Instant;

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_fan-out");

const EVENT: &str = r#"{"form":{"slug":"laptop"},"space":{"slug":"acme"}}"#;

/// Scripts whose every step takes long: they are ended by their own clock after seconds or minutes.
const UNCOUNTED: [&str; 4] = [
    "(() => { const a = 'x'.repeat(200000), b = 'x'.repeat(200000); for (;;) { COMPARE } })()",
    "(() => { const a = 'x'.repeat(200000), b = a + 'y', c = 'x'.repeat(200000); for (;;) { ORDER } })()",
    "(() => { const a = []; for (let i = 0; i < 15000; i++) a.push(i); for (;;) { SPREAD } })()",
    "(() => { const a = '1'.repeat(200000); for (;;) { READ } })()",
];

/// Time that a busy machine may add to a deadline.
const GRACE: Duration = Duration::from_millis(1_500);

/// Questions that a call's time suffices for, however busy the machine.
const ASKED_MIN: usize = 100;

fn scripts() -> ChildScripts {
    ChildScripts::new(EXECUTABLE.into(), ARGUMENTS)
}

fn filter(source: &str) -> Question {
    Question::Filter { source: source.to_owned(), kind: EventType::Submission }
}

fn plain() -> Question {
    filter("form('slug') === 'laptop'")
}

fn uncounted() -> Vec<Question> {
    let written = |script: &&str| {
        let script = script
            .replace("COMPARE", &"a == b;".repeat(250))
            .replace("ORDER", &"a < c;".repeat(300))
            .replace("SPREAD", &"[...a];".repeat(240))
            .replace("READ", &"+a;".repeat(400));
        filter(&script)
    };
    UNCOUNTED.iter().map(written).collect()
}

/// Returns the code of an answer's fault, or its text.
fn said(answer: &Answer) -> String {
    match answer {
        Answer::Filter(Ok(matches)) => matches.to_string(),
        Answer::Url(Ok(ResolvedUrl::Absolute(url) | ResolvedUrl::Relative(url))) => url.clone(),
        Answer::Filter(Err(fault)) | Answer::Url(Err(fault)) => fault.code.clone(),
    }
}

fn all_said(answers: &[Answer]) -> Vec<String> {
    answers.iter().map(said).collect()
}

/// Returns the result of a future that is dropped after it has waited this many times.
async fn given_up_after<T>(polls_max: u32, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut polls = 0;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => {
            polls += 1;
            if polls < polls_max { Poll::Pending } else { Poll::Ready(None) }
        }
    })
    .await
}

/// Returns the processes that this thread has started: each test has a thread, and its runtime has no other.
#[cfg(target_os = "linux")]
fn children() -> Vec<u32> {
    let children = std::fs::read_to_string("/proc/thread-self/children").unwrap();
    children.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

#[tokio::test]
async fn hostile_scripts_end_in_a_child_as_they_do_in_process() {
    let event = format!(r#"{{"form":{{"slug":"laptop"}},"values":{{"Long":"{}"}}}}"#, "x".repeat(100_000));
    let lines = include_str!("../../../shared/script/tests/hostile.txt").lines();
    let scripts = scripts();
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (expected, script) = line.split_once(' ').unwrap();
        let answers = scripts.ask(&event, &[filter(script), plain()]).await;
        let is_expected = match &answers[0] {
            Answer::Filter(Ok(_)) => expected == "ends",
            other => said(other) == expected,
        };
        if !is_expected || said(&answers[1]) != "true" {
            wrong.push(format!("{expected}, not {:?}: {script}", all_said(&answers)));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(100 < count);
}

#[tokio::test]
async fn an_unmetered_script_is_killed_at_its_deadline_and_the_next_runs() {
    let scripts = scripts();
    for script in uncounted() {
        let start = Instant::now();
        let answers = scripts.ask(EVENT, &[script.clone(), plain()]).await;
        let taken = start.elapsed();
        assert_eq!(all_said(&answers), ["took_too_long", "true"], "{script:?}");
        let deadline = Duration::from_millis(QUESTION_MS_MAX);
        assert!(deadline <= taken && taken < deadline + GRACE, "{taken:?}: {script:?}");
    }
}

#[tokio::test]
async fn a_call_has_so_much_time_and_its_last_questions_are_not_asked() {
    let scripts = scripts();
    let questions: Vec<_> = uncounted()
        .into_iter()
        .chain([
            plain(),
            Question::Url { template: "/run/${form('slug')}".to_owned(), kind: EventType::Form },
        ])
        .collect();
    let start = Instant::now();
    let answers = scripts.ask(EVENT, &questions).await;
    let late = answers.iter().take_while(|answer| said(answer) == "took_too_long").count();
    let most = usize::try_from(EVENT_MS_MAX / QUESTION_MS_MAX).unwrap();
    assert!((1..=most).contains(&late), "{:?}", all_said(&answers));
    assert_eq!(answers.len(), late, "the others have no answer yet: {:?}", all_said(&answers));
    assert!(Duration::from_millis(EVENT_MS_MAX) <= start.elapsed());
    assert!(start.elapsed() < Duration::from_millis(CALL_MS_MAX));
    assert_eq!(all_said(&scripts.ask(EVENT, &[plain()]).await), ["true"]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn one_child_serves_all_events_without_an_environment() {
    let scripts = scripts();
    assert!(scripts.ask(EVENT, &[]).await.is_empty());
    assert!(children().is_empty());
    assert_eq!(all_said(&scripts.ask(EVENT, &[plain()]).await), ["true"]);
    let first = children();
    assert_eq!(all_said(&scripts.ask("{}", &[plain()]).await), ["false"]);
    assert_eq!(all_said(&scripts.ask("[]", &[plain()]).await), ["unreadable_event"]);
    assert_eq!(all_said(&scripts.ask(EVENT, &[plain()]).await), ["true"]);
    assert_eq!((children(), first.len()), (first.clone(), 1));
    let environment = std::fs::read(format!("/proc/{}/environ", first[0])).unwrap();
    assert!(environment.is_empty(), "{} bytes", environment.len());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_child_killed_between_events_is_replaced() {
    let scripts = scripts();
    assert_eq!(all_said(&scripts.ask(EVENT, &[plain()]).await), ["true"]);
    for _ in 0..20 {
        let killed = children();
        assert_eq!(killed.len(), 1);
        assert!(Command::new("kill").args(["-9", &killed[0].to_string()]).status().unwrap().success());
        assert_eq!(all_said(&scripts.ask(EVENT, &[plain(), plain()]).await), ["true", "true"]);
        assert!(!children().contains(&killed[0]), "it was reaped");
    }
}

#[tokio::test]
async fn an_abandoned_call_leaves_no_result_to_the_next() {
    let scripts = scripts();
    let event = format!(r#"{{"form":{{"slug":"phone"}},"values":{{"Long":"{}"}}}}"#, "x".repeat(200_000));
    let questions = [plain(), filter("form('slug') === 'phone'"), plain()];
    // From a new child on, and from one that is idle.
    for is_warm in [false, true] {
        let mut polls_max = 0;
        loop {
            polls_max += 1;
            if is_warm {
                assert_eq!(all_said(&scripts.ask(EVENT, &[plain()]).await), ["true"]);
            }
            let answers = given_up_after(polls_max, scripts.ask(&event, &questions)).await;
            if let Some(answers) = answers {
                assert_eq!(all_said(&answers), ["false", "true", "false"]);
                break;
            }
            if is_warm {
                assert_eq!(all_said(&scripts.ask(EVENT, &[plain(), filter("0")]).await), ["true", "false"]);
            }
        }
        assert!(3 < polls_max, "no call was cancelled");
    }
}

#[tokio::test]
async fn concurrent_calls_get_their_own_results() {
    let scripts = scripts();
    let questions = vec![plain(); 20];
    let calls = (0..10).map(|number| {
        let (scripts, questions) = (&scripts, &questions);
        async move {
            let (event, expected) = if number % 2 == 0 { (EVENT, "true") } else { ("{}", "false") };
            let answers = scripts.ask(event, questions).await;
            assert!(answers.iter().all(|answer| said(answer) == expected), "{:?}", all_said(&answers));
        }
    });
    futures_util::future::join_all(calls).await;
}

#[tokio::test]
async fn evaluates_the_largest_event_with_any_content() {
    let scripts = scripts();
    let shell = r#"{"form":{"slug":"laptop"},"values":{"Long":""}}"#.len();
    for (unit, units_max) in [("x", EVENT_BYTES_MAX - shell), ("\\\"", (EVENT_BYTES_MAX - shell) / 2)] {
        let event =
            format!(r#"{{"form":{{"slug":"laptop"}},"values":{{"Long":"{}"}}}}"#, unit.repeat(units_max));
        assert!(EVENT_BYTES_MAX - 2 < event.len() && event.len() <= EVENT_BYTES_MAX);
        let length = filter(&format!("values('Long').length === {units_max}"));
        let larger = format!("{event}  ");
        for scripts in [
            scripts.ask(&event, &[length.clone(), plain()]).await,
            InProcessScripts.ask(&event, &[length, plain()]).await,
        ] {
            assert_eq!(all_said(&scripts), ["true", "true"]);
        }
        let expected = InProcessScripts.ask(&larger, &[plain()]).await;
        assert_eq!(all_said(&expected), ["unreadable_event"]);
        assert_eq!(scripts.ask(&larger, &[plain()]).await, expected);
    }
}

#[tokio::test]
async fn a_thousand_webhooks_get_their_results_in_order() {
    let question = |number: usize| match number % 4 {
        0 => filter(&format!("form('slug') === 'laptop' && {number} === {number}")),
        1 => filter(&format!("{number} < 0")),
        2 => Question::Url { template: format!("/run/{number}/${{form('slug')}}"), kind: EventType::Form },
        _ => filter(&format!("unknown{number}")),
    };
    let questions: Vec<_> = (0..WEBHOOKS_PER_COMPANY_MAX).map(question).collect();
    let scripts = scripts();
    let expected = InProcessScripts.ask(EVENT, &questions).await;
    assert_eq!(said(&expected[998]), "/run/998/laptop");
    for _ in 0..2 {
        let answers = scripts.ask(EVENT, &questions).await;
        // On a machine that is busy with other work a call's time may not suffice for all.
        assert!(ASKED_MIN <= answers.len(), "{}", answers.len());
        assert_eq!(answers, expected[..answers.len()]);
    }
}

#[test]
fn a_child_ends_with_its_input() {
    let status = Command::new(EXECUTABLE).args(ARGUMENTS).env_clear().stdin(Stdio::null()).status().unwrap();
    assert!(status.success());
}
