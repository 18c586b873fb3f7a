//! A webhook's log: every attempt, newest first.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hookrail_adapters::store::{ConfigStore, LogStore};
use hookrail_domain::log_row::LogRow;
use hookrail_wire::{cot_webhook_log, cursor};

use crate::answer;
use crate::auth::Tenant;
use crate::error::ApiError;
use crate::request::{Page, WebhookId, no_such_webhook};
use crate::{App, LOGS_PATH, Ports};

/// The largest page, in bytes of its JSON. Lambda answers at most 6 MB, in which each byte of ours may cost two
/// (an escaped quote or backslash); a page that would be larger ends early and links to the rest.
const PAGE_BYTES_MAX: usize = 2_500_000;
/// A row's JSON but for body, response and URL, in bytes.
const ROW_BYTES_MAX: usize = 1024;
/// What one byte of text can become in JSON: `\u0000`.
const ESCAPE_BYTES_MAX: usize = 6;

/// `GET /api/v3/webhook/subscription/logs/{id}`
pub async fn list<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookId(id): WebhookId,
    page: Page<50>,
) -> Result<Response, ApiError> {
    let company = tenant.company();
    let before = page.place(|text| cursor::parse_row((company, id), text))?;
    app.store.find_subscription(company, id).await?.ok_or_else(no_such_webhook)?;
    let line = tenant.line(id);
    let mut rows = app.store.list_rows(&line, before, page.limit + 1).await?;
    let shown = rows_of_page(&rows, page.limit);
    let has_more = shown < rows.len();
    rows.truncate(shown);
    let last = rows.last().filter(|_| has_more).map(|row| row.attempt.number);
    let next =
        last.map(|last| page.next(&format!("{LOGS_PATH}/{id}"), &cursor::render_row((company, id), last)));
    answer::page(cot_webhook_log::render_list(&rows), next)
}

/// How many of the rows fit a page of `limit` rows: at least one, so that the list goes on.
fn rows_of_page(rows: &[LogRow], limit: usize) -> usize {
    let mut bytes = 0;
    let fitting = rows.iter().take(limit).take_while(|row| {
        bytes += bytes_max(row);
        bytes <= PAGE_BYTES_MAX
    });
    fitting.count().max(1).min(rows.len())
}

fn bytes_max(row: &LogRow) -> usize {
    let body = row.body.as_ref().map_or(0, |body| body.as_str().len());
    let escaped = row.attempt.outcome.response().len() + row.url.len();
    body + ESCAPE_BYTES_MAX * escaped + ROW_BYTES_MAX
}
