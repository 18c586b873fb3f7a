//! The client of the HTTP API: no redirects, no proxies, a capped response, one total time-out.

use std::fmt;
use std::time::Duration;

use hookrail_wire::problem::FieldProblem;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LINK};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use reqwest::{Response, Url, redirect, retry};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::access::{API, Access, TOKEN};
use crate::show::printable;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Above the longest invocation of the API, 30 s.
const TIMEOUT: Duration = Duration::from_secs(35);
/// Above the largest response of a function, 6 MB.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The begin of every path. `hookrail dev` prints the API's address with it.
const PATHS_BEGIN: &str = "/api/v3";
/// Most entries of one page of the API.
const PAGE_MAX: usize = 100;
/// A page of this size may have been cut to fit a response: the API counts the largest form of a text.
const CUT_PAGE_BYTES_MIN: usize = 256 * 1024;
/// Most pages of one list. With a filter many of them may be empty.
const PAGES_MAX: usize = 100;
/// The header that makes a call safe to repeat.
const KEY_HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// A client of one API with one token.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    api: String,
}

/// A response, read to its end.
#[derive(Debug)]
pub struct Document {
    pub text: String,
    /// The path of the next page.
    next: Option<String>,
}

/// The entries of a list, as far as its pages were read.
#[derive(Debug, Default)]
pub struct List {
    entries: Vec<Box<RawValue>>,
    /// True if the list has more entries.
    pub has_more: bool,
}

/// A call to the API that failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("--api or {API} must be an http or https URL without user, query and fragment")]
    BadApi,
    #[error("the token contains characters that are not allowed; check --token-file or {TOKEN}")]
    BadToken,
    #[error("{0}")]
    Responded(Refusal),
    #[error("the API cannot be called")]
    Client(#[source] reqwest::Error),
    #[error("the API did not respond; it may have done what was asked")]
    NoResponse(#[source] reqwest::Error),
    #[error("the API at {api} cannot be reached; check --api or {API}")]
    NotSent { api: String, source: reqwest::Error },
    #[error("the response is longer than {ANSWER_BYTES_MAX} bytes; check that --api or {API} names Hookrail")]
    TooLong,
    #[error(
        "the response cannot be read; check that --api or {API} names Hookrail, in the version of this command"
    )]
    Unreadable(#[source] serde_json::Error),
    #[error("the next page of the list is not at this API; check --api or {API}")]
    BadLink,
}

/// A response that is not a success, in the API's words.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    detail: Option<String>,
    fields: Vec<FieldProblem>,
}

