//! The joiner of the panel's modules into one script, at compile time.
//!
//! A module becomes a function that is called once and returns the module's exports, so that its other names
//! stay its own.
//! The joiner knows the one form of imports and the four forms of exports that the panel uses, and refuses
//! the rest: a module that it does not understand is an error of the build, never a script that fails in a
//! browser.
//! Comments and indentation are left out. Files of texts are JSON objects; the script holds all of them as
//! `TEXTS`.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;

/// The beginnings of a declaration that can be exported. `let` is missing: its importers would keep its first
/// value.
const EXPORTS: [&str; 4] = ["const ", "function ", "async function ", "class "];

/// A module's file name and text.
pub(crate) type Source = (String, String);

/// The reason why the modules were not joined: the file, its line (from 1) if one line is the cause, and the
/// rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct JoinError {
    file: String,
    line: Option<usize>,
    rule: Rule,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    FileName,
    Import,
    LateImport,
    DynamicImport,
    Export,
    TopLevelAwait,
    Comment,
    Template,
    Unknown { module: String },
    NotExported { module: String, name: String },
    DeclaredTwice { name: String },
    Cycle,
    NotImported,
    UnusedExport { name: String },
    Texts,
}

impl fmt::Display for JoinError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        match &self.rule {
            Rule::FileName => write!(formatter, ": use lower case letters, digits and _, and the ending .js"),
            Rule::Import => {
                write!(formatter, ": write an import as import {{ name, name }} from \"./file.js\";")
            }
            Rule::LateImport => write!(formatter, ": move the import above the code"),
            Rule::DynamicImport => write!(formatter, ": import(…) and import.… are not supported"),
            Rule::Export => {
                write!(
                    formatter,
                    ": export one const, function, async function or class, where it is declared"
                )
            }
            Rule::TopLevelAwait => write!(formatter, ": await works inside an async function only"),
            Rule::Comment => write!(formatter, ": end the comment at the end of a line"),
            Rule::Template => write!(formatter, ": write a template on one line"),
            Rule::Unknown { module } => write!(formatter, ": there is no module {module}"),
            Rule::NotExported { module, name } => write!(formatter, ": {module} does not export {name}"),
            Rule::DeclaredTwice { name } => write!(formatter, ": {name} is imported or exported twice"),
            Rule::Cycle => write!(formatter, ": the module imports itself, directly or by way of others"),
            Rule::UnusedExport { name } => write!(formatter, ": no module imports {name}; do not export it"),
            Rule::Texts => write!(formatter, ": write one JSON object"),
            Rule::NotImported => write!(formatter, ": no module imports this one; delete it or import it"),
        }
    }
}

impl Error for JoinError {}

/// A module as the joiner understands it.
struct Module {
    /// By module, the imported names.
    imports: Vec<(String, Vec<String>)>,
    exports: BTreeSet<String>,
    code: String,
}

/// Joins the files of texts and the modules that `first` needs, each behind those that it imports.
///
/// # Errors
/// The first part that the joiner does not understand.
pub(crate) fn join(sources: &[Source], texts: &[Source], first: &str) -> Result<String, JoinError> {
    let mut joined = String::from("const TEXTS = {\n");
    for (file, text) in texts {
        joined.push_str(&members(file, text)?);
    }
    joined.push_str("};\n");
    let mut modules = BTreeMap::new();
    for (file, text) in sources {
        modules.insert(file.as_str(), Reader::new(file)?.read(text)?);
    }
    let mut order = Vec::new();
    arrange(&modules, first, &mut Vec::new(), &mut order)?;
    if let Some(file) = modules.keys().find(|file| !order.contains(file)) {
        return Err(JoinError { file: (*file).to_owned(), line: None, rule: Rule::NotImported });
    }
    check_exports(&modules)?;
    let written = order.into_iter().filter_map(|file| modules.get(file).map(|module| write(file, module)));
    joined.extend(written);
    Ok(joined)
}

