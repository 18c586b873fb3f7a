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
/// First words that make a doc comment a clause instead of a noun phrase or a sentence.
const HEADLESS: [&str; 7] = ["How", "What", "Where", "Whether", "Which", "Who", "Why"];
/// Words that the glossary or plain English has a better word for.
const AVOIDED: [&str; 6] = ["anew", "beside", "nobody", "set aside", "somebody", "whoever"];
/// Words that may follow "is no".
const AFTER_NO: [&str; 4] = ["longer", "more", "other", "such"];

/// A source file, its path relative to the root.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Returns the lines before the file's test module.
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

/// Returns every file of this kind in the project's own folders.
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
    let confined: [(&str, &[&str], &str); 10] = [
        ("aws_sdk_", &["shared/adapters/", "cli/src/dev/"], "a fake would have to build SDK types"),
        ("types::AttributeValue", &["shared/adapters/src/store/"], "items are the store's business"),
        ("aws_lambda_events", &["shared/pipeline/src/batch.rs", "functions/"], "the trigger is replaceable"),
        (
            "hookrail_script",
            &[
                "shared/script/",
                "shared/adapters/src/scripts",
                "shared/adapters/examples/scripts.rs",
                "shared/adapters/src/config.rs",
                "functions/api/",
                "functions/fan-out/",
                "cli/",
            ],
            "deliver and recover have no JavaScript engine",
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
        ("env::var", &["shared/adapters/src/config.rs", "functions/api/build.rs"], "settings are arguments"),
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
fn a_comment_occurs_at_most_twice() {
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
fn no_type_is_named_manager_or_helper() {
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
fn tests_are_never_ignored_and_never_sleep() {
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
fn a_document_that_cannot_be_written_is_never_an_empty_one() {
    let mut offences = Vec::new();
    for source in sources("rs").iter().filter(|source| !source.is_test()) {
        for (number, line) in source.production().enumerate() {
            if line.contains("serde_") && line.contains("::to_") && line.contains(".unwrap_or") {
                offences.push(format!("{}:{}: use hookrail_wire::json", source.path, number + 1));
            }
        }
    }
    none(&offences);
}

#[test]
fn every_package_uses_the_workspace_lints() {
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
fn the_domain_depends_on_no_runtime_service_or_format() {
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
fn every_test_named_by_a_requirement_exists() {
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

#[test]
fn texts_are_plain_english() {
    let mut offences = Vec::new();
    for source in texts() {
        let is_code = Path::new(&source.path).extension().is_some_and(|found| found == "rs");
        let mut add = |line: usize, what: &str| offences.push(format!("{}:{line}: {what}", source.path));
        for line in denials(&source.text) {
            add(line, "write \"is not a\" instead of \"is no\"");
        }
        let mut is_behind_doc = false;
        for (number, line) in source.text.lines().map(str::trim).enumerate() {
            let doc = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
            let first = doc.and_then(|doc| doc.split(|letter: char| !letter.is_alphanumeric()).nth(1));
            if is_code && !is_behind_doc && first.is_some_and(|first| HEADLESS.contains(&first)) {
                add(number + 1, "begin with a noun phrase, or with a verb as \"Returns\"");
            }
            is_behind_doc = doc.is_some();
            if is_code && !line.starts_with("//") {
                continue;
            }
            for word in AVOIDED.into_iter().filter(|word| has_word(line, word)) {
                add(number + 1, &format!("another word for \"{word}\" is in docs/GLOSSARY.md"));
            }
        }
    }
    none(&offences);
}

#[test]
fn finds_denials_and_words_of_their_own() {
    assert_eq!(denials("/// It is no\n/// field."), [1]);
    assert_eq!(denials("are no longer kept, there is no row, is not a row, this no one"), [0; 0]);
    assert!(has_word("events set aside.", "set aside") && has_word("Nobody", "nobody"));
    assert!(!has_word("NobodyElse or nobody_else", "nobody"));
}

/// Returns the texts that people read: code, documents, the template, the description of the API.
fn texts() -> Vec<Source> {
    let mut texts = sources("rs");
    texts.retain(|source| source.path != "tests/tidy.rs");
    let documents = ["docs", "docs/adr", "events", "."].map(|folder| root().join(folder));
    let files = documents.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    for path in files.map(|file| file.unwrap().path()) {
        let is_document = path.extension().is_some_and(|found| found == "md");
        if is_document || path.ends_with("template.yaml") || path.ends_with("openapi.json") {
            let text = fs::read_to_string(&path).unwrap();
            texts.push(Source {
                path: path.strip_prefix(root()).unwrap().to_string_lossy().into_owned(),
                text,
            });
        }
    }
    texts
}

/// Returns the lines in which "is no" or a like form denies something, other than in "there is no".
fn denials(text: &str) -> Vec<usize> {
    let lines = text.lines().enumerate().flat_map(|(number, line)| {
        let line = line.trim_start().trim_start_matches(['/', '!', '#']);
        line.split_whitespace().map(move |word| (number + 1, word))
    });
    let words: Vec<_> = lines.collect();
    let mut found = Vec::new();
    for window in words.windows(4) {
        let [(_, before), (number, verb), (_, no), (_, after)] = window else { continue };
        let verb = verb.rsplit(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default();
        let is_denial = ["is", "are", "was", "were"].contains(&verb) && *no == "no";
        let is_noun = after.starts_with(|letter: char| letter.is_ascii_lowercase())
            && !AFTER_NO.iter().any(|word| after.starts_with(word));
        if is_denial && is_noun && !before.to_lowercase().ends_with("there") {
            found.push(*number);
        }
    }
    found
}

/// Returns whether a text has the words, in any letter case, as words of their own.
fn has_word(text: &str, word: &str) -> bool {
    let text = text.to_lowercase();
    let is_end = |letter: char| !letter.is_alphanumeric() && letter != '_';
    let words: Vec<_> = text.split(is_end).filter(|word| !word.is_empty()).collect();
    format!(" {} ", words.join(" ")).contains(&format!(" {word} "))
}

/// Returns the names of a file's test functions.
fn tests_of(source: &Source) -> Vec<String> {
    let lines: Vec<_> = source.text.lines().map(str::trim).collect();
    let is_attribute = |line: &str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
    let behind = |(place, _): (usize, &&str)| lines.iter().skip(place).find_map(|line| function_of(line));
    lines.iter().enumerate().filter(|(_, line)| is_attribute(line)).filter_map(behind).collect()
}

/// Returns the name of the function that begins in a line.
fn function_of(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("fn ")?;
    Some(rest.split('(').next()?.to_owned())
}

/// Returns the cells of each row of a document's tables, without their heads.
fn rows_of_tables(text: &str) -> Vec<Vec<&str>> {
    let mut lines = text.lines().peekable();
    let mut rows = Vec::new();
    while let Some(line) = lines.next() {
        // A head is the line above a rule.
        let is_head = lines.peek().is_some_and(|next| next.starts_with("| ---"));
        if line.starts_with("| ") && !is_head && !line.starts_with("| ---") {
            rows.push(line.trim_matches('|').split('|').map(str::trim).collect());
        }
    }
    assert!(!rows.is_empty());
    rows
}
