//! Tests of `--data`: one process at a time, private files, and a full disk.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::company::{Company, EVENTS};
use crate::event::task_of_size;
use crate::process::{Directory, Process, run, signal};
use crate::receiver::{Act, Hit, Receiver};
use crate::stack::Stack;
use crate::wait::{PATIENCE, eventually};

/// A delay with time for the kill, and attempts with time for the next start.
const FLAGS: &str = "--retry-delay 2 --attempts 10 --timeout 2 --function-timeout 8";
const EVENT_BYTES: usize = 200 * 1024;
/// Blocks of a file, 2 or 4 MiB: a dozen events or two.
const FILE_BLOCKS: u32 = 4096;
/// Events that are too many for the disk.
const EVENTS_MAX: u64 = 100;

async fn kill(stack: Stack) {
    signal("KILL", &[stack.process.pid]);
    eventually("the stack is gone", PATIENCE, async || {
        stack.process.exit_status().map(|_| ()).ok_or_else(|| "it runs".to_owned())
    })
    .await;
}

/// Starts a receiver that closes connections until the flag is set.
async fn receiver_behind(is_up: &Arc<AtomicBool>) -> Receiver {
    let up = Arc::clone(is_up);
    Receiver::start(move |_: &Hit| if up.load(Ordering::Relaxed) { Act::Answer(200) } else { Act::HangUp })
        .await
}

#[tokio::test]
async fn a_second_process_with_the_same_data_ends_and_the_first_loses_no_event() {
    let (data, is_up) = (Directory::new(), Arc::new(AtomicBool::new(false)));
    let receiver = receiver_behind(&is_up).await;
    let folder = data.path().display();
    let flags = format!("--data {folder} {FLAGS}");
    let first = Stack::start(&flags).await;
    let company = Company::first(&first);
    let webhook = company.webhook(&receiver.url("/")).await;
    company.push_tasks(0..5).await;

    let port = first.ready.api.rsplit(':').next().unwrap();
    for second in [format!("--port {port} --data {folder}"), format!("--port 0 --data {folder}/.")] {
        let ended = tokio::task::spawn_blocking(move || run(&format!("dev {second}"))).await.unwrap();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        for told in [folder.to_string(), format!("process {}", first.process.pid), "--data".to_owned()] {
            assert!(ended.error.contains(&told), "{told}: {ended:?}");
        }
    }
    for entry in fs::read_dir(data.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }

    company.push_tasks(5..25).await;
    kill(first).await;
    is_up.store(true, Ordering::Relaxed);
    let second = Stack::start(&flags).await;
    Company::first(&second).rows_to(&webhook, 25, PATIENCE).await;
    assert_eq!(receiver.numbers_at("/"), (0..25).collect::<Vec<_>>());
}

#[test]
fn a_damaged_file_is_named_and_left_as_it_is() {
    for name in ["credentials.json", "queues.jsonl", "tables.db"] {
        let data = Directory::new();
        let file = data.path().join(name);
        // Longer than the header of a database.
        let text = "{\n".repeat(100);
        fs::write(&file, &text).unwrap();
        let ended = run(&format!("dev --port 0 --data {}", data.path().display()));
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.error.contains(&file.display().to_string()), "{ended:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "{name}");
    }
}

#[tokio::test]
async fn a_full_disk_refuses_events_and_the_next_start_has_every_accepted_one() {
    let (data, is_up) = (Directory::new(), Arc::new(AtomicBool::new(false)));
    let receiver = receiver_behind(&is_up).await;
    let flags = format!("--data {} {FLAGS}", data.path().display());
    let process = Process::start_with_short_files(FILE_BLOCKS, &flags);
    let first = Stack::of(Arc::new(process)).await;
    let company = Company::first(&first);
    let webhook = company.webhook(&receiver.url("/")).await;
    let (mut accepted, mut refused) = (Vec::new(), 0);
    for number in 0..EVENTS_MAX {
        let event = task_of_size(&company.id, number, EVENT_BYTES, |chars| "x".repeat(chars));
        match first.post(EVENTS, &company.token, event).await.status {
            202 => accepted.push(number),
            status => {
                assert!((500..600).contains(&status), "{status}");
                refused += 1;
            }
        }
        if refused == 2 {
            break;
        }
    }
    assert!(refused == 2 && 3 < accepted.len(), "{refused} refused of {accepted:?}");
    kill(first).await;
    is_up.store(true, Ordering::Relaxed);

    let second = Stack::start(&flags).await;
    let company = Company::first(&second);
    let last = EVENTS_MAX;
    company.push_tasks([last]).await;
    accepted.push(last);
    company.rows_to(&webhook, accepted.len() as u64, PATIENCE).await;
    assert_eq!(receiver.numbers_at("/"), accepted);
}
