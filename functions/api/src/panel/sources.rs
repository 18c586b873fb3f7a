//! House rules of the panel's sources: short files and functions, no markup, texts in every language.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 300;
const FUNCTION_LINES_MAX: usize = 70;
const LANGUAGES: [&str; 2] = ["en", "es"];
/// Words that write markup or run text as a script.
const BANNED: [&str; 6] =
    ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "style=\""];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("panel")
}

/// Returns the files of a folder with one of these endings, by their names.
fn files(folder: &Path, endings: &[&str]) -> BTreeMap<String, String> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found: BTreeMap<_, _> = paths
        .filter(|path| path.extension().is_some_and(|found| endings.iter().any(|ending| found == *ending)))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    assert!(!found.is_empty());
    found
}

/// Returns by file its texts: each by its name, by language.
fn texts() -> BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>> {
    let files = files(&folder().join("texts"), &["json"]);
    files.into_iter().map(|(name, text)| (name, serde_json::from_str(&text).unwrap())).collect()
}

/// Returns the functions of a module that prettier has formatted: name of the line, and lines.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<_> = text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let begins = |line: &str| {
        let code = line.trim_end();
        let is_method = code.ends_with(") {") && !code.contains(" (") || code.ends_with("constructor() {");
        is_method
            || code.contains("function ")
            || code.contains("=> {")
            || code.ends_with("=>")
            || code.ends_with("=> [")
            || code.ends_with("=> (")
    };
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate().filter(|(_, line)| begins(line)) {
        let own = indent(line);
        let behind = lines.iter().skip(start + 1);
        // The body is indented; its closing line is not.
        let body = behind.take_while(|each| each.is_empty() || own < indent(each)).count();
        found.push((line.trim().to_owned(), body + 2));
    }
    found
}

#[test]
fn files_and_functions_are_short_and_write_no_markup() {
    let mut offences = Vec::new();
    for (name, text) in files(&folder(), &["js", "css", "html", "ts"]) {
        let lines = text.lines().count();
        if FILE_LINES_MAX < lines {
            offences.push(format!("{name}: {lines} lines"));
        }
        offences
            .extend(BANNED.iter().filter(|word| text.contains(*word)).map(|word| format!("{name}: {word}")));
        if name.ends_with(".js") {
            let long = functions(&text).into_iter().filter(|(_, lines)| FUNCTION_LINES_MAX < *lines);
            offences.extend(long.map(|(line, lines)| format!("{name}: {line} {lines} lines")));
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn a_function_has_the_lines_of_its_body() {
    let text = "export function one() {\n  const two = () => {\n    three();\n  };\n\n  return two;\n}\n\nclass A {\n  four(x) {\n    if (x) {\n      five();\n    }\n  }\n}\n";
    let found: Vec<_> = functions(text).into_iter().map(|(_, lines)| lines).collect();
    assert_eq!(found, [7, 3, 5]);
}

#[test]
fn every_text_is_there_in_every_language() {
    let mut names = BTreeSet::new();
    for (file, texts) in texts() {
        for (name, languages) in texts {
            let known: Vec<_> = languages.keys().map(String::as_str).collect();
            assert_eq!(known, LANGUAGES, "{file}: {name}");
            assert!(languages.values().all(|text| !text.trim().is_empty()), "{file}: {name} is empty");
            let marks: BTreeSet<_> = languages.values().map(|text| marks(text)).collect();
            assert_eq!(marks.len(), 1, "{file}: {name} has other {{marks}} in one language");
            assert!(names.insert(name.clone()), "{file}: {name} occurs twice");
        }
        let written = files(&folder().join("texts"), &["json"])[&file].matches("\"en\":").count();
        assert_eq!(written, self::texts()[&file].len(), "{file} has a name twice");
    }
}

/// Returns the {marks} of a text.
fn marks(text: &str) -> BTreeSet<String> {
    text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())).collect()
}

#[test]
fn every_text_is_used_and_no_other_is_asked_for() {
    let code: String = files(&folder(), &["js"]).into_values().collect();
    let code = code.as_str();
    let names: BTreeSet<String> = texts().into_values().flat_map(BTreeMap::into_keys).collect();
    // `t(`state.${state}`)` uses every text whose name begins with `state.`.
    let families: BTreeSet<&str> =
        code.split('`').filter_map(|part| part.split_once("${")).map(|(start, _)| start).collect();
    let in_family =
        |name: &str| families.iter().any(|family| family.ends_with('.') && name.starts_with(family));
    let unused: Vec<_> =
        names.iter().filter(|name| !code.contains(&format!("\"{name}\"")) && !in_family(name)).collect();
    assert!(unused.is_empty(), "unused: {unused:?}");
    let asked = ["t(\"", "maybe(\""].into_iter().flat_map(|call| names_behind(code, call));
    let unknown: Vec<_> = asked.filter(|name| !names.contains(*name)).collect();
    assert!(unknown.is_empty(), "unknown: {unknown:?}");
}

/// Returns the names that a function is called with.
fn names_behind<'a>(code: &'a str, call: &str) -> Vec<&'a str> {
    let pieces: Vec<_> = code.split(call).collect();
    let calls = pieces.iter().zip(pieces.iter().skip(1));
    // `t(` is a call of its own, not the end of another name.
    let own = calls.filter(|(before, _)| !before.ends_with(|letter: char| letter.is_alphanumeric()));
    own.filter_map(|(_, behind)| behind.split('"').next()).collect()
}
