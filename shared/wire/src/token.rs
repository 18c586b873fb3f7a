//! Tokens over the API: what is asked for, what is shown, and the one time that the token itself is.

use hookrail_domain::id::CompanyId;
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, Owner, Scope, Token, TokenKind};
use hookrail_domain::webhook::Name;
use serde::Serialize;
use utoipa::ToSchema;

use crate::json;
use crate::problem::FieldProblem;
use crate::reader::{Reader, parse_object};
use crate::timestamp;

/// A token to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    pub name: Name,
    /// The company of the token, if it is given.
    pub company: Option<CompanyId>,
    pub scopes: Vec<Scope>,
    pub expires_at: Option<Millis>,
}

/// Reads the body of a create call.
pub fn parse_new(bytes: &[u8], now: Millis) -> Result<NewToken, Vec<FieldProblem>> {
    let fields = parse_object(bytes)?;
    let mut reader = Reader::of(&fields);
    let name = reader.required("name", Name::parse);
    let company = reader.optional("company", CompanyId::parse);
    let scopes = scopes(&mut reader);
    if !fields.contains_key("scopes") {
        reader.refuse("scopes", "is missing");
    }
    let expires_at = end(&mut reader, now);
    let problems = reader.close(&[]);
    match (name, scopes) {
        (Some(name), Some(scopes)) if problems.is_empty() => {
            Ok(NewToken { name, company, scopes, expires_at })
        }
        _ => Err(problems),
    }
}

/// The scopes that a call names, each once and in our order.
pub(crate) fn scopes(reader: &mut Reader<'_>) -> Option<Vec<Scope>> {
    let names: Vec<_> = Scope::COMPANY.map(Scope::name).into_iter().chain([Scope::Operator.name()]).collect();
    let mut scopes = reader.strings("scopes", |name| {
        Scope::find(name).ok_or_else(|| format!("must be one of {}", names.join(", ")))
    })?;
    if scopes.is_empty() && !reader.has_problems() {
        reader.refuse("scopes", "must name at least one scope");
    }
    scopes.sort();
    scopes.dedup();
    Some(scopes)
}

fn end(reader: &mut Reader<'_>, now: Millis) -> Option<Millis> {
    let end = reader.nullable("expiresAt", |value| {
        let at = value.as_str().and_then(timestamp::parse);
        let at = at.ok_or("must be a time like 2022-05-05T20:04:40.084Z, or null")?;
        if now < at { Ok(at) } else { Err("must be in the future") }
    });
    end.flatten()
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Token)]
pub(crate) struct Document<'a> {
    #[serde(rename = "_id")]
    id: String,
    name: &'a str,
    /// `api` or `session`.
    kind: &'static str,
    /// Absent for an operator's.
    #[serde(skip_serializing_if = "Option::is_none")]
    company: Option<&'a str>,
    scopes: Vec<&'static str>,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<String>,
    /// Shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

fn document<'a>(token: &'a Token, text: Option<&'a str>) -> Document<'a> {
    Document {
        id: token.reference().id.to_string(),
        name: token.name.as_str(),
        kind: match token.kind {
            TokenKind::Api => "api",
            TokenKind::Session => "session",
        },
        company: company_of(&token.grant),
        scopes: scope_names(&token.grant),
        created_at: timestamp::render(token.made_at),
        expires_at: token.grant.expires_at.map(timestamp::render),
        last_used_at: token.last_used_at.map(timestamp::render),
        created_by: token.maker.as_ref().map(|maker| maker.id.to_string()),
        token: text,
    }
}

fn company_of(grant: &Grant) -> Option<&str> {
    match &grant.owner {
        Owner::Company(company) => Some(company.as_str()),
        Owner::Operator => None,
    }
}

fn scope_names(grant: &Grant) -> Vec<&'static str> {
    grant.scopes.iter().map(|scope| scope.name()).collect()
}

/// A token that was just made, with its text.
#[must_use]
pub fn render_new(token: &Token, text: &str) -> Vec<u8> {
    json::render(&document(token, Some(text)))
}

/// Tokens as the API lists them.
#[must_use]
pub fn render_list(tokens: &[Token]) -> Vec<u8> {
    let documents: Vec<_> = tokens.iter().map(|token| document(token, None)).collect();
    json::render(&documents)
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OwnToken)]
pub(crate) struct SelfDocument<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    company: Option<&'a str>,
    scopes: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

/// Renders what a caller may see of its own token.
#[must_use]
pub fn render_self(name: &str, grant: &Grant) -> Vec<u8> {
    let document = SelfDocument {
        name,
        company: company_of(grant),
        scopes: scope_names(grant),
        expires_at: grant.expires_at.map(timestamp::render),
    };
    json::render(&document)
}

#[cfg(test)]
mod tests {
    use hookrail_domain::token::TokenHash;

    use super::*;

    const NOW: Millis = Millis(1_651_781_080_084);

    fn fields(text: &str) -> Vec<String> {
        parse_new(text.as_bytes(), NOW).unwrap_err().into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn a_new_token_has_scopes_and_an_optional_expiry() {
        let text = r#"{"name":"ci","scopes":["logs:read","webhooks:read","logs:read"],"expiresAt":"2022-05-05T20:04:41Z"}"#;
        let new = parse_new(text.as_bytes(), NOW).unwrap();
        assert_eq!(new.scopes, [Scope::WebhooksRead, Scope::LogsRead]);
        assert_eq!((new.company, new.expires_at), (None, Some(Millis(1_651_781_081_000))));
    }

    #[test]
    fn names_every_bad_field_of_a_new_token() {
        assert_eq!(fields("{}"), ["name", "scopes"]);
        assert_eq!(fields(r#"{"name":"a","scopes":[]}"#), ["scopes"]);
        assert_eq!(fields(r#"{"name":"a","scopes":["everything",7]}"#), ["scopes[0]", "scopes[1]"]);
        assert_eq!(fields(r#"{"name":"","scopes":"x","company":"a b"}"#), ["name", "company", "scopes"]);
        let past = r#"{"name":"a","scopes":["logs:read"],"expiresAt":"2022-05-05T20:04:40Z","scope":1}"#;
        assert_eq!(fields(past), ["expiresAt", "scope"]);
    }

    #[test]
    fn a_token_shows_its_text_only_at_creation() {
        let grant = Grant {
            scopes: vec![Scope::LogsRead],
            expires_at: Some(NOW),
            ..Grant::company(CompanyId::parse("acme").unwrap())
        };
        let token = Token::first(TokenHash::of("hkr_1"), grant, Millis(0));
        let new: serde_json::Value = serde_json::from_slice(&render_new(&token, "hkr_1")).unwrap();
        assert_eq!((&new["token"], &new["company"]), (&"hkr_1".into(), &"acme".into()));
        assert_eq!(new["expiresAt"], "2022-05-05T20:04:40.084Z");
        let list = String::from_utf8(render_list(&[token])).unwrap();
        assert!(!list.contains("hkr_1") && list.contains(r#""scopes":["logs:read"]"#), "{list}");
    }

    #[test]
    fn a_token_can_read_its_own_name_and_scopes() {
        let shown = String::from_utf8(render_self("operator", &Grant::operator())).unwrap();
        assert_eq!(shown, r#"{"name":"operator","scopes":["operator"]}"#);
    }
}
