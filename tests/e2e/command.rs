//! Tests of the command line as a client of the API: its output and its exit codes.

use serde_json::Value;

use crate::company::{Company, brief};
use crate::receiver::{Act, Hit, Receiver};
use crate::shell::Shell;
use crate::stack::{COMMON, Stack};
use crate::wait::{PATIENCE, eventually};

#[tokio::test]
async fn a_queue_is_viewed_retried_skipped_and_replayed_by_command() {
    let stack = Stack::start("--retry-delay 600").await;
    let company = Company::new(&stack).await;
    let shell = Shell::of(&company);
    let receiver = Receiver::start(|hit| Act::Answer(if hit.attempt() == 1 { 500 } else { 200 })).await;
    let webhook = company.webhook(&receiver.url("/")).await;
    assert_eq!(shell.output(&format!("webhook logs {webhook}")).await, "the log is empty\n");

    company.push_tasks([0]).await;
    shell.until_it_waits(&webhook).await;
    let told = shell.output(&format!("webhook queue {webhook}")).await;
    assert!(told.contains("\nhead:           sequence 1, event "), "{told}");
    shell.fails(&format!("webhook resume {webhook}"), 3, "the webhook has no parked events").await;
    shell.output(&format!("webhook retry {webhook}")).await;
    let rows = company.rows_to(&webhook, 1, PATIENCE).await;
    assert_eq!(brief(&rows), [(1, 1, 500), (1, 2, 200)]);

    // For another webhook: behind the message of the first event the next one would wait for the whole delay.
    let webhook = company.webhook(&receiver.url("/skipped")).await;
    company.push_tasks([1]).await;
    shell.until_it_waits(&webhook).await;
    shell.output(&format!("webhook skip {webhook}")).await;
    let rows = company.rows_to(&webhook, 1, PATIENCE).await;
    let ended = shell.run(&format!("webhook logs {webhook} --limit 1")).await;
    let told: Vec<_> = ended.output.lines().collect();
    assert_eq!(told.len(), 2, "{ended:?}");
    assert!(told[1].starts_with(&rows[1].id) && told[1].contains("FAILED skipped"), "{told:?}");
    assert!(ended.error.contains("older rows"), "{ended:?}");

    let ended = shell.run(&format!("webhook replay {webhook} --follow")).await;
    assert!(ended.output.contains("\naccepted:   1\n"), "{ended:?}");
    assert!(ended.error.contains("1 of 1: 1 accepted, 0 failed"), "a line for every change: {ended:?}");
    // An accepted event is sent again only with --all, or by a redelivery.
    let ended = shell.output(&format!("webhook replay {webhook} --follow")).await;
    assert!(ended.contains("\naccepted:   0\n"), "{ended}");
    let replay = shell.output(&format!("webhook replay {webhook} --all --follow --json")).await;
    let replay: Value = serde_json::from_str(&replay).unwrap();
    assert_eq!((&replay["state"], &replay["accepted"]), (&"done".into(), &1.into()), "{replay}");
    shell.output(&format!("log redeliver {webhook} {}", rows[0].id)).await;
    let told = shell.output(&format!("webhook replay {webhook} --status --follow")).await;
    assert!(told.starts_with("replay:     done\n"), "{told}");
    let attempts: Vec<_> = receiver.hits_at("/skipped").iter().map(Hit::attempt).collect();
    assert_eq!(attempts, [1, 3, 4, 5], "the second is the row of the one that was skipped");
    shell.fails(&format!("webhook replay {webhook} --cancel"), 3, "no replay is running").await;
}

#[tokio::test]
async fn a_webhook_is_deactivated_and_activated_by_command() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let shell = Shell::of(&company);
    let receiver = Receiver::accepting().await;
    let webhook = company.webhook(&receiver.url("/")).await;
    let told = shell.output(&format!("webhook deactivate {webhook} --waiting drop")).await;
    assert!(told.ends_with("state:    inactive\n"), "{told}");
    assert_eq!(company.find(&webhook).await["isActive"], false);
    shell.fails(&format!("webhook retry {webhook}"), 3, "the webhook is not active").await;
    let activated = shell.output(&format!("webhook activate {webhook} --json")).await;
    let shown: Value = serde_json::from_str(&activated).unwrap();
    assert_eq!(shown, company.find(&webhook).await);
}

