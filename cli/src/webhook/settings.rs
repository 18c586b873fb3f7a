//! Webhooks as a file holds them: YAML, one document each, of what can be set and is no secret. Pure.
//!
//! Values of headers, passwords and signing secrets never come from a file, and never go into one: the API does not
//! show them, so that nobody could tell whether they differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use hookrail_domain::header::HeaderName;
use hookrail_domain::limits::SUBSCRIPTIONS_PER_COMPANY_MAX;
use hookrail_domain::subscription::Code;
use hookrail_domain::trigger::Slot;
use hookrail_wire::problem::FieldProblem;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Number, Value, json};
use serde_norway::Value as Yaml;

/// Every setting, in the order of a file and of a difference.
pub const FIELDS: [&str; 10] = [
    "code",
    "name",
    "description",
    "url",
    "trigger",
    "context",
    "isActive",
    "suspendAfter",
    "headers",
    "basicAuth",
];
/// What is said above an export.
const PREFACE: &str =
    "# For `hookrail webhook apply`. Signing secrets, values of headers and passwords are not in here.\n";

/// A webhook's settings, all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    pub code: String,
    pub name: String,
    // The API leaves out what a webhook does not have.
    #[serde(default)]
    pub description: Option<String>,
    pub url: String,
    pub trigger: String,
    /// The slots that narrow it.
    #[serde(deserialize_with = "filled_slots")]
    pub context: BTreeMap<String, String>,
    pub is_active: bool,
    #[serde(default)]
    pub suspend_after: Option<u32>,
    /// Names.
    #[serde(default)]
    pub headers: BTreeSet<String>,
    #[serde(default)]
    pub basic_auth: Option<Username>,
}

/// Basic auth without its password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Username {
    pub username: String,
}

/// The API writes an empty text for a slot that is not used.
fn filled_slots<'de, D: Deserializer<'de>>(document: D) -> Result<BTreeMap<String, String>, D::Error> {
    let mut slots: BTreeMap<String, String> = Deserialize::deserialize(document)?;
    slots.retain(|_, id| !id.is_empty());
    Ok(slots)
}

/// One document of a file: the settings that it names, each as [`Settings`] would have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Counted from 1.
    pub document: usize,
    pub code: String,
    pub fields: Map<String, Value>,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProblem {
    document: usize,
    code: Option<String>,
    problem: FieldProblem,
}

impl fmt::Display for FileProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "document {}", self.document)?;
        if let Some(code) = &self.code {
            write!(out, " ({code})")?;
        }
        write!(out, ": {}", self.problem)
    }
}

impl Wanted {
    /// A problem of this document.
    #[must_use]
    pub fn problem(&self, problem: FieldProblem) -> FileProblem {
        FileProblem { document: self.document, code: Some(self.code.clone()), problem }
    }
}

/// Webhooks as a file of documents, by code.
#[must_use]
pub fn render(webhooks: Vec<Settings>) -> String {
    let document = |settings: &Settings| {
        // Texts, lists and maps of texts: there is nothing in them that YAML could not hold.
        let yaml = serde_norway::to_string(settings).unwrap_or_default();
        format!("---\n{yaml}")
    };
    std::iter::once(PREFACE.to_owned()).chain(sorted(webhooks).iter().map(document)).collect()
}

/// Webhooks by code.
#[must_use]
pub fn sorted(mut webhooks: Vec<Settings>) -> Vec<Settings> {
    webhooks.sort_by(|one, other| one.code.cmp(&other.code));
    webhooks
}

