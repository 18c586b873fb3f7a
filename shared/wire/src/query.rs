//! Queries: every bad value is reported by its name, and unknown names are refused.

use std::fmt::{Display, Write as _};

use crate::problem::FieldProblem;
use crate::reader::nearest;

/// Unknown names that one response lists.
const UNKNOWN_MAX: usize = 10;

/// The names and values of a query, decoded, in their order.
pub type Pairs = [(String, String)];

/// The filter of a list, read from a query.
pub trait Filter: Sized {
    /// Reads the filter's own names and leaves the others alone.
    fn parse(query: &Pairs) -> Result<Self, Vec<FieldProblem>>;

    /// Renders the filter as a query, empty for none: for links to the next page, and to distinguish lists.
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

    /// Returns the value of this name; none if it is missing or bad.
    pub fn read<T, E: Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&'a str) -> Result<T, E>,
    ) -> Option<T> {
        let mut values = self.pairs.iter().filter(|(other, _)| other == name).map(|(_, value)| value);
        let value = values.next()?;
        if values.next().is_some() {
            self.refuse(name, "appears more than once");
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

/// A problem for each name of a query that is not one of `known`: a misspelt filter would otherwise show everything.
#[must_use]
pub fn unknown(pairs: &Pairs, known: &[String]) -> Vec<FieldProblem> {
    let names = || known.iter().map(String::as_str);
    let unknown = pairs.iter().map(|(name, _)| name).filter(|name| !known.contains(name));
    let problems = unknown.take(UNKNOWN_MAX).map(|name| {
        let reason = match nearest(name, names()) {
            Some(nearest) => format!("is an unknown query parameter; did you mean {nearest}?"),
            None => "is an unknown query parameter".to_owned(),
        };
        FieldProblem::new(name, reason)
    });
    problems.collect()
}

/// Reads `true` or `false`.
pub(crate) fn flag(text: &str) -> Result<bool, &'static str> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("must be true or false"),
    }
}

/// Renders a query of these pairs. Pairs without a value are left out.
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
    fn an_unknown_name_is_refused_with_the_nearest_known_one() {
        let known = ["limit", "result"].map(str::to_owned);
        let pairs = [("limit", "1"), ("resut", "FAILED"), ("page", "2")];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let told: Vec<_> = unknown(&pairs, &known).iter().map(FieldProblem::to_string).collect();
        assert_eq!(
            told,
            [
                "resut is an unknown query parameter; did you mean result?",
                "page is an unknown query parameter"
            ]
        );
    }

    #[test]
    fn a_parameter_that_is_given_twice_is_refused() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let pairs = [pair("a", "1"), pair("b", "x"), pair("b", "x"), pair("other", "?")];
        let mut reader = QueryReader::of(&pairs);
        assert_eq!(reader.read("a", str::parse::<u8>), Some(1));
        assert_eq!(reader.read("b", str::parse::<String>), None);
        assert_eq!(reader.read("c", str::parse::<u8>), None);
        assert_eq!(reader.problems, [FieldProblem::new("b", "appears more than once")]);
    }

    #[test]
    fn encodes_query_values_reversibly() {
        let pairs = [("a", Some("é &=%+".to_owned())), ("b", None), ("c", Some("x-._~9".to_owned()))];
        assert_eq!(render(&pairs), "a=%C3%A9%20%26%3D%25%2B&c=x-._~9");
        assert_eq!(render(&[]), "");
    }
}
