//! The HTTP API, called with a token: no redirects, no proxies, a capped answer, one total time-out.

use std::fmt;
use std::io;
use std::time::Duration;

use hookrail_wire::problem::FieldProblem;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LINK};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::{Response, Url, redirect, retry};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::call::{API, Access, NoAccess};
use crate::show::printable;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Above the longest invocation of the API, 30 s.
const TIMEOUT: Duration = Duration::from_secs(35);
/// Above the largest answer of a function, 6 MB.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// `hookrail dev` prints the API's address with what every path begins with.
const PATHS_BEGIN: &str = "/api/v3";

/// Calls one API as one company.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    api: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Document {
    pub text: String,
    /// Whether the list goes on behind this page.
    pub has_more: bool,
}

/// Why a command that calls the API did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error(transparent)]
    NoAccess(#[from] NoAccess),
    #[error("--api or {API} must be an http or https URL without user, query and fragment")]
    BadApi,
    #[error("the token has characters that no token has")]
    BadToken,
    #[error("{0}")]
    Answered(Refusal),
    #[error("the API cannot be called")]
    Client(#[source] reqwest::Error),
    #[error("the API gave no answer; whether it acted is not known")]
    NoAnswer(#[source] reqwest::Error),
    #[error("the API at {api} was not reached")]
    NotSent { api: String, source: reqwest::Error },
    #[error("the answer is longer than {ANSWER_BYTES_MAX} bytes: this is not Hookrail's API")]
    TooLong,
    #[error("the answer cannot be read: this is not Hookrail's API, or one of another version")]
    Unreadable(#[source] serde_json::Error),
    #[error("another replay was started meanwhile; how this one ended is in the log")]
    Replaced,
    #[error("no calls can be made")]
    Runtime(#[source] io::Error),
    #[error("the answer cannot be printed")]
    Output(#[source] io::Error),
}

/// An answer that is no success, in the API's words.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    detail: Option<String>,
    fields: Vec<FieldProblem>,
}

/// What is read of a problem document. A gateway's own answers have none of it, or just a message.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    detail: Option<String>,
    message: Option<String>,
    errors: Vec<Field>,
}

#[derive(Deserialize)]
struct Field {
    field: String,
    reason: String,
}

impl CallError {
    /// How the command ends: 2 when it was used wrongly, 3 when the API refused the call, 1 otherwise.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoAccess(NoAccess::NoToken | NoAccess::Twice) | Self::BadApi | Self::BadToken => 2,
            Self::Answered(refusal) if refusal.status.is_client_error() => 3,
            Self::NoAccess(NoAccess::File { .. } | NoAccess::NotReady { .. })
            | Self::Answered(_)
            | Self::Client(_)
            | Self::NoAnswer(_)
            | Self::NotSent { .. }
            | Self::TooLong
            | Self::Unreadable(_)
            | Self::Replaced
            | Self::Runtime(_)
            | Self::Output(_) => 1,
        }
    }

    /// Whether the same look at the API may succeed in a moment.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        if let Self::Answered(Refusal { status, .. }) = self {
            return status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS;
        }
        matches!(self, Self::NoAnswer(_) | Self::NotSent { .. })
    }
}

impl Client {
    pub fn new(access: &Access) -> Result<Self, CallError> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", access.token))
            .map_err(|_control_character| CallError::BadToken)?;
        bearer.set_sensitive(true);
        let http = reqwest::Client::builder()
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()
            .map_err(CallError::Client)?;
        Ok(Self { http, api: base(&access.api).ok_or(CallError::BadApi)? })
    }

    /// The API's address, without the slash that paths begin with.
    #[must_use]
    pub fn api(&self) -> &str {
        &self.api
    }

    /// A call without a body.
    pub async fn call(&self, method: Method, path: &str) -> Result<Document, CallError> {
        self.send(self.http.request(method, format!("{}{path}", self.api))).await
    }

    /// A call with a body.
    pub async fn call_with(&self, method: Method, path: &str, body: &Value) -> Result<Document, CallError> {
        let call = self.http.request(method, format!("{}{path}", self.api));
        self.send(call.header(CONTENT_TYPE, "application/json").body(body.to_string())).await
    }

    async fn send(&self, call: reqwest::RequestBuilder) -> Result<Document, CallError> {
        let answer = call.send().await.map_err(|error| {
            let source = error.without_url();
            if source.is_connect() {
                CallError::NotSent { api: self.api.clone(), source }
            } else {
                CallError::NoAnswer(source)
            }
        })?;
        let status = answer.status();
        let has_more = answer.headers().contains_key(LINK);
        let text = read(answer).await?;
        if status.is_success() {
            Ok(Document { text, has_more })
        } else {
            Err(CallError::Answered(Refusal::parse(status, &text)))
        }
    }
}

