//! Tests that run the commands of the documents.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::company::Company;
use crate::process::{Ended, HOOKRAIL, free_port, run, run_fed};
use crate::stack::{COMMON, Stack};
use crate::wait::PATIENCE;

const README: &str = include_str!("../../README.md");
const QUICKSTART: &str = include_str!("../../docs/QUICKSTART.md");

/// Returns the `sh` blocks of a part of a document, as one script.
fn script(part: &str) -> String {
    let blocks = part.split("\n```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let script = blocks.collect::<Vec<_>>().join("\n");
    assert!(!script.is_empty());
    format!("set -eu\n{script}")
}

/// Returns the document from one heading to another.
#[track_caller]
fn between<'a>(document: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = document.split_once(from).unwrap_or_else(|| panic!("no {from}"));
    rest.split_once(to).unwrap_or_else(|| panic!("no {to}")).0
}

/// Runs a script in the checkout, with the command on its path. Replaces placeholders by the output of `dev`, and ports by
/// free ones.
async fn sh(company: &Company<'_>, port: u16, script: &str) -> Ended {
    for word in ["http://127.0.0.1:8080", "hkr_…"] {
        assert!(script.contains(word), "{script}");
    }
    let script = script
        .replace("http://127.0.0.1:8080", &company.stack.ready.api)
        .replace("hkr_…", &company.token)
        .replace("127.0.0.1:9000", &format!("127.0.0.1:{port}"))
        .replace("--port 9000", &format!("--port {port}"));
    let folder = Path::new(HOOKRAIL).parent().unwrap().to_owned();
    let run = move || {
        let ended = Command::new("bash")
            .args(["-c", &script])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", folder.display()))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Ended::of(&ended)
    };
    let ended = tokio::task::spawn_blocking(run).await.unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended
}

async fn id_of(company: &Company<'_>, code: &str) -> String {
    let path = format!("{}?search={code}", crate::company::WEBHOOKS);
    let (_, found) = company.ask(reqwest::Method::GET, &path, serde_json::Value::Null).await;
    found.pointer("/0/_id").and_then(serde_json::Value::as_str).unwrap().to_owned()
}

#[track_caller]
fn has_lines(text: &str, beginnings: &[&str]) {
    for beginning in beginnings {
        assert!(text.lines().any(|line| line.starts_with(beginning)), "no {beginning:?} in {text}");
    }
}

#[tokio::test]
async fn the_quickstart_commands_work() {
    let stack = Stack::start("--retry-delay 1").await;
    let company = Company::first(&stack);
    let port = free_port();
    let export = script(between(QUICKSTART, "## Start", "## Create"));
    let part = async |from, to| {
        sh(&company, port, &format!("{export}{}", script(between(QUICKSTART, from, to)))).await
    };
    let told = part("## Create", "## Send").await;
    has_lines(&told.output, &["orders: created", "webhook ", "code:", "context:        taskGroup 6261"]);
    let told = part("## Send", "## See").await;
    has_lines(&told.output, &["genuine  "]);
    assert!(told.output.contains("_1  attempt ") && told.error.contains("receiving at http://"), "{told:?}");
    // A person is slower than the log.
    let webhook = id_of(&company, "orders").await;
    company.rows_to(&webhook, 1, PATIENCE).await;
    let told = part("## See", "## Change").await;
    has_lines(&told.output, &["row ", "result:        SUCCESS", "state:          active"]);
    let told = part("## Change", "## Send again").await;
    has_lines(&told.output, &["orders: would be changed", "  context.taskGroup: ", "orders: unchanged"]);
    has_lines(&told.error, &["warning: orders: without context.taskGroup"]);
    let told = part("## Send again", "## Stop").await;
    has_lines(&told.output, &["genuine  ", "replay:     done", "accepted:   1"]);
    let told = part("## Stop", "Ctrl-C").await;
    assert!(told.output.contains("  orders  "), "{told:?}");
    assert_eq!(company.find(&webhook).await["isActive"], false);
}

#[tokio::test]
async fn the_first_commands_of_the_readme_work() {
    let stack = Stack::start("--retry-delay 1").await;
    let company = Company::first(&stack);
    let told = sh(&company, free_port(), &script(between(README, "## Try it", "## Guarantees"))).await;
    has_lines(&told.output, &["orders: created", "genuine  "]);
    assert!(
        told.output.contains("_1  attempt ") && told.output.contains("  {\\n  \"company\": "),
        "{told:?}"
    );
}

#[tokio::test]
async fn shells_load_their_completions() {
    let bash = run("completions bash").output;
    let complete = format!(
        "{bash}\nCOMP_WORDS=(hookrail webhook ex) COMP_CWORD=2\n_hookrail hookrail ex webhook\necho \"${{COMPREPLY[@]}}\""
    );
    let ended = Command::new("bash").args(["-euc", &complete]).output().unwrap();
    assert_eq!(Ended::of(&ended).output, "export\n", "{ended:?}");
    for shell in ["elvish", "fish", "powershell", "zsh"] {
        let script = run(&format!("completions {shell}"));
        assert!(script.code == Some(0) && script.output.contains("redeliver"), "{shell}: {script:?}");
    }
    assert_eq!(run("completions sh").code, Some(2));
}

#[tokio::test]
async fn output_is_coloured_except_with_no_color_or_json() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    company.webhook("http://127.0.0.1:9/").await;
    let list = async |variable: &'static str, json: &'static str| {
        let variables = vec![
            ("HOOKRAIL_API", stack.ready.api.clone()),
            ("HOOKRAIL_TOKEN", company.token.clone()),
            ("CLICOLOR_FORCE", "1".to_owned()),
            (variable, "1".to_owned()),
        ];
        let run = move || run_fed(&variables, &format!("webhook list{json}"), "");
        tokio::task::spawn_blocking(run).await.unwrap().output
    };
    assert!(list("ANY", "").await.contains("\u{1b}[32mactive"), "as on a terminal");
    for plain in [list("NO_COLOR", "").await, list("ANY", " --json").await] {
        assert!(plain.contains("create-edit-delete-task") && !plain.contains('\u{1b}'), "{plain}");
    }
}
