//! Errors of the API on the platform's records, in the platform's own shape.

use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::FieldProblem;

/// What a call is refused with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PlatformProblem)]
pub struct Document<'a> {
    #[serde(rename = "statusCode")]
    pub status: u16,
    /// What is wrong, naming each bad field.
    pub error: &'a str,
    /// For programs, where they may want to tell the reason: `uniqueness_violation` of a name that is taken.
    #[serde(rename = "errorKey", skip_serializing_if = "Option::is_none")]
    pub key: Option<&'static str>,
    /// Each bad field and what is wrong with it, for who shows that beside the field.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub errors: &'a [FieldProblem],
    /// What the log calls the call.
    #[serde(rename = "correlationId")]
    pub correlation_id: &'a str,
}

impl Document<'_> {
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_a_status_a_text_and_what_the_log_calls_it() {
        let plain = Document {
            status: 404,
            error: "there is \"nothing\"",
            key: None,
            errors: &[],
            correlation_id: "c1",
        };
        assert_eq!(
            String::from_utf8(plain.render()).unwrap(),
            r#"{"statusCode":404,"error":"there is \"nothing\"","correlationId":"c1"}"#
        );
        let errors = [FieldProblem::new("name", "is taken")];
        let keyed = Document { key: Some("uniqueness_violation"), errors: &errors, ..plain };
        let shown: serde_json::Value = serde_json::from_slice(&keyed.render()).unwrap();
        assert_eq!(shown["errorKey"], "uniqueness_violation");
        assert_eq!(shown["errors"], serde_json::json!([{ "field": "name", "reason": "is taken" }]));
    }
}
