//! A reader of JSON objects that reports every bad field, not only the first, and refuses unknown ones.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::problem::FieldProblem;

/// The object of a call's body.
pub(crate) fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, Vec<FieldProblem>> {
    serde_json::from_slice(bytes).map_err(|error| vec![not_an_object(&error)])
}

/// The object of a body that may be left out.
pub(crate) fn parse_optional_object(bytes: &[u8]) -> Result<Map<String, Value>, Vec<FieldProblem>> {
    if bytes.is_empty() { Ok(Map::new()) } else { parse_object(bytes) }
}

/// The problem of a body that is not a JSON object.
pub(crate) fn not_an_object(error: &serde_json::Error) -> FieldProblem {
    if error.is_data() {
        FieldProblem::new("", "the body must be a JSON object")
    } else {
        FieldProblem::new(
            "",
            format!("the body is not JSON (line {}, column {})", error.line(), error.column()),
        )
    }
}

/// Refuses every field of the body of a call that takes none.
pub fn refuse_fields(bytes: &[u8]) -> Result<(), Vec<FieldProblem>> {
    let problems = Reader::of(&parse_optional_object(bytes)?).close(&[]);
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// A whole number, however it is written: 1.0 is one to many programs, and to JSON Schema.
pub(crate) fn whole(value: &Value) -> Option<u64> {
    // A fraction is written with a point, which is not read as a whole number; adding zero takes the sign off zero.
    value.as_u64().or_else(|| (value.as_f64()? + 0.0).to_string().parse().ok())
}

/// Unknown fields that one response names.
const UNKNOWN_FIELDS_MAX: usize = 10;
/// Characters of an unknown field's name that a response repeats, and up to which a known one is suggested for it.
const UNKNOWN_NAME_CHARS_MAX: usize = 64;
/// The shortest name that suggests a longer one which contains it.
const CONTAINED_CHARS_MIN: usize = 4;

/// A reader of one JSON object. It collects every bad field instead of stopping at the first, and remembers which
/// fields were read: [`Reader::close`] refuses all others.
pub(crate) struct Reader<'a> {
    fields: &'a Map<String, Value>,
    known: Vec<&'static str>,
    /// Paths of fields inside other fields, suggested to callers who wrote them one level too high.
    inner: Vec<String>,
    problems: Vec<FieldProblem>,
}

impl<'a> Reader<'a> {
    pub(crate) fn of(fields: &'a Map<String, Value>) -> Self {
        Self { fields, known: Vec::new(), inner: Vec::new(), problems: Vec::new() }
    }

    /// The value of a field as it was sent.
    pub(crate) fn value(&mut self, field: &'static str) -> Option<&'a Value> {
        self.known.push(field);
        self.fields.get(field)
    }

    pub(crate) fn required<T, E: Display>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if matches!(self.value(field), None | Some(Value::Null)) {
            self.refuse(field, "is missing");
            return None;
        }
        self.optional(field, parse)
    }

    pub(crate) fn optional<T, E: Display>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match self.value(field)? {
            Value::String(text) => self.accept(field, parse(text)),
            _ => {
                self.refuse(field, "must be a string");
                None
            }
        }
    }

    /// A string for which null means the same as leaving it out.
    pub(crate) fn optional_or_null<T, E: Display>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if self.value(field)?.is_null() { None } else { self.optional(field, parse) }
    }

    /// Absent means "not given"; null means "none".
    pub(crate) fn nullable<T, E: Display>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(&Value) -> Result<T, E>,
    ) -> Option<Option<T>> {
        match self.value(field)? {
            Value::Null => Some(None),
            value => Some(self.accept(field, parse(value))),
        }
    }

    pub(crate) fn flag(&mut self, field: &'static str) -> Option<bool> {
        match self.value(field)? {
            Value::Bool(flag) => Some(*flag),
            _ => {
                self.refuse(field, "must be true or false");
                None
            }
        }
    }

    pub(crate) fn version(&mut self, field: &'static str) -> Option<u64> {
        let version = whole(self.value(field)?);
        if version.is_none() {
            self.refuse(field, "must be a whole number");
        }
        version
    }

    /// A whole number of this range, if it is given.
    pub(crate) fn number(&mut self, field: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let number = whole(self.value(field)?).filter(|number| range.contains(number));
        if number.is_none() {
            let reason = format!("must be a whole number from {} to {}", range.start(), range.end());
            self.refuse(field, reason);
        }
        number
    }

    /// A list of strings, if it is given; a bad one is named by its index.
    pub(crate) fn strings<T, E: Display>(
        &mut self,
        field: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        let Value::Array(values) = self.value(field)? else {
            self.refuse(field, "must be an array of strings");
            return None;
        };
        let mut read = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            let field = format!("{field}[{index}]");
            match value.as_str() {
                Some(text) => read.extend(self.accept(&field, parse(text))),
                None => self.refuse(&field, "must be a string"),
            }
        }
        Some(read)
    }

    /// Reads an object inside this one. Its problems are named by their path, and its unknown fields are refused.
    pub(crate) fn within<T>(
        &mut self,
        path: &str,
        fields: &Map<String, Value>,
        read: impl FnOnce(&mut Reader<'_>) -> T,
    ) -> T {
        let mut inner = Reader::of(fields);
        let value = read(&mut inner);
        self.problems.extend(inner.close(&[]).into_iter().map(|problem| problem.within(path)));
        value
    }

    /// Suggests the path to callers who write its last name as a field of this object.
    pub(crate) fn suggest(&mut self, path: String) {
        self.inner.push(path);
    }

    pub(crate) fn refuse(&mut self, field: &str, reason: impl Display) {
        self.problems.push(FieldProblem::new(field, reason));
    }

    pub(crate) fn extend(&mut self, problems: Vec<FieldProblem>) {
        self.problems.extend(problems);
    }

    pub(crate) fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Ends the reading: every problem that was found, and one for each field that was not read. Fields of `echoed` are
    /// accepted without an effect: clients send them back as the API showed them.
    pub(crate) fn close(self, echoed: &[&str]) -> Vec<FieldProblem> {
        let names = self.fields.keys().map(String::as_str);
        let unknown = names.filter(|name| !self.known.contains(name) && !echoed.contains(name));
        let unknown: Vec<_> = unknown.take(UNKNOWN_FIELDS_MAX).map(|name| self.unknown(name)).collect();
        let mut problems = self.problems;
        problems.extend(unknown);
        problems
    }

    /// A misspelt field would otherwise be accepted and mean nothing.
    fn unknown(&self, name: &str) -> FieldProblem {
        let shown: String = name.chars().take(UNKNOWN_NAME_CHARS_MAX).collect();
        let known = self.known.iter().copied().chain(self.inner.iter().map(String::as_str));
        let nearest = if shown == name { nearest(name, known) } else { None };
        match nearest {
            Some(nearest) => {
                FieldProblem::new(shown, format!("is an unknown field; did you mean {nearest}?"))
            }
            None => FieldProblem::new(shown, "is an unknown field"),
        }
    }

    fn accept<T, E: Display>(&mut self, field: &str, read: Result<T, E>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(field, error);
                None
            }
        }
    }
}

