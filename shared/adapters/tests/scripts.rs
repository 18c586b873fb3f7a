//! Children that do not do what they should. Those that do are tested with the functions' own executables.

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

/// What is made of a child that runs this program of the shell's.
async fn check(program: &str, expected: &str, ms_min: u64) {
    let scripts = ChildScripts::new("/bin/sh".into(), ["-c", program]);
    // One that no pipe holds, so that writing it waits for a child that does not read.
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
async fn in_process_every_question_has_its_answer() {
    let answers = InProcessScripts.ask(EVENT, &questions()).await;
    assert_eq!(answers[0], Answer::Filter(Ok(true)));
    assert_eq!(answers[1], Answer::Url(Ok(ResolvedUrl::Relative("/run/laptop".to_owned()))));
    assert_eq!(codes(&answers)[2], "ends_early");
    assert_eq!(codes(&InProcessScripts.ask("[]", &questions()).await), ["unreadable_event"; 3]);
}

#[tokio::test]
async fn a_child_that_ends_is_a_fault_of_the_engine() {
    for program in ["exit 0", "kill -9 $$", "exec 1>&-; exec /bin/cat >&2", &format!("printf '{TAKEN}'")] {
        check(program, "engine", 0).await;
    }
    let missing = ChildScripts::new("/nowhere/at/all".into(), ["evaluate"]);
    assert_eq!(codes(&missing.ask(EVENT, &questions()).await), ["engine"; 3]);
}

#[tokio::test]
async fn nonsense_is_a_fault_of_the_engine() {
    for program in [
        // Requests are no replies.
        "exec /bin/cat".to_owned(),
        "while echo nonsense; do :; done".to_owned(),
        r"printf '\377\377\377\377'; exec /bin/cat".to_owned(),
        r"printf '\000\000\000\000'; exec /bin/cat".to_owned(),
        r#"printf '\000\000\000\006"Wrong"'; /bin/cat >/dev/null"#.to_owned(),
        format!("printf '{TAKEN}{TAKEN}'; /bin/cat >/dev/null"),
        // The answer to a question that nobody has asked, for the event's.
        r#"printf '\000\000\000\041{"Answer":{"Filter":{"Ok":true}}}'; /bin/cat >/dev/null"#.to_owned(),
    ] {
        check(&program, "engine", 0).await;
    }
}

#[tokio::test]
async fn an_answer_to_another_kind_of_question_is_nonsense() {
    let program = format!(
        r#"printf '{TAKEN}\000\000\000\041{{"Answer":{{"Filter":{{"Ok":true}}}}}}'; /bin/cat >/dev/null"#
    );
    let scripts = ChildScripts::new("/bin/sh".into(), ["-c", &program]);
    let [filter, url, _] = questions();
    assert_eq!(scripts.ask(EVENT, &[filter]).await, [Answer::Filter(Ok(true))]);
    assert_eq!(
        codes(&ChildScripts::new("/bin/sh".into(), ["-c", &program]).ask(EVENT, &[url]).await),
        ["engine"]
    );
}

#[tokio::test]
async fn a_child_that_says_nothing_is_waited_for_so_long() {
    // Neither reading nor writing; then reading only.
    check("exec /bin/sleep 1000", "engine", START_MS_MAX).await;
    check("/bin/cat >/dev/null", "engine", START_MS_MAX).await;
}

#[tokio::test]
async fn a_child_that_takes_the_event_and_says_no_more_is_late() {
    let program = format!("printf '{TAKEN}'; /bin/cat >/dev/null");
    let scripts = ChildScripts::new("/bin/sh".into(), ["-c", &program]);
    let start = Instant::now();
    let answers = scripts.ask(EVENT, &questions()[..1]).await;
    assert_eq!(codes(&answers), ["took_too_long"]);
    assert!(Duration::from_millis(QUESTION_MS_MAX) <= start.elapsed());
}