/// The fields of a problem document. Responses of the gateway itself have none of them, or a message only.
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
    /// Returns whether the API refused the call as wrong.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Responded(refusal) if refusal.status.is_client_error())
    }

    /// Returns whether the same call may succeed in a moment.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        if let Self::Responded(Refusal { status, .. }) = self {
            return status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS;
        }
        matches!(self, Self::NoResponse(_) | Self::NotSent { .. })
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

    /// Returns the API's address, without a slash at its end.
    #[must_use]
    pub fn api(&self) -> &str {
        &self.api
    }

    /// Makes a call without a body.
    pub async fn call(&self, method: Method, path: &str) -> Result<Document, CallError> {
        self.send(self.http.request(method, format!("{}{path}", self.api))).await
    }

    /// Makes a call with a body.
    pub async fn call_with(&self, method: Method, path: &str, body: &Value) -> Result<Document, CallError> {
        let call = self.http.request(method, format!("{}{path}", self.api));
        self.send(call.header(CONTENT_TYPE, "application/json").body(body.to_string())).await
    }

    /// Makes a call that is safe to repeat with this key. The body is sent as it is.
    pub async fn push(&self, path: &str, key: &str, body: Vec<u8>) -> Result<Document, CallError> {
        let call = self.http.post(format!("{}{path}", self.api)).header(KEY_HEADER, key);
        self.send(call.header(CONTENT_TYPE, "application/json").body(body)).await
    }

    /// Reads the newest entries of a list, `entries_max` at most, from as many pages as needed.
    ///
    /// `path` includes its query, which may be empty after the question mark.
    pub async fn list(&self, path: &str, entries_max: usize) -> Result<List, CallError> {
        self.collect(path, entries_max, |_, _| true).await
    }

    /// Reads the entries up to the first page that is not full: the API found no more within its limits.
    pub async fn list_newest(&self, path: &str) -> Result<List, CallError> {
        let is_full = |entries, bytes| PAGE_MAX <= entries || CUT_PAGE_BYTES_MIN <= bytes;
        self.collect(path, usize::MAX, is_full).await
    }

    async fn collect(
        &self,
        path: &str,
        entries_max: usize,
        goes_on: impl Fn(usize, usize) -> bool,
    ) -> Result<List, CallError> {
        let joint = if path.ends_with('?') { "" } else { "&" };
        let mut path = format!("{path}{joint}limit={}", entries_max.min(PAGE_MAX));
        let mut list = List::default();
        for _ in 0..PAGES_MAX {
            let page = self.call(Method::GET, &path).await?;
            let entries: Vec<_> = page.read()?;
            let is_last = !goes_on(entries.len(), page.text.len());
            list.entries.extend(entries);
            list.has_more = page.has_more() || entries_max < list.entries.len();
            list.entries.truncate(entries_max);
            match page.next {
                Some(next) if !is_last && list.entries.len() < entries_max => path = next,
                Some(_) | None => break,
            }
        }
        Ok(list)
    }

    async fn send(&self, call: reqwest::RequestBuilder) -> Result<Document, CallError> {
        let answer = call.send().await.map_err(|error| {
            let source = error.without_url();
            if source.is_connect() {
                CallError::NotSent { api: self.api.clone(), source }
            } else {
                CallError::NoResponse(source)
            }
        })?;
        let status = answer.status();
        let next = answer.headers().get(LINK).map(next_page).transpose()?;
        let text = read(answer).await?;
        if status.is_success() {
            Ok(Document { text, next })
        } else {
            Err(CallError::Responded(Refusal::parse(status, &text)))
        }
    }
}

/// Parses the path of the next page. Only a path of this API is accepted, since the token is sent there.
fn next_page(link: &HeaderValue) -> Result<String, CallError> {
    let link = link.to_str().ok().and_then(|link| link.strip_prefix('<')?.strip_suffix(">; rel=\"next\""));
    let is_ours = |path: &&str| path.strip_prefix(PATHS_BEGIN).is_some_and(|rest| rest.starts_with('/'));
    link.filter(is_ours).map(str::to_owned).ok_or(CallError::BadLink)
}

async fn read(mut answer: Response) -> Result<String, CallError> {
    let mut bytes = Vec::new();
    while let Some(chunk) =
        answer.chunk().await.map_err(|error| CallError::NoResponse(error.without_url()))?
    {
        bytes.extend_from_slice(&chunk);
        if ANSWER_BYTES_MAX < bytes.len() {
            return Err(CallError::TooLong);
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns the address that paths are appended to.
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
    /// Returns whether the list has more pages.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.next.is_some()
    }

    /// Reads the document.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        serde_json::from_str(&self.text).map_err(CallError::Unreadable)
    }
}

impl List {
    /// Reads the entries.
    pub fn read<T: DeserializeOwned>(&self) -> Result<Vec<T>, CallError> {
        self.texts().map(|text| serde_json::from_str(text).map_err(CallError::Unreadable)).collect()
    }

    /// Returns the entries as the API wrote them.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.get())
    }

    /// Makes one document of all pages, each entry as the API wrote it.
    #[must_use]
    pub fn document(&self) -> Document {
        Document { text: format!("[{}]", self.texts().collect::<Vec<_>>().join(",")), next: None }
    }
}

