//! Tests of pushing events, and of reading and following a log, from the command line.

use std::fs;

use serde_json::Value;

use crate::company::{Company, brief};
use crate::event::task;
use crate::process::{Directory, free_port};
use crate::receiver::{Act, Receiver};
use crate::shell::Shell;
use crate::stack::COMMON;
use crate::wait::{PATIENCE, eventually};

const SAMPLE: &str = include_str!("../../events/samples/cot_event_task_create.json");

#[tokio::test]
async fn events_are_sent_unchanged_and_once_per_key() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let shell = Shell::of(&company);
    let receiver = Receiver::accepting().await;
    company.webhook(&receiver.url("/")).await;
    let directory = Directory::new();
    let file = directory.path().join("event.json");
    let event = SAMPLE.replace("625bcbdcc9a8e3a86dbf041c", &company.id);
    fs::write(&file, &event).unwrap();
    let send = format!("event send --file {} --idempotency-key k1", file.display());
    let id = shell.output(&send).await;
    assert_eq!((id.len(), id.lines().count()), (25, 1), "{id}");
    assert_eq!(shell.output(&send).await, id, "the same call has the same response");
    let array = format!("[{}, {}]", task(&company.id, 1), task(&company.id, 2));
    let answer = shell.output_fed("event send -f - --json", &array).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["events"].as_array().unwrap().len(), 2);
    let hits = receiver.wait_for("/", 3, PATIENCE).await;
    assert_eq!(hits.len(), 3);
    assert!(hits[0].body == event.as_bytes(), "byte for byte");

    let other = task("another", 1);
    let refused = shell.run_fed("event send -f -", &other).await;
    assert_eq!((refused.code, refused.output.as_str()), (Some(3), ""), "{refused:?}");
    assert!(refused.error.contains("\n  company must be "), "{refused:?}");
    fs::write(&file, "x".repeat(1_000_001)).unwrap();
    shell.fails(&send, 2, "is larger than 1000000 bytes").await;
    let unreachable = Shell { api: "http://127.0.0.1:9".into(), ..shell };
    let lost = unreachable.run_fed("event send -f - --idempotency-key again", &other).await;
    assert!(
        lost.code == Some(1) && lost.error.contains("--idempotency-key again, which is safe"),
        "{lost:?}"
    );
}

