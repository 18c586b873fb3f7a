//! `hookrail webhook logs`: the log of a webhook, filtered and followed.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use clap::Args;
use hookrail_api::LOGS_PATH;
use hookrail_domain::time::Millis;
use hookrail_wire::log_filter::LogFilter;
use hookrail_wire::query::Filter;
use hookrail_wire::timestamp;

use super::look;
use super::named::Named;
use crate::call::CallOptions;
use crate::client::{Client, List};
use crate::failure::Failure;
use crate::show;
use crate::show::attempts::{self, Growing, Row};

/// Allowed numbers of rows of one command.
const LIMIT_RANGE: RangeInclusive<i64> = 1..=10_000;
const LIMIT_DEFAULT: u16 = 50;
/// Rows that are printed before the first new one.
const FOLLOWED_LIMIT_DEFAULT: u16 = 10;
/// Pause between two reads of a log that is followed. Each read is a paid call.
const POLL: Duration = Duration::from_secs(2);
/// Longest delay between the time of a row and its writing: the time is that of the request's begin, by the clock of
/// its sandbox.
const LATE_MS_MAX: u64 = 120_000;

/// Show the log of a webhook, newest row first.
#[derive(Debug, Clone, Args)]
pub(super) struct LogsOptions {
    #[command(flatten)]
    webhook: Named,
    /// Most rows, 1 to 10000. The default is 50, and 10 with --follow.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(LIMIT_RANGE))]
    limit: Option<u16>,
    /// Only rows with this result: SUCCESS, FAILED, WAITING (for another attempt) or PARKED.
    #[arg(long, value_name = "RESULT")]
    result: Option<String>,
    /// Only rows with this status.
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Only rows of the event with this id.
    #[arg(long, value_name = "EVENT")]
    event: Option<String>,
    /// Only rows from this time on, such as 2026-05-05T20:04:40Z.
    #[arg(long, value_name = "TIME", conflicts_with = "follow")]
    from: Option<String>,
    /// Only rows before this time.
    #[arg(long, value_name = "TIME", conflicts_with = "follow")]
    to: Option<String>,
    /// Continue to print new rows, oldest first, until Ctrl-C. Each read covers the newest 4,000 rows. With --json
    /// every row is one line.
    #[arg(long)]
    follow: bool,
}

impl LogsOptions {
    /// Renders the filter as a query, checked as the API checks it.
    fn query(&self, from: Option<Millis>) -> Result<String, Failure> {
        let from = from.map(timestamp::render).or_else(|| self.from.clone());
        let said = [
            ("result", &self.result),
            ("status", &self.status),
            ("event", &self.event),
            ("from", &from),
            ("to", &self.to),
        ];
        let pair = |(name, value): (&str, &Option<String>)| Some((name.to_owned(), value.clone()?));
        let pairs: Vec<_> = said.into_iter().filter_map(pair).collect();
        LogFilter::parse(&pairs).map(|filter| filter.render()).map_err(Failure::BadFlags)
    }
}

pub(super) async fn act(call: &CallOptions, options: &LogsOptions, client: &Client) -> Result<(), Failure> {
    let path = format!("{LOGS_PATH}/{}", options.webhook.webhook.id(client).await?);
    if options.follow {
        return tokio::select! {
            ended = follow(call, options, (client, &path)) => ended,
            stopped = tokio::signal::ctrl_c() => stopped.map_err(Failure::Runtime),
        };
    }
    let limit = usize::from(options.limit.unwrap_or(LIMIT_DEFAULT));
    let rows = client.list(&format!("{path}?{}", options.query(None)?), limit).await?;
    call.print(&rows.document(), |rows: &Vec<Row>| attempts::table(rows))?;
    if rows.has_more {
        show::tell("there are older rows; --limit sets the number of rows");
    }
    Ok(())
}