/// The known name that an unknown one was probably meant to be. Only letters and digits are compared, in any case; of a
/// path only its last name.
pub(crate) fn nearest<'k>(unknown: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let plain = |name: &str| -> String {
        let last = name.rsplit('.').next().unwrap_or(name);
        last.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let meant = plain(unknown);
    let close = known.filter_map(|name| {
        let known = plain(name);
        let distance = strsim::osa_distance(&meant, &known);
        let (short, long) = if meant.len() < known.len() { (&meant, &known) } else { (&known, &meant) };
        let is_part = CONTAINED_CHARS_MIN <= short.len() && long.contains(short.as_str());
        (is_part || 3 * distance <= long.len()).then_some((distance, name))
    });
    close.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(text: &str, known: &[&'static str], echoed: &[&str]) -> Vec<String> {
        let fields = serde_json::from_str(text).unwrap();
        let mut reader = Reader::of(&fields);
        for name in known {
            reader.value(name);
        }
        reader.suggest("context.taskGroup".to_owned());
        reader.close(echoed).iter().map(FieldProblem::to_string).collect()
    }

    #[test]
    fn rejects_an_unknown_field_and_suggests_the_nearest() {
        let known = ["isActive", "suspendAfter", "name", "secret", "waiting"];
        for (name, meant) in [
            ("isactive", Some("isActive")),
            ("active", Some("isActive")),
            ("suspend_after", Some("suspendAfter")),
            ("nmae", Some("name")),
            ("secrets", Some("secret")),
            ("wait", Some("waiting")),
            ("taskGroup", Some("context.taskGroup")),
            ("b", None),
            ("payload", None),
            ("", None),
        ] {
            let reason = meant.map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
            let expected = FieldProblem::new(name, format!("is an unknown field{reason}")).to_string();
            assert_eq!(unknown(&format!("{{{name:?}:1}}"), &known, &[]), [expected]);
        }
        assert_eq!(unknown(r#"{"name":1,"_id":2}"#, &known, &["_id"]), [""; 0]);
    }

    #[test]
    fn unknown_fields_are_named_up_to_a_limit() {
        let many: Map<String, Value> = (0..100).map(|number| (format!("f{number}"), Value::Null)).collect();
        assert_eq!(Reader::of(&many).close(&[]).len(), UNKNOWN_FIELDS_MAX);
        let long = Map::from_iter([("é".repeat(10_000), Value::Null)]);
        assert_eq!(Reader::of(&long).close(&[])[0].field, "é".repeat(UNKNOWN_NAME_CHARS_MAX));
    }

    #[test]
    fn reads_whole_numbers_in_any_json_notation() {
        let read = |text: &str| whole(&serde_json::from_str(text).unwrap());
        for (text, number) in [("7", 7), ("7.0", 7), ("0.0", 0), ("-0.0", 0), ("7e2", 700)] {
            assert_eq!(read(text), Some(number), "{text}");
        }
        assert_eq!(read(&u64::MAX.to_string()), Some(u64::MAX));
        for text in ["-1", "-1.0", "1.5", "1e30", "\"7\"", "null", "true", "[7]"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
