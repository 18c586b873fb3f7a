//! Queues that are due.

use hookrail_domain::suspension::QueueState;
use hookrail_domain::time::Millis;
use hookrail_pipeline::store::WebhookKey;
use hookrail_pipeline::store::due::Shares;

use super::Tables;

impl Tables {
    pub(super) fn due_queues(&self, now: Millis, mut shares: Shares<'_, WebhookKey>) -> Vec<WebhookKey> {
        let due_at = |state: &QueueState| match &state.backlog {
            Some(backlog) => Some(backlog.due_at),
            None => state.operational_events.first().map(|notice| notice.at),
        };
        let due = self.states.iter();
        let mut due: Vec<_> = due
            .filter_map(|(key, state)| Some((due_at(state).filter(|due_at| *due_at <= now)?, key)))
            .collect();
        due.sort_by_key(|(due_at, key)| (*due_at, key.company.to_string(), key.webhook.to_string()));
        due.into_iter().filter(|(_, key)| shares.takes(key)).map(|(_, key)| key.clone()).collect()
    }
}
