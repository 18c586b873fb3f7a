//! Events: checked as a whole, then queued one by one in the order of the call; and what became of one.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hookrail_domain::id::{CompanyId, EventId, RejectedId, hash_parts, hex, shard};
use hookrail_domain::limits::INGEST_BYTES_MAX;
use hookrail_domain::token::{Owner, Scope};
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::queue::{Outgoing, Queue as _, SendResult};
use hookrail_pipeline::store::LogStore;
use hookrail_pipeline::store::listing::{EventPosition, ListStore};
use hookrail_wire::cursor::List;
use hookrail_wire::event_call::{self, InvalidCall, NewEvent};
use hookrail_wire::event_view;
use http::{HeaderMap, StatusCode};

use crate::answer;
use crate::auth::{Access, Caller, Tenant};
use crate::error::{ApiError, Bug};
use crate::idempotency::{Identity, KEY_HEADER, Key, replayed};
use crate::openapi::input::Input;
use crate::request::{JsonBody, Page};
use crate::route::{Served, Shape, Tag, get, post};
use crate::{App, Ports};

/// The time for which a call continues to send. API Gateway times out after 30 s, and the caller would not see the ids.
const SENDING_MS_MAX: u64 = 15_000;

/// The path to which events are pushed.
pub const EVENTS_PATH: &str = "/api/v3/event";

pub fn routes<P: Ports>() -> Vec<Served<P>> {
    vec![
        post(EVENTS_PATH, Access::CompanyOrOperator(Scope::EventsWrite))
            .titled(Tag::Events, "pushEvents", "Push an event, or up to 100 events in order")
            .described(
                "All of a call is checked before any of it is accepted. Each event reaches its webhooks byte for \
                 byte as it was sent, but for what the trigger redacts.",
            )
            .takes([Input::IdempotencyKey])
            .needs_body("NewEvents")
            .responds(
                202,
                "All events are accepted. Their ids, in the order of the call.",
                Shape::One("AcceptedEvents"),
            )
            .refuses([
                (413, "An event is larger than 262,144 bytes, or the call than 1,000,000 bytes."),
                (
                    429,
                    "The events queue is long, and the company has pushed more than its share. No event of the call \
                     was accepted. Repeat it after the seconds in `Retry-After`.",
                ),
            ])
            .to(push::<P>),
        get(format!("{EVENTS_PATH}/{{id}}"), Access::Company(Scope::LogsRead))
            .titled(
                Tag::Events,
                "findEvent",
                "Show an event and its deliveries",
            )
            .described(
                "The id is in the response to the push. An event is found once it was parked or its first attempt \
                 was recorded. An event that no webhook asked for is not found.",
            )
            .takes([Input::Limit(50), Input::Cursor])
            .responds(200, "The event and a page of its deliveries.", Shape::LinkedOne("EventView"))
            .refuses([(404, "The company has no such event, or its first attempt is not recorded yet.")])
            .to(find::<P>),
    ]
}

/// `POST /api/v3/event`
pub async fn push<P: Ports>(
    State(app): State<Arc<App<P>>>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(body): JsonBody<INGEST_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let owner = &caller.grant.owner;
    let key = Key::read(&headers)?;
    let events = event_call::parse(&body, owner)?;
    let call = Call::new(owner, &key, &body, &events)?;
    let kept = if key.is_given { app.find_kept(&call.identity).await? } else { None };
    if let Some(kept) = kept {
        return replayed(key, kept);
    }
    app.admit(events.iter().map(|event| &event.company)).await?;
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
    let list = List::deliveries(company, &event);
    let after = page.position(&list)?;
    let mut places = app.store.places_of(company, event, after, page.limit + 1).await?;
    let has_more = page.limit < places.len();
    places.truncate(page.limit);
    let (mut first, mut newest) = (None, Vec::new());
    for EventPosition { webhook, sequence } in &places {
        let state = tenant.key(*webhook);
        newest.extend(app.store.last_row_of(&state, *sequence).await?);
        if first.is_none() {
            first = app.store.rows_from(&state, *sequence, 1).await?.into_iter().next();
        }
    }
    if newest.is_empty() {
        return Err(no_such_event());
    }
    let body = first.and_then(|row| row.body);
    let last = places.last().filter(|_| has_more);
    let next = last.map(|last| list.cursor(&last.webhook));
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
    /// Kept with the responses of the token's company; for an operator with those of the first event's company.
    identity: Identity,
    /// The key as the caller knows it.
    key: String,
}

impl Call {
    fn new(owner: &Owner, key: &Key, body: &[u8], events: &[NewEvent]) -> Result<Self, ApiError> {
        let (company, scoped_key) = match (owner, events) {
            (Owner::Company(company), _) => (company, key.text.clone()),
            // No key of a caller's holds a space.
            (Owner::Operator, [first, ..]) => (&first.company, format!("operator {}", key.text)),
            (Owner::Operator, []) => {
                return Err(ApiError::failed(Bug("a call without events was accepted")));
            }
        };
        Ok(Self { identity: Identity::new(company, scoped_key, body), key: key.text.clone() })
    }

    /// The call that pushes a rejected event again.
    pub(crate) fn of_rejected(
        of: &Owner,
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

    /// The error of a call that was interrupted after some of its events were accepted.
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

    /// Returns the URL of the queue that takes a company's events.
    pub(crate) fn events_queue_of(&self, company: &CompanyId) -> Result<&str, ApiError> {
        let queues = &self.config.events_queue_urls;
        let queue = queues.get(shard(company.as_str(), queues.len()));
        queue.map(String::as_str).ok_or_else(|| ApiError::failed(Bug("no events queue is configured")))
    }

    async fn send_one(&self, call: &Call, index: usize, event: &NewEvent) -> Result<EventId, ApiError> {
        let queue = self.events_queue_of(&event.company)?;
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
