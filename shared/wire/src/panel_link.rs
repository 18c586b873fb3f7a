//! Links into the panel: a code that works once and soon, and the session that it is exchanged for.

use hookrail_domain::id::CompanyId;
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, Owner, SESSION_SECONDS_MAX, Scope};
use serde::Serialize;
use utoipa::ToSchema;

use crate::json;
use crate::problem::FieldProblem;
use crate::reader::{Reader, parse_object, parse_optional_object};
use crate::timestamp;

/// The shortest session, in seconds.
pub(crate) const SESSION_SECONDS_MIN: u64 = 60;

/// A link to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLink {
    /// The company whose panel it opens, if it is given.
    pub company: Option<CompanyId>,
    /// The scopes of the session. Those that the panel needs by default.
    pub scopes: Option<Vec<Scope>>,
    pub session_seconds: u64,
}

/// Reads the body of a create call, which may be left out.
pub fn parse_new(bytes: &[u8]) -> Result<NewLink, Vec<FieldProblem>> {
    let fields = parse_optional_object(bytes)?;
    let mut reader = Reader::of(&fields);
    let company = reader.optional("company", CompanyId::parse);
    let scopes = crate::token::scopes(&mut reader);
    let seconds = reader.number("sessionSeconds", SESSION_SECONDS_MIN..=SESSION_SECONDS_MAX);
    let problems = reader.close(&[]);
    if problems.is_empty() {
        Ok(NewLink { company, scopes, session_seconds: seconds.unwrap_or(SESSION_SECONDS_MAX) })
    } else {
        Err(problems)
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PanelLink)]
pub(crate) struct LinkDocument<'a> {
    code: &'a str,
    /// Behind the fragment sign, which browsers send nowhere.
    path: String,
    scopes: Vec<&'static str>,
    expires_at: String,
}

/// A link that was just made.
#[must_use]
pub fn render(panel_path: &str, code: &str, grant: &Grant, expires_at: Millis) -> Vec<u8> {
    let document = LinkDocument {
        code,
        path: format!("{panel_path}#code={code}"),
        scopes: grant.scopes.iter().map(|scope| scope.name()).collect(),
        expires_at: timestamp::render(expires_at),
    };
    json::render(&document)
}

/// Reads the code that is to be exchanged.
pub fn parse_exchange(bytes: &[u8]) -> Result<String, Vec<FieldProblem>> {
    let fields = parse_object(bytes)?;
    let mut reader = Reader::of(&fields);
    let code = reader.required("code", |text| Ok::<_, String>(text.to_owned()));
    let problems = reader.close(&[]);
    code.filter(|_| problems.is_empty()).ok_or(problems)
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PanelSession)]
pub(crate) struct SessionDocument<'a> {
    token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    company: Option<&'a str>,
    scopes: Vec<&'static str>,
    expires_at: String,
}

/// A session that was just begun.
#[must_use]
pub fn render_session(token: &str, grant: &Grant, ends_at: Millis) -> Vec<u8> {
    let document = SessionDocument {
        token,
        company: match &grant.owner {
            Owner::Company(company) => Some(company.as_str()),
            Owner::Operator => None,
        },
        scopes: grant.scopes.iter().map(|scope| scope.name()).collect(),
        expires_at: timestamp::render(ends_at),
    };
    json::render(&document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_defaults_and_limits_of_a_panel_link() {
        let plain = NewLink { company: None, scopes: None, session_seconds: 28_800 };
        assert_eq!(parse_new(b"").unwrap(), plain);
        let text = br#"{"company":"acme","scopes":["logs:read"],"sessionSeconds":60}"#;
        let new = parse_new(text).unwrap();
        assert_eq!((new.scopes, new.session_seconds), (Some(vec![Scope::LogsRead]), 60));
        for (bad, field) in [
            (r#"{"sessionSeconds":59}"#, "sessionSeconds"),
            (r#"{"sessionSeconds":28801}"#, "sessionSeconds"),
            (r#"{"scopes":[]}"#, "scopes"),
            (r#"{"hours":1}"#, "hours"),
        ] {
            assert_eq!(parse_new(bad.as_bytes()).unwrap_err()[0].field, field, "{bad}");
        }
    }

    #[test]
    fn the_code_of_a_panel_link_is_in_the_fragment() {
        let grant = Grant::company(CompanyId::parse("acme").unwrap());
        let shown: serde_json::Value =
            serde_json::from_slice(&render("/panel", "hkl_1", &grant, Millis(0))).unwrap();
        assert_eq!((&shown["path"], &shown["code"]), (&"/panel#code=hkl_1".into(), &"hkl_1".into()));
        assert_eq!(parse_exchange(br#"{"code":"hkl_1"}"#).unwrap(), "hkl_1");
        for bad in ["{}", r#"{"code":1}"#, r#"{"code":"a","b":1}"#, ""] {
            assert!(!parse_exchange(bad.as_bytes()).unwrap_err().is_empty(), "{bad}");
        }
    }
}
