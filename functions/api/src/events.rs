//! Events: checked as a whole, then queued one by one in the order of the call.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hookrail_adapters::clock::Clock;
use hookrail_adapters::queue::{Outgoing, Queue as _, SendResult};
use hookrail_adapters::random;
use hookrail_adapters::store::{ConfigStore, KeptAnswer, StoreError};
use hookrail_domain::id::{CompanyId, EventId, hash_parts, hex, shard};
use hookrail_domain::limits::{IDEMPOTENCY_KEY_CHARS_MAX, INGEST_BYTES_MAX};
use hookrail_domain::token::Holder;
use hookrail_wire::event_call::{self, InvalidCall, NewEvent};
use hookrail_wire::problem::{FieldProblem, Problem};
use http::{HeaderMap, HeaderName, StatusCode};

use crate::answer;
use crate::auth::Caller;
use crate::error::{ApiError, Bug};
use crate::request::JsonBody;
use crate::{App, Ports};
use hookrail_adapters::telemetry::Chain;

const KEY_HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED_HEADER: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Random bytes of a key that we make.
const KEY_BYTES: usize = 16;
/// How long an answer is kept for a repeat of the call.
const ANSWER_SECONDS: u64 = 24 * 60 * 60;
/// How long a call goes on sending. API Gateway gives up after 30 s, and the caller would never learn what was accepted.
const SENDING_MS_MAX: u64 = 15_000;

/// `POST /api/v3/event`
pub async fn push<P: Ports>(
    State(app): State<Arc<App<P>>>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(body): JsonBody<INGEST_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let holder = &caller.grant.holder;
    let key = Key::read(&headers)?;
    let events = event_call::parse(&body, holder)?;
    let call = Call::new(holder, &key, &body, &events)?;
    let kept = if key.is_given { app.find_kept(&call).await? } else { None };
    if let Some(kept) = kept {
        let replayed = [(KEY_HEADER, key.text), (REPLAYED_HEADER, "true".to_owned())];
        let status = StatusCode::from_u16(kept.status).map_err(ApiError::failed)?;
        return Ok((replayed, answer::json(status, kept.body)).into_response());
    }
    let accepted = app.send(&call, events).await?;
    let document = event_call::render_accepted(&key.text, &accepted);
    if key.is_given {
        app.keep(&call, &document).await;
    }
    Ok(([(KEY_HEADER, key.text)], answer::json(StatusCode::ACCEPTED, document)).into_response())
}

impl From<InvalidCall> for ApiError {
    fn from(invalid: InvalidCall) -> Self {
        if invalid.is_too_large { Self::too_large(invalid.problems) } else { invalid.problems.into() }
    }
}

/// The name under which a call may be repeated without harm.
struct Key {
    text: String,
    /// Sent by the caller, who may therefore send it again.
    is_given: bool,
}

