//! Names of JavaScript that do not exist in the realm, found in a text before it runs.
//!
//! A dry run finds the names that it reaches. This finds the usual names in the rest.
//! It reads no more of the grammar than texts and comments: an unusual text can hide a name, and the event
//! then fails with it.

/// Names that people expect, and that the realm does not have: no clock, no randomness, no I/O, no code made
/// of text.
const ABSENT: [&str; 35] = [
    "Array.from",
    "BigInt",
    "Date",
    "Function",
    "Intl",
    "JSON.stringify",
    "Map",
    "Math.random",
    "Promise",
    "Proxy",
    "Reflect",
    "Set",
    "Symbol",
    "Temporal",
    "URL",
    "URLSearchParams",
    "Uint8Array",
    "WeakMap",
    "WeakRef",
    "WeakSet",
    "atob",
    "btoa",
    "console",
    "crypto",
    "document",
    "escape",
    "eval",
    "fetch",
    "global",
    "process",
    "require",
    "setInterval",
    "setTimeout",
    "unescape",
    "window",
];

/// Returns the first name that a text uses and the realm does not have.
#[must_use]
pub fn absent(source: &str) -> Option<&'static str> {
    let code = without_texts(source);
    let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '$');
    let uses = |name: &&str| {
        code.match_indices(*name).any(|(at, _)| {
            let (before, behind) =
                (code.get(..at).unwrap_or_default(), code.get(at + name.len()..).unwrap_or_default());
            let is_whole =
                !before.ends_with(|last| is_part(last) || last == '.') && !behind.starts_with(is_part);
            let is_used = before.trim_end().ends_with("new") || behind.trim_start().starts_with(['(', '.']);
            is_whole && is_used
        })
    };
    ABSENT.into_iter().filter(uses).min_by_key(|name| code.find(name))
}

/// Does the same for the values of a URL template.
#[must_use]
pub fn absent_in_template(template: &str) -> Option<&'static str> {
    template.split("${").skip(1).find_map(absent)
}

/// Returns the text with spaces for everything inside of quotes and comments. The content of backquotes may
/// be code.
fn without_texts(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source.chars().peekable();
    while let Some(character) = rest.next() {
        match (character, rest.peek().copied()) {
            ('"' | '\'', _) => {
                let mut is_escaped = false;
                rest.by_ref().find(|next| {
                    let ends = *next == '\n' || (!is_escaped && *next == character);
                    is_escaped = !is_escaped && *next == '\\';
                    ends
                });
                code.push(' ');
            }
            ('/', Some('/')) => {
                rest.by_ref().find(|next| *next == '\n');
                code.push(' ');
            }
            ('/', Some('*')) => {
                let mut last = ' ';
                rest.by_ref().skip(1).find(|next| std::mem::replace(&mut last, *next) == '*' && *next == '/');
                code.push(' ');
            }
            _ => code.push(character),
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_do_not_exist_are_found_wherever_they_are_used() {
        for (source, name) in [
            ("new Date() > 1", "Date"),
            ("form('type') === 'x' && Date.now() > 1", "Date"),
            ("`${new  Date}`", "Date"),
            ("Math.random() < 0.5", "Math.random"),
            ("JSON.stringify(values('a')) /* x */ && new Set([1])", "JSON.stringify"),
            ("'it\\'s' && fetch ('https://a.io')", "fetch"),
        ] {
            assert_eq!(absent(source), Some(name), "{source}");
        }
    }

    #[test]
    fn a_template_is_searched_in_its_values() {
        assert_eq!(absent_in_template("https://a.io/${form('slug')}?at=${Date.now()}"), Some("Date"));
        assert_eq!(absent_in_template("https://a.io/Date.now()/${form('slug')}"), None);
    }

    #[test]
    fn other_uses_of_the_words_are_left_alone() {
        for source in [
            "values('Date') > '2026'",
            "form('x') === \"new Date()\"",
            "true // Date.now()",
            "true /* Date.now() */",
            "Update(1)",
            "a.Date(1)",
            "Dates.x",
            "({ Map: 1 }).Map",
            "'a\\\\' + 'Date.now()'",
            "decodeURI('a')",
        ] {
            assert_eq!(absent(source), None, "{source}");
        }
    }
}