/// Reads a file. Every problem is told, with its document and field; empty documents are none.
pub fn parse(text: &str) -> Result<Vec<Wanted>, Vec<FileProblem>> {
    let (mut wanted, mut problems) = (Vec::<Wanted>::new(), Vec::new());
    for (index, document) in serde_norway::Deserializer::from_str(text).enumerate() {
        let number = index + 1;
        let whole = |reason: String| FileProblem {
            document: number,
            code: None,
            problem: FieldProblem::new("", reason),
        };
        let yaml = match Yaml::deserialize(document) {
            Ok(yaml) => yaml,
            Err(error) => {
                problems.push(whole(format!("is not YAML: {error}")));
                // Where the next document begins is not known.
                break;
            }
        };
        if yaml.is_null() {
            continue;
        }
        if SUBSCRIPTIONS_PER_COMPANY_MAX == wanted.len() {
            problems.push(whole(format!("a company has {SUBSCRIPTIONS_PER_COMPANY_MAX} webhooks at most")));
            break;
        }
        match read(number, yaml) {
            Ok(one) => {
                if let Some(first) = wanted.iter().find(|other| other.code == one.code) {
                    let reason = format!("is that of document {} already", first.document);
                    problems.push(one.problem(FieldProblem::new("code", reason)));
                }
                wanted.push(one);
            }
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(wanted) } else { Err(problems) }
}

fn read(document: usize, yaml: Yaml) -> Result<Wanted, Vec<FileProblem>> {
    let (fields, mut problems) =
        fields_of(yaml).map_err(|problem| vec![FileProblem { document, code: None, problem }])?;
    let code = match fields.get("code") {
        Some(Value::String(code)) => Code::parse(code).map_err(|error| error.to_string()),
        Some(_) => Err("must be a string".to_owned()),
        None => Err("is missing".to_owned()),
    };
    let code = match code {
        Ok(code) => Some(code.as_str().to_owned()),
        Err(reason) => {
            problems.push(FieldProblem::new("code", reason));
            None
        }
    };
    match code {
        Some(code) if problems.is_empty() => Ok(Wanted { document, code, fields }),
        code => {
            let of = |problem| FileProblem { document, code: code.clone(), problem };
            Err(problems.into_iter().map(of).collect())
        }
    }
}

/// The fields that may be in a file, and what is wrong with the others.
fn fields_of(yaml: Yaml) -> Result<(Map<String, Value>, Vec<FieldProblem>), FieldProblem> {
    let Value::Object(object) = json_of(yaml).map_err(|reason| FieldProblem::new("", reason))? else {
        return Err(FieldProblem::new("", "must hold the settings of one webhook"));
    };
    let (mut fields, mut problems) = (Map::new(), Vec::new());
    for (field, value) in object {
        let settled = match field.as_str() {
            "secret" => Err("is no part of a file: see `hookrail webhook secret`".to_owned()),
            known if FIELDS.contains(&known) => settled(known, value),
            _ => Err(format!("is no setting of a webhook; these are {}", FIELDS.join(", "))),
        };
        match settled {
            Ok(value) => {
                fields.insert(field, value);
            }
            Err(reason) => problems.push(FieldProblem::new(field, reason)),
        }
    }
    Ok((fields, problems))
}

/// JSON has neither tags nor keys that are no texts, and neither has a webhook.
fn json_of(yaml: Yaml) -> Result<Value, String> {
    match yaml {
        Yaml::Null => Ok(Value::Null),
        Yaml::Bool(flag) => Ok(flag.into()),
        Yaml::String(text) => Ok(text.into()),
        Yaml::Number(number) => {
            let whole = number.as_u64().map(Value::from).or_else(|| number.as_i64().map(Value::from));
            let any = || number.as_f64().and_then(Number::from_f64).map(Value::Number);
            whole.or_else(any).ok_or_else(|| format!("has {number} for a number"))
        }
        Yaml::Sequence(items) => items.into_iter().map(json_of).collect::<Result<_, _>>().map(Value::Array),
        Yaml::Mapping(pairs) => {
            let pair = |(key, value)| match key {
                Yaml::String(key) => Ok((key, json_of(value)?)),
                _ => Err("has a key that is no text".to_owned()),
            };
            pairs.into_iter().map(pair).collect::<Result<_, _>>().map(Value::Object)
        }
        Yaml::Tagged(tagged) => Err(format!("has a tag, {}", tagged.tag)),
    }
}

/// The value as [`Settings`] would have it, as far as that can be told without the other fields.
fn settled(field: &str, value: Value) -> Result<Value, String> {
    match (field, value) {
        ("context", Value::Null) => Ok(json!({})),
        ("context", Value::Object(mut slots)) => {
            // A misspelt slot stays, to be refused: without it the webhook would be wider than it was meant.
            let is_slot = |name: &str| Slot::ALL.iter().any(|slot| slot.name() == name);
            slots.retain(|name, id| !is_slot(name) || !(id.is_null() || id == ""));
            Ok(Value::Object(slots))
        }
        ("headers", Value::Null) => Ok(json!([])),
        ("headers", Value::Array(names)) => header_names(&names),
        ("headers", _) => Err("must be a list of names: values are no part of a file".to_owned()),
        ("basicAuth", Value::Object(auth)) => match auth.get("username") {
            Some(Value::String(_)) if auth.len() == 1 => Ok(Value::Object(auth)),
            _ => Err("must hold a username and nothing else: passwords are no part of a file".to_owned()),
        },
        (_, value) => Ok(value),
    }
}

fn header_names(names: &[Value]) -> Result<Value, String> {
    let name = |value: &Value| {
        let name = value.as_str().ok_or("must be a list of names")?;
        HeaderName::parse(name).map(|name| name.as_str().to_owned()).map_err(|error| error.to_string())
    };
    let names: BTreeSet<_> = names.iter().map(name).collect::<Result<_, String>>()?;
    Ok(json!(names))
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, btree_set};
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn told(text: &str) -> Vec<String> {
        parse(text).unwrap_err().iter().map(FileProblem::to_string).collect()
    }

    #[test]
    fn a_file_has_a_webhook_a_document_with_the_fields_that_it_names() {
        let text = "# two\n---\ncode: a\nurl: https://a.io/\ncontext:\n---\n---\ncode: b\n\
            context: {taskGroup: '', survey: null, group: g}\nheaders: [X-B, x-a]\nbasicAuth: {username: u}\n";
        let wanted = parse(text).unwrap();
        let brief: Vec<_> = wanted.iter().map(|one| (one.document, one.code.as_str())).collect();
        assert_eq!(brief, [(1, "a"), (3, "b")]);
        assert_eq!(
            Value::Object(wanted[0].fields.clone()),
            json!({ "code": "a", "url": "https://a.io/", "context": {} })
        );
        assert_eq!(
            Value::Object(wanted[1].fields.clone()),
            json!({ "code": "b", "context": { "group": "g" },
            "headers": ["x-a", "x-b"], "basicAuth": { "username": "u" } })
        );
        assert_eq!(parse(""), Ok(Vec::new()));
        assert_eq!(parse("# nothing\n---\n---\n"), Ok(Vec::new()));
    }

    #[test]
    fn every_problem_is_told_with_its_document_and_field() {
        assert_eq!(
            told("code: a\nurll: x\n_id: 1\n---\ncode: B\n---\nname: n\n---\n- code: a\n---\ncode: 7\n"),
            [
                format!("document 1 (a): _id is no setting of a webhook; these are {}", FIELDS.join(", ")),
                format!("document 1 (a): urll is no setting of a webhook; these are {}", FIELDS.join(", ")),
                "document 2: code must be lower-case letters, digits and `_`, beginning with a letter"
                    .to_owned(),
                "document 3: code is missing".to_owned(),
                "document 4: must hold the settings of one webhook".to_owned(),
                "document 5: code must be a string".to_owned(),
            ]
        );
        assert_eq!(
            told("code: a\n---\ncode: b\n---\ncode: a\n"),
            ["document 3 (a): code is that of document 1 already"]
        );
    }

    #[test]
    fn what_is_no_yaml_or_no_plain_yaml_is_refused() {
        assert!(told("code: a\n---\nname: [\n")[0].starts_with("document 2: is not YAML: "));
        assert!(told("code: a\nname: n\nname: m\n")[0].contains("duplicate entry with key \"name\""));
        assert_eq!(told("code: a\nname: !secret n\n"), ["document 1: has a tag, !secret"]);
        assert_eq!(told("code: a\nsuspendAfter: .nan\n"), ["document 1: has .nan for a number"]);
        assert_eq!(told("code: a\n7: n\n"), ["document 1: has a key that is no text"]);
    }

    #[test]
    fn no_secret_comes_from_a_file() {
        assert_eq!(
            told("code: a\nsecret: whsec_x\nheaders: {x-a: v}\nbasicAuth: {username: u, password: p}\n"),
            [
                "document 1 (a): basicAuth must hold a username and nothing else: passwords are no part of a file",
                "document 1 (a): headers must be a list of names: values are no part of a file",
                "document 1 (a): secret is no part of a file: see `hookrail webhook secret`",
            ]
        );
    }

    #[test]
    fn a_misspelt_slot_is_kept_to_be_refused() {
        let wanted = parse("code: a\ncontext: {taskgroup: ''}\n").unwrap();
        assert_eq!(wanted[0].fields["context"], json!({ "taskgroup": "" }));
    }

    #[test]
    fn an_export_is_sorted_and_names_every_setting_in_a_fixed_order() {
        let settings = |code: &str| Settings {
            code: code.into(),
            name: "n".into(),
            description: None,
            url: "https://a.io/".into(),
            trigger: "logout-user".into(),
            context: BTreeMap::new(),
            is_active: true,
            suspend_after: None,
            headers: BTreeSet::new(),
            basic_auth: None,
        };
        let text = render(vec![settings("b"), settings("a")]);
        let fields: Vec<_> =
            text.lines().filter_map(|line| line.split_once(": ")).map(|(name, _)| name).collect();
        assert_eq!(fields, [FIELDS, FIELDS].concat());
        assert_eq!(parse(&text).unwrap().iter().map(|one| one.code.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }

    fn any_settings() -> impl Strategy<Value = Settings> {
        let text = || {
            prop_oneof![
                "\\PC{0,20}",
                ".{0,20}",
                "[-0-9._:#'\"!&*|>{}\\[\\] \n\ta-z~]{0,20}",
                select(vec![
                    "yes",
                    "null",
                    "~",
                    "1e3",
                    "0x1f",
                    "---",
                    "...",
                    "\u{feff}a",
                    "a\n---\ncode: b\n",
                    "é\r\n"
                ])
                .prop_map(str::to_owned)
            ]
        };
        let texts = (text(), option::of(text()), text(), text());
        let slots = btree_map(
            select(vec!["survey", "group", "taskGroup"]).prop_map(str::to_owned),
            "[a-zA-Z0-9_-]{1,9}",
            0..3,
        );
        let secret = (btree_set("x-[a-z]{1,5}", 0..3), option::of(text()));
        ("[a-z][a-z0-9_]{0,9}", texts, slots, any::<bool>(), option::of(0..=100_u32), secret).prop_map(
            |(
                code,
                (name, description, url, trigger),
                context,
                is_active,
                suspend_after,
                (headers, user),
            )| {
                let basic_auth = user.map(|username| Username { username });
                Settings {
                    code,
                    name,
                    description,
                    url,
                    trigger,
                    context,
                    is_active,
                    suspend_after,
                    headers,
                    basic_auth,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_exported_is_read_back_as_it_was(one in any_settings(), other in any_settings()) {
            let mut webhooks = vec![one, Settings { code: "z_last".into(), ..other }];
            webhooks.sort_by(|one, other| one.code.cmp(&other.code));
            let read = parse(&render(webhooks.clone())).unwrap();
            let expected: Vec<_> = webhooks.iter().map(|one| serde_json::to_value(one).unwrap()).collect();
            prop_assert_eq!(read.into_iter().map(|one| Value::Object(one.fields)).collect::<Vec<_>>(), expected);
        }
    }
}
