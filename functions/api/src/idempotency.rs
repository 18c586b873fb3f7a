//! Calls that may be repeated without harm: the answer to a call with an `Idempotency-Key` is kept for its repeats.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hookrail_adapters::clock::Clock;
use hookrail_adapters::random;
use hookrail_adapters::store::{ConfigStore, KeptAnswer};
use hookrail_adapters::telemetry::Chain;
use hookrail_domain::id::{CompanyId, hash_parts, hex};
use hookrail_domain::limits::{IDEMPOTENCY_KEY_CHARS_MAX, INGEST_BYTES_MAX};
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
/// Random bytes of a key that we make.
const KEY_BYTES: usize = 16;
/// How long an answer is kept for a repeat of the call.
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

/// What tells one call from another.
pub(crate) struct Identity {
    /// Whose answers it is kept among.
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
    /// The answer to an earlier call of this key; a refusal if that call was another one.
    pub(crate) async fn find_kept(&self, call: &Identity) -> Result<Option<KeptAnswer>, ApiError> {
        match self.store.find_answer(&call.company, &call.scoped_key, self.clock.now()).await? {
            Some(kept) if kept.request != call.request => {
                let problem = FieldProblem::new("Idempotency-Key", "was used with another body before");
                Err(Problem::of_fields((422, "Unprocessable Content"), vec![problem]).into())
            }
            kept => Ok(kept),
        }
    }

    /// Keeps the answer for repeats. The call is done whether or not this succeeds, and the caller is told so.
    pub(crate) async fn keep(&self, call: &Identity, status: StatusCode, document: &str) {
        let answer = KeptAnswer {
            request: call.request.clone(),
            status: status.as_u16(),
            body: document.to_owned(),
            expires_at: self.clock.now().plus_seconds(ANSWER_SECONDS),
        };
        if let Err(error) = self.store.keep_answer(&call.company, &call.scoped_key, &answer).await {
            tracing::warn!(company = %call.company, cause = %Chain(&error), "answer.not_kept");
        }
    }
}

/// A kept answer, as it was given, and that it is one.
pub(crate) fn replayed(key: Key, kept: KeptAnswer) -> Result<Response, ApiError> {
    let headers = [(KEY_HEADER, key.text), (REPLAYED_HEADER, "true".to_owned())];
    let status = StatusCode::from_u16(kept.status).map_err(ApiError::failed)?;
    Ok((headers, answer::json(status, kept.body)).into_response())
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
        let location = cot_webhook::id_of(&kept.body).map(|id| format!("{WEBHOOKS_PATH}/{id}"));
        let response = replayed(key, kept)?;
        return Ok((location.map(|location| [(LOCATION, location)]), response).into_response());
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let (parts, body) = response.into_parts();
    let document = to_bytes(body, INGEST_BYTES_MAX).await.map_err(ApiError::failed)?;
    if parts.status.is_success() {
        app.keep(&call, parts.status, &String::from_utf8_lossy(&document)).await;
    }
    Ok(([(KEY_HEADER, key.text)], Response::from_parts(parts, Body::from(document))).into_response())
}
