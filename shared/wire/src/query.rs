//! The query of a list: what it asks for, every bad value named. Names that mean nothing are ignored, as the
//! reference system ignores them.

use std::fmt::{Display, Write as _};

use crate::problem::FieldProblem;

/// The names and values of a query, decoded, in their order.
pub type Pairs = [(String, String)];

/// What narrows a list, read from a query.
pub trait Filter: Sized {
    /// Reads the filter's own names and leaves the others alone.
    fn parse(query: &Pairs) -> Result<Self, Vec<FieldProblem>>;

    /// The same filter as a query of its own, empty for none: for links to the next page, and to tell lists apart.
    fn render(&self) -> String;
}

/// A reader of one query that collects every bad value instead of stopping at the first.
#[derive(Debug)]
pub struct QueryReader<'a> {
    pairs: &'a Pairs,
    pub problems: Vec<FieldProblem>,
}

impl<'a> QueryReader<'a> {
    #[must_use]
    pub fn of(pairs: &'a Pairs) -> Self {
        Self { pairs, problems: Vec::new() }
    }

    /// The value of this name; none if it is not said, or bad.
    pub fn read<T, E: Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&'a str) -> Result<T, E>,
    ) -> Option<T> {
        let mut values = self.pairs.iter().filter(|(other, _)| other == name).map(|(_, value)| value);
        let value = values.next()?;
        if values.next().is_some() {
            self.refuse(name, "is said more than once");
            return None;
        }
        match parse(value) {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(name, error);
                None
            }
        }
    }

    pub fn refuse(&mut self, name: &str, reason: impl Display) {
        self.problems.push(FieldProblem::new(name, reason));
    }
}

/// Reads `true` or `false`.
pub(crate) fn flag(text: &str) -> Result<bool, &'static str> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("must be true or false"),
    }
}

/// Writes a query of these pairs. What is not said is left out.
pub(crate) fn render(pairs: &[(&str, Option<String>)]) -> String {
    let mut query = String::new();
    for (name, value) in pairs {
        let Some(value) = value else { continue };
        let joint = if query.is_empty() { "" } else { "&" };
        query.push_str(joint);
        query.push_str(name);
        query.push('=');
        for byte in value.bytes() {
            let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            if plain {
                query.push(char::from(byte));
            } else if write!(query, "%{byte:02X}").is_err() {
                // Writing to a text does not fail.
                break;
            }
        }
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_twice_is_refused_and_what_means_nothing_is_not_looked_at() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let pairs = [pair("a", "1"), pair("b", "x"), pair("b", "x"), pair("other", "?")];
        let mut reader = QueryReader::of(&pairs);
        assert_eq!(reader.read("a", str::parse::<u8>), Some(1));
        assert_eq!(reader.read("b", str::parse::<String>), None);
        assert_eq!(reader.read("c", str::parse::<u8>), None);
        assert_eq!(reader.problems, [FieldProblem::new("b", "is said more than once")]);
    }

    #[test]
    fn a_query_is_written_so_that_every_text_comes_back() {
        let pairs = [("a", Some("é &=%+".to_owned())), ("b", None), ("c", Some("x-._~9".to_owned()))];
        assert_eq!(render(&pairs), "a=%C3%A9%20%26%3D%25%2B&c=x-._~9");
        assert_eq!(render(&[]), "");
    }
}
