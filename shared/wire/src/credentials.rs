//! Changes of a webhook's own headers and basic auth. Their values are never shown again.

use std::collections::{BTreeMap, BTreeSet};

use hookrail_domain::header::{self, BasicAuth, HeaderName, HeaderValue};
use hookrail_domain::secrets::Secrets;
use serde_json::{Map, Value};

use crate::problem::FieldProblem;
use crate::reader::Reader;

const HEADERS: &str = "headers";
const BASIC_AUTH: &str = "basicAuth";
/// A change of the URL must not hand what was meant for one host to another.
const WITHOUT_VALUE: &str = "is new: send its value too";
const FOR_ANOTHER_HOST: &str =
    "was given for another host: send it again with the new url, or null to remove it";

const NOT_BASIC_AUTH: &str = "must be an object of a username and a password, or null";

/// A change of headers and basic auth. What it does not name stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CredentialsPatch {
    headers: Option<HeadersPatch>,
    basic_auth: Option<BasicAuthPatch>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HeadersPatch {
    Clear,
    /// A value sets a header, none drops it.
    Each(BTreeMap<HeaderName, Option<HeaderValue>>),
    /// The names that the API shows, sent back: these stay, every other is removed.
    Only(BTreeSet<HeaderName>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum BasicAuthPatch {
    Clear,
    Set(BasicAuth),
    /// The user name that the API shows, sent back.
    Only(String),
}

impl CredentialsPatch {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self { headers: read_headers(reader), basic_auth: read_basic_auth(reader) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.headers.is_none() && self.basic_auth.is_none()
    }

    /// The secrets after the change, of a webhook that `moves` to another host or does not.
    pub(crate) fn apply(&self, secrets: &Secrets, moves: bool) -> Result<Secrets, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let mut headers = secrets.headers.clone();
        let mut named = BTreeMap::new();
        match &self.headers {
            None => {}
            Some(HeadersPatch::Clear) => headers.clear(),
            Some(HeadersPatch::Each(each)) => named.clone_from(each),
            Some(HeadersPatch::Only(names)) => {
                let unknown = names.iter().filter(|name| !headers.contains_key(name));
                problems.extend(unknown.map(|name| FieldProblem::new(field_of(name), WITHOUT_VALUE)));
                headers.retain(|name, _| names.contains(name));
            }
        }
        if moves {
            let kept = headers.keys().filter(|name| !named.contains_key(name));
            problems.extend(kept.map(|name| FieldProblem::new(field_of(name), FOR_ANOTHER_HOST)));
        }
        for (name, value) in named {
            match value {
                Some(value) => headers.insert(name, value),
                None => headers.remove(&name),
            };
        }
        let basic_auth = match (&self.basic_auth, &secrets.basic_auth) {
            (Some(BasicAuthPatch::Clear), _) | (None, None) => None,
            (Some(BasicAuthPatch::Set(auth)), _) => Some(auth.clone()),
            (Some(BasicAuthPatch::Only(username)), there)
                if there.as_ref().is_none_or(|auth| auth.username() != username) =>
            {
                problems.push(FieldProblem::new(BASIC_AUTH, WITHOUT_VALUE));
                None
            }
            (Some(BasicAuthPatch::Only(_)) | None, there) => {
                if moves {
                    problems.push(FieldProblem::new(BASIC_AUTH, FOR_ANOTHER_HOST));
                }
                there.clone()
            }
        };
        if let Err(error) = header::check(&headers, basic_auth.as_ref()) {
            problems.push(FieldProblem::new(HEADERS, error));
        }
        if problems.is_empty() {
            Ok(Secrets { headers, basic_auth, ..secrets.clone() })
        } else {
            Err(problems)
        }
    }
}

fn read_headers(reader: &mut Reader<'_>) -> Option<HeadersPatch> {
    let fields: &Map<String, Value> = match reader.value(HEADERS)? {
        Value::Null => return Some(HeadersPatch::Clear),
        Value::Object(fields) => fields,
        Value::Array(_) => {
            let names = reader.strings(HEADERS, HeaderName::parse)?;
            return Some(HeadersPatch::Only(names.into_iter().collect()));
        }
        _ => {
            reader.refuse(HEADERS, "must be an object of names and values; null removes all headers");
            return None;
        }
    };
    let mut each = BTreeMap::new();
    for (text, value) in fields {
        let field = format!("{HEADERS}.{text}");
        let name = match HeaderName::parse(text) {
            Ok(name) => name,
            Err(error) => {
                reader.refuse(&field, error);
                continue;
            }
        };
        let value = match value {
            Value::Null => None,
            Value::String(value) => match HeaderValue::parse(value) {
                Ok(value) => Some(value),
                Err(error) => {
                    reader.refuse(&field, error);
                    continue;
                }
            },
            _ => {
                reader.refuse(&field, "must be a string, or null to remove the header");
                continue;
            }
        };
        if each.insert(name, value).is_some() {
            reader.refuse(&field, "appears twice; upper and lower case are the same header");
        }
    }
    Some(HeadersPatch::Each(each))
}

fn read_basic_auth(reader: &mut Reader<'_>) -> Option<BasicAuthPatch> {
    let fields = match reader.value(BASIC_AUTH)? {
        Value::Null => return Some(BasicAuthPatch::Clear),
        Value::Object(fields) => fields,
        _ => {
            reader.refuse(BASIC_AUTH, NOT_BASIC_AUTH);
            return None;
        }
    };
    let (username, password) = reader.within(BASIC_AUTH, fields, |reader| {
        (reader.value("username").cloned(), reader.value("password").cloned())
    });
    match (username, password) {
        (Some(Value::String(username)), None) => Some(BasicAuthPatch::Only(username)),
        (Some(Value::String(username)), Some(Value::String(password))) => {
            let auth = BasicAuth::new(&username, &password);
            auth.map(BasicAuthPatch::Set).map_err(|error| reader.refuse(BASIC_AUTH, error)).ok()
        }
        _ => {
            reader.refuse(BASIC_AUTH, NOT_BASIC_AUTH);
            None
        }
    }
}

fn field_of(name: &HeaderName) -> String {
    format!("{HEADERS}.{}", name.as_str())
}

#[cfg(test)]
mod tests {
    use hookrail_domain::signature::SigningSecret;

    use super::*;

    fn read(text: &str) -> Result<CredentialsPatch, Vec<FieldProblem>> {
        let fields = serde_json::from_str(text).unwrap();
        let mut reader = Reader::of(&fields);
        let patch = CredentialsPatch::read(&mut reader);
        let problems = reader.close(&[]);
        if problems.is_empty() { Ok(patch) } else { Err(problems) }
    }

    fn fields(problems: Vec<FieldProblem>) -> Vec<String> {
        problems.into_iter().map(|problem| problem.field).collect()
    }

    fn plain() -> Secrets {
        Secrets::new(SigningSecret::from_random([1; 32]))
    }

    fn with(text: &str) -> Secrets {
        read(text).unwrap().apply(&plain(), false).unwrap()
    }

    fn names(secrets: &Secrets) -> Vec<&str> {
        secrets.headers.keys().map(HeaderName::as_str).collect()
    }

    #[test]
    fn headers_are_set_kept_and_removed_one_by_one() {
        let two = with(r#"{"headers":{"X-A":"1","X-B":"2"}}"#);
        let patched = |text: &str| read(text).unwrap().apply(&two, false).unwrap();
        assert_eq!(names(&patched(r#"{"headers":{"X-C":"3","x-a":null}}"#)), ["x-b", "x-c"]);
        assert_eq!(names(&patched(r#"{"headers":null}"#)), [""; 0]);
        assert_eq!(patched("{}"), two);
        assert!(read("{}").unwrap().is_empty() && !read(r#"{"headers":{}}"#).unwrap().is_empty());
    }

    #[test]
    fn basic_auth_is_set_and_removed() {
        let secrets = with(r#"{"basicAuth":{"username":"u","password":"p"}}"#);
        assert_eq!(secrets.basic_auth.as_ref().map(BasicAuth::username), Some("u"));
        let dropped = read(r#"{"basicAuth":null}"#).unwrap().apply(&secrets, false).unwrap();
        assert_eq!(dropped.basic_auth, None);
        for bad in [r#"{"basicAuth":"u:p"}"#, r#"{"basicAuth":{"username":"u","password":7}}"#] {
            assert_eq!(fields(read(bad).unwrap_err()), ["basicAuth"], "{bad}");
        }
        let misspelt = read(r#"{"basicAuth":{"username":"u","pasword":"p"}}"#).unwrap_err();
        assert_eq!(
            misspelt,
            [FieldProblem::new("basicAuth.pasword", "is an unknown field; did you mean password?")]
        );
    }

    #[test]
    fn names_each_bad_header() {
        let bad = r#"{"headers":{"Host":"a","x y":"b","X-A":"c\r\nd","X-B":7,"X-C":"1","x-c":"2"}}"#;
        let expected = ["headers.Host", "headers.X-A", "headers.X-B", "headers.x y", "headers.x-c"];
        let mut found = fields(read(bad).unwrap_err());
        found.sort();
        assert_eq!(found, expected);
        assert_eq!(fields(read(r#"{"headers":"X-A"}"#).unwrap_err()), ["headers"]);
        assert_eq!(fields(read(r#"{"headers":["X-A",7]}"#).unwrap_err()), ["headers[1]"]);
        let both = r#"{"headers":{"Authorization":"x"},"basicAuth":{"username":"u","password":"p"}}"#;
        assert_eq!(fields(read(both).unwrap().apply(&plain(), false).unwrap_err()), ["headers"]);
    }

    #[test]
    fn rendered_credentials_can_be_sent_back() {
        let secrets =
            with(r#"{"headers":{"X-A":"1","X-B":"2"},"basicAuth":{"username":"u","password":"p"}}"#);
        let back = |text: &str| read(text).unwrap().apply(&secrets, false);
        assert_eq!(back(r#"{"headers":["x-a","x-b"],"basicAuth":{"username":"u"}}"#).unwrap(), secrets);
        assert_eq!(names(&back(r#"{"headers":["X-B"]}"#).unwrap()), ["x-b"]);
        let new = r#"{"headers":["x-c"],"basicAuth":{"username":"v"}}"#;
        assert_eq!(fields(back(new).unwrap_err()), ["headers.x-c", "basicAuth"]);
        assert_eq!(
            fields(read(new).unwrap().apply(&plain(), false).unwrap_err()),
            ["headers.x-c", "basicAuth"]
        );
    }

    #[test]
    fn credentials_are_not_moved_to_another_host() {
        let secrets = with(r#"{"headers":{"X-A":"1"},"basicAuth":{"username":"u","password":"p"}}"#);
        let moved = |text: &str| read(text).unwrap().apply(&secrets, true);
        assert_eq!(fields(moved("{}").unwrap_err()), ["headers.x-a", "basicAuth"]);
        let shown = r#"{"headers":["x-a"],"basicAuth":{"username":"u"}}"#;
        assert_eq!(fields(moved(shown).unwrap_err()), ["headers.x-a", "basicAuth"]);
        assert_eq!(
            fields(moved(r#"{"headers":{"X-B":"2"},"basicAuth":null}"#).unwrap_err()),
            ["headers.x-a"]
        );
        let again = r#"{"headers":{"X-A":"1"},"basicAuth":{"username":"u","password":"q"}}"#;
        assert_eq!(names(&moved(again).unwrap()), ["x-a"]);
        assert_eq!(names(&moved(r#"{"headers":null,"basicAuth":null}"#).unwrap()), [""; 0]);
    }
}
