//! Rejected events: looked at, corrected and pushed again.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use hookrail_adapters::clock::Clock;
use hookrail_adapters::store::ConfigStore;
use hookrail_adapters::store::rejected::RejectedStore;
use hookrail_domain::id::{CompanyId, RejectedId};
use hookrail_domain::limits::INGEST_BYTES_MAX;
use hookrail_domain::rejected::{Pushed, RejectedEvent};
use hookrail_domain::token::Holder;
use hookrail_wire::problem::FieldProblem;
use hookrail_wire::{cursor, event_call, rejected};
use http::StatusCode;

use crate::auth::Caller;
use crate::error::{ApiError, Bug};
use crate::events::Call;
use crate::logs::fitting_page;
use crate::queue::conflict;
use crate::request::{JsonBody, Named, Page};
use crate::{App, Ports, REJECTED_PATH, answer};

const PUSHED: &str = "the event was pushed again already";

/// `GET /api/v3/event/rejected`: the newest first. An operator sees those that name no company, or one that is not there.
pub async fn list<P: Ports>(
    State(app): State<Arc<App<P>>>,
    caller: Caller,
    Named(company): Named,
    page: Page<20>,
) -> Result<Response, ApiError> {
    let of = app.holder_of_rejected(&caller, company.clone()).await?;
    let before = page.place(|text| cursor::parse_rejected(&of, text))?;
    let mut events = app.store.list_rejected(&of, before, page.limit + 1).await?;
    // Bodies that are no JSON are texts, in which every byte may need an escape.
    let sizes: Vec<_> = events.iter().map(|event| (0, event.text().len())).collect();
    let shown = fitting_page(sizes.into_iter(), page.limit);
    let has_more = shown < events.len();
    events.truncate(shown);
    let last = events.last().filter(|_| has_more);
    let next = last.map(|last| {
        let next = page.next(REJECTED_PATH, &cursor::render_rejected(&of, last.id));
        company.map_or_else(|| next.clone(), |company| format!("{next}&company={company}"))
    });
    answer::page(rejected::render_list(&of, &events), next)
}

/// `GET /api/v3/event/rejected/{id}`
pub async fn find<P: Ports>(
    State(app): State<Arc<App<P>>>,
    caller: Caller,
    Path(id): Path<String>,
    Named(company): Named,
) -> Result<Response, ApiError> {
    let of = app.holder_of_rejected(&caller, company).await?;
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
    Named(company): Named,
    JsonBody(body): JsonBody<INGEST_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let of = app.holder_of_rejected(&caller, company).await?;
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
    Ok(answer::json(StatusCode::ACCEPTED, rejected::render(&of, &pushed)))
}

impl<P: Ports> App<P> {
    /// Whose events the call is about. What a company's producers sent is the company's to read, not the operator's; a
    /// company that is not there has nobody else.
    async fn holder_of_rejected(
        &self,
        caller: &Caller,
        named: Option<CompanyId>,
    ) -> Result<Holder, ApiError> {
        let of = caller.holder(named).map_err(|error| FieldProblem::new("company", error))?;
        match (&caller.grant.holder, &of) {
            (Holder::Operator, Holder::Company(company)) if self.store.is_company(company).await? => {
                Err(ApiError::forbidden("a company's rejected events are seen with a token of the company"))
            }
            _ => Ok(of),
        }
    }

    async fn rejected(&self, of: &Holder, id: &str) -> Result<RejectedEvent, ApiError> {
        let no_such_event = || ApiError::not_found("there is no such rejected event");
        let id = RejectedId::parse(id).map_err(|_refused| no_such_event())?;
        self.store.find_rejected(of, id).await?.ok_or_else(no_such_event)
    }
}
