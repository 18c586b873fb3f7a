//! Extractors of requests: a JSON body within its limit, a webhook's id, a page of a list.

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hookrail_domain::id::{CompanyId, WebhookId};
use hookrail_domain::limits::{CALL_HEAD_BYTES_MAX, CONFIG_BYTES_MAX};
use hookrail_wire::cursor::{List, Position};
use hookrail_wire::problem::{FieldProblem, Problem};
use hookrail_wire::query::{self, Filter, Pairs, QueryReader};
use hookrail_wire::refuse_fields;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HOST, ORIGIN};
use http::request::Parts;
use serde::Deserialize;

use crate::error::ApiError;

/// Entries of one page at most.
pub(crate) const PAGE_MAX: usize = 100;

/// A body that says it is JSON, of `BYTES_MAX` bytes at most.
#[derive(Debug)]
pub struct JsonBody<const BYTES_MAX: usize>(pub Bytes);

impl<S: Sync, const BYTES_MAX: usize> FromRequest<S> for JsonBody<BYTES_MAX> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let is_json = is_json(&parts.headers);
        let bytes = body_of::<BYTES_MAX>(body).await?;
        // A call without a body has nothing to declare.
        if is_json || (bytes.is_empty() && !parts.headers.contains_key(CONTENT_TYPE)) {
            Ok(Self(bytes))
        } else {
            Err(Problem::new(415, "Unsupported Media Type", "send content-type: application/json").into())
        }
    }
}

/// A call that takes no fields: it has no body, or an empty object.
#[derive(Debug, Clone, Copy)]
pub struct NoFields;

impl<S: Sync> FromRequest<S> for NoFields {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        refuse_fields(&body_of::<CONFIG_BYTES_MAX>(request.into_body()).await?)?;
        Ok(Self)
    }
}

/// The bytes of a body of `BYTES_MAX` bytes at most.
pub(crate) async fn body_of<const BYTES_MAX: usize>(body: Body) -> Result<Bytes, ApiError> {
    // What the limit leaves of a body that is too large is not worth telling from a body that broke off.
    to_bytes(body, BYTES_MAX).await.map_err(|_over_limit| {
        let reason = format!("the body is larger than {BYTES_MAX} bytes");
        ApiError::too_large(vec![FieldProblem::new("", reason)])
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = value.and_then(|value| value.split(';').next());
    media_type.is_some_and(|media_type| is_json_type(&media_type.trim().to_ascii_lowercase()))
}

/// `application/json`, or a format that is written in it, as `application/cloudevents+json`.
fn is_json_type(media_type: &str) -> bool {
    let subtype = media_type.strip_prefix("application/");
    subtype.is_some_and(|subtype| {
        subtype == "json" || subtype.strip_suffix("+json").is_some_and(|format| !format.is_empty())
    })
}

/// The webhook of the path. An invalid id returns 404.
#[derive(Debug, Clone, Copy)]
pub struct WebhookPath(pub WebhookId);

impl<S: Send + Sync> FromRequestParts<S> for WebhookPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let segment = Path::<String>::from_request_parts(parts, state).await;
        let id = segment.ok().and_then(|Path(text)| WebhookId::parse(&text).ok());
        id.map(Self).ok_or_else(no_such_webhook)
    }
}

/// 404 of a webhook that is not there, or not the caller's.
#[must_use]
pub fn no_such_webhook() -> ApiError {
    ApiError::not_found("the company has no such webhook")
}

/// The company that the query names, if it names one.
#[derive(Debug, Clone)]
pub struct CompanyQuery(pub Option<CompanyId>);

#[derive(Deserialize)]
struct NamedQuery {
    company: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for CompanyQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(query) = Query::<NamedQuery>::from_request_parts(parts, state)
            .await
            .map_err(|_unreadable| FieldProblem::new("", "the query names company twice"))?;
        let company = query.company.as_deref().map(CompanyId::parse).transpose();
        Ok(Self(company.map_err(|error| FieldProblem::new("company", error))?))
    }
}

/// The page of a list that the query asks for.
#[derive(Debug)]
pub struct Page<const LIMIT_DEFAULT: usize> {
    pub limit: usize,
    pub cursor: Option<String>,
}

/// A page of a list that the query narrows.
#[derive(Debug)]
pub struct Listing<F, const LIMIT_DEFAULT: usize> {
    pub page: Page<LIMIT_DEFAULT>,
    pub filter: F,
}

async fn query_of<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Vec<(String, String)>, ApiError> {
    let query = Query::from_request_parts(parts, state).await;
    let Query(pairs) = query.map_err(|_unreadable| FieldProblem::new("", "the query is not readable"))?;
    Ok(pairs)
}

impl<S: Send + Sync, const LIMIT_DEFAULT: usize> FromRequestParts<S> for Page<LIMIT_DEFAULT> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Ok(Self::parse(&query_of(parts, state).await?)?)
    }
}

