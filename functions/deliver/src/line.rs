//! What a run knows of a webhook's line.

use futures_util::future::join_all;
use hookrail_adapters::clock::Clock;
use hookrail_adapters::queue::Queue;
use hookrail_adapters::sender::Sender;
use hookrail_adapters::store::{LineKey, LineSettings, LogStore};
use hookrail_adapters::telemetry::Chain;
use hookrail_domain::line::LastRow;

use crate::App;
use crate::group::Group;

/// Settings and last row of a line.
///
/// Kept up to date by the rows the run writes itself: nobody else writes while it holds the group, and if someone did,
/// the next row's condition would tell.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub(crate) settings: LineSettings,
    pub(crate) last: Option<LastRow>,
    /// Read after the webhook had been found inactive: the two items of the settings are not read at one moment.
    pub(crate) is_reread: bool,
}

/// Reads one line again. None where a table did not answer.
pub(crate) async fn read_again<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    key: &LineKey,
) -> Option<Line> {
    let settings = settings(app, std::slice::from_ref(key)).await.into_iter().next()??;
    Some(Line { settings, last: last_row(app, key).await?, is_reread: true })
}

/// Reads the line of every group, consistently and never from a cache. None where a table did not answer.
pub(crate) async fn read<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    groups: &[Group],
) -> Vec<Option<Line>> {
    let keys: Vec<_> = groups.iter().filter_map(|group| group.line().cloned()).collect();
    // One after the other: a line that recover has just made active must not meet a row from before.
    let settings = settings(app, &keys).await;
    let last_rows = join_all(keys.iter().map(|key| last_row(app, key))).await;
    let mut lines = settings.into_iter().zip(last_rows).map(|(settings, last)| {
        let (settings, last) = (settings?, last?);
        Some(Line { settings, last, is_reread: false })
    });
    // A group of poison alone has no line and needs none.
    groups.iter().map(|group| group.line().map_or(Some(Line::default()), |_| lines.next()?)).collect()
}

async fn settings<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    keys: &[LineKey],
) -> Vec<Option<LineSettings>> {
    if keys.is_empty() {
        return Vec::new();
    }
    match app.store.settings(keys).await {
        Ok(settings) => settings.into_iter().map(Some).collect(),
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "webhooks could not be read");
            vec![None; keys.len()]
        }
    }
}

/// The outer option is whether the log could be read, the inner one whether there is a row.
async fn last_row<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    key: &LineKey,
) -> Option<Option<LastRow>> {
    match app.store.last_row(key).await {
        Ok(last) => Some(last),
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "the log could not be read");
            None
        }
    }
}