/// Refuses an export that no module imports.
fn check_exports(modules: &BTreeMap<&str, Module>) -> Result<(), JoinError> {
    let all = modules.values().flat_map(|module| &module.imports);
    let imported: BTreeSet<_> =
        all.flat_map(|(from, names)| names.iter().map(move |name| (from.as_str(), name.as_str()))).collect();
    for (file, module) in modules {
        if let Some(name) = module.exports.iter().find(|name| !imported.contains(&(*file, name.as_str()))) {
            let rule = Rule::UnusedExport { name: name.clone() };
            return Err(JoinError { file: (*file).to_owned(), line: None, rule });
        }
    }
    Ok(())
}

/// Returns the members of a JSON object, each on its lines as they are written: JSON is JavaScript.
fn members(file: &str, text: &str) -> Result<String, JoinError> {
    let inside = text.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let Some(inside) = inside.filter(|inside| !inside.trim().is_empty()) else {
        return Err(JoinError { file: file.to_owned(), line: None, rule: Rule::Texts });
    };
    let lines: Vec<_> = inside.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Ok(format!("{},\n", lines.join("\n")))
}

/// Puts a module behind those that it imports.
fn arrange<'a>(
    modules: &'a BTreeMap<&str, Module>,
    file: &'a str,
    open: &mut Vec<&'a str>,
    order: &mut Vec<&'a str>,
) -> Result<(), JoinError> {
    if order.contains(&file) {
        return Ok(());
    }
    let refused = |rule| JoinError { file: file.to_owned(), line: None, rule };
    if open.contains(&file) {
        return Err(refused(Rule::Cycle));
    }
    let Some(module) = modules.get(file) else {
        return Err(refused(Rule::Unknown { module: file.to_owned() }));
    };
    open.push(file);
    for (from, names) in &module.imports {
        let Some(imported) = modules.get(from.as_str()) else {
            return Err(refused(Rule::Unknown { module: from.clone() }));
        };
        if let Some(name) = names.iter().find(|name| !imported.exports.contains(*name)) {
            return Err(refused(Rule::NotExported { module: from.clone(), name: name.clone() }));
        }
        arrange(modules, from, open, order)?;
    }
    open.pop();
    order.push(file);
    Ok(())
}

/// Returns a module as a function that is called once.
fn write(file: &str, module: &Module) -> String {
    let of = |file: &str| format!("${}", file.trim_end_matches(".js"));
    let imports: String = module
        .imports
        .iter()
        .map(|(from, names)| format!("const {{ {} }} = {};\n", names.join(", "), of(from)))
        .collect();
    let exports = Vec::from_iter(module.exports.iter().map(String::as_str)).join(", ");
    format!("const {} = (() => {{\n{imports}{}return {{ {exports} }};\n}})();\n", of(file), module.code)
}

/// Reads one module, line by line.
struct Reader<'a> {
    file: &'a str,
    module: Module,
    /// Names that are imported or exported.
    names: BTreeSet<String>,
    /// An import that continues in the next line.
    import: String,
    in_comment: bool,
    in_code: bool,
}

impl<'a> Reader<'a> {
    fn new(file: &'a str) -> Result<Self, JoinError> {
        let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        let stem = file.strip_suffix(".js").unwrap_or_default();
        if stem.is_empty() || !stem.chars().all(is_plain) {
            return Err(JoinError { file: file.to_owned(), line: None, rule: Rule::FileName });
        }
        let module = Module { imports: Vec::new(), exports: BTreeSet::new(), code: String::new() };
        let names = BTreeSet::new();
        Ok(Self { file, module, names, import: String::new(), in_comment: false, in_code: false })
    }

    fn read(mut self, text: &str) -> Result<Module, JoinError> {
        let refused = |line, rule| JoinError { file: self.file.to_owned(), line: Some(line), rule };
        let mut last = 0;
        for (number, line) in (1..).zip(text.lines()) {
            last = number;
            self.take(line).map_err(|rule| refused(number, rule))?;
        }
        match (self.in_comment, self.import.is_empty()) {
            (true, _) => Err(refused(last, Rule::Comment)),
            (false, false) => Err(refused(last, Rule::Import)),
            (false, true) => Ok(self.module),
        }
    }

