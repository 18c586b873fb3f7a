//! The settings of webhooks as YAML, one document per webhook, without secrets. Pure.
//!
//! Values of headers, passwords and signing secrets are never read from a file and never written to one: the API does
//! not show them, so they cannot be compared.

use std::collections::BTreeSet;
use std::fmt;

use hookrail_domain::header::HeaderName;
use hookrail_domain::limits::WEBHOOKS_PER_COMPANY_MAX;
use hookrail_domain::trigger::Slot;
use hookrail_domain::webhook::Code;
use hookrail_wire::cot_webhook::SETTINGS;
use hookrail_wire::problem::FieldProblem;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Number, Value, json};
use serde_norway::Value as Yaml;

/// The first line of an export.
const PREFACE: &str =
    "# For `hookrail webhook apply`. Signing secrets, header values and passwords are not included.\n";

/// All settings of a webhook: those of [`SETTINGS`], null where it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings(pub Map<String, Value>);

impl Settings {
    /// The text of a field; empty if there is none.
    #[must_use]
    pub fn text(&self, field: &str) -> &str {
        self.0.get(field).and_then(Value::as_str).unwrap_or("")
    }

    #[must_use]
    pub fn is_active(&self) -> bool {
        self.0.get("isActive") == Some(&Value::Bool(true))
    }
}

type Check = fn(&Value) -> bool;

/// The settings that every webhook has, with the check of their JSON type.
const ALWAYS: [(&str, Check); 6] = [
    ("code", Value::is_string),
    ("name", Value::is_string),
    ("url", Value::is_string),
    ("trigger", Value::is_string),
    ("context", Value::is_object),
    ("isActive", Value::is_boolean),
];

impl Serialize for Settings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(fields) = self;
        serializer.collect_map(SETTINGS.iter().filter_map(|name| fields.get_key_value(*name)))
    }
}

/// Reads a webhook as the API renders it: it leaves out what a webhook does not have, and writes an empty text for a slot
/// that is not used.
impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(document: D) -> Result<Self, D::Error> {
        let mut shown: Map<String, Value> = Deserialize::deserialize(document)?;
        for (name, is_kind) in ALWAYS {
            if !shown.get(name).is_some_and(is_kind) {
                return Err(D::Error::custom(format!("{name} is missing, or of another kind")));
            }
        }
        let field = |name: &&str| {
            let value = settled(name, shown.remove(*name).unwrap_or_default()).map_err(D::Error::custom)?;
            Ok(((*name).to_owned(), value))
        };
        SETTINGS.iter().map(field).collect::<Result<_, _>>().map(Self)
    }
}

/// One document of a file: the settings that it names, each in the form of [`Settings`].
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Counted from 1.
    pub document: usize,
    pub code: String,
    pub fields: Map<String, Value>,
}

/// A problem of a file.
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
    /// Makes a problem of this document.
    #[must_use]
    pub fn problem(&self, problem: FieldProblem) -> FileProblem {
        FileProblem { document: self.document, code: Some(self.code.clone()), problem }
    }
}

/// Renders webhooks as a file of documents, by code.
pub fn render(webhooks: Vec<Settings>) -> Result<String, serde_norway::Error> {
    let mut file = PREFACE.to_owned();
    for settings in sorted(webhooks) {
        file.extend(["---\n", &serde_norway::to_string(&settings)?]);
    }
    Ok(file)
}

/// Sorts webhooks by code.
#[must_use]
pub fn sorted(mut webhooks: Vec<Settings>) -> Vec<Settings> {
    webhooks.sort_by(|one, other| one.text("code").cmp(other.text("code")));
    webhooks
}