/// Prints new rows until the output is closed.
async fn follow(
    call: &CallOptions,
    options: &LogsOptions,
    (client, path): (&Client, &str),
) -> Result<(), Failure> {
    let mut following = Following::default();
    let limit = usize::from(options.limit.unwrap_or(FOLLOWED_LIMIT_DEFAULT));
    let newest =
        async || Ok::<_, Failure>(client.list(&format!("{path}?{}", options.query(None)?), limit).await?);
    let since = async |from: Option<Millis>| {
        Ok::<_, Failure>(client.list_newest(&format!("{path}?{}", options.query(from)?)).await?)
    };
    // Rows that are older than the first printed ones are never printed: they are read before them.
    following.take(entries(&newest().await?)?);
    following.take(entries(&since(following.from).await?)?);
    let mut shown = entries(&newest().await?)?;
    following.take(shown.clone());
    shown.sort_by_key(Entry::place);
    let (head, mut table) = Growing::begin();
    let mut is_read = call.is_json() || show::print(&head).map_err(Failure::Output)?;
    while is_read {
        let text = if call.is_json() {
            shown.iter().map(|entry| format!("{}\n", entry.text)).collect()
        } else {
            table.rows(&shown.into_iter().map(|entry| entry.row).collect::<Vec<_>>())
        };
        is_read = if call.is_json() { show::print_as_it_is(&text) } else { show::print(&text) }
            .map_err(Failure::Output)?;
        let from = following.from;
        shown = following.take(entries(&look(POLL, async || since(from).await).await?)?);
    }
    Ok(())
}

/// A row, with its JSON on one line.
#[derive(Debug, Clone)]
struct Entry {
    row: Row,
    text: String,
    at: Millis,
}

impl Entry {
    /// Returns the position in the order of time.
    fn place(&self) -> (Millis, u64, u32) {
        (self.at, self.row.sequence, self.row.retry)
    }
}

fn entries(list: &List) -> Result<Vec<Entry>, Failure> {
    let rows = list.read::<Row>()?;
    // Line ends of an event are between its fields only: in a string they are escaped.
    let texts = list.texts().map(|text| text.replace(['\n', '\r'], " "));
    let entry = |(row, text): (Row, String)| {
        let at = timestamp::parse(&row.created_at).unwrap_or(Millis(0));
        Entry { row, text, at }
    };
    Ok(rows.into_iter().zip(texts).map(entry).collect())
}

/// The rows of a log that were printed. A new row of an old event that is sent again is far down in the log.
#[derive(Debug, Default)]
struct Following {
    /// Rows before this time are no longer read.
    from: Option<Millis>,
    seen: HashMap<String, Millis>,
}

impl Following {
    /// Returns the rows that are new, oldest first.
    fn take(&mut self, mut rows: Vec<Entry>) -> Vec<Entry> {
        rows.retain(|entry| self.seen.insert(entry.row.id.clone(), entry.at).is_none());
        rows.sort_by_key(Entry::place);
        if let Some(newest) = rows.last() {
            let from = Millis(newest.at.0.saturating_sub(LATE_MS_MAX));
            self.from = self.from.max(Some(from));
            self.seen.retain(|_, at| Some(*at) >= self.from);
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(id: u64, at: u64) -> Entry {
        let document = json!({ "_id": id.to_string(), "createdAt": timestamp::render(Millis(at)), "sequence": id,
            "retry": 1, "result": "SUCCESS", "error": null, "status": 200, "durationMs": 1,
            "nextAttemptAt": null, "response": "" });
        Entry { text: document.to_string(), row: serde_json::from_value(document).unwrap(), at: Millis(at) }
    }

    #[track_caller]
    fn check(following: &mut Following, rows: &[(u64, u64)], expected: &[u64]) {
        let taken = following.take(rows.iter().map(|(id, at)| entry(*id, *at)).collect());
        assert_eq!(taken.iter().map(|entry| entry.row.sequence).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn each_row_is_followed_once_oldest_first() {
        let mut following = Following::default();
        check(&mut following, &[(3, 300), (2, 200)], &[2, 3]);
        check(&mut following, &[(4, 400), (3, 300), (2, 200)], &[4]);
        check(&mut following, &[(4, 400), (1, 350)], &[1]);
        check(&mut following, &[], &[]);
    }

    #[test]
    fn rows_too_old_to_change_are_forgotten_and_not_requested_again() {
        let mut following = Following::default();
        check(&mut following, &[(1, 1_000), (2, 2_000)], &[1, 2]);
        assert_eq!(following.from, Some(Millis(0)));
        check(&mut following, &[(3, 2_000 + LATE_MS_MAX)], &[3]);
        assert_eq!(following.from, Some(Millis(2_000)));
        assert_eq!(following.seen.len(), 2, "the first is not asked for again");
        check(&mut following, &[(2, 2_000), (3, 2_000 + LATE_MS_MAX)], &[]);
        check(&mut following, &[(4, 5_000)], &[4]);
        assert_eq!(following.from, Some(Millis(2_000)), "it never goes back");
    }
}
