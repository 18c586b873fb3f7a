//! The records of an event, as filters and templates ask for them.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::catalogue::Binding;

/// An event's records. Read once per event, then shared by the webhooks it may go to.
#[derive(Clone, PartialEq)]
pub struct Bindings {
    records: Arc<Map<String, Value>>,
}

/// The payload is not a JSON object.
#[derive(Debug, thiserror::Error)]
#[error("the event must be a JSON object")]
pub struct UnreadablePayload {
    #[source]
    source: serde_json::Error,
}

/// The value of a call of a binding, from which the realm makes a JavaScript value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Answer<'a> {
    /// The event does not have it.
    Null,
    Value(&'a Value),
    /// An attribute's values; empty if the record has none of this name.
    List(&'a [Value]),
}

const ATTRIBUTE: &str = "attribute:";
const PROFILE_ATTRIBUTE: &str = "profileAttribute:";

impl Bindings {
    /// Reads the event's payload: an object with a field for each binding.
    pub fn read(payload: &[u8]) -> Result<Self, UnreadablePayload> {
        match serde_json::from_slice(payload) {
            Ok(records) => Ok(Self { records: Arc::new(records) }),
            Err(source) => Err(UnreadablePayload { source }),
        }
    }

    /// Returns the value of `binding(key)`.
    /// A name that the record does not have is null, as in the platform; an attribute that it does not have
    /// is an empty list, so that `.indexOf` works all the same.
    pub(crate) fn answer(&self, binding: Binding, key: &str) -> Answer<'_> {
        let record = self.records.get(binding.name());
        if binding != Binding::Values {
            if let Some(name) = key.strip_prefix(ATTRIBUTE) {
                return Answer::List(attribute(record, ["attributesMap", "attributes"], name));
            }
            if let Some(name) = key.strip_prefix(PROFILE_ATTRIBUTE) {
                return Answer::List(attribute(record, ["profileAttributesMap", "profileAttributes"], name));
            }
        }
        record.and_then(|record| record.get(key)).map_or(Answer::Null, Answer::Value)
    }
}

/// Returns an attribute. The platform writes attributes as a map from name to values, or as a list of `{name,
/// values}`.
fn attribute<'a>(record: Option<&'a Value>, fields: [&str; 2], name: &str) -> &'a [Value] {
    let found = fields.into_iter().find_map(|field| match record?.get(field)? {
        Value::Object(map) => map.get(name),
        Value::Array(list) => {
            list.iter().find(|entry| entry.get("name").is_some_and(|found| found == name))?.get("values")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    });
    match found {
        None | Some(Value::Null) => &[],
        Some(Value::Array(values)) => values,
        Some(value @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_))) => {
            std::slice::from_ref(value)
        }
    }
}

/// Shows the names of the records only: their contents are the customer's.
impl fmt::Debug for Bindings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.records.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(payload: &str, binding: Binding, key: &str, expected: &str) {
        let bindings = Bindings::read(payload.as_bytes()).unwrap();
        let found = match bindings.answer(binding, key) {
            Answer::Null => "null".to_owned(),
            Answer::Value(value) => value.to_string(),
            Answer::List(values) => Value::from(values).to_string(),
        };
        assert_eq!(found, expected, "{key}");
    }

    #[test]
    fn fields_are_read_by_name_and_missing_fields_are_null() {
        let payload = r#"{"form":{"slug":"laptop","anonymous":false},"values":{"attribute:x":"kept"}}"#;
        check(payload, Binding::Form, "slug", r#""laptop""#);
        check(payload, Binding::Form, "anonymous", "false");
        check(payload, Binding::Form, "name", "null");
        check(payload, Binding::Kapp, "slug", "null");
        check(payload, Binding::Values, "attribute:x", r#""kept""#);
    }

    #[test]
    fn attributes_are_lists_in_both_formats() {
        let map = r#"{"space":{"attributesMap":{"Source":["a","b"],"One":"c","None":null}}}"#;
        check(map, Binding::Space, "attribute:Source", r#"["a","b"]"#);
        check(map, Binding::Space, "attribute:One", r#"["c"]"#);
        check(map, Binding::Space, "attribute:None", "[]");
        check(map, Binding::Space, "attribute:Missing", "[]");
        check(map, Binding::Team, "attribute:Missing", "[]");
        let list = r#"{"user":{"attributes":[{"name":"A","values":["x"]}],"profileAttributes":{"B":["y"]}}}"#;
        check(list, Binding::User, "attribute:A", r#"["x"]"#);
        check(list, Binding::User, "profileAttribute:B", r#"["y"]"#);
    }

    #[test]
    fn a_payload_is_an_object_and_debug_hides_its_values() {
        Bindings::read(b"[]").unwrap_err();
        Bindings::read(b"{").unwrap_err();
        let shown = format!("{:?}", Bindings::read(br#"{"user":{"password":"secret"}}"#).unwrap());
        assert_eq!(shown, r#"{"user"}"#);
    }
}