impl<F: Filter, S: Send + Sync, const LIMIT_DEFAULT: usize> FromRequestParts<S>
    for Listing<F, LIMIT_DEFAULT>
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = query_of(parts, state).await?;
        match (Page::parse(&query), F::parse(&query)) {
            (Ok(page), Ok(filter)) => Ok(Self { page, filter }),
            (page, filter) => {
                let problems = [page.err(), filter.err()];
                Err(problems.into_iter().flatten().flatten().collect::<Vec<_>>().into())
            }
        }
    }
}

impl<const LIMIT_DEFAULT: usize> Page<LIMIT_DEFAULT> {
    fn parse(query: &Pairs) -> Result<Self, Vec<FieldProblem>> {
        let mut reader = QueryReader::of(query);
        let limit = reader.read("limit", |text| {
            let limit = text.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit));
            limit.ok_or_else(|| format!("must be a whole number from 1 to {PAGE_MAX}"))
        });
        let cursor = reader.read("cursor", |text| Ok::<_, FieldProblem>(text.to_owned()));
        if reader.problems.is_empty() {
            Ok(Self { limit: limit.unwrap_or(LIMIT_DEFAULT), cursor })
        } else {
            Err(reader.problems)
        }
    }

    /// The place that the cursor names, if there is one.
    pub fn position<P: Position>(&self, list: &List<'_, P>) -> Result<Option<P>, ApiError> {
        let position = self.cursor.as_deref().map(|cursor| list.parse(cursor)).transpose();
        position.map_err(|error| FieldProblem::new("cursor", error).into())
    }

    /// The path of the next page of this size.
    #[must_use]
    pub fn next(&self, path: &str, cursor: &str) -> String {
        format!("{path}?limit={}&cursor={cursor}", self.limit)
    }

    /// The same of a list that `filter` narrows.
    #[must_use]
    pub fn next_of(&self, path: &str, (filter, cursor): (&str, &str)) -> String {
        let joint = if filter.is_empty() { "" } else { "&" };
        format!("{}{joint}{filter}", self.next(path, cursor))
    }
}

/// Refuses a call whose query has a name that the route does not know.
pub async fn refuse_unknown_query(
    State(known): State<Arc<[String]>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let problems = query::unknown(&query_of(&mut parts, &()).await?, &known);
    if problems.is_empty() {
        Ok(next.run(Request::from_parts(parts, body)).await)
    } else {
        Err(problems.into())
    }
}

/// Refuses a call whose path, query and headers are larger than API Gateway would let through.
pub async fn refuse_large_head(request: Request, next: Next) -> Response {
    let uri = request.uri();
    let state = uri.path().len() + uri.query().map_or(0, str::len);
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len());
    if state + headers.sum::<usize>() <= CALL_HEAD_BYTES_MAX {
        next.run(request).await
    } else {
        let detail = format!("path, query and headers are larger than {CALL_HEAD_BYTES_MAX} bytes");
        ApiError::from(Problem::new(431, "Request Header Fields Too Large", detail)).into_response()
    }
}

/// Refuses writes that a page of another site makes a browser send.
pub async fn refuse_foreign_origin(request: Request, next: Next) -> Response {
    if request.method().is_safe() || is_own_origin(request.headers()) {
        next.run(request).await
    } else {
        ApiError::forbidden("the Origin header names another site").into_response()
    }
}

/// TLS ends before us, so the scheme says nothing; hosts are compared, without the port that the scheme implies.
fn is_own_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    let (Some(host), Some((scheme, authority))) = (host, origin) else { return false };
    let port = if scheme.eq_ignore_ascii_case("http") { ":80" } else { ":443" };
    let bare = |authority: &str| authority.strip_suffix(port).unwrap_or(authority).to_ascii_lowercase();
    bare(host) == bare(authority)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check_origin(origin: &'static str, host: &'static str, expected: bool) {
        let headers = HeaderMap::from_iter([
            (ORIGIN, HeaderValue::from_static(origin)),
            (HOST, HeaderValue::from_static(host)),
        ]);
        assert_eq!(is_own_origin(&headers), expected, "{origin} at {host}");
    }

    #[test]
    fn accepts_json_content_types_with_a_suffix() {
        let of = |value| is_json(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))]));
        for value in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/cloudevents+json",
            "application/cloudevents+JSON ;charset=utf-8",
        ] {
            assert!(of(value), "{value}");
        }
        for value in
            ["text/plain", "text/json", "application/+json", "application/xml", "application/jsonx", "json"]
        {
            assert!(!of(value), "{value}");
        }
    }

    #[test]
    fn an_origin_is_the_same_if_it_names_the_called_host() {
        assert!(is_own_origin(&HeaderMap::new()));
        check_origin("https://api.example.com", "api.example.com", true);
        check_origin("https://API.example.com", "api.example.com:443", true);
        check_origin("http://127.0.0.1:8080", "127.0.0.1:8080", true);
        check_origin("http://localhost:80", "localhost", true);
        check_origin("http://localhost:3000", "localhost:8080", false);
        check_origin("https://evil.example.com", "api.example.com", false);
        check_origin("https://api.example.com.evil.io", "api.example.com", false);
        check_origin("null", "api.example.com", false);
        check_origin("", "", false);
    }
}
