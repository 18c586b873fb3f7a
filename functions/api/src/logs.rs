//! A webhook's log: every attempt, newest first.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::event::Body;
use hookrail_domain::id::{RowId, WebhookId};
use hookrail_domain::limits::JSON_ESCAPE_BYTES_MAX;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::time::Millis;
use hookrail_domain::token::Scope;
use hookrail_pipeline::store::listing::ListStore;
use hookrail_pipeline::store::{ConfigStore, LogStore, StoreError, WebhookKey};
use hookrail_wire::cot_webhook_log;
use hookrail_wire::cursor::List;
use hookrail_wire::log_filter::LogFilter;
use hookrail_wire::query::Filter;
use http::StatusCode;

use crate::answer;
use crate::auth::{Access, Tenant};
use crate::error::ApiError;
use crate::openapi::input::Input;
use crate::page_builder::PageBuilder;
use crate::replays::{NO_ROW, first_since};
use crate::request::{Listing, WebhookPath, no_such_webhook};
use crate::route::{Served, Shape, Tag, get, refusal};
use crate::{App, Ports};

/// The largest page, in bytes of its JSON.
///
/// Lambda responds with 6 MiB at most, in which each byte may take two (an escaped quote or backslash); a
/// page that would be larger ends early and links to the rest.
const PAGE_BYTES_MAX: usize = 2_500_000;
/// A row's JSON but for body, response and URL, in bytes.
const ROW_BYTES_MAX: usize = 1024;

/// Rows of one read of a search, and reads of one page. A read ends after 1 MB of the table, bodies included.
const SEARCHED_AT_ONCE: usize = 500;
const SEARCHES_MAX: usize = 8;

/// The path of a webhook's log: this path, a slash and the webhook's id.
pub const LOGS_PATH: &str = "/api/v3/webhook/subscription/logs";

pub fn routes<P: Ports>() -> Vec<Served<P>> {
    let read = Access::Company(Scope::LogsRead);
    vec![
        get(format!("{LOGS_PATH}/{{id}}"), read)
            .titled(Tag::Logs, "listLogs", "List a webhook's attempts, the newest event first")
            .described("The attempts of one event are listed together, the newest first.")
            .takes([Input::Limit(50), Input::Cursor, Input::Result, Input::Status])
            .takes([Input::Event, Input::From, Input::To, Input::Admin])
            .responds(
                200,
                "A page of attempts. A page of a filtered list may be short or empty and still link to \
                 the next.",
                Shape::Page("LogRow"),
            )
            .refuses([refusal::NO_WEBHOOK])
            .to(list::<P>),
        get(format!("{LOGS_PATH}/{{id}}/{{row}}"), read)
            .titled(Tag::Logs, "findLog", "Read one attempt")
            .responds(200, "The attempt.", Shape::One("LogRow"))
            .refuses([refusal::NO_ROW])
            .to(find::<P>),
    ]
}

/// `GET /api/v3/webhook/subscription/logs/{id}`
pub async fn list<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookPath(id): WebhookPath,
    Listing { page, filter }: Listing<LogFilter, 50>,
) -> Result<Response, ApiError> {
    let (company, narrowed) = (tenant.company(), filter.render());
    let list = List::log(company, &id, &narrowed);
    let before = page.position(&list)?;
    let state = tenant.key(id);
    app.has_log(&state).await?;
    let (rows, last) = if filter.is_empty() {
        newest(&app.store, &state, before, page.limit).await?
    } else {
        search(&app.store, &state, (&filter, before), page.limit).await?
    };
    let cursor = last.map(|last| list.cursor(&last));
    let next = cursor.map(|cursor| page.next_of(&format!("{LOGS_PATH}/{id}"), (&narrowed, &cursor)));
    answer::page(cot_webhook_log::render_list(&rows), next)
}