    fn take(&mut self, line: &str) -> Result<(), Rule> {
        let code = line.trim();
        if self.in_comment || code.starts_with("/*") {
            return self.take_comment(code);
        }
        if code.is_empty() || code.starts_with("//") {
            return Ok(());
        }
        if !self.import.is_empty() || line.starts_with("import ") || line.starts_with("import{") {
            return self.take_import(code);
        }
        self.in_code = true;
        if code.contains("import(") || code.contains("import.") || line.starts_with("import") {
            return Err(Rule::DynamicImport);
        }
        if code.chars().filter(|letter| *letter == '`').count() % 2 != 0 {
            return Err(Rule::Template);
        }
        let is_top = !line.starts_with(char::is_whitespace);
        if is_top
            && !code.contains("async ")
            && code.split(|letter: char| !is_name(letter)).any(|word| word == "await")
        {
            return Err(Rule::TopLevelAwait);
        }
        let code = if is_top && code.starts_with("export") { self.take_export(code)? } else { code };
        self.module.code.push_str(code);
        self.module.code.push('\n');
        Ok(())
    }

    fn take_comment(&mut self, code: &str) -> Result<(), Rule> {
        self.in_comment = !code.contains("*/");
        if self.in_comment || code.ends_with("*/") { Ok(()) } else { Err(Rule::Comment) }
    }

    fn take_import(&mut self, code: &str) -> Result<(), Rule> {
        if self.in_code {
            return Err(Rule::LateImport);
        }
        self.import.push_str(code);
        self.import.push(' ');
        if !code.ends_with(';') {
            return Ok(());
        }
        let import = std::mem::take(&mut self.import);
        let (names, from) = import
            .strip_prefix("import {")
            .and_then(|rest| rest.trim_end().strip_suffix("\";"))
            .and_then(|rest| rest.split_once("} from \"./"))
            .ok_or(Rule::Import)?;
        let names: Vec<_> =
            names.trim().trim_end_matches(',').split(',').map(|name| name.trim().to_owned()).collect();
        for name in &names {
            if name.is_empty() || !name.chars().all(is_name) {
                return Err(Rule::Import);
            }
            self.declare(name)?;
        }
        self.module.imports.push((from.to_owned(), names));
        Ok(())
    }

