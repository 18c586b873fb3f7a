//! Tests of `--data`: a killed stack continues after its next start.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::Method;

use crate::company::{Company, WEBHOOKS, brief};
use crate::process::{Directory, signal};
use crate::receiver::{Act, Hit, Receiver};
use crate::stack::{Answer, Stack};
use crate::wait::{PATIENCE, eventually};

#[tokio::test]
async fn a_killed_stack_keeps_tokens_webhooks_and_queues_in_order() {
    let data = Directory::new();
    // The delay leaves time for the kill, the attempts leave time for the next start.
    let flags = format!(
        "--data {} --retry-delay 2 --attempts 10 --timeout 2 --function-timeout 8",
        data.path().display()
    );
    let is_up = Arc::new(AtomicBool::new(true));
    let up = Arc::clone(&is_up);
    let script = move |_: &Hit| if up.load(Ordering::Relaxed) { Act::Answer(200) } else { Act::HangUp };
    let receiver = Receiver::start(script).await;

    let first_run = Stack::start(&flags).await;
    let company = Company::first(&first_run);
    let made = Company::new(&first_run).await;
    let webhook = company.webhook(&receiver.url("/first")).await;
    let made_webhook = made.webhook(&receiver.url("/made")).await;
    company.push_tasks(0..3).await;
    company.rows_to(&webhook, 3, PATIENCE).await;
    is_up.store(false, Ordering::Relaxed);
    company.push_tasks(3..60).await;
    made.push_tasks(0..20).await;
    // The head waits for its next attempt, and the others wait behind it. The other webhook is in any state.
    eventually("the fourth event has failed once", PATIENCE, async || {
        let rows = brief(&company.rows(&webhook).await);
        if rows.contains(&(4, 1, 409)) { Ok(()) } else { Err(format!("{rows:?}")) }
    })
    .await;
    let (id, token) = (company.id.clone(), company.token.clone());
    let (made_id, made_token) = (made.id.clone(), made.token.clone());
    let operator_token = first_run.ready.operator_token.clone();
    signal("KILL", &[first_run.process.pid]);
    eventually("the stack is gone", PATIENCE, async || {
        first_run.process.exit_status().map(|_| ()).ok_or_else(|| "it runs".to_owned())
    })
    .await;
    drop(first_run);
    is_up.store(true, Ordering::Relaxed);

    let second_run = Stack::start(&flags).await;
    let ready = &second_run.ready;
    assert_eq!((&ready.company, &ready.token, &ready.operator_token), (&id, &token, &operator_token));
    let company = Company::first(&second_run);
    let made = Company { stack: &second_run, id: made_id, token: made_token };
    let listed = Answer::to(second_run.request(Method::GET, WEBHOOKS, Some(&made.token))).await.expect(200);
    assert!(listed.text.contains(&made_webhook), "{}", listed.text);
    company.push_tasks(60..63).await;
    for (company, webhook, path, events) in
        [(&company, &webhook, "/first", 63), (&made, &made_webhook, "/made", 20)]
    {
        let rows = company.rows_to(webhook, events, PATIENCE).await;
        assert_eq!(receiver.numbers_at(path), (0..events).collect::<Vec<_>>(), "order at {path}");
        let ended: Vec<_> = rows.iter().filter(|row| row.is_final()).map(|row| row.sequence).collect();
        assert_eq!(ended, (1..=events).collect::<Vec<_>>(), "numbers at {path} go on");
        assert!(rows.iter().filter(|row| row.is_final()).all(|row| row.result == "SUCCESS"));
    }
}
