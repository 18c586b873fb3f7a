//! Reading a JSON object so that every bad field is told, not only the first.

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

/// The problem of a body that is no JSON object.
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

/// A whole number, however it is written: 1.0 is one to many programs, and to JSON Schema.
pub(crate) fn whole(value: &Value) -> Option<u64> {
    // A number with a part is written with a point, and is no whole one; adding zero takes the sign off zero.
    value.as_u64().or_else(|| (value.as_f64()? + 0.0).to_string().parse().ok())
}

/// A reader of one JSON object that collects every bad field instead of stopping at the first.
pub(crate) struct Reader<'a> {
    pub(crate) fields: &'a Map<String, Value>,
    pub(crate) problems: Vec<FieldProblem>,
}

impl<'a> Reader<'a> {
    pub(crate) fn of(fields: &'a Map<String, Value>) -> Self {
        Self { fields, problems: Vec::new() }
    }

    pub(crate) fn required<T, E: Display>(
        &mut self,
        field: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if matches!(self.fields.get(field), None | Some(Value::Null)) {
            self.refuse(field, "is missing");
            return None;
        }
        self.optional(field, parse)
    }

    pub(crate) fn optional<T, E: Display>(
        &mut self,
        field: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match self.fields.get(field) {
            None => None,
            Some(Value::String(text)) => self.accept(field, parse(text)),
            Some(_) => {
                self.refuse(field, "must be a string");
                None
            }
        }
    }

    /// Absent means "not said"; null means "none".
    pub(crate) fn nullable<T, E: Display>(
        &mut self,
        field: &str,
        parse: impl FnOnce(&Value) -> Result<T, E>,
    ) -> Option<Option<T>> {
        match self.fields.get(field) {
            None => None,
            Some(Value::Null) => Some(None),
            Some(value) => Some(self.accept(field, parse(value))),
        }
    }

    pub(crate) fn flag(&mut self, field: &str) -> Option<bool> {
        match self.fields.get(field) {
            None => None,
            Some(Value::Bool(flag)) => Some(*flag),
            Some(_) => {
                self.refuse(field, "must be true or false");
                None
            }
        }
    }

    pub(crate) fn version(&mut self, field: &str) -> Option<u64> {
        let value = self.fields.get(field)?;
        let version = whole(value);
        if version.is_none() {
            self.refuse(field, "must be a whole number");
        }
        version
    }

    /// A whole number of this range; none if it is not said.
    pub(crate) fn number(&mut self, field: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.fields.get(field)?;
        let number = whole(value).filter(|number| range.contains(number));
        if number.is_none() {
            let reason = format!("must be a whole number from {} to {}", range.start(), range.end());
            self.refuse(field, reason);
        }
        number
    }

    /// A list of strings, each named by its place if it is bad; none if it is not said.
    pub(crate) fn strings<T, E: Display>(
        &mut self,
        field: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        let Value::Array(values) = self.fields.get(field)? else {
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

    /// Refuses every field but these: a misspelt one would silently mean something else.
    pub(crate) fn only(&mut self, known: &[&str]) {
        let unknown: Vec<_> = self.fields.keys().filter(|name| !known.contains(&name.as_str())).collect();
        for field in unknown {
            self.refuse(field, "is no field of this call");
        }
    }

    pub(crate) fn refuse(&mut self, field: &str, reason: impl Display) {
        self.problems.push(FieldProblem::new(field, reason));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
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