    /// Returns the declaration without the word.
    fn take_export<'c>(&mut self, code: &'c str) -> Result<&'c str, Rule> {
        let declaration = code.strip_prefix("export ").ok_or(Rule::Export)?;
        let rest = EXPORTS.iter().find_map(|word| declaration.strip_prefix(word)).ok_or(Rule::Export)?;
        let name = rest.split(|letter| !is_name(letter)).next().unwrap_or_default();
        if name.is_empty() {
            return Err(Rule::Export);
        }
        self.declare(name)?;
        self.module.exports.insert(name.to_owned());
        Ok(declaration)
    }

    fn declare(&mut self, name: &str) -> Result<(), Rule> {
        let is_new = self.names.insert(name.to_owned());
        if is_new { Ok(()) } else { Err(Rule::DeclaredTwice { name: name.to_owned() }) }
    }
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(modules: &[(&str, &str)]) -> Result<String, JoinError> {
        let sources: Vec<_> =
            modules.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
        join(&sources, &[], "main.js")
    }

    /// Returns the rule that a module breaks, and its line.
    #[track_caller]
    fn refusal(text: &str) -> (Option<usize>, Rule) {
        let error = joined(&[("main.js", text), ("a.js", "export const one = 1;\n")]).unwrap_err();
        assert_eq!(error.file, "main.js");
        (error.line, error.rule)
    }

    #[test]
    fn modules_follow_their_imports_and_keep_their_names() {
        let main = "// About.\n\nimport { two } from \"./b.js\";\nimport {\n  one,\n  Three,\n} from \"./a.js\";\n\n\
                    /** Adds.\n * Both. */\nconst own = one + two; // kept\nstart(own, `${Three}`);\n";
        let modules = [
            ("a.js", "export const one = 1;\nexport class Three {\n  x = 1;\n}\n"),
            (
                "b.js",
                "import { one } from \"./a.js\";\nconst own = one;\nexport async function two() {\n  return await own;\n}\n",
            ),
            ("main.js", main),
        ];
        let expected = "const TEXTS = {\n};\nconst $a = (() => {\nconst one = 1;\nclass Three {\nx = 1;\n}\nreturn { Three, one };\n})();\n\
                        const $b = (() => {\nconst { one } = $a;\nconst own = one;\nasync function two() {\nreturn await own;\n}\nreturn { two };\n})();\n\
                        const $main = (() => {\nconst { two } = $b;\nconst { one, Three } = $a;\n\
                        const own = one + two; // kept\nstart(own, `${Three}`);\nreturn {  };\n})();\n";
        assert_eq!(joined(&modules).unwrap(), expected);
    }

    #[test]
    fn rejects_unsupported_syntax_with_its_line_number() {
        for (text, line, rule) in [
            ("import one from \"./a.js\";", 1, Rule::Import),
            ("import * as a from \"./a.js\";", 1, Rule::Import),
            ("import { one as two } from \"./a.js\";", 1, Rule::Import),
            ("import {} from \"./a.js\";", 1, Rule::Import),
            ("import { one } from \"a\";", 1, Rule::Import),
            ("import { one } from './a.js';", 1, Rule::Import),
            ("import {\n  one,\n", 2, Rule::Import),
            ("import \"./a.js\";", 1, Rule::Import),
            ("import\"./a.js\";", 1, Rule::DynamicImport),
            ("const x = 1;\nimport { one } from \"./a.js\";", 2, Rule::LateImport),
            ("const a = () => import(\"./a.js\");", 1, Rule::DynamicImport),
            ("const a = import.meta.url;", 1, Rule::DynamicImport),
            ("export default 1;", 1, Rule::Export),
            ("export { one };", 1, Rule::Export),
            ("export * from \"./a.js\";", 1, Rule::Export),
            ("export let one = 1;", 1, Rule::Export),
            ("export const { one } = two;", 1, Rule::Export),
            ("\nawait start();", 2, Rule::TopLevelAwait),
            ("const x = await start();", 1, Rule::TopLevelAwait),
            ("/* a */ const x = 1;", 1, Rule::Comment),
            ("const x = 1;\n/* a", 2, Rule::Comment),
            ("const x = `a\n b`;", 1, Rule::Template),
            (
                "import { one } from \"./a.js\";\nexport const one = 1;",
                2,
                Rule::DeclaredTwice { name: "one".to_owned() },
            ),
        ] {
            assert_eq!(refusal(text), (Some(line), rule), "{text}");
        }
    }

    #[test]
    fn rejects_missing_unused_and_cyclic_modules() {
        let unknown = Rule::Unknown { module: "b.js".to_owned() };
        assert_eq!(refusal("import { two } from \"./b.js\";"), (None, unknown));
        let missing = Rule::NotExported { module: "a.js".to_owned(), name: "two".to_owned() };
        assert_eq!(refusal("import { two } from \"./a.js\";"), (None, missing));
        let alone = joined(&[("main.js", ""), ("a.js", "")]).unwrap_err();
        assert_eq!((alone.file.as_str(), alone.rule), ("a.js", Rule::NotImported));
        let unused = joined(&[("main.js", "export const one = 1;")]).unwrap_err();
        assert_eq!(unused.rule, Rule::UnusedExport { name: "one".to_owned() });
        let cycle = joined(&[
            ("main.js", "import { b } from \"./b.js\";\n"),
            ("b.js", "import { c } from \"./c.js\";\nexport const b = 1;\n"),
            ("c.js", "import { b } from \"./b.js\";\nexport const c = 1;\n"),
        ])
        .unwrap_err();
        assert_eq!((cycle.file.as_str(), cycle.rule), ("b.js", Rule::Cycle));
        let named = joined(&[("Main.js", "")]).unwrap_err();
        assert_eq!(named.to_string(), "Main.js: use lower case letters, digits and _, and the ending .js");
    }

    #[test]
    fn texts_are_one_object() {
        let main = [("main.js".to_owned(), String::new())];
        let texts = |text: &str| join(&main, &[("a.json".to_owned(), text.to_owned())], "main.js");
        let expected =
            "const TEXTS = {\n\"a\": { \"en\": \"A\" },\n};\nconst $main = (() => {\nreturn {  };\n})();\n";
        assert_eq!(texts("{\n  \"a\": { \"en\": \"A\" }\n}\n").unwrap(), expected);
        for text in ["", "{}", "[]", "{\"a\": 1"] {
            assert_eq!(texts(text).unwrap_err().rule, Rule::Texts, "{text}");
        }
    }
}
