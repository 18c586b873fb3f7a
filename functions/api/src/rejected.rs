//! Rejected events: list, read, correct and push them again.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use hookrail_domain::id::{CompanyId, RejectedId};
use hookrail_domain::limits::INGEST_BYTES_MAX;
use hookrail_domain::rejected::{Pushed, RejectedEvent};
use hookrail_domain::token::{Owner, Scope};
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::store::ConfigStore;
use hookrail_pipeline::store::rejected::RejectedStore;
use hookrail_wire::cursor::List;
use hookrail_wire::problem::FieldProblem;
use hookrail_wire::{event_call, rejected};
use http::StatusCode;

use crate::auth::{Access, Caller};
use crate::error::{ApiError, Bug};
use crate::events::Call;
use crate::logs::fitting_page;
use crate::openapi::input::Input;
use crate::queue::conflict;
use crate::request::{CompanyQuery, JsonBody, Page};
use crate::route::{Refusal, Served, Shape, Tag, get, post, refusal};
use crate::{App, Ports, answer};

const PUSHED: &str = "the event was pushed again already";

/// The path of the list of rejected events.
pub const REJECTED_PATH: &str = "/api/v3/event/rejected";
/// The description's word for an id that names none.
const NONE: Refusal = (404, "There is no such rejected event.");

pub fn routes<P: Ports>() -> Vec<Served<P>> {
    let one = format!("{REJECTED_PATH}/{{id}}");
    let read = Access::CompanyOrOperator(Scope::LogsRead);
    vec![
        get(REJECTED_PATH, read)
            .titled(Tag::Events, "listRejected", "List rejected events, the newest first")
            .described(
                "A rejected event came over the queue and could not be read, named another company, or was \
                 received too often. It is kept for 14 days, for the company of its queue group. An operator sees \
                 the events that name no company, or one that does not exist.",
            )
            .takes([Input::Limit(20), Input::Cursor, Input::Company])
            .responds(200, "A page of rejected events.", Shape::Page("RejectedEvent"))
            .to(list::<P>),
        get(&one, read)
            .titled(Tag::Events, "findRejected", "Read a rejected event and its errors")
            .takes([Input::Company])
            .responds(200, "The event.", Shape::One("RejectedEvent"))
            .refuses([NONE])
            .to(find::<P>),
        post(format!("{one}/push"), Access::CompanyOrOperator(Scope::EventsWrite))
            .titled(Tag::Events, "pushRejected", "Push a rejected event again, unchanged or corrected")
            .described(
                "The body of the call is the corrected event. Without a body the event is pushed \
                 unchanged.",
            )
            .takes([Input::Company])
            .may_have_body("NewEvent")
            .responds(202, "The event is accepted as a new event.", Shape::One("RejectedEvent"))
            .refuses([NONE, refusal::MOVED])
            .to(push::<P>),
    ]
}

/// `GET /api/v3/event/rejected`: the newest first. An operator sees those that name no company, or one that is not there.
pub async fn list<P: Ports>(
    State(app): State<Arc<App<P>>>,
    caller: Caller,
    CompanyQuery(company): CompanyQuery,
    page: Page<20>,
) -> Result<Response, ApiError> {
    let of = app.owner_of_rejected(&caller, company.clone()).await?;
    let list = List::rejected(&of);
    let before = page.position(&list)?;
    let mut events = app.store.list_rejected(&of, before, page.limit + 1).await?;
    // Bodies that are no JSON are texts, in which every byte may need an escape.
    let sizes: Vec<_> = events.iter().map(|event| (0, event.text().len())).collect();
    let shown = fitting_page(sizes.into_iter(), page.limit);
    let has_more = shown < events.len();
    events.truncate(shown);
    let last = events.last().filter(|_| has_more);
    let next = last.map(|last| {
        let next = page.next(REJECTED_PATH, &list.cursor(&last.id));
        company.map_or_else(|| next.clone(), |company| format!("{next}&company={company}"))
    });
    answer::page(rejected::render_list(&of, &events), next)
}

/// `GET /api/v3/event/rejected/{id}`
pub async fn find<P: Ports>(
    State(app): State<Arc<App<P>>>,
    caller: Caller,
    Path(id): Path<String>,
    CompanyQuery(company): CompanyQuery,
) -> Result<Response, ApiError> {
    let of = app.owner_of_rejected(&caller, company).await?;
    let event = app.rejected(&of, &id).await?;
    Ok(answer::json(StatusCode::OK, rejected::render(&of, &event)))
}

/// `POST /api/v3/event/rejected/{id}/push`: as it came, or as the body of the call corrects it.
///
/// A repeat finds that it was pushed. If that could not be written down, it sends the same message again, which the queue
/// drops for five minutes.
pub async fn push<P: Ports>(
    State(app): State<Arc<App<P>>>,
    caller: Caller,
    Path(id): Path<String>,
    CompanyQuery(company): CompanyQuery,
    JsonBody(body): JsonBody<INGEST_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let of = app.owner_of_rejected(&caller, company).await?;
    let event = app.rejected(&of, &id).await?;
    if event.pushed.is_some() {
        return Err(conflict(PUSHED));
    }
    let body = if body.is_empty() { Bytes::from(event.text()) } else { body };
    let corrected = vec![event_call::parse_one(&body, &of)?];
    let call = Call::of_rejected(&of, event.id, &body, &corrected)?;
    let accepted = app.send(&call, corrected).await?;
    let accepted = accepted.first().copied().ok_or_else(|| ApiError::failed(Bug("nothing was accepted")))?;
    let pushed = event.after_push(Pushed { at: app.clock.now(), event: accepted });
    app.store.replace_rejected(&of, &pushed).await?;
    let render = if caller.may_read_bodies() { rejected::render } else { rejected::render_without_body };
    Ok(answer::json(StatusCode::ACCEPTED, render(&of, &pushed)))
}

impl<P: Ports> App<P> {
    /// Whose events the call is about. What a company's producers sent is the company's to read, not the operator's; a
    /// company that does not exist has no tokens of its own.
    async fn owner_of_rejected(&self, caller: &Caller, named: Option<CompanyId>) -> Result<Owner, ApiError> {
        let of = caller.owner(named).map_err(|error| FieldProblem::new("company", error))?;
        match (&caller.grant.owner, &of) {
            (Owner::Operator, Owner::Company(company)) if self.store.is_company(company).await? => {
                Err(ApiError::forbidden("a company's rejected events are seen with a token of the company"))
            }
            _ => Ok(of),
        }
    }

    async fn rejected(&self, of: &Owner, id: &str) -> Result<RejectedEvent, ApiError> {
        let no_such_event = || ApiError::not_found("there is no such rejected event");
        let id = RejectedId::parse(id).map_err(|_refused| no_such_event())?;
        self.store.find_rejected(of, id).await?.ok_or_else(no_such_event)
    }
}
