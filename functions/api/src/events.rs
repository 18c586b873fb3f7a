//! Events: checked as a whole, then queued one by one in the order of the call; and what became of one.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hookrail_adapters::clock::Clock;
use hookrail_adapters::queue::{Outgoing, Queue as _, SendResult};
use hookrail_adapters::store::LogStore;
use hookrail_adapters::store::listing::{EventPlace, ListStore};
use hookrail_domain::id::{CompanyId, EventId, RejectedId, hash_parts, hex, shard};
use hookrail_domain::limits::INGEST_BYTES_MAX;
use hookrail_domain::token::Holder;
use hookrail_wire::event_call::{self, InvalidCall, NewEvent};
use hookrail_wire::{cursor, event_view};
use http::{HeaderMap, StatusCode};

use crate::answer;
use crate::auth::{Caller, Tenant};
use crate::error::{ApiError, Bug};
use crate::idempotency::{Identity, KEY_HEADER, Key, replayed};
use crate::request::{JsonBody, Page};
use crate::{App, EVENTS_PATH, Ports};

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
    let kept = if key.is_given { app.find_kept(&call.identity).await? } else { None };
    if let Some(kept) = kept {
        return replayed(key, kept);
    }
    let accepted = app.send(&call, events).await?;
    let document = event_call::render_accepted(&key.text, &accepted);
    if key.is_given {
        app.keep(&call.identity, StatusCode::ACCEPTED, &document).await;
    }
    Ok(([(KEY_HEADER, key.text)], answer::json(StatusCode::ACCEPTED, document)).into_response())
}

/// `GET /api/v3/event/{id}`: the event, and where it stands with each webhook that it went to.
pub async fn find<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    Path(id): Path<String>,
    page: Page<50>,
) -> Result<Response, ApiError> {
    let company = tenant.company();
    let no_such_event = || ApiError::not_found("nothing was sent of such an event, or not yet");
    let event = EventId::parse(&id).map_err(|_refused| no_such_event())?;
    let after = page.place(|text| cursor::parse_delivery((company, event), text))?;
    let mut places = app.store.places_of(company, event, after, page.limit + 1).await?;
    let has_more = page.limit < places.len();
    places.truncate(page.limit);
    let (mut first, mut newest) = (None, Vec::new());
    for EventPlace { subscription, sequence } in &places {
        let line = tenant.line(*subscription);
        newest.extend(app.store.last_row_of(&line, *sequence).await?);
        if first.is_none() {
            first = app.store.rows_from(&line, *sequence, 1).await?.into_iter().next();
        }
    }
    if newest.is_empty() {
        return Err(no_such_event());
    }
    let body = first.and_then(|row| row.body);
    let last = places.last().filter(|_| has_more);
    let next = last.map(|last| cursor::render_delivery((company, event), last.subscription));
    let next = next.map(|cursor| page.next(&format!("{EVENTS_PATH}/{event}"), &cursor));
    answer::page(event_view::render((company, event), body.as_ref(), &newest), next)
}

impl From<InvalidCall> for ApiError {
    fn from(invalid: InvalidCall) -> Self {
        if invalid.is_too_large { Self::too_large(invalid.problems) } else { invalid.problems.into() }
    }
}

/// A call, and how its repeat is told.
pub(crate) struct Call {
    /// Kept among the answers of the token's company, for an operator of the first event's.
    identity: Identity,
    /// The key as the caller knows it.
    key: String,
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
        Ok(Self { identity: Identity::new(company, scoped_key, body), key: key.text.clone() })
    }

    /// The call that pushes a rejected event again.
    pub(crate) fn of_rejected(
        of: &Holder,
        id: RejectedId,
        body: &[u8],
        events: &[NewEvent],
    ) -> Result<Self, ApiError> {
        // No key of a caller's holds a space.
        let key = Key { text: format!("rejected {id}"), is_given: false };
        Self::new(of, &key, body, events)
    }

    /// The same for a repeat of the call, so that the queue takes each event once.
    ///
    /// The body is part of it: another body under the key of a call that broke off would else be taken for events
    /// already accepted, and be lost without a word.
    fn deduplication_id(&self, company: &CompanyId, index: usize) -> String {
        let index = index.to_string();
        let parts = [company.as_str(), &self.identity.scoped_key, &self.identity.request, &index];
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
    /// Sends one by one: nothing may be accepted ahead of an event that was not.
    pub(crate) async fn send(&self, call: &Call, events: Vec<NewEvent>) -> Result<Vec<EventId>, ApiError> {
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
