//! A webhook's log: every attempt, newest first.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use hookrail_adapters::store::listing::ListStore;
use hookrail_adapters::store::{ConfigStore, LineKey, LogStore, StoreError};
use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::event::Body;
use hookrail_domain::id::{RowId, SubscriptionId};
use hookrail_domain::log_row::LogRow;
use hookrail_domain::time::Millis;
use hookrail_wire::log_filter::LogFilter;
use hookrail_wire::query::Filter;
use hookrail_wire::{cot_webhook_log, cursor};
use http::StatusCode;

use crate::answer;
use crate::auth::Tenant;
use crate::error::ApiError;
use crate::filling::Filling;
use crate::replays::{NO_ROW, first_since};
use crate::request::{Listing, WebhookId, no_such_webhook};
use crate::{App, LOGS_PATH, Ports};

/// The largest page, in bytes of its JSON. Lambda answers at most 6 MB, in which each byte of ours may cost two
/// (an escaped quote or backslash); a page that would be larger ends early and links to the rest.
const PAGE_BYTES_MAX: usize = 2_500_000;
/// A row's JSON but for body, response and URL, in bytes.
const ROW_BYTES_MAX: usize = 1024;
/// What one byte of text can become in JSON: `\u0000`.
const ESCAPE_BYTES_MAX: usize = 6;

/// Rows of one read of a search, and reads of one page. A read ends after 1 MB of the table, bodies included.
const SEARCHED_AT_ONCE: usize = 500;
const SEARCHES_MAX: usize = 8;

/// `GET /api/v3/webhook/subscription/logs/{id}`
pub async fn list<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookId(id): WebhookId,
    Listing { page, filter }: Listing<LogFilter, 50>,
) -> Result<Response, ApiError> {
    let (company, narrowed) = (tenant.company(), filter.render());
    let list = (company, id, narrowed.as_str());
    let before = page.place(|text| cursor::parse_row(list, text))?;
    app.store.find_subscription(company, id).await?.ok_or_else(no_such_webhook)?;
    let line = tenant.line(id);
    let (rows, last) = if filter.is_empty() {
        newest(&app.store, &line, before, page.limit).await?
    } else {
        search(&app.store, &line, (&filter, before), page.limit).await?
    };
    let cursor = last.map(|last| cursor::render_row(list, last));
    let next = cursor.map(|cursor| page.next_of(&format!("{LOGS_PATH}/{id}"), (&narrowed, &cursor)));
    answer::page(cot_webhook_log::render_list(&rows), next)
}

/// `GET /api/v3/webhook/subscription/logs/{id}/{row}`: one attempt.
pub async fn find<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    Path((id, row)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let id = SubscriptionId::parse(&id).map_err(|_refused| no_such_webhook())?;
    app.store.find_subscription(tenant.company(), id).await?.ok_or_else(no_such_webhook)?;
    let number = RowId::parse(&row).ok().and_then(|row| AttemptNumber::of_row_id(row, id));
    let no_row = || ApiError::not_found(NO_ROW);
    let number = number.ok_or_else(no_row)?;
    let behind = AttemptNumber { attempt: number.attempt + 1, ..number };
    let rows = app.store.list_rows(&tenant.line(id), Some(behind), 1).await?;
    let row = rows.into_iter().find(|row| row.attempt.number == number).ok_or_else(no_row)?;
    Ok(answer::json(StatusCode::OK, cot_webhook_log::render(&row)))
}

/// Rows of a page, and the one that the next page lies behind, if there is one.
type Rows = (Vec<LogRow>, Option<AttemptNumber>);

async fn newest(
    store: &impl LogStore,
    line: &LineKey,
    before: Option<AttemptNumber>,
    limit: usize,
) -> Result<Rows, StoreError> {
    let rows = store.list_rows(line, before, limit + 1).await?;
    Ok(fitting(rows, limit, None))
}

/// Looks at rows without their bodies, and reads those of the rows that it found.
async fn search(
    store: &(impl LogStore + ListStore),
    line: &LineKey,
    (filter, before): (&LogFilter, Option<AttemptNumber>),
    limit: usize,
) -> Result<Rows, StoreError> {
    let before = match (before, filter.to) {
        (None, Some(to)) => first_behind(store, line, to).await?,
        (before, _) => before,
    };
    let mut filling = Filling::new(limit, before, SEARCHES_MAX);
    // What is newer of the event that the page begins in was on the page before.
    let mut event = before.map(|before| before.sequence);
    while let Some(before) = filling.next_read() {
        let scanned = store.scan_rows(line, before, SEARCHED_AT_ONCE).await?;
        filling.take(scanned.rows, scanned.is_end, |row| {
            let number = row.attempt.number;
            let is_newest = event.replace(number.sequence) != Some(number.sequence);
            (number, filter.takes(row, is_newest))
        });
    }
    let (mut rows, next) = filling.finish();
    let (mut body, mut bytes) = (None::<(u64, Option<Body>)>, 0);
    for row in &mut rows {
        let sequence = row.attempt.number.sequence;
        if body.as_ref().is_none_or(|(of, _)| *of != sequence) {
            let first = store.rows_from(line, sequence, 1).await?.into_iter().next();
            body = Some((sequence, first.and_then(|first| first.body)));
        }
        row.body = body.as_ref().and_then(|(_, body)| body.clone());
        bytes += bytes_max(sizes(row));
        if PAGE_BYTES_MAX < bytes {
            break;
        }
    }
    Ok(fitting(rows, limit, next))
}

/// The place that everything first tried before `to` lies behind: an event's rows are never older than its first.
async fn first_behind(
    store: &impl LogStore,
    line: &LineKey,
    to: Millis,
) -> Result<Option<AttemptNumber>, StoreError> {
    let Some(last) = store.last_row(line).await? else { return Ok(None) };
    let sequence = first_since(store, line, to, last.number.sequence + 1).await?;
    Ok(Some(AttemptNumber { sequence, attempt: 0 }))
}

/// Cuts a page to what fits an answer. `next` is the place behind which there is more, if there is.
fn fitting(mut rows: Vec<LogRow>, limit: usize, next: Option<AttemptNumber>) -> Rows {
    let shown = rows_of_page(&rows, limit);
    let is_cut = shown < rows.len();
    rows.truncate(shown);
    let last = rows.last().map(|row| row.attempt.number);
    (rows, if is_cut { last } else { next })
}

/// How many of the rows fit a page of `limit` rows: at least one, so that the list goes on.
fn rows_of_page(rows: &[LogRow], limit: usize) -> usize {
    fitting_page(rows.iter().map(sizes), limit)
}

/// How many entries fit a page of `limit`, by the bytes of their bodies and of their other texts.
pub(crate) fn fitting_page(sizes: impl ExactSizeIterator<Item = (usize, usize)>, limit: usize) -> usize {
    let (mut bytes, all) = (0, sizes.len());
    let fitting = sizes.take(limit).take_while(|entry| {
        bytes += bytes_max(*entry);
        bytes <= PAGE_BYTES_MAX
    });
    fitting.count().max(1).min(all)
}

fn sizes(row: &LogRow) -> (usize, usize) {
    let body = row.body.as_ref().map_or(0, |body| body.as_str().len());
    (body, row.attempt.outcome.response().len() + row.url.len())
}

fn bytes_max((body, escaped): (usize, usize)) -> usize {
    body + ESCAPE_BYTES_MAX * escaped + ROW_BYTES_MAX
}
