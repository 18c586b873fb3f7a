//! Calls that may be repeated without harm: the response to a call with an `Idempotency-Key` is kept for repeats.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hookrail_adapters::random;
use hookrail_domain::id::{CompanyId, hash_parts, hex};
use hookrail_domain::limits::{
    IDEMPOTENCY_KEY_CHARS_MAX, INGEST_BYTES_MAX, INVOKE_BYTES_MAX, ITEM_BYTES_MAX, ROW_OVERHEAD_BYTES_MAX,
};
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::fault::ErrorChain;
use hookrail_pipeline::store::{ConfigStore, StoredResponse};
use hookrail_wire::cot_webhook;
use hookrail_wire::problem::{FieldProblem, Problem};
use http::header::LOCATION;
use http::{HeaderMap, HeaderName, StatusCode};

use crate::auth::Tenant;
use crate::error::ApiError;
use crate::request::body_of;
use crate::{App, Ports, WEBHOOKS_PATH, answer};

pub(crate) const KEY_HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED_HEADER: HeaderName = HeaderName::from_static("idempotent-replayed");
/// The largest response that is kept, in bytes: it is an item of a table, with its key and a hash.
const KEPT_BYTES_MAX: usize = ITEM_BYTES_MAX - ROW_OVERHEAD_BYTES_MAX;
/// Random bytes of a key that we make.
const KEY_BYTES: usize = 16;
/// The time for which a response is kept for a repeat of the call.
const ANSWER_SECONDS: u64 = 24 * 60 * 60;

/// The name under which a call may be repeated without harm.
pub(crate) struct Key {
    pub(crate) text: String,
    /// Sent by the caller, who may therefore send it again.
    pub(crate) is_given: bool,
}

impl Key {
    /// The key of a call; one of ours if it brings none.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, ApiError> {
        let Some(value) = headers.get(KEY_HEADER) else {
            return Ok(Self { text: hex(&random::bytes::<KEY_BYTES>()?), is_given: false });
        };
        let is_key = (1..=IDEMPOTENCY_KEY_CHARS_MAX).contains(&value.len())
            && value.as_bytes().iter().all(u8::is_ascii_graphic);
        match value.to_str() {
            Ok(text) if is_key => Ok(Self { text: text.to_owned(), is_given: true }),
            Ok(_) | Err(_) => {
                let reason = format!("must be 1 to {IDEMPOTENCY_KEY_CHARS_MAX} visible ASCII characters");
                Err(FieldProblem::new("Idempotency-Key", reason).into())
            }
        }
    }
}

/// The identity of a call.
pub(crate) struct Identity {
    /// The company with whose responses it is kept.
    pub(crate) company: CompanyId,
    /// The key as we know it: calls of two kinds, or of a company and an operator, may have the same text.
    pub(crate) scoped_key: String,
    /// A hash of the body.
    pub(crate) request: String,
}

impl Identity {
    pub(crate) fn new(company: &CompanyId, scoped_key: String, body: &[u8]) -> Self {
        let request = hex(&hash_parts(&[b"request", body]));
        Self { company: company.clone(), scoped_key, request }
    }
}

impl<P: Ports> App<P> {
    /// The response to an earlier call of this key, with its status; a refusal if that call had another body.
    pub(crate) async fn find_kept(&self, call: &Identity) -> Result<Option<(u16, String)>, ApiError> {
        match self.store.find_response(&call.company, &call.scoped_key, self.clock.now()).await? {
            Some(kept) if kept.request != call.request => {
                let problem = FieldProblem::new("Idempotency-Key", "was used with another body before");
                Err(Problem::of_fields((422, "Unprocessable Content"), vec![problem]).into())
            }
            kept => Ok(kept.and_then(|kept| Some((kept.status, kept.body?)))),
        }
    }

    /// Keeps the response for repeats. The call has succeeded whether or not this succeeds.
    pub(crate) async fn keep(&self, call: &Identity, status: StatusCode, document: &str) {
        let answer = StoredResponse {
            request: call.request.clone(),
            status: status.as_u16(),
            body: Some(document).filter(|body| body.len() <= KEPT_BYTES_MAX).map(str::to_owned),
            expires_at: self.clock.now().plus_seconds(ANSWER_SECONDS),
        };
        if let Err(error) = self.store.store_response(&call.company, &call.scoped_key, &answer).await {
            tracing::warn!(company = %call.company, cause = %ErrorChain(&error), "answer.not_kept");
        }
    }
}

/// A kept response, marked as such.
pub(crate) fn replayed(key: Key, (status, body): (u16, String)) -> Result<Response, ApiError> {
    let headers = [(KEY_HEADER, key.text), (REPLAYED_HEADER, "true".to_owned())];
    let status = StatusCode::from_u16(status).map_err(ApiError::failed)?;
    Ok((headers, answer::json(status, body)).into_response())
}

/// Around a call that makes a webhook or a job. A repeat does nothing, so nothing is written down of it either.
pub(crate) async fn make_once<P: Ports>(
    State(app): State<Arc<App<P>>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let key = Key::read(request.headers())?;
    if !key.is_given {
        return Ok(next.run(request).await);
    }
    let (mut parts, body) = request.into_parts();
    let tenant = Tenant::from_request_parts(&mut parts, &()).await?;
    let body = body_of::<INGEST_BYTES_MAX>(body).await?;
    // No key of a caller's holds a space: this one meets none of an event's, and none of another path's.
    let call = Identity::new(tenant.company(), format!("{} {}", parts.uri.path(), key.text), &body);
    if let Some(kept) = app.find_kept(&call).await? {
        let location = cot_webhook::id_of(&kept.1).map(|id| format!("{WEBHOOKS_PATH}/{id}"));
        let response = replayed(key, kept)?;
        return Ok((location.map(|location| [(LOCATION, location)]), response).into_response());
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let (parts, body) = response.into_parts();
    let document = to_bytes(body, INVOKE_BYTES_MAX).await.map_err(ApiError::failed)?;
    if parts.status.is_success() {
        app.keep(&call, parts.status, &String::from_utf8_lossy(&document)).await;
    }
    Ok(([(KEY_HEADER, key.text)], Response::from_parts(parts, Body::from(document))).into_response())
}