#[tokio::test]
async fn a_failing_command_shows_its_cause_and_exit_code() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let shell = Shell::of(&company);
    let webhook = company.webhook("http://127.0.0.1:9/").await;
    let queue = format!("webhook queue {webhook}");

    let (since, until) = ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z");
    let replay = format!("webhook replay {webhook} --since {since} --until {until}");
    shell.fails(&replay, 3, "400 Bad Request\n  until must be later than since\n").await;
    Shell { token: "hkr_wrong".into(), ..shell.clone() }.fails(&queue, 3, "(401 Unauthorized)").await;
    let other = Shell::of(&Company::new(&stack).await);
    other.fails(&queue, 3, "the company has no such webhook (404 Not Found)").await;

    shell.fails("webhook queue No!", 2, "an _id (24 hexadecimal characters) or a code").await;
    shell.fails("webhook queue nothing", 3, "the company has no webhook nothing").await;
    Shell { token: String::new(), ..shell.clone() }.fails(&queue, 2, "no token").await;
    Shell { api: "127.0.0.1".into(), ..shell.clone() }.fails(&queue, 2, "http or https URL").await;
    shell.fails(&format!("{queue} --token-file nowhere"), 1, "nowhere cannot be read").await;
    Shell { api: "http://127.0.0.1:9".into(), ..shell.clone() }.fails(&queue, 1, "cannot be reached").await;

    let elsewhere = Receiver::accepting().await;
    let target = elsewhere.url("/");
    let redirecting = Receiver::start(move |_| Act::Redirect(target.clone())).await;
    Shell { api: redirecting.url(""), ..shell }.fails(&queue, 1, "302 Found").await;
    assert_eq!(elsewhere.connections(), 0, "the token stays where it was sent");
}

#[tokio::test]
async fn a_ready_file_provides_api_and_token() {
    let stack = COMMON.get().await;
    let webhook = Company::first(&stack).webhook("http://127.0.0.1:9/").await;
    let nowhere = Shell { api: "http://127.0.0.1:9".into(), token: "hkr_wrong".into() };
    let ready = stack.process.ready_file.display();
    let told = nowhere.output(&format!("webhook queue {webhook} --ready-file {ready}")).await;
    assert!(told.starts_with("state:          active\n"), "{told}");
}

#[tokio::test]
async fn tokens_and_secrets_are_managed_by_command() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let shell = Shell::of(&company);
    let receiver = Receiver::accepting().await;
    let webhook = company.webhook(&receiver.url("/")).await;

    let made = shell.output("token create ci --scope webhooks:read --json").await;
    let made: Value = serde_json::from_str(&made).unwrap();
    let narrow = Shell { token: made["token"].as_str().unwrap().to_owned(), ..shell.clone() };
    narrow.fails(&format!("webhook secret show {webhook}"), 3, "lacks the scope secrets:read").await;
    narrow.fails("token list", 3, "lacks the scope tokens:write").await;
    let listed = shell.output("token list").await;
    assert!(listed.contains(" ci ") && listed.contains(" first "), "{listed}");

    let before = shell.output(&format!("webhook secret show {webhook}")).await;
    let told = shell.output(&format!("webhook secret rotate {webhook} --overlap 60")).await;
    assert!(told.starts_with("old secrets sign until: "), "{told}");
    let both = shell.output(&format!("webhook secret show {webhook}")).await;
    let old = before.trim_end().rsplit(' ').next().unwrap();
    assert!(both.contains(&format!("{old} until ")), "{both}");
    let told = shell.output(&format!("webhook test {webhook}")).await;
    assert!(told.starts_with("result:") && told.contains(" SUCCESS\n"), "{told}");
    let [hit] = receiver.hits_at("/").try_into().unwrap();
    assert_eq!(hit.header("webhook-signature").split(' ').count(), 2, "both sign");
    assert_eq!(hit.header("hookrail-test"), "true");
    let told = shell.output(&format!("webhook secret expire {webhook}")).await;
    assert_eq!(told, "only the newest secret signs requests\n");

    shell.output(&format!("token revoke {}", made["_id"].as_str().unwrap())).await;
    // Any sandbox of the API may serve the next call; each caches a token for some seconds.
    eventually("the token is refused", PATIENCE, async || {
        let ended = narrow.run(&format!("webhook logs {webhook}")).await;
        if ended.error.contains("the token is not valid") { Ok(()) } else { Err(format!("{ended:?}")) }
    })
    .await;
    let audit = shell.output("audit").await;
    for action in
        ["token.revoke", "token.create", "secret.reveal", "secret.rotate", "secret.expire", "webhook.test"]
    {
        assert!(audit.contains(action), "{audit}");
    }
    let link = shell.output("token link").await;
    assert!(link.starts_with(&format!("{}/panel#code=hkl_", stack.ready.api)), "{link}");
}
