//! The audit log: written around every action, and shown.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use hookrail_adapters::clock::Clock;
use hookrail_adapters::random;
use hookrail_adapters::store::access::AccessStore;
use hookrail_adapters::telemetry::Chain;
use hookrail_domain::audit::{AuditAction, AuditEntry, AuditPlace, Finding};
use hookrail_domain::token::Holder;
use hookrail_wire::cursor;
use hookrail_wire::problem::FieldProblem;

use crate::auth::Caller;
use crate::error::ApiError;
use crate::request::{Named, Page};
use crate::{AUDIT_PATH, App, Ports, answer};

/// What a handler found out about its action, told through its response.
#[derive(Debug, Clone, Default)]
pub struct Told {
    pub finding: Finding,
    /// Whose log it belongs into, where that is not the caller's own.
    pub log: Option<Holder>,
}

/// The response, with what the audit log is to say of it.
#[must_use]
pub fn telling(mut response: Response, told: Told) -> Response {
    response.extensions_mut().insert(told);
    response
}

/// Writes the action down before it is done, and how it ended after it. What cannot be written down is not done.
pub async fn record<P: Ports>(
    State((app, action)): State<(Arc<App<P>>, AuditAction)>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let caller = Caller::from_request_parts(&mut parts, &()).await?;
    // What is no text names nothing; the handler says so.
    let path = Path::<Vec<(String, String)>>::from_request_parts(&mut parts, &()).await.ok();
    let values = path.into_iter().flat_map(|Path(path)| path).map(|(_, value)| value);
    let subject = values.reduce(|all, value| format!("{all}/{value}"));
    let own = caller.grant.holder.clone();
    let entry = app.begin_audit(&caller, action, subject).await?;
    parts.extensions.insert(Caller { entry: Some(entry.clone()), ..caller });
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let told: Told = response.extensions_mut().remove().unwrap_or_default();
    let ended = entry.ended(told.finding, response.status().as_u16());
    let logs = std::iter::once(own.clone()).chain(told.log.filter(|log| *log != own));
    for log in logs {
        app.end_audit(&log, &ended).await;
    }
    Ok(response)
}

impl<P: Ports> App<P> {
    /// Writes down in the caller's log that this is about to be done.
    pub(crate) async fn begin_audit(
        &self,
        caller: &Caller,
        action: AuditAction,
        subject: Option<String>,
    ) -> Result<AuditEntry, ApiError> {
        let place = AuditPlace { at: self.clock.now(), chance: u32::from_be_bytes(random::bytes()?) };
        let entry =
            AuditEntry { place, actor: caller.actor(), action, subject, fields: Vec::new(), status: None };
        self.store.put_audit(&caller.grant.holder, &entry).await?;
        Ok(entry)
    }

    /// Writes down how it ended. If that fails the action is done, and the entry says that nobody knows how it ended.
    pub(crate) async fn end_audit(&self, log: &Holder, ended: &AuditEntry) {
        if let Err(error) = self.store.put_audit(log, ended).await {
            tracing::error!(cause = %Chain(&error), action = ended.action.name(), "audit.not_completed");
        }
    }
}

/// `GET /api/v3/audit`
pub async fn list<P: Ports>(
    State(app): State<Arc<App<P>>>,
    caller: Caller,
    Named(company): Named,
    page: Page<50>,
) -> Result<Response, ApiError> {
    let log = caller.holder(company.clone()).map_err(|error| FieldProblem::new("company", error))?;
    let before = page.place(|text| cursor::parse_audit(&log, text))?;
    let mut entries = app.store.list_audit(&log, before, page.limit + 1).await?;
    let has_more = page.limit < entries.len();
    entries.truncate(page.limit);
    let last = entries.last().filter(|_| has_more);
    let next = last.map(|last| {
        let next = page.next(AUDIT_PATH, &cursor::render_audit(&log, last.place));
        company.map_or_else(|| next.clone(), |company| format!("{next}&company={company}"))
    });
    answer::page(hookrail_wire::audit::render_list(&entries), next)
}
