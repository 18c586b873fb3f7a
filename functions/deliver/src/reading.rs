//! The state of a webhook's queue as a run knows it.

use futures_util::future::join_all;
use hookrail_domain::decision::Facts;
use hookrail_domain::delivery::QueuedDelivery;
use hookrail_domain::progress::LastRow;
use hookrail_domain::suspension::SuspensionPolicy;
use hookrail_domain::time::Millis;
use hookrail_pipeline::fault::Fault;
use hookrail_pipeline::ports::Ports;
use hookrail_pipeline::store::{LogStore as _, WebhookKey, WebhookSnapshot};

use crate::App;
use crate::group::Group;

/// The snapshot and the last row of a webhook.
///
/// Kept current by the rows that the run writes itself: no other run writes while it holds the group.
/// If one did, the condition of the next row would fail.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) snapshot: WebhookSnapshot,
    pub(crate) last: Option<LastRow>,
    /// Read after the webhook had been found inactive: the two items of the snapshot are not read at one
    /// moment.
    pub(crate) is_reread: bool,
}

impl Reading {
    /// Returns the facts that decide the next step of a message.
    pub(crate) fn facts<'a>(
        &'a self,
        message: QueuedDelivery<'a>,
        policy: SuspensionPolicy,
        now: Millis,
    ) -> Facts<'a> {
        let WebhookSnapshot { webhook, state, .. } = &self.snapshot;
        let (webhook, last) = (webhook.as_ref(), self.last.as_ref());
        Facts { webhook, state, last, is_reread: self.is_reread, message, policy, now }
    }
}

/// Reads one webhook again.
pub(crate) async fn read_again<P: Ports>(app: &App<P>, key: &WebhookKey) -> Result<Reading, Fault> {
    let snapshots = snapshots(app, std::slice::from_ref(key)).await?;
    let snapshot = snapshots.into_iter().next().unwrap_or_default();
    Ok(Reading { snapshot, last: last_row(app, key).await?, is_reread: true })
}

/// Reads the webhook of every group, consistently and never from a cache. None if a table did not
/// respond.
pub(crate) async fn read<P: Ports>(app: &App<P>, groups: &[Group]) -> Vec<Option<Reading>> {
    let keys: Vec<_> = groups.iter().filter_map(|group| group.key().cloned()).collect();
    // One after the other: a queue that recover has just made active must not meet a row from before.
    let snapshots: Vec<_> = match snapshots(app, &keys).await {
        Ok(snapshots) => snapshots.into_iter().map(Some).collect(),
        Err(fault) => {
            fault.log(None);
            vec![None; keys.len()]
        }
    };
    let last_rows = join_all(keys.iter().map(|key| last_row(app, key))).await;
    let mut readings = snapshots.into_iter().zip(last_rows).map(|(snapshot, last)| {
        let last = last.inspect_err(|fault| fault.log(None)).ok();
        Some(Reading { snapshot: snapshot?, last: last?, is_reread: false })
    });
    // A group of poison alone has no webhook and needs none.
    groups.iter().map(|group| group.key().map_or(Some(Reading::default()), |_| readings.next()?)).collect()
}

async fn snapshots<P: Ports>(app: &App<P>, keys: &[WebhookKey]) -> Result<Vec<WebhookSnapshot>, Fault> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    app.store.snapshots(keys).await.map_err(Fault::of("webhooks could not be read"))
}

async fn last_row<P: Ports>(app: &App<P>, key: &WebhookKey) -> Result<Option<LastRow>, Fault> {
    app.store.last_row(key).await.map_err(Fault::of("the log could not be read"))
}