#[tokio::test]
async fn a_log_is_followed_row_by_row_until_interrupted() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let shell = Shell::of(&company);
    let receiver = Receiver::accepting().await;
    let webhook = company.webhook(&receiver.url("/")).await;
    company.push_tasks([1, 2]).await;
    let rows = company.rows_to(&webhook, 2, PATIENCE).await;

    let mut table = shell.start(&format!("webhook logs {webhook} --follow --limit 1"));
    let mut json = shell.start(&format!("webhook logs {webhook} --follow --json"));
    let seen = async |lines: usize| {
        eventually("the rows are printed", PATIENCE, async || {
            let printed = (table.lines(), json.lines());
            if printed.0.len() == lines + 1 && printed.1.len() == lines + 1 {
                Ok(printed)
            } else {
                Err(format!("{printed:?}"))
            }
        })
        .await
    };
    let (printed, _) = seen(1).await;
    assert!(printed[0].starts_with("row ") && printed[1].starts_with(&rows[1].id), "the newest: {printed:?}");
    company.push_tasks([3]).await;
    let (printed, _) = seen(2).await;
    assert!(printed[2].contains("  3         1        SUCCESS"), "{printed:?}");
    // A row far down in the list is new, too.
    shell.output(&format!("log redeliver {webhook} {}", rows[0].id)).await;
    let (printed, documents) = seen(3).await;
    assert!(printed[3].contains("  1         2        SUCCESS (manual)"), "{printed:?}");
    let followed: Vec<(u64, u64)> = documents
        .iter()
        .map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            (row["sequence"].as_u64().unwrap(), row["retry"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(followed, [(1, 1), (2, 1), (3, 1), (1, 2)], "each once");
    assert_eq!(table.interrupt().code(), Some(0));
    assert_eq!(json.interrupt().code(), Some(0));
}

#[tokio::test]
async fn a_log_is_filtered_paged_and_shown_row_by_row() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let shell = Shell::of(&company);
    let receiver =
        Receiver::start(|hit| Act::Answer(if hit.earlier == 0 && hit.number() == 1 { 500 } else { 200 }))
            .await;
    let webhook = company.webhook(&receiver.url("/")).await;
    shell.fails(&format!("log show {webhook}"), 3, "the log is empty").await;
    company.push_tasks(1..=110).await;
    let rows = company.rows_to(&webhook, 110, PATIENCE).await;
    assert_eq!(brief(&rows)[..2], [(1, 1, 500), (1, 2, 200)]);
    let logs = format!("webhook logs {webhook}");
    let all: Value =
        serde_json::from_str(&shell.output(&format!("{logs} --limit 1000 --json")).await).unwrap();
    let ids: Vec<_> = all.as_array().unwrap().iter().map(|row| row["_id"].as_str().unwrap()).collect();
    assert_eq!(ids, rows.iter().rev().map(|row| row.id.as_str()).collect::<Vec<_>>());
    let cut = shell.run(&format!("{logs} --limit 105")).await;
    assert!(cut.output.lines().count() == 106 && cut.error.contains("there are older rows"), "{cut:?}");
    let shorter = shell.run(&logs).await;
    assert_eq!(shorter.output.lines().count(), 51, "{shorter:?}");
    for narrowed in ["--result FAILED", "--status 500"] {
        let found = shell.output(&format!("{logs} {narrowed}")).await;
        assert!(found.lines().count() == 2 && found.contains(&rows[0].id), "{narrowed}: {found}");
    }
    let before = shell.output(&format!("{logs} --to {}", rows[1].created_at)).await;
    assert!(before.contains(&rows[0].id) && !before.contains(&rows[1].id), "{before}");
    shell.fails(&format!("{logs} --status ok"), 2, "status must be a whole number from 100 to 999").await;

    let shown = shell.output(&format!("log show {webhook} {}", rows[0].id)).await;
    assert!(shown.contains("\nresult:        FAILED\n") && shown.contains("\nresponse:\n500\n"), "{shown}");
    assert!(shown.ends_with(&format!("\nevent:\n{}\n", task(&company.id, 1))), "{shown}");
    let newest = shell.output(&format!("log show {webhook} --json")).await;
    assert!(newest.contains(&rows[110].id), "{newest}");
    shell.fails(&format!("log show {webhook} 62685990d918fb5557f9f992"), 3, "404 Not Found").await;
}

#[tokio::test]
async fn the_listener_distinguishes_genuine_from_forged_requests() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let shell = Shell::of(&company);
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}/");
    let webhook = company.webhook(&url).await;
    let mut listener = shell.start(&format!("webhook listen {webhook} --port {port}"));
    let forged = async || stack.http.post(&url).body("{}").send().await.map_err(|error| error.to_string());
    let answer = eventually("the listener listens", PATIENCE, forged).await;
    assert_eq!(answer.status(), 401);
    let told = shell.output(&format!("webhook test {webhook}")).await;
    assert!(told.contains(" SUCCESS\n") && told.contains("204"), "{told}");
    eventually("both are printed", PATIENCE, async || {
        let lines = listener.lines();
        let [first, second] = lines.as_slice() else { return Err(format!("{lines:?}")) };
        assert!(first.starts_with("FORGED: webhook-timestamp is not a time"), "{first}");
        assert!(second.starts_with("genuine  "), "{second}");
        Ok(())
    })
    .await;
    shell.fails(&format!("webhook listen {webhook} --port {port}"), 1, "cannot listen on").await;
    assert_eq!(listener.interrupt().code(), Some(0));
}
