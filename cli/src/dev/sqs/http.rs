//! The wire: AWS JSON 1.0 over HTTP/1.1, one connection a task.

use hookrail_wire::json;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Method, Request, StatusCode};

use super::actions::Front;
use super::error::Refused;
use super::replies;
use crate::dev::front::{self, Reply};
use crate::dev::guard;

const JSON: &str = "application/x-amz-json-1.0";
const TARGET: &str = "x-amz-target";
const TARGET_PREFIX: &str = "AmazonSQS.";
const QUERY_ERROR: &str = "x-amzn-query-error";
/// Largest request: a batch of 1 MiB in which every character is escaped as `\u00xx`, and room for the rest.
const REQUEST_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Responds to one request.
pub(super) async fn respond(queues: Front, request: Request<Incoming>) -> Reply {
    if let Err(forbidden) = guard::check(request.headers()) {
        return front::plain(StatusCode::FORBIDDEN, forbidden.to_string());
    }
    if request.method() != Method::POST {
        return front::plain(StatusCode::METHOD_NOT_ALLOWED, "only POST is served here".to_owned());
    }
    let (head, body) = request.into_parts();
    let Some(body) = front::body_of(body, REQUEST_BYTES_MAX).await else {
        return front::plain(StatusCode::PAYLOAD_TOO_LARGE, "the request is cut off or too large".to_owned());
    };
    let target = head.headers.get(TARGET).and_then(|target| target.to_str().ok()).unwrap_or("");
    let action = target.strip_prefix(TARGET_PREFIX).unwrap_or(target);
    match queues.act(action, &body).await {
        Ok(reply) => front::reply(StatusCode::OK, JSON, reply),
        Err(refused) => problem(&refused),
    }
}

fn problem(refused: &Refused) -> Reply {
    let code = refused.code();
    let problem = replies::Problem { shape: code.shape, message: &refused.to_string() };
    let (status, fault) = refused.status();
    let mut response = front::reply(status, JSON, json::render(&problem));
    if let Ok(query_error) = HeaderValue::try_from(format!("{};{fault}", code.query)) {
        response.headers_mut().insert(QUERY_ERROR, query_error);
    }
    response
}
