//! The HTTP gateway: converts requests to events of payload format 2.0 for `api`, and its responses back.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookrail_domain::limits::INVOKE_BYTES_MAX;
use hookrail_wire::json;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, COOKIE, HOST, HeaderName, HeaderValue, SET_COOKIE, USER_AGENT};
use hyper::{HeaderMap, Request, Response, StatusCode, Uri};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use super::front::{self, Reply};
use super::function::Function;
use super::{clock, guard};

/// API Gateway's own limit of a request.
const REQUEST_BYTES_MAX: usize = 10 * 1024 * 1024;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    version: &'static str,
    route_key: &'static str,
    raw_path: &'a str,
    raw_query_string: &'a str,
    cookies: Vec<&'a str>,
    headers: BTreeMap<&'a str, String>,
    request_context: Context<'a>,
    body: Option<&'a str>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    account_id: &'static str,
    api_id: &'static str,
    domain_name: &'a str,
    domain_prefix: &'static str,
    http: HttpContext<'a>,
    request_id: &'a str,
    route_key: &'static str,
    stage: &'static str,
    time: &'static str,
    time_epoch: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HttpContext<'a> {
    method: &'a str,
    path: &'a str,
    protocol: &'static str,
    source_ip: &'static str,
    user_agent: &'a str,
}

/// The response of the function.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(default)] // Left out by functions that set none.
    headers: BTreeMap<String, String>,
    #[serde(default)] // Left out by functions that set none.
    cookies: Vec<String>,
    body: Option<String>,
    #[serde(default)] // Left out for text.
    is_base64_encoded: bool,
}

/// Serves the API until dropped.
pub async fn serve(listener: TcpListener, function: Arc<Function>) {
    front::serve(listener, move |request| respond(Arc::clone(&function), request)).await;
}

async fn respond(function: Arc<Function>, request: Request<Incoming>) -> Reply {
    if let Err(forbidden) = guard::check(request.headers()) {
        return front::plain(StatusCode::FORBIDDEN, forbidden.to_string());
    }
    if !is_servable(request.uri()) {
        return refusal(StatusCode::BAD_REQUEST, "Bad Request");
    }
    let (head, body) = request.into_parts();
    let too_large = || refusal(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    let Some(body) = front::body_of(body, REQUEST_BYTES_MAX).await else { return too_large() };
    let event = render(&head, &body);
    // Lambda takes no larger event, and the gateway refuses the call before the function sees it.
    if INVOKE_BYTES_MAX < event.len() {
        return too_large();
    }
    let invoked = match function.lease().await {
        Ok(lease) => lease.invoke(Bytes::from(event)).await,
        Err(error) => Err(error),
    };
    match invoked {
        Ok(response) if response.len() <= INVOKE_BYTES_MAX => unwrap(&response),
        Ok(response) => {
            tracing::error!(
                bytes = response.len(),
                "the api function's response is larger than Lambda takes"
            );
            internal_error()
        }
        Err(error) => {
            tracing::error!(%error, "the api function failed");
            internal_error()
        }
    }
}

/// Returns whether a request target has a path, unlike `*` and the `host:port` of CONNECT. A host in it must be local, as
/// in the host header.
fn is_servable(target: &Uri) -> bool {
    target.path().starts_with('/')
        && target.authority().is_none_or(|authority| guard::is_local(authority.as_str()))
}

fn internal_error() -> Reply {
    refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}

/// A response of the gateway itself.
fn refusal(status: StatusCode, message: &str) -> Reply {
    front::reply(status, "application/json", format!("{{\"message\":\"{message}\"}}"))
}

fn render(head: &http::request::Parts, body: &Bytes) -> Vec<u8> {
    let text = std::str::from_utf8(body).ok();
    let encoded = text.is_none().then(|| STANDARD.encode(body));
    let path = head.uri.path();
    let event = Event {
        version: "2.0",
        route_key: "$default",
        raw_path: path,
        raw_query_string: head.uri.query().unwrap_or(""),
        cookies: texts(&head.headers, &COOKIE),
        headers: headers(&head.headers),
        request_context: Context {
            account_id: "000000000000",
            api_id: "local",
            domain_name: texts(&head.headers, &HOST).first().copied().unwrap_or("localhost"),
            domain_prefix: "local",
            http: HttpContext {
                method: head.method.as_str(),
                path,
                protocol: "HTTP/1.1",
                source_ip: "127.0.0.1",
                user_agent: texts(&head.headers, &USER_AGENT).first().copied().unwrap_or(""),
            },
            request_id: "local",
            route_key: "$default",
            stage: "$default",
            time: "",
            time_epoch: clock::now().0,
        },
        body: text.or(encoded.as_deref()).filter(|body| !body.is_empty()),
        is_base64_encoded: encoded.is_some(),
    };
    // Writing to memory cannot fail, and every key is text.
    json::render(&event)
}

fn texts<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
}

/// Returns the headers in the form of API Gateway: lower-case names, several values joined by commas.
fn headers(headers: &HeaderMap) -> BTreeMap<&str, String> {
    let names = headers.keys().filter(|name| **name != COOKIE);
    names.map(|name| (name.as_str(), texts(headers, name).join(","))).collect()
}

fn unwrap(answer: &[u8]) -> Reply {
    let Ok(answer) = serde_json::from_slice::<Answer>(answer) else {
        tracing::error!("the api function's response cannot be read");
        return front::plain(StatusCode::BAD_GATEWAY, "the function's response cannot be read");
    };
    let body = answer.body.unwrap_or_default();
    let body =
        if answer.is_base64_encoded { STANDARD.decode(body).unwrap_or_default() } else { body.into_bytes() };
    let mut reply = Response::new(http_body_util::Full::new(Bytes::from(body)));
    *reply.status_mut() = StatusCode::from_u16(answer.status_code).unwrap_or(StatusCode::BAD_GATEWAY);
    let cookies = answer.cookies.into_iter().map(|cookie| (SET_COOKIE.as_str().to_owned(), cookie));
    for (name, value) in answer.headers.into_iter().chain(cookies) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            reply.headers_mut().append(name, value);
        }
    }
    if !reply.headers().contains_key(CONTENT_TYPE) {
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    reply
}