/// `GET /api/v3/webhook/subscription/logs/{id}/{row}`: one attempt.
pub async fn find<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    Path((id, row)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let id = WebhookId::parse(&id).map_err(|_refused| no_such_webhook())?;
    let state = tenant.key(id);
    app.has_log(&state).await?;
    let number = RowId::parse(&row).ok().and_then(|row| AttemptNumber::of_row_id(row, id));
    let no_row = || ApiError::not_found(NO_ROW);
    let number = number.ok_or_else(no_row)?;
    let behind = AttemptNumber { attempt: number.attempt + 1, ..number };
    let rows = app.store.list_rows(&state, Some(behind), 1).await?;
    let row = rows.into_iter().find(|row| row.attempt.number == number).ok_or_else(no_row)?;
    Ok(answer::json(StatusCode::OK, cot_webhook_log::render(&row)))
}

impl<P: Ports> App<P> {
    /// A webhook has a log, and one that was deleted keeps it.
    async fn has_log(&self, key: &WebhookKey) -> Result<(), ApiError> {
        let is_there = self.store.find_webhook(&key.company, key.webhook).await?.is_some();
        if is_there || self.store.last_row(key).await?.is_some() { Ok(()) } else { Err(no_such_webhook()) }
    }
}

/// Rows of a page, and the one that the next page lies behind, if there is one.
type Rows = (Vec<LogRow>, Option<AttemptNumber>);

async fn newest(
    store: &impl LogStore,
    key: &WebhookKey,
    before: Option<AttemptNumber>,
    limit: usize,
) -> Result<Rows, StoreError> {
    let rows = store.list_rows(key, before, limit + 1).await?;
    Ok(fitting(rows, limit, None))
}

/// Looks at rows without their bodies, and reads those of the rows that it found.
async fn search(
    store: &(impl LogStore + ListStore),
    key: &WebhookKey,
    (filter, before): (&LogFilter, Option<AttemptNumber>),
    limit: usize,
) -> Result<Rows, StoreError> {
    let before = match (before, filter.to) {
        (None, Some(to)) => first_behind(store, key, to).await?,
        (before, _) => before,
    };
    let mut page_builder = PageBuilder::new(limit, before, SEARCHES_MAX);
    // What is newer of the event that the page begins in was on the page before.
    let mut event = before.map(|before| before.sequence);
    while let Some(before) = page_builder.next_read() {
        let scanned = store.scan_rows(key, before, SEARCHED_AT_ONCE).await?;
        page_builder.take(scanned.rows, scanned.is_end, |row| {
            let number = row.attempt.number;
            let is_newest = event.replace(number.sequence) != Some(number.sequence);
            (number, filter.takes(row, is_newest))
        });
    }
    let (mut rows, next) = page_builder.finish();
    let (mut body, mut bytes) = (None::<(u64, Option<Body>)>, 0);
    for row in &mut rows {
        let sequence = row.attempt.number.sequence;
        if body.as_ref().is_none_or(|(of, _)| *of != sequence) {
            let first = store.rows_from(key, sequence, 1).await?.into_iter().next();
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
    key: &WebhookKey,
    to: Millis,
) -> Result<Option<AttemptNumber>, StoreError> {
    let Some(last) = store.last_row(key).await? else { return Ok(None) };
    let sequence = first_since(store, key, to, last.number.sequence + 1).await?;
    Ok(Some(AttemptNumber { sequence, attempt: 0 }))
}

/// Cuts a page to what fits a response. `next` is the position behind which there is more, if there is.
fn fitting(mut rows: Vec<LogRow>, limit: usize, next: Option<AttemptNumber>) -> Rows {
    let shown = rows_of_page(&rows, limit);
    let is_cut = shown < rows.len();
    rows.truncate(shown);
    let last = rows.last().map(|row| row.attempt.number);
    (rows, if is_cut { last } else { next })
}

/// The number of rows that fit a page of `limit` rows: at least one, so that the list continues.
fn rows_of_page(rows: &[LogRow], limit: usize) -> usize {
    fitting_page(rows.iter().map(sizes), limit)
}

/// The number of entries that fit a page of `limit`, by the bytes of their bodies and of their other texts.
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
    body + JSON_ESCAPE_BYTES_MAX * escaped + ROW_BYTES_MAX
}
