//! `POST /api/v3/company`: the call of an operator that creates a company, and its response.

use hookrail_domain::id::CompanyId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::json;
use crate::problem::FieldProblem;
use crate::reader::{Reader, parse_optional_object};

/// The company to make; none leaves the choice to us.
pub fn parse(bytes: &[u8]) -> Result<Option<CompanyId>, Vec<FieldProblem>> {
    let fields = parse_optional_object(bytes)?;
    let mut reader = Reader::of(&fields);
    let company = reader.optional_or_null("company", CompanyId::parse);
    let problems = reader.close(&[]);
    if problems.is_empty() { Ok(company) } else { Err(problems) }
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
    json::render(&Document { company: company.as_str(), token })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_company_is_returned_with_its_token() {
        let company = CompanyId::parse("acme").unwrap();
        assert_eq!(render(&company, "hkr_1"), br#"{"company":"acme","token":"hkr_1"}"#);
    }

    #[test]
    fn a_company_id_is_given_or_generated() {
        assert_eq!(parse(b"").unwrap(), None);
        assert_eq!(parse(b"{}").unwrap(), None);
        assert_eq!(parse(br#"{"company":"acme"}"#).unwrap().unwrap().as_str(), "acme");
        for bad in [&br#"{"company":7}"#[..], br#"{"company":"a b"}"#] {
            assert_eq!(parse(bad).unwrap_err()[0].field, "company");
        }
        assert_eq!(parse(b"[]").unwrap_err()[0].field, "");
        assert_eq!(parse(br#"{"name":"acme"}"#).unwrap_err()[0].field, "name");
    }
}
