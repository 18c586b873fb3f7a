//! The house rules that a machine can check.

#![expect(clippy::unwrap_used, reason = "a file that cannot be read is a failed test")]

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Production lines of a file.
const FILE_LINES_MAX: usize = 400;
/// Copies of one comment line.
const COMMENT_COPIES_MAX: usize = 2;
/// Comment lines shorter than this may repeat.
const COMMENT_CHARS_MIN: usize = 40;

/// A source file, its path relative to the root.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The lines before the file's test module.
    fn production(&self) -> impl Iterator<Item = &str> {
        self.text.lines().take_while(|line| *line != "#[cfg(test)]")
    }

    fn is_test(&self) -> bool {
        self.path.starts_with("tests/")
            || self.path.contains("/tests/")
            || self.path.ends_with("/tests.rs")
            || self.path.starts_with("shared/testkit/")
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every file of this kind in the project's own folders.
fn sources(extension: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders: Vec<_> =
        ["functions", "shared", "cli", "tests"].map(|folder| root().join(folder)).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let text = fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                found.push(Source { path, text });
            }
        }
    }
    assert!(!found.is_empty());
    found
}

#[track_caller]
fn none(offences: &[String]) {
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

#[test]
fn words_stay_in_their_layers() {
    // A word, the paths it may stand in, and why nowhere else.
    let confined: [(&str, &[&str], &str); 9] = [
        ("aws_sdk_", &["shared/adapters/", "cli/src/dev/"], "a fake would have to build SDK types"),
        ("types::AttributeValue", &["shared/adapters/src/store/"], "items are the store's business"),
        (
            "aws_lambda_events",
            &["shared/adapters/src/records.rs", "functions/"],
            "the trigger is replaceable",
        ),
        ("lambda_runtime::", &["functions/"], "the rules run anywhere"),
        (
            "reqwest",
            &[
                "shared/adapters/src/sender/",
                "shared/adapters/src/issuer.rs",
                "cli/src/dev/",
                "cli/src/client.rs",
            ],
            "outcomes reach the core, not errors",
        ),
        ("hickory_", &["shared/adapters/src/sender/names.rs"], "one resolver, behind the guard"),
        ("SystemTime", &["shared/adapters/src/clock.rs", "cli/src/dev/clock.rs"], "the time is an argument"),
        ("env::var", &["shared/adapters/src/config.rs"], "settings are arguments"),
        (
            "serde",
            &["shared/wire/", "shared/adapters/", "shared/fifo/", "shared/script/", "functions/", "cli/"],
            "a serializable rule is a contract",
        ),
    ];
    let mut offences = Vec::new();
    for source in sources("rs").iter().filter(|source| !source.is_test()) {
        for (number, line) in source.production().enumerate() {
            let code = line.trim_start();
            if code.starts_with("//") {
                continue;
            }
            for (word, allowed, why) in &confined {
                if code.contains(word) && !allowed.iter().any(|place| source.path.starts_with(place)) {
                    offences.push(format!("{}:{}: {word}: {why}", source.path, number + 1));
                }
            }
        }
    }
    none(&offences);
}

#[test]
fn files_are_short() {
    let offences: Vec<_> = sources("rs")
        .iter()
        .map(|source| (source, source.production().count()))
        .filter(|(_, lines)| FILE_LINES_MAX < *lines)
        .map(|(source, lines)| format!("{}: {lines} lines", source.path))
        .collect();
    none(&offences);
}

#[test]
fn a_third_copy_of_a_comment_is_a_missing_function() {
    let sources = sources("rs");
    let mut copies: HashMap<&str, Vec<&str>> = HashMap::new();
    for source in &sources {
        for line in source.text.lines().map(str::trim) {
            if line.starts_with("//") && COMMENT_CHARS_MIN <= line.len() {
                copies.entry(line).or_default().push(&source.path);
            }
        }
    }
    let offences: Vec<_> = copies
        .iter()
        .filter(|(_, paths)| COMMENT_COPIES_MAX < paths.len())
        .map(|(line, paths)| format!("{line}: {}", paths.join(", ")))
        .collect();
    none(&offences);
}

#[test]
fn nothing_is_called_manager_or_helper() {
    let banned =
        ["Manager", "Service", "Helper", "Util", "Processor", "Handler", "Data", "Info", "Common", "Misc"];
    let mut offences = Vec::new();
    for source in sources("rs") {
        for line in source.text.lines().map(str::trim_start) {
            let declared = ["pub struct ", "struct ", "pub enum ", "enum ", "pub trait ", "trait "]
                .iter()
                .find_map(|keyword| line.strip_prefix(keyword));
            let name = declared.and_then(|rest| rest.split(|letter: char| !letter.is_alphanumeric()).next());
            if let Some(name) = name.filter(|name| banned.iter().any(|word| name.ends_with(word))) {
                offences.push(format!("{}: {name}", source.path));
            }
        }
    }
    none(&offences);
}

#[test]
fn tests_are_never_switched_off_nor_given_a_sleep_to_settle() {
    let mut offences = Vec::new();
    for source in sources("rs").iter().filter(|source| source.path != "tests/tidy.rs") {
        for (number, line) in source.text.lines().enumerate() {
            for word in ["#[ignore", "#[should_panic", "thread::sleep("] {
                if line.contains(word) {
                    offences.push(format!("{}:{}: {word}", source.path, number + 1));
                }
            }
        }
    }
    none(&offences);
}

#[test]
fn every_package_takes_the_workspace_s_lints() {
    let manifests = sources("toml");
    let packages = manifests.iter().filter(|manifest| {
        // A workspace of its own has no lints to take.
        manifest.text.contains("[package]") && !manifest.text.contains("\n[workspace]\n")
    });
    let offences: Vec<_> = packages
        .filter(|manifest| !manifest.text.contains("[lints]\nworkspace = true"))
        .map(|manifest| manifest.path.clone())
        .collect();
    none(&offences);
}

#[test]
fn the_rules_depend_on_no_runtime_no_service_and_no_format() {
    let manifest = fs::read_to_string(root().join("shared/domain/Cargo.toml")).unwrap();
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let names: Vec<_> = dependencies
        .lines()
        .filter_map(|line| line.split(['.', ' ']).next())
        .filter(|name| !name.is_empty())
        .collect();
    assert_eq!(names, ["base64", "sha2", "standardwebhooks", "subtle", "thiserror", "url"]);
}

#[test]
fn every_test_that_a_requirement_names_exists() {
    let tests: HashSet<_> = sources("rs").iter().flat_map(tests_of).collect();
    let text = fs::read_to_string(root().join("docs/REQUIREMENTS.md")).unwrap();
    let mut offences = Vec::new();
    for row in rows_of_tables(&text) {
        let names: Vec<_> = row.last().unwrap().split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            offences.push(format!("{}: names no test", row[0]));
        }
        offences.extend(
            names.iter().filter(|name| !tests.contains(**name)).map(|name| format!("{}: {name}", row[0])),
        );
    }
    none(&offences);
}

/// The names of a file's test functions.
fn tests_of(source: &Source) -> Vec<String> {
    let lines: Vec<_> = source.text.lines().map(str::trim).collect();
    let is_attribute = |line: &str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
    let behind = |(place, _): (usize, &&str)| lines.iter().skip(place).find_map(|line| function_of(line));
    lines.iter().enumerate().filter(|(_, line)| is_attribute(line)).filter_map(behind).collect()
}

/// The name of the function that begins in a line.
fn function_of(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("fn ")?;
    Some(rest.split('(').next()?.to_owned())
}

/// The cells of each row of a document's tables, without their heads.
fn rows_of_tables(text: &str) -> Vec<Vec<&str>> {
    let mut lines = text.lines().peekable();
    let mut rows = Vec::new();
    while let Some(line) = lines.next() {
        // A head is what a rule stands under.
        let is_head = lines.peek().is_some_and(|next| next.starts_with("| ---"));
        if line.starts_with("| ") && !is_head && !line.starts_with("| ---") {
            rows.push(line.trim_matches('|').split('|').map(str::trim).collect());
        }
    }
    assert!(!rows.is_empty());
    rows
}