/// Renders each problem on a line below its sentence.
pub(crate) fn indented(problems: &[impl fmt::Display]) -> String {
    problems.iter().map(|problem| format!("\n  {}", printable(&problem.to_string()))).collect()
}

impl Refusal {
    pub(crate) fn parse(status: StatusCode, text: &str) -> Self {
        let problem: Problem = serde_json::from_str(text).unwrap_or_default();
        let fields: Vec<_> =
            problem.errors.into_iter().map(|one| FieldProblem::new(one.field, one.reason)).collect();
        // The detail of a bad request is its fields in one line; they are shown one by one.
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
        let title = self.status.canonical_reason().unwrap_or("unknown status");
        write!(out, "{open}{} {title}{close}", self.status.as_u16())?;
        out.write_str(&indented(&self.fields))
    }
}

#[cfg(test)]
mod tests {
    use hookrail_wire::problem;

    use super::*;

    #[track_caller]
    fn check(status: u16, text: &str, told: &str, is_refusal: bool) {
        let error = CallError::Responded(Refusal::parse(StatusCode::from_u16(status).unwrap(), text));
        assert_eq!((error.to_string().as_str(), error.is_refusal()), (told, is_refusal));
    }

    #[test]
    fn an_error_is_shown_as_one_sentence_and_its_fields() {
        let busy = problem::Problem::new(409, "Conflict", "the queue is empty");
        check(
            409,
            &String::from_utf8(busy.render()).unwrap(),
            "the API refused the call: the queue is empty (409 Conflict)",
            true,
        );
        let bad = problem::Problem::bad_fields(vec![
            FieldProblem::new("until", "must be later than since"),
            FieldProblem::new("", "the body is odd"),
        ]);
        check(
            400,
            &String::from_utf8(bad.render()).unwrap(),
            "the API refused the call: 400 Bad Request\n  until must be later than since\n  the body is odd",
            true,
        );
    }

    #[test]
    fn an_unstructured_error_is_shown_by_its_status() {
        check(503, "", "the API failed: 503 Service Unavailable", false);
        check(302, "<html>", "the API failed: 302 Found", false);
        check(
            429,
            r#"{"message":"Too\u001b[2J many"}"#,
            "the API refused the call: Too\\u{1b}[2J many (429 Too Many Requests)",
            true,
        );
    }

    #[test]
    fn only_temporary_errors_are_retried() {
        let answered =
            |status| CallError::Responded(Refusal::parse(StatusCode::from_u16(status).unwrap(), ""));
        assert_eq!(
            [503, 429, 409, 404].map(|status| answered(status).may_pass()),
            [true, true, false, false]
        );
        assert!(!CallError::BadLink.may_pass());
    }

    #[test]
    fn paging_continues_at_the_same_api_only() {
        let next = |link| next_page(&HeaderValue::from_static(link)).map_err(|error| error.to_string());
        let path = "/api/v3/audit?limit=1&cursor=x";
        assert_eq!(next("</api/v3/audit?limit=1&cursor=x>; rel=\"next\""), Ok(path.to_owned()));
        for link in [
            "<https://b.io/api/v3/audit>; rel=\"next\"",
            "<@b.io/api/v3/audit>; rel=\"next\"",
            "</api/v33>; rel=\"next\"",
            "</api/v3/audit>; rel=\"prev\"",
            "/api/v3/audit",
        ] {
            assert_eq!(next(link), Err(CallError::BadLink.to_string()), "{link}");
        }
    }

    #[test]
    fn an_api_url_is_plain_with_or_without_its_path_prefix() {
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
    fn rejects_a_token_with_a_newline_and_hides_tokens_in_debug_output() {
        let access = |token: &str| Access { api: "https://a.io".into(), token: token.into() };
        let refused = Client::new(&access("a\nb")).unwrap_err();
        assert!(matches!(refused, CallError::BadToken), "{refused:?}");
        assert!(!format!("{:?}", Client::new(&access("hkr_secret")).unwrap()).contains("hkr_secret"));
    }
}
