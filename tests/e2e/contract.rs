//! Tests of the contract of `hookrail dev` with tools outside the repository.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::company::{Company, WEBHOOKS};
use crate::process::{is_running, run, signal};
use crate::receiver::{Act, Receiver};
use crate::stack::{Answer, COMMON, Pids, Stack, seconds};
use crate::wait::{PATIENCE, eventually};

async fn all_are_gone(pids: &[u32], within: Duration) {
    eventually("the children are gone", within, async || {
        let left: Vec<_> = pids.iter().filter(|pid| is_running(**pid)).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?} run")) }
    })
    .await;
}

#[tokio::test]
async fn the_ready_file_has_every_field_and_is_readable_by_its_owner_only() {
    let stack = COMMON.get().await;
    let path = &stack.process.ready_file;
    let mode = std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "{mode:o}");
    let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let fields: BTreeSet<_> = document.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "api",
        "panel",
        "token",
        "operatorToken",
        "company",
        "sqs",
        "dynamodb",
        "eventsQueueUrl",
        "deliveriesQueueUrls",
        "pids",
    ];
    assert_eq!(fields, BTreeSet::from(expected));
    let ready = &stack.ready;
    for url in [&ready.api, &ready.panel, &ready.sqs, &ready.dynamodb] {
        assert!(url.starts_with("http://127.0.0.1:") && !url.ends_with('/'), "{url}");
    }
    let Pids { api, fan_out, deliver, recover } = &ready.pids;
    assert!([api, fan_out, deliver, recover].iter().all(|pids| !pids.is_empty()), "{:?}", ready.pids);
    assert!(ready.pids.all().into_iter().all(is_running));
    let panel = Answer::to(stack.http.get(&ready.panel)).await.expect(200);
    assert!(panel.header("content-type").unwrap().starts_with("text/html"), "{:?}", panel.headers);
}

#[tokio::test]
async fn a_killed_function_is_replaced_and_listed_in_the_ready_file() {
    let stack = Stack::start("").await;
    let company = Company::first(&stack);
    let receiver = Receiver::accepting().await;
    company.webhook(&receiver.url("/")).await;
    let functions: [fn(&Pids) -> &Vec<u32>; 4] =
        [|pids| &pids.api, |pids| &pids.fan_out, |pids| &pids.deliver, |pids| &pids.recover];
    for (round, pids_of) in (0..).zip(functions) {
        assert!(0 < stack.kill_all(pids_of).await);
        eventually("another one runs", PATIENCE, async || match pids_of(&stack.read_ready().pids).first() {
            Some(pid) if is_running(*pid) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        company.push_tasks([round]).await;
        receiver.wait_for("/", usize::try_from(round).unwrap() + 1, PATIENCE).await;
        // The next one killed is idle: another test is about busy ones.
        stack.wait_until_idle().await;
    }
    let mode = std::fs::metadata(&stack.process.ready_file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "rewritten for its owner only: {mode:o}");
}

#[tokio::test]
async fn children_end_with_a_killed_parent_even_during_a_request() {
    let stack = Stack::start("--timeout 20").await;
    let company = Company::first(&stack);
    // Longer than the children need to notice.
    let receiver = Receiver::start(|_| Act::Late(2 * PATIENCE, 200)).await;
    company.webhook(&receiver.url("/")).await;
    company.push_tasks([0]).await;
    receiver.wait_for("/", 1, PATIENCE).await;
    let pids = stack.read_ready().pids.all();
    assert!(4 <= pids.len(), "{pids:?}");
    signal("KILL", &[stack.process.pid]);
    all_are_gone(&pids, seconds(10)).await;
}

#[tokio::test]
async fn sigterm_and_sigint_end_every_process_and_exit_with_0() {
    for name in ["TERM", "INT"] {
        let stack = Stack::start("").await;
        let pids = stack.read_ready().pids.all();
        signal(name, &[stack.process.pid]);
        let status = eventually("the stack ends", PATIENCE, async || {
            stack.process.exit_status().ok_or_else(|| "it runs".to_owned())
        })
        .await;
        assert_eq!(status.code(), Some(0), "SIG{name}");
        all_are_gone(&pids, PATIENCE).await;
    }
}

#[test]
fn rejects_invalid_flags_by_name() {
    for (flags, named) in [
        ("--suspend-after 101", "--suspend-after"),
        ("--park-after 86401", "--park-after"),
        ("--timeout 10 --function-timeout 13", "--function-timeout"),
        ("--attempts 11", "--attempts"),
        ("--batch-size 0", "--batch-size"),
        ("--timeout 21", "--timeout"),
        ("--retry-delay 0.5", "--retry-delay"),
        ("--endpoint http://10.0.0.1:4566", "--endpoint"),
        ("--exit", "--demo"),
    ] {
        let ended = run(&format!("dev --port 0 {flags}"));
        assert!(!ended.succeeded && ended.error.contains(named), "{flags}: {ended:?}");
    }
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let ended = run(&format!("dev --port {port}"));
    assert!(!ended.succeeded && ended.error.contains(&format!("port {port}")), "{ended:?}");
}

#[test]
fn the_demo_shows_four_attempts_for_three_events_and_ends() {
    let ended = run("dev --port 0 --demo --exit --retry-delay 1");
    assert!(ended.succeeded, "{ended:?}");
    let table: Vec<_> = ended
        .output
        .lines()
        .map(|line| line.split_whitespace().take(4).collect::<Vec<_>>())
        .filter(|words| words.first().is_some_and(|word| word.parse::<u32>().is_ok()))
        .collect();
    let expected = [
        ["1", "1", "200", "SUCCESS"],
        ["2", "1", "500", "FAILED"],
        ["2", "2", "200", "SUCCESS"],
        ["3", "1", "200", "SUCCESS"],
    ];
    assert_eq!(table, expected, "{}", ended.output);
    assert!(ended.output.contains("demo complete"), "{}", ended.output);
}

#[tokio::test]
async fn every_endpoint_rejects_foreign_pages_and_hosts() {
    let stack = COMMON.get().await;
    let ready = &stack.ready;
    let aws = |url: &str, target: &'static str| {
        let call = stack.http.post(url).header("x-amz-target", target);
        call.header("content-type", "application/x-amz-json-1.0").body("{}")
    };
    let calls = || {
        [
            stack.request(Method::GET, WEBHOOKS, Some(&ready.token)),
            stack.http.get(&ready.panel),
            aws(&ready.sqs, "AmazonSQS.ListQueues"),
            aws(&ready.dynamodb, "DynamoDB_20120810.ListTables"),
        ]
    };
    let foreign = [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("host", "evil.example"),
        ("host", "localhost.evil.example:80"),
    ];
    for (name, value) in foreign {
        for call in calls() {
            let answer = Answer::to(call.header(name, value)).await;
            assert_eq!(answer.status, 403, "{name}: {value}: {}", answer.text);
        }
    }
    for call in calls() {
        Answer::to(call).await.expect(200);
    }
    for call in calls() {
        Answer::to(call.header("host", "localhost:1")).await.expect(200);
    }
}
