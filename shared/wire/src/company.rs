//! `POST /api/v3/company`: what an operator sends to make a company, and the answer.

use hookrail_domain::id::CompanyId;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::problem::FieldProblem;

/// The company to make; none leaves the choice to us.
pub fn parse(bytes: &[u8]) -> Result<Option<CompanyId>, FieldProblem> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let fields: Map<String, Value> =
        serde_json::from_slice(bytes).map_err(|error| crate::reader::not_an_object(&error))?;
    match fields.get("company") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => {
            CompanyId::parse(text).map(Some).map_err(|error| FieldProblem::new("company", error))
        }
        Some(_) => Err(FieldProblem::new("company", "must be a string")),
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Company)]
pub(crate) struct Document<'a> {
    company: &'a str,
    token: &'a str,
}

/// The company that was made and its first token, which is shown this once.
#[must_use]
pub fn render(company: &CompanyId, token: &str) -> Vec<u8> {
    serde_json::to_vec(&Document { company: company.as_str(), token }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_new_company_is_shown_with_its_token() {
        let company = CompanyId::parse("acme").unwrap();
        assert_eq!(render(&company, "hkr_1"), br#"{"company":"acme","token":"hkr_1"}"#);
    }

    #[test]
    fn a_company_is_named_or_left_to_us() {
        assert_eq!(parse(b"").unwrap(), None);
        assert_eq!(parse(b"{}").unwrap(), None);
        assert_eq!(parse(br#"{"company":"acme"}"#).unwrap().unwrap().as_str(), "acme");
        for bad in [&br#"{"company":7}"#[..], br#"{"company":"a b"}"#] {
            assert_eq!(parse(bad).unwrap_err().field, "company");
        }
        assert_eq!(parse(b"[]").unwrap_err().field, "");
    }

    proptest! {
        #[test]
        fn the_company_that_is_shown_is_the_one_that_is_read(name in "[A-Za-z0-9_-]{1,64}", token: String) {
            let company = CompanyId::parse(&name).unwrap();
            prop_assert_eq!(parse(&render(&company, &token)), Ok(Some(company)));
        }
    }
}
