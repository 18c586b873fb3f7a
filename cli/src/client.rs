//! The HTTP API, called with a token: no redirects, no proxies, a capped answer, one total time-out.

use std::fmt;
use std::io;
use std::time::Duration;

use hookrail_adapters::random::NoRandomness;
use hookrail_wire::problem::FieldProblem;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LINK};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use reqwest::{Response, Url, redirect, retry};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::call::{API, Access, NoAccess};
use crate::input::InputError;
use crate::show::printable;
use crate::webhook::listen::ListenError;
use crate::webhook::named::Name;
use crate::webhook::plan::Webhooks;
use crate::webhook::settings::FileProblem;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Above the longest invocation of the API, 30 s.
const TIMEOUT: Duration = Duration::from_secs(35);
/// Above the largest answer of a function, 6 MB.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// `hookrail dev` prints the API's address with what every path begins with.
const PATHS_BEGIN: &str = "/api/v3";
/// Entries of one page of the API.
const PAGE_MAX: usize = 100;
/// A page of so many bytes may have been cut, to fit an answer: the API counts the largest that a text can become.
const CUT_PAGE_BYTES_MIN: usize = 256 * 1024;
/// Pages of one list. Of a list that is searched many may be empty.
const PAGES_MAX: usize = 100;
/// Under which a call may be repeated without harm.
const KEY_HEADER: HeaderName = HeaderName::from_static("idempotency-key");

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
    /// Where the list goes on behind this page.
    next: Option<String>,
}

/// The entries of a list, as far as its pages were read.
#[derive(Debug, Default)]
pub struct List {
    entries: Vec<Box<RawValue>>,
    /// Whether the list goes on behind them.
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
    #[error("the list goes on at a place that is not of this API")]
    BadLink,
    #[error("another replay was started meanwhile; how this one ended is in the log")]
    Replaced,
    #[error("the company has no webhook {0}")]
    NoSuchWebhook(Name),
    #[error("the log is empty")]
    EmptyLog,
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("what was asked for is not valid:{}", indented(.0))]
    BadFlags(Vec<FieldProblem>),
    #[error("nothing was changed, since the file is not valid:{}", indented(.0))]
    BadFile(Vec<FileProblem>),
    #[error("nothing was changed: {0} would get more events than now; say --allow-widening to have that")]
    Widens(Webhooks),
    #[error("{failed} of {all} could not be applied")]
    Unapplied { failed: usize, all: Webhooks, code: u8 },
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("no idempotency key can be made")]
    NoRandomness(#[from] NoRandomness),
    #[error(
        "not everything may have been accepted; repeat the call with --idempotency-key {key}, which is safe"
    )]
    Unfinished { key: String, source: Box<CallError> },
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
    /// How the command ends: 2 when it was used wrongly, 3 when the API refused the call, 4 when it would widen a
    /// webhook unasked, 1 otherwise.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoAccess(NoAccess::NoToken | NoAccess::Twice)
            | Self::BadApi
            | Self::BadToken
            | Self::Input(InputError::TooLarge { .. })
            | Self::BadFlags(_)
            | Self::BadFile(_) => 2,
            Self::Answered(refusal) if refusal.status.is_client_error() => 3,
            Self::NoSuchWebhook(_) | Self::EmptyLog => 3,
            Self::Widens(_) => 4,
            Self::Unapplied { code, .. } => *code,
            Self::Unfinished { source, .. } => source.exit_code(),
            Self::NoAccess(NoAccess::File { .. } | NoAccess::NotReady { .. })
            | Self::Answered(_)
            | Self::Client(_)
            | Self::NoAnswer(_)
            | Self::NotSent { .. }
            | Self::TooLong
            | Self::Unreadable(_)
            | Self::BadLink
            | Self::Replaced
            | Self::Input(InputError::Unreadable { .. })
            | Self::Listen(_)
            | Self::NoRandomness(_)
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

    /// A call that may be repeated under this key, its body sent as it is.
    pub async fn push(&self, path: &str, key: &str, body: Vec<u8>) -> Result<Document, CallError> {
        let call = self.http.post(format!("{}{path}", self.api)).header(KEY_HEADER, key);
        self.send(call.header(CONTENT_TYPE, "application/json").body(body)).await
    }

    /// The newest entries of a list, `entries_max` at most, from as many pages as it takes.
    ///
    /// `path` has its query already, which may be empty behind the question mark.
    pub async fn list(&self, path: &str, entries_max: usize) -> Result<List, CallError> {
        self.collect(path, entries_max, |_, _| true).await
    }

    /// The entries up to the first page that is not full: the API looked for more, and found none soon.
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
                CallError::NoAnswer(source)
            }
        })?;
        let status = answer.status();
        let next = answer.headers().get(LINK).map(next_page).transpose()?;
        let text = read(answer).await?;
        if status.is_success() {
            Ok(Document { text, next })
        } else {
            Err(CallError::Answered(Refusal::parse(status, &text)))
        }
    }
}

/// Where the next page is. Another place than a path of the API would be told the token.
fn next_page(link: &HeaderValue) -> Result<String, CallError> {
    let link = link.to_str().ok().and_then(|link| link.strip_prefix('<')?.strip_suffix(">; rel=\"next\""));
    let is_ours = |path: &&str| path.strip_prefix(PATHS_BEGIN).is_some_and(|rest| rest.starts_with('/'));
    link.filter(is_ours).map(str::to_owned).ok_or(CallError::BadLink)
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
    /// Whether the list goes on behind this page.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.next.is_some()
    }

    /// The document as a value.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        serde_json::from_str(&self.text).map_err(CallError::Unreadable)
    }
}

impl List {
    /// The entries as values.
    pub fn read<T: DeserializeOwned>(&self) -> Result<Vec<T>, CallError> {
        self.texts().map(|text| serde_json::from_str(text).map_err(CallError::Unreadable)).collect()
    }

    /// The entries as the API wrote them.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.get())
    }

    /// One document of all pages, each entry as the API wrote it.
    #[must_use]
    pub fn document(&self) -> Document {
        Document { text: format!("[{}]", self.texts().collect::<Vec<_>>().join(",")), next: None }
    }
}

/// Each below the sentence that it belongs to.
fn indented(problems: &[impl fmt::Display]) -> String {
    problems.iter().map(|problem| format!("\n  {}", printable(&problem.to_string()))).collect()
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
        out.write_str(&indented(&self.fields))
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
    fn a_list_goes_on_at_the_same_api_only() {
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