/// Reads a file. Returns all problems, with document and field. Empty documents are ignored.
pub fn parse(text: &str) -> Result<Vec<Wanted>, Vec<FileProblem>> {
    let (mut wanted, mut problems) = (Vec::<Wanted>::new(), Vec::new());
    // YAML allows a byte order mark before each document, which the library does not. In a value it is escaped.
    let text = text.replace("\n\u{feff}", "\n");
    let text = text.trim_start_matches('\u{feff}');
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
                // The begin of the next document is not known.
                break;
            }
        };
        if yaml.is_null() {
            continue;
        }
        if WEBHOOKS_PER_COMPANY_MAX == wanted.len() {
            problems.push(whole(format!("a company can have at most {WEBHOOKS_PER_COMPANY_MAX} webhooks")));
            break;
        }
        match read(number, yaml) {
            Ok(one) => {
                if let Some(first) = wanted.iter().find(|other| other.code == one.code) {
                    let reason = format!("is already used by document {}", first.document);
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

/// Returns the fields that a file can have, and the problems of the others.
fn fields_of(yaml: Yaml) -> Result<(Map<String, Value>, Vec<FieldProblem>), FieldProblem> {
    let Value::Object(object) = json_of(yaml).map_err(|reason| FieldProblem::new("", reason))? else {
        return Err(FieldProblem::new("", "must be the settings of one webhook"));
    };
    let (mut fields, mut problems) = (Map::new(), Vec::new());
    for (field, value) in object {
        let settled = match field.as_str() {
            "secret" => Err("is not part of a file; use `hookrail webhook secret`".to_owned()),
            known if SETTINGS.contains(&known) => settled(known, value),
            _ => Err(format!("is not a setting of a webhook. Settings are {}", SETTINGS.join(", "))),
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

/// Converts YAML to JSON, which has neither tags nor keys that are not texts.
fn json_of(yaml: Yaml) -> Result<Value, String> {
    match yaml {
        Yaml::Null => Ok(Value::Null),
        Yaml::Bool(flag) => Ok(flag.into()),
        Yaml::String(text) => Ok(text.into()),
        Yaml::Number(number) => {
            let whole = number.as_u64().map(Value::from).or_else(|| number.as_i64().map(Value::from));
            let any = || number.as_f64().and_then(Number::from_f64).map(Value::Number);
            whole
                .or_else(any)
                .ok_or_else(|| format!("contains the number {number}, which JSON cannot represent"))
        }
        Yaml::Sequence(items) => items.into_iter().map(json_of).collect::<Result<_, _>>().map(Value::Array),
        Yaml::Mapping(pairs) => {
            let pair = |(key, value)| match key {
                Yaml::String(key) => Ok((key, json_of(value)?)),
                _ => Err("contains a key that is not text".to_owned()),
            };
            pairs.into_iter().map(pair).collect::<Result<_, _>>().map(Value::Object)
        }
        Yaml::Tagged(tagged) => Err(format!("contains the tag {}; tags are not supported", tagged.tag)),
    }
}

/// Converts a value to the form of [`Settings`], as far as that is possible without the other fields.
fn settled(field: &str, value: Value) -> Result<Value, String> {
    match (field, value) {
        ("context", Value::Null) => Ok(json!({})),
        ("context", Value::Object(mut slots)) => {
            // A misspelt slot stays, so that it is refused: without it the webhook would receive more than was meant.
            let is_slot = |name: &str| Slot::ALL.iter().any(|slot| slot.name() == name);
            slots.retain(|name, id| !is_slot(name) || !(id.is_null() || id == ""));
            Ok(Value::Object(slots))
        }
        ("headers", Value::Null) => Ok(json!([])),
        ("headers", Value::Array(names)) => header_names(&names),
        ("headers", _) => Err("must be a list of names: values are not part of a file".to_owned()),
        ("basicAuth", Value::Object(auth)) => match auth.get("username") {
            Some(Value::String(_)) if auth.len() == 1 => Ok(Value::Object(auth)),
            _ => Err("must be a username and nothing else: passwords are not part of a file".to_owned()),
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
    fn a_settings_file_has_one_document_per_webhook() {
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
        let marked = parse("\u{feff}code: a\r\n\u{feff}---\r\ncode: b\r\nname: \"\u{feff}\"\r\n").unwrap();
        assert_eq!(marked.iter().map(|one| one.code.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(marked[1].fields["name"], "\u{feff}");
        assert_eq!(parse(""), Ok(Vec::new()));
        assert_eq!(parse("# nothing\n---\n---\n"), Ok(Vec::new()));
    }

    #[test]
    fn reports_every_problem_with_its_document_and_field() {
        assert_eq!(
            told("code: a\nurll: x\n_id: 1\n---\ncode: B\n---\nname: n\n---\n- code: a\n---\ncode: 7\n"),
            [
                format!(
                    "document 1 (a): _id is not a setting of a webhook. Settings are {}",
                    SETTINGS.join(", ")
                ),
                format!(
                    "document 1 (a): urll is not a setting of a webhook. Settings are {}",
                    SETTINGS.join(", ")
                ),
                "document 2: code must be lower-case letters, digits and `_`, beginning with a letter"
                    .to_owned(),
                "document 3: code is missing".to_owned(),
                "document 4: must be the settings of one webhook".to_owned(),
                "document 5: code must be a string".to_owned(),
            ]
        );
        assert_eq!(
            told("code: a\n---\ncode: b\n---\ncode: a\n"),
            ["document 3 (a): code is already used by document 1"]
        );
    }

    #[test]
    fn rejects_invalid_yaml_and_yaml_tags() {
        assert!(told("code: a\n---\nname: [\n")[0].starts_with("document 2: is not YAML: "));
        assert!(told("code: a\nname: n\nname: m\n")[0].contains("duplicate entry with key \"name\""));
        assert_eq!(
            told("code: a\nname: !secret n\n"),
            ["document 1: contains the tag !secret; tags are not supported"]
        );
        assert_eq!(
            told("code: a\nsuspendAfter: .nan\n"),
            ["document 1: contains the number .nan, which JSON cannot represent"]
        );
        assert_eq!(told("code: a\n7: n\n"), ["document 1: contains a key that is not text"]);
    }

    #[test]
    fn rejects_secrets_in_a_settings_file() {
        assert_eq!(
            told("code: a\nsecret: whsec_x\nheaders: {x-a: v}\nbasicAuth: {username: u, password: p}\n"),
            [
                "document 1 (a): basicAuth must be a username and nothing else: passwords are not part of a file",
                "document 1 (a): headers must be a list of names: values are not part of a file",
                "document 1 (a): secret is not part of a file; use `hookrail webhook secret`",
            ]
        );
    }

    #[test]
    fn a_misspelled_slot_is_kept_and_rejected_later() {
        let wanted = parse("code: a\ncontext: {taskgroup: ''}\n").unwrap();
        assert_eq!(wanted[0].fields["context"], json!({ "taskgroup": "" }));
    }

    #[test]
    fn an_export_is_sorted_and_lists_every_setting_in_a_fixed_order() {
        let settings = |code: &str| -> Settings {
            let shown = json!({ "_id": "1", "code": code, "name": "n", "url": "https://a.io/", "isActive": true,
                "trigger": "logout-user", "context": {} });
            serde_json::from_value(shown).unwrap()
        };
        let text = render(vec![settings("b"), settings("a")]).unwrap();
        let fields: Vec<_> =
            text.lines().filter_map(|line| line.split_once(": ")).map(|(name, _)| name).collect();
        assert_eq!(fields, [SETTINGS, SETTINGS].concat());
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
                let basic_auth = user.map(|username| json!({ "username": username }));
                serde_json::from_value(json!({
                    "code": code,
                    "name": name,
                    "description": description,
                    "url": url,
                    "trigger": trigger,
                    "context": context,
                    "isActive": is_active,
                    "suspendAfter": suspend_after,
                    "headers": headers,
                    "basicAuth": basic_auth,
                }))
                .unwrap()
            },
        )
    }

    proptest! {
        #[test]
        fn exported_settings_round_trip(one in any_settings(), other in any_settings()) {
            let mut last = other;
            last.0.insert("code".to_owned(), "z_last".into());
            let webhooks = sorted(vec![one, last]);
            let read = parse(&render(webhooks.clone()).unwrap()).unwrap();
            let expected: Vec<_> = webhooks.iter().map(|one| serde_json::to_value(one).unwrap()).collect();
            prop_assert_eq!(read.into_iter().map(|one| Value::Object(one.fields)).collect::<Vec<_>>(), expected);
        }
    }
}