impl Key {
    fn read(headers: &HeaderMap) -> Result<Self, ApiError> {
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
struct Call {
    /// Whose answers it is kept among: the company of the token, for an operator that of the first event.
    company: CompanyId,
    /// The key as the caller knows it.
    key: String,
    /// The key as we know it: a company's and an operator's of the same text are two.
    scoped_key: String,
    /// A hash of the body.
    request: String,
}

impl Call {
    fn new(holder: &Holder, key: &Key, body: &[u8], events: &[NewEvent]) -> Result<Self, ApiError> {
        let (company, scoped_key) = match (holder, events) {
            (Holder::Company(company), _) => (company, key.text.clone()),
            // No key of a caller's holds a space.
            (Holder::Operator, [first, ..]) => (&first.company, format!("operator {}", key.text)),
            (Holder::Operator, []) => {
                return Err(ApiError::failed(Bug("a call without events was accepted")));
            }
        };
        let request = hex(&hash_parts(&[b"request", body]));
        Ok(Self { company: company.clone(), key: key.text.clone(), scoped_key, request })
    }

    /// The same for a repeat of the call, so that the queue takes each event once.
    ///
    /// The body is part of it: another body under the key of a call that broke off would else be taken for events
    /// already accepted, and be lost without a word.
    fn deduplication_id(&self, company: &CompanyId, index: usize) -> String {
        let index = index.to_string();
        let parts = [company.as_str(), &self.scoped_key, &self.request, &index];
        hex(&hash_parts(&parts.map(str::as_bytes)))
    }

    /// What a call is told that broke off after some of its events were accepted.
    fn interrupted(&self, error: ApiError, accepted: &[EventId]) -> ApiError {
        let error = error.rendered_by(|problem| event_call::render_interrupted(problem, &self.key, accepted));
        match self.key.parse() {
            Ok(key) => error.with_header(KEY_HEADER, key),
            Err(_not_a_header) => error,
        }
    }
}

impl<P: Ports> App<P> {
    /// The answer to an earlier call of this key; a refusal if that call was another one.
    async fn find_kept(&self, call: &Call) -> Result<Option<KeptAnswer>, ApiError> {
        match self.store.find_answer(&call.company, &call.scoped_key, self.clock.now()).await? {
            Some(kept) if kept.request != call.request => {
                let problem = FieldProblem::new("Idempotency-Key", "was used with another body before");
                Err(Problem::of_fields((422, "Unprocessable Content"), vec![problem]).into())
            }
            kept => Ok(kept),
        }
    }

    /// Keeps the answer for repeats. The events are accepted whether or not this succeeds, and the caller is told so.
    async fn keep(&self, call: &Call, document: &str) {
        let answer = KeptAnswer {
            request: call.request.clone(),
            status: StatusCode::ACCEPTED.as_u16(),
            body: document.to_owned(),
            expires_at: self.clock.now().plus_seconds(ANSWER_SECONDS),
        };
        let kept: Result<(), StoreError> =
            self.store.keep_answer(&call.company, &call.scoped_key, &answer).await;
        if let Err(error) = kept {
            tracing::warn!(company = %call.company, cause = %Chain(&error), "answer.not_kept");
        }
    }

    /// Sends one by one: nothing may be accepted ahead of an event that was not.
    async fn send(&self, call: &Call, events: Vec<NewEvent>) -> Result<Vec<EventId>, ApiError> {
        let started_at = self.clock.now();
        let mut accepted = Vec::with_capacity(events.len());
        for (index, event) in events.into_iter().enumerate() {
            let sent = if SENDING_MS_MAX <= self.clock.now().since(started_at) {
                Err(unfinished())
            } else {
                self.send_one(call, index, &event).await
            };
            match sent {
                Ok(id) => accepted.push(id),
                Err(error) => return Err(call.interrupted(error, &accepted)),
            }
        }
        Ok(accepted)
    }

    async fn send_one(&self, call: &Call, index: usize, event: &NewEvent) -> Result<EventId, ApiError> {
        let queues = &self.config.events_queue_urls;
        let queue = queues
            .get(shard(event.company.as_str(), queues.len()))
            .ok_or_else(|| ApiError::failed(Bug("no ingest queue is configured")))?;
        let message = Outgoing {
            group: event.company.to_string(),
            deduplication_id: call.deduplication_id(&event.company, index),
            body: event.body.as_str().to_owned(),
            attributes: Vec::new(),
        };
        match self.queue.send(queue, &[message]).await {
            Ok(results) => match results.as_slice() {
                [SendResult::Sent { message_id }] => Ok(EventId::of_message(message_id)),
                [SendResult::Refused] => Err(ApiError::failed(Bug("the ingest queue refused an event"))),
                _ => Err(unfinished().caused_by(Bug("the ingest queue did not take an event"))),
            },
            Err(error) => Err(unfinished().caused_by(error)),
        }
    }
}

fn unfinished() -> ApiError {
    ApiError::unavailable(
        "not every event was accepted; repeat the same call with this idempotency key, which is safe",
    )
}
