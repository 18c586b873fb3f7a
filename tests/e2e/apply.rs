//! Tests of listing, exporting and applying webhooks from the command line.

use reqwest::Method;
use serde_json::{Value, json};

use crate::company::{Company, WEBHOOKS};
use crate::shell::Shell;
use crate::stack::{Answer, COMMON};

const TWO: &str = "\
# two of them
code: orders
name: Orders
url: http://127.0.0.1:9/orders
trigger: create-edit-delete-task
context: {taskGroup: t1}
description: |
  For the team.
  ---
  é
---
code: users
name: 'yes'
url: http://127.0.0.1:9/users?a=1&b=%20
trigger: create-edit-delete-user
suspendAfter: 0
isActive: false
";

/// Returns the webhooks of a company as the API writes them, and the number of audit entries.
async fn state(company: &Company<'_>) -> (String, usize) {
    let get = async |path: &str| {
        Answer::to(company.stack.request(Method::GET, path, Some(&company.token))).await.expect(200)
    };
    let done = get("/api/v3/audit?limit=100").await.json();
    (get(&format!("{WEBHOOKS}?limit=100")).await.text, done.as_array().unwrap().len())
}

#[tokio::test]
async fn applying_again_or_applying_an_export_changes_nothing() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let shell = Shell::of(&company);
    let told = shell.output_fed("webhook apply -f - --dry-run", TWO).await;
    assert!(told.starts_with("orders: would be created\n  code: none -> \"orders\"\n"), "{told}");
    assert_eq!(state(&company).await.0, "[]");

    let told = shell.run_fed("webhook apply -f -", TWO).await;
    assert!(
        told.output.contains("orders: created\n") && told.output.contains("users: created\n"),
        "{told:?}"
    );
    assert!(told.error.contains("2 webhooks: 2 created, 0 changed, 0 unchanged, 0 failed"), "{told:?}");
    let made = state(&company).await;
    assert_eq!(made.0.matches("\"__v\":0").count(), 2, "{}", made.0);

    let unchanged = "orders: unchanged\nusers: unchanged\n";
    assert_eq!(shell.output_fed("webhook apply -f -", TWO).await, unchanged);
    let exported = shell.output("webhook export").await;
    assert_eq!(shell.output_fed("webhook apply -f -", &exported).await, unchanged);
    assert_eq!(state(&company).await, made);
    assert_eq!(shell.output("webhook export").await, exported);
    let one = shell.output("webhook export users").await;
    assert!(one.contains("\ncode: users\n") && !one.contains("orders"), "{one}");
    // The export creates the same webhooks for another company.
    let other = Company::new(&stack).await;
    Shell::of(&other).output_fed("webhook apply -f -", &exported).await;
    assert_eq!(Shell::of(&other).output("webhook export").await, exported);
}

#[tokio::test]
async fn a_dry_run_shows_a_change_and_apply_makes_it_to_that_webhook_only() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let shell = Shell::of(&company);
    shell.output_fed("webhook apply -f -", TWO).await;
    let before = state(&company).await;
    let change = "code: users\nurl: http://127.0.0.1:9/new\nsuspendAfter:\n---\ncode: third\nname: T\n\
        url: http://127.0.0.1:9/\ntrigger: logout-user\n";
    let dry = shell.run_fed("webhook apply -f - --dry-run", change).await;
    let fields = "\n  url: \"http://127.0.0.1:9/users?a=1&b=%20\" -> \"http://127.0.0.1:9/new\"\
        \n  suspendAfter: 0 -> none\n";
    assert!(
        dry.output.starts_with(&format!("users: would be changed{fields}third: would be created\n")),
        "{dry:?}"
    );
    assert!(dry.error.contains("nothing was changed: of 2 webhooks: 1 created, 1 changed"), "{dry:?}");
    assert_eq!(state(&company).await, before);

    let made = shell.output_fed("webhook apply -f - --json", change).await;
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!((&made[0]["result"], &made[1]["result"]), (&json!("changed"), &json!("created")));
    assert_eq!(made[0]["changes"][1], json!({ "field": "suspendAfter", "from": 0, "to": null }));
    let users: Value = serde_json::from_str(&shell.output("webhook get users --json").await).unwrap();
    assert_eq!(users, company.find(made[0]["_id"].as_str().unwrap()).await);
    assert_eq!((&users["url"], &users["__v"]), (&json!("http://127.0.0.1:9/new"), &json!(1)));
    assert_eq!((&users["name"], users.get("suspendAfter")), (&json!("yes"), None), "what is not named stays");
    let orders: Value = serde_json::from_str(&shell.output("webhook get orders --json").await).unwrap();
    assert_eq!(orders["__v"], 0);
}