async fn read(mut answer: Response) -> Result<String, CallError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| CallError::NoAnswer(error.without_url()))? {
        bytes.extend_from_slice(&chunk);
        if ANSWER_BYTES_MAX < bytes.len() {
            return Err(CallError::TooLong);
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The address that paths are put behind.
fn base(api: &str) -> Option<String> {
    let url = Url::parse(api).ok()?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    let base = url.as_str().trim_end_matches('/');
    is_plain.then(|| base.strip_suffix(PATHS_BEGIN).unwrap_or(base).to_owned())
}

impl Document {
    /// The document as a value.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        serde_json::from_str(&self.text).map_err(CallError::Unreadable)
    }
}

impl Refusal {
    fn parse(status: StatusCode, text: &str) -> Self {
        let problem: Problem = serde_json::from_str(text).unwrap_or_default();
        let fields: Vec<_> =
            problem.errors.into_iter().map(|one| FieldProblem::new(one.field, one.reason)).collect();
        // The detail of a bad request is its fields in one line; they are told one by one.
        let joined = fields.iter().map(FieldProblem::to_string).collect::<Vec<_>>().join("; ");
        let detail = problem.detail.or(problem.message).filter(|detail| *detail != joined);
        Self { status, detail, fields }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.status.is_client_error() { "refused the call" } else { "failed" };
        write!(out, "the API {verb}: ")?;
        if let Some(detail) = &self.detail {
            write!(out, "{} ", printable(detail))?;
        }
        let (open, close) = if self.detail.is_some() { ("(", ")") } else { ("", "") };
        let title = self.status.canonical_reason().unwrap_or("no known status");
        write!(out, "{open}{} {title}{close}", self.status.as_u16())?;
        for field in &self.fields {
            write!(out, "\n  {}", printable(&field.to_string()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use hookrail_wire::problem;

    use super::*;

    #[track_caller]
    fn check(status: u16, text: &str, told: &str, code: u8) {
        let error = CallError::Answered(Refusal::parse(StatusCode::from_u16(status).unwrap(), text));
        assert_eq!((error.to_string().as_str(), error.exit_code()), (told, code));
    }

    #[test]
    fn a_problem_is_one_sentence_and_its_fields() {
        let busy = problem::Problem::new(409, "Conflict", "no event waits");
        check(
            409,
            &String::from_utf8(busy.render()).unwrap(),
            "the API refused the call: no event waits (409 Conflict)",
            3,
        );
        let bad = problem::Problem::bad_fields(vec![
            FieldProblem::new("until", "must be later than since"),
            FieldProblem::new("", "the body is odd"),
        ]);
        check(
            400,
            &String::from_utf8(bad.render()).unwrap(),
            "the API refused the call: 400 Bad Request\n  until must be later than since\n  the body is odd",
            3,
        );
    }

    #[test]
    fn what_is_no_problem_document_is_told_by_its_status() {
        check(503, "", "the API failed: 503 Service Unavailable", 1);
        check(302, "<html>", "the API failed: 302 Found", 1);
        check(
            429,
            r#"{"message":"Too\u001b[2J many"}"#,
            "the API refused the call: Too\\u{1b}[2J many (429 Too Many Requests)",
            3,
        );
    }

    #[test]
    fn a_moment_helps_against_what_passes_only() {
        let answered =
            |status| CallError::Answered(Refusal::parse(StatusCode::from_u16(status).unwrap(), ""));
        assert_eq!(
            [503, 429, 409, 404].map(|status| answered(status).may_pass()),
            [true, true, false, false]
        );
        assert!(!CallError::Replaced.may_pass());
    }

    #[test]
    fn an_address_is_a_plain_url_with_or_without_what_every_path_begins_with() {
        for api in ["https://a.io", "https://a.io/", "https://a.io/api/v3", "https://a.io/api/v3/"] {
            assert_eq!(base(api).as_deref(), Some("https://a.io"), "{api}");
        }
        assert_eq!(base("http://127.0.0.1:8080/hooks").as_deref(), Some("http://127.0.0.1:8080/hooks"));
        for api in [
            "",
            "a.io",
            "ftp://a.io",
            "https://u:p@a.io",
            "https://u@a.io",
            "https://a.io/?a",
            "https://a.io/#a",
        ] {
            assert_eq!(base(api), None, "{api}");
        }
    }

    #[test]
    fn a_token_with_a_line_s_end_in_it_goes_nowhere_and_no_token_is_shown() {
        let access = |token: &str| Access { api: "https://a.io".into(), token: token.into() };
        let refused = Client::new(&access("a\nb")).unwrap_err();
        assert_eq!(refused.exit_code(), 2);
        assert!(!format!("{:?}", Client::new(&access("hkr_secret")).unwrap()).contains("hkr_secret"));
    }
}
