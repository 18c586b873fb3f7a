//! The audit log: written around every action, and shown.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use hookrail_adapters::random;
use hookrail_domain::audit::{AuditAction, AuditEntry, AuditFinding, AuditPosition};
use hookrail_domain::token::{Owner, Scope};
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::fault::ErrorChain;
use hookrail_pipeline::store::access::AccessStore;
use hookrail_wire::cursor::List;
use hookrail_wire::problem::FieldProblem;

use crate::auth::{Access, Caller};
use crate::error::ApiError;
use crate::openapi::input::Input;
use crate::request::{CompanyQuery, Page};
use crate::route::{Served, Shape, Tag, get};
use crate::{App, Ports, answer};

/// The details that a handler adds to its audit entry, through its response.
#[derive(Debug, Clone, Default)]
pub struct AuditDetail {
    pub finding: AuditFinding,
    /// Whose log it belongs into, where that is not the caller's own.
    pub log: Option<Owner>,
}

/// The response, with what the audit log is to say of it.
#[must_use]
pub fn with_audit(mut response: Response, detail: AuditDetail) -> Response {
    response.extensions_mut().insert(detail);
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
    // A parameter that is not UTF-8 matches nothing: the handler returns 404.
    let path = Path::<Vec<(String, String)>>::from_request_parts(&mut parts, &()).await.ok();
    let values = path.into_iter().flat_map(|Path(path)| path).map(|(_, value)| value);
    let subject = values.reduce(|all, value| format!("{all}/{value}"));
    let own = caller.grant.owner.clone();
    let entry = app.begin_audit(&caller, action, subject).await?;
    parts.extensions.insert(Caller { entry: Some(entry.clone()), ..caller });
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let detail: AuditDetail = response.extensions_mut().remove().unwrap_or_default();
    let ended = entry.ended(detail.finding, response.status().as_u16());
    let logs = std::iter::once(own.clone()).chain(detail.log.filter(|log| *log != own));
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
        let place = AuditPosition { at: self.clock.now(), chance: u32::from_be_bytes(random::bytes()?) };
        let entry =
            AuditEntry { place, actor: caller.actor(), action, subject, fields: Vec::new(), status: None };
        self.store.put_audit(&caller.grant.owner, &entry).await?;
        Ok(entry)
    }

    /// Records the end of the action. If that fails the action is done, and the entry has no status.
    pub(crate) async fn end_audit(&self, log: &Owner, ended: &AuditEntry) {
        if let Err(error) = self.store.put_audit(log, ended).await {
            tracing::error!(cause = %ErrorChain(&error), action = ended.action.name(), "audit.not_completed");
        }
    }
}

/// The path of the audit log.
pub const AUDIT_PATH: &str = "/api/v3/audit";

pub fn routes<P: Ports>() -> Vec<Served<P>> {
    vec![
        get(AUDIT_PATH, Access::CompanyOrOperator(Scope::LogsRead))
            .titled(Tag::Access, "listAudit", "List the audit log, the newest entry first")
            .takes([Input::Limit(50), Input::Cursor, Input::Company])
            .responds(200, "A page of the audit log.", Shape::Page("AuditEntry"))
            .to(list::<P>),
    ]
}

/// `GET /api/v3/audit`
pub async fn list<P: Ports>(
    State(app): State<Arc<App<P>>>,
    caller: Caller,
    CompanyQuery(company): CompanyQuery,
    page: Page<50>,
) -> Result<Response, ApiError> {
    let log = caller.owner(company.clone()).map_err(|error| FieldProblem::new("company", error))?;
    let list = List::audit(&log);
    let before = page.position(&list)?;
    let mut entries = app.store.list_audit(&log, before, page.limit + 1).await?;
    let has_more = page.limit < entries.len();
    entries.truncate(page.limit);
    let last = entries.last().filter(|_| has_more);
    let next = last.map(|last| {
        let next = page.next(AUDIT_PATH, &list.cursor(&last.place));
        company.map_or_else(|| next.clone(), |company| format!("{next}&company={company}"))
    });
    answer::page(hookrail_wire::audit::render_list(&entries), next)
}
