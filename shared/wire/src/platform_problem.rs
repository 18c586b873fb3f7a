//! Errors of the API on the platform's records, in the platform's own shape.

use serde::Serialize;
use utoipa::ToSchema;

use crate::json;
use crate::problem::FieldProblem;

/// An error of the platform API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PlatformProblem)]
pub struct Document<'a> {
    #[serde(rename = "statusCode")]
    pub status: u16,
    /// The error, with the name of each bad field.
    pub error: &'a str,
    /// A constant for programs: `uniqueness_violation` if the name is taken.
    #[serde(rename = "errorKey", skip_serializing_if = "Option::is_none")]
    pub key: Option<&'static str>,
    /// Each bad field with its reason.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub errors: &'a [FieldProblem],
    /// The id of the call in the log.
    #[serde(rename = "correlationId")]
    pub correlation_id: &'a str,
}

impl Document<'_> {
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        json::render(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_error_has_status_text_key_and_log_fields() {
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