#[tokio::test]
async fn apply_widens_a_webhook_only_with_permission() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let shell = Shell::of(&company);
    shell.output_fed("webhook apply -f -", TWO).await;
    let before = state(&company).await;
    let wide = "code: orders\ncontext:\n---\ncode: users\nname: Users\n";
    let warning =
        "warning: orders: without context.taskGroup the webhook receives the events of the whole company";
    let dry = shell.run_fed("webhook apply -f - --dry-run", wide).await;
    assert!(dry.code == Some(0) && dry.error.contains(warning), "{dry:?}");
    assert!(dry.output.contains("\n  context.taskGroup: \"t1\" -> none\n"), "{dry:?}");
    let refused = shell.run_fed("webhook apply -f -", wide).await;
    assert_eq!((refused.code, refused.output.as_str()), (Some(4), ""), "{refused:?}");
    assert!(
        refused.error.contains(warning) && refused.error.contains("--allow-widening permits it"),
        "{refused:?}"
    );
    assert_eq!(state(&company).await, before, "the other document is not applied either");
    shell.output_fed("webhook apply -f - --allow-widening", wide).await;
    let orders: Value = serde_json::from_str(&shell.output("webhook get orders --json").await).unwrap();
    assert_eq!(orders["context"], json!({ "survey": "", "group": "", "taskGroup": "" }));
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_a_rejected_webhook_stops_no_other() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let shell = Shell::of(&company);
    let nothing = state(&company).await;
    let bad = format!("{TWO}---\ncode: third\nnmae: T\n");
    let refused = shell.run_fed("webhook apply -f -", &bad).await;
    assert_eq!((refused.code, refused.output.as_str()), (Some(2), ""), "{refused:?}");
    assert!(
        refused.error.contains("\n  document 3 (third): nmae is not a setting of a webhook"),
        "{refused:?}"
    );
    let refused = shell.run_fed("webhook apply -f -", "code: new\nurl: nope\n").await;
    assert!(refused.error.contains("\n  document 1 (new): url must be an absolute URL\n"), "{refused:?}");
    let utf_16 = shell.run_fed("webhook apply -f -", "\u{0}c\u{0}o\u{0}d\u{0}e").await;
    assert_eq!(utf_16.code, Some(2), "{utf_16:?}");
    assert!(utf_16.error.contains("--file is UTF-16; save it as UTF-8"), "{utf_16:?}");
    let marked = shell.output_fed("webhook apply -f - --dry-run", &format!("\u{feff}{TWO}")).await;
    assert!(marked.starts_with("orders: would be created\n"), "{marked}");
    shell.fails("webhook apply -f nowhere.yaml", 1, "nowhere.yaml cannot be read").await;
    assert_eq!(state(&company).await, nothing);

    // Only the API knows the open addresses.
    let closed = TWO.replace(
        "code: users",
        "code: a_closed\nname: c\nurl: http://10.0.0.1/\ntrigger: logout-user\n---\ncode: users",
    );
    let partly = shell.run_fed("webhook apply -f -", &closed).await;
    assert_eq!(partly.code, Some(3), "{partly:?}");
    let told: Vec<_> = partly.output.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!((told[0], told[2]), ("orders: created", "users: created"), "{partly:?}");
    assert!(told[1].starts_with("a_closed: failed: the API refused the call"), "{partly:?}");
    assert!(partly.error.contains("1 of 3 webhooks could not be applied"), "{partly:?}");
    assert_eq!(shell.output("webhook list --json").await.matches("\"_id\"").count(), 2);
}

#[tokio::test]
async fn more_webhooks_than_a_page_are_listed_filtered_and_applied() {
    const WEBHOOK_COUNT: usize = 130;
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let shell = Shell::of(&company);
    let document = |number: usize| {
        let (trigger, active) =
            if number == 7 { ("logout-user", false) } else { ("create-edit-delete-task", true) };
        format!(
            "---\ncode: w{number}\nname: N{number}\nurl: http://127.0.0.1:9/{number}\ntrigger: {trigger}\n\
            isActive: {active}\n"
        )
    };
    let file: String = (0..WEBHOOK_COUNT).map(document).collect();
    shell.output_fed("webhook apply -f -", &file).await;
    let again = shell.run_fed("webhook apply -f -", &file).await;
    assert!(again.error.contains("130 webhooks: 0 created, 0 changed, 130 unchanged"), "{again:?}");

    let listed: Value = serde_json::from_str(&shell.output("webhook list --json").await).unwrap();
    let codes: Vec<_> = listed.as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    let expected: Vec<_> = (0..WEBHOOK_COUNT).rev().map(|number| format!("w{number}")).collect();
    assert_eq!(codes, expected);
    let table = shell.output("webhook list").await;
    assert_eq!(table.lines().count(), 1 + WEBHOOK_COUNT, "{table}");
    let row: Vec<_> = table.lines().find(|line| line.contains(" w7 ")).unwrap().split_whitespace().collect();
    assert_eq!(row[1..], ["w7", "N7", "logout-user", "inactive", "http://127.0.0.1:9/7"], "{table}");
    for filter in ["--active false", "--trigger logout-user", "--search N7 --active false"] {
        let found = shell.output(&format!("webhook list {filter}")).await;
        assert_eq!(found.lines().skip(1).collect::<Vec<_>>().len(), 1, "{filter}: {found}");
        assert!(found.contains(" w7 "), "{filter}: {found}");
    }
    assert_eq!(shell.output("webhook list --search nothing").await, "no matching webhooks\n");
    shell.fails("webhook list --trigger nothing", 2, "trigger must be one of").await;
    let detail = shell.output("webhook get w7").await;
    assert!(
        detail.contains("\ncode:           w7\n") && detail.ends_with("state:          inactive\n"),
        "{detail}"
    );
    shell.fails("webhook get w", 3, "the company has no webhook w").await;
}
