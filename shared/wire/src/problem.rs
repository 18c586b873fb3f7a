//! Errors of the API: RFC 9457 problem documents that name each bad field.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

use crate::json;

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// One bad field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    /// The field as the caller wrote it: `url`, `context.taskGroup`, `[3].company`.
    pub field: String,
    pub reason: String,
}

impl FieldProblem {
    #[must_use]
    pub fn new(field: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self { field: field.into(), reason: reason.to_string() }
    }

    /// The same problem, its field inside `parent`.
    #[must_use]
    pub fn within(mut self, parent: &str) -> Self {
        let joint = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
        self.field = format!("{parent}{joint}{}", self.field);
        self
    }
}

/// The field and its reason; the reason alone where the whole body is meant.
impl fmt::Display for FieldProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.field.is_empty() {
            write!(out, "{} ", self.field)?;
        }
        out.write_str(&self.reason)
    }
}

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub title: &'static str,
    pub status: u16,
    pub detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

impl Problem {
    #[must_use]
    pub fn new(status: u16, title: &'static str, detail: impl Into<String>) -> Self {
        Self { kind: "about:blank", title, status, detail: detail.into(), errors: Vec::new() }
    }

    /// 400 with its fields.
    #[must_use]
    pub fn bad_fields(errors: Vec<FieldProblem>) -> Self {
        Self::of_fields((400, "Bad Request"), errors)
    }

    /// A problem of these fields, of another status than 400.
    #[must_use]
    pub fn of_fields((status, title): (u16, &'static str), errors: Vec<FieldProblem>) -> Self {
        let named: Vec<_> = errors.iter().map(FieldProblem::to_string).collect();
        Self { errors, ..Self::new(status, title, named.join("; ")) }
    }

    /// The document as JSON.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        json::render(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_of_the_whole_body_shows_its_reason_alone() {
        let problem = Problem::bad_fields(vec![FieldProblem::new("", "the body is not UTF-8")]);
        assert_eq!(problem.detail, "the body is not UTF-8");
    }

    #[test]
    fn a_bad_request_names_each_field() {
        let problem = Problem::bad_fields(vec![
            FieldProblem::new("url", "must be an absolute URL"),
            FieldProblem::new("taskGroup", "must be a string").within("context"),
            FieldProblem::new("company", "is another company").within("[3]"),
        ]);
        assert_eq!(
            String::from_utf8(problem.render()).unwrap(),
            "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,\
             \"detail\":\"url must be an absolute URL; context.taskGroup must be a string; \
             [3].company is another company\",\"errors\":[\
             {\"field\":\"url\",\"reason\":\"must be an absolute URL\"},\
             {\"field\":\"context.taskGroup\",\"reason\":\"must be a string\"},\
             {\"field\":\"[3].company\",\"reason\":\"is another company\"}]}"
        );
    }
}
