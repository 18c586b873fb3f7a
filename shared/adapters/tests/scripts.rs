//! Children that misbehave. Those that behave are tested with the functions' own executables.

use std::time::Duration;

use hookrail_adapters::scripts::child::{CALL_MS_MAX, ChildScripts, QUESTION_MS_MAX, START_MS_MAX};
use hookrail_adapters::scripts::{InProcessScripts, Scripts};
use hookrail_script::catalogue::EventType;
use hookrail_script::service::{Answer, Question};
use hookrail_script::template::ResolvedUrl;
use tokio::time::Instant;

const EVENT: &str = r#"{"form":{"slug":"laptop"}}"#;

/// As `printf` writes it: the reply to an event.
const TAKEN: &str = r#"\000\000\000\007"Taken""#;

fn questions() -> [Question; 3] {
    let filter = |source: &str| Question::Filter { source: source.to_owned(), kind: EventType::Form };
    let template = "/run/${form('slug')}".to_owned();
    [filter("form('slug') === 'laptop'"), Question::Url { template, kind: EventType::Form }, filter("(")]
}

fn codes(answers: &[Answer]) -> Vec<&str> {
    let code = |answer| match answer {
        &Answer::Filter(Err(ref fault)) | &Answer::Url(Err(ref fault)) => fault.code.as_str(),
        Answer::Filter(Ok(_)) | Answer::Url(Ok(_)) => "",
    };
    answers.iter().map(code).collect()
}

/// Checks the result of a child that runs this shell program.
async fn check(program: &str, expected: &str, ms_min: u64) {
    let scripts = ChildScripts::new("/bin/sh".into(), ["-c", program]);
    // A question that no pipe holds, so that writing it waits for a child that does not read.
    let large = format!(r#"{{"form":{{"slug":"laptop"}},"values":{{"a":"{}"}}}}"#, "x".repeat(200_000));
    for event in [EVENT, &large] {
        let start = Instant::now();
        let answers = scripts.ask(event, &questions()).await;
        let taken = start.elapsed();
        assert_eq!(codes(&answers), [expected; 3], "{program}");
        assert!(matches!(answers.get(1), Some(Answer::Url(_))), "{program}");
        let bounds = Duration::from_millis(ms_min)..Duration::from_millis(CALL_MS_MAX);
        assert!(bounds.contains(&taken), "{taken:?}: {program}");
    }
}

#[tokio::test]
async fn evaluates_every_question_in_process() {
    let answers = InProcessScripts.ask(EVENT, &questions()).await;
    assert_eq!(answers[0], Answer::Filter(Ok(true)));
    assert_eq!(answers[1], Answer::Url(Ok(ResolvedUrl::Relative("/run/laptop".to_owned()))));
    assert_eq!(codes(&answers)[2], "ends_early");
    assert_eq!(codes(&InProcessScripts.ask("[]", &questions()).await), ["unreadable_event"; 3]);
}

#[tokio::test]
async fn an_exited_child_is_an_engine_fault() {
    for program in ["exit 0", "kill -9 $$", "exec 1>&-; exec /bin/cat >&2"] {
        check(program, "engine", 0).await;
    }
    let missing = ChildScripts::new("/nowhere/at/all".into(), ["evaluate"]);
    assert_eq!(codes(&missing.ask(EVENT, &questions()).await), ["engine"; 3]);
}

#[tokio::test]
async fn a_script_that_ends_two_processes_is_at_fault_itself() {
    // Without a clock of its own a child cannot be made to end after the question and not before: it writes
    // nonsense.
    check(&format!("printf '{TAKEN}{TAKEN}'; /bin/cat >/dev/null"), "crashed", 0).await;
}

#[tokio::test]
async fn invalid_output_of_a_child_is_an_engine_fault() {
    for program in [
        // Requests are not replies.
        "exec /bin/cat".to_owned(),
        "while echo nonsense; do :; done".to_owned(),
        r"printf '\377\377\377\377'; exec /bin/cat".to_owned(),
        r"printf '\000\000\000\000'; exec /bin/cat".to_owned(),
        r#"printf '\000\000\000\006"Wrong"'; /bin/cat >/dev/null"#.to_owned(),
        // The answer to a question that was not asked, instead of the event's.
        r#"printf '\000\000\000\041{"Answer":{"Filter":{"Ok":true}}}'; /bin/cat >/dev/null"#.to_owned(),
    ] {
        check(&program, "engine", 0).await;
    }
}

#[tokio::test]
async fn a_result_of_the_wrong_kind_is_an_engine_fault() {
    let program = format!(
        r#"printf '{TAKEN}\000\000\000\041{{"Answer":{{"Filter":{{"Ok":true}}}}}}'; /bin/cat >/dev/null"#
    );
    let scripts = ChildScripts::new("/bin/sh".into(), ["-c", &program]);
    let [filter, url, _] = questions();
    assert_eq!(scripts.ask(EVENT, &[filter]).await, [Answer::Filter(Ok(true))]);
    assert_eq!(
        codes(&ChildScripts::new("/bin/sh".into(), ["-c", &program]).ask(EVENT, &[url]).await),
        ["crashed"]
    );
}

#[tokio::test]
async fn a_silent_child_is_an_engine_fault_after_the_start_limit() {
    // Neither reading nor writing; then reading only.
    check("exec /bin/sleep 1000", "engine", START_MS_MAX).await;
    check("/bin/cat >/dev/null", "engine", START_MS_MAX).await;
}

#[tokio::test]
async fn a_child_that_stops_answering_takes_too_long() {
    let program = format!("printf '{TAKEN}'; /bin/cat >/dev/null");
    let scripts = ChildScripts::new("/bin/sh".into(), ["-c", &program]);
    let start = Instant::now();
    let answers = scripts.ask(EVENT, &questions()[..1]).await;
    assert_eq!(codes(&answers), ["took_too_long"]);
    assert!(Duration::from_millis(QUESTION_MS_MAX) <= start.elapsed());
}
