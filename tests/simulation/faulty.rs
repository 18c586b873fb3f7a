//! Ports whose calls take time, fail, lose their responses, or are the last call of a process.

use std::collections::HashSet;
use std::sync::Arc;

use hookrail_domain::attempt::{AttemptNumber, Outcome};
use hookrail_domain::id::{CompanyId, RejectedId, WebhookId};
use hookrail_domain::ingest::Pushed;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::progress::LastRow;
use hookrail_domain::rejected::RejectedEvent;
use hookrail_domain::request::DeliveryRequest;
use hookrail_domain::secrets::Secrets;
use hookrail_domain::suspension::QueueState;
use hookrail_domain::target::TargetUrl;
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Owner, Token};
use hookrail_domain::webhook::Webhook;
use hookrail_pipeline::queue::{HoldResult, Outgoing, Queue, QueueError, SendResult};
use hookrail_pipeline::sender::{Sender, Vetted};
use hookrail_pipeline::store::rejected::RejectedStore;
use hookrail_pipeline::store::{
    Change, CompanyCreation, ConfigStore, LogStore, Parking, Recorded, Replacement, Replacing, StoreError,
    StoredResponse, WebhookCreation, WebhookKey, WebhookSnapshot,
};

use crate::faults::{Call, Fate};
use crate::sandbox::Sandbox;
use crate::troubles;

mod jobs;

/// A port as one sandbox reaches it.
#[derive(Debug)]
pub(crate) struct Faulty<P> {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) port: P,
}

#[derive(Debug, thiserror::Error)]
#[error("a planned fault")]
struct PlannedFault;

fn no_table<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable(Box::new(PlannedFault)))
}

fn no_queue<T>() -> Result<T, QueueError> {
    Err(QueueError(Box::new(PlannedFault)))
}

/// Returns the entries that succeed, and for each of all whether it does.
fn spared<T: Clone>(fate: Fate, entries: &[T]) -> (Vec<T>, Vec<bool>) {
    let fails = |index: usize| matches!(fate, Fate::Partial(bits) if bits & (1 << index) != 0);
    let passes: Vec<bool> = (0..entries.len()).map(|index| !fails(index)).collect();
    (passing(entries, &passes), passes)
}

fn passing<T: Clone>(entries: &[T], passes: &[bool]) -> Vec<T> {
    entries.iter().zip(passes).filter(|(_, passes)| **passes).map(|(entry, _)| entry.clone()).collect()
}

/// Returns the answers of the entries that succeeded, at their positions among all.
fn merged<T: Clone>(passes: &[bool], answers: Vec<T>, failed: &T) -> Vec<T> {
    let mut answers = answers.into_iter();
    let mut answer = |passes: &bool| if *passes { answers.next() } else { None };
    passes.iter().map(|passes| answer(passes).unwrap_or_else(|| failed.clone())).collect()
}

impl<P: Queue> Faulty<P> {
    /// Sends, and records the effect, regardless of the result that the function gets.
    async fn send_noted(
        &self,
        queue_url: &str,
        messages: &[Outgoing],
    ) -> Result<Vec<SendResult>, QueueError> {
        let refused = troubles::refused(&self.sandbox.world.setup, messages);
        let accepted: Vec<bool> = refused.iter().map(|is_refused| !is_refused).collect();
        let passing: Vec<_> = passing(messages, &accepted);
        let answers = if passing.is_empty() { vec![] } else { self.port.send(queue_url, &passing).await? };
        let answers = merged(&accepted, answers, &SendResult::Refused);
        self.sandbox.world.accept_posted(messages, &answers);
        Ok(answers)
    }
}

impl<P: Queue> Queue for Faulty<P> {
    async fn send(&self, queue_url: &str, messages: &[Outgoing]) -> Result<Vec<SendResult>, QueueError> {
        let planted = &self.sandbox.planted;
        let wanted = messages.len();
        let messages = planted.gather(self.sandbox.function, queue_url, messages);
        if messages.len() < wanted {
            return Ok(planted.sent(wanted, &[]));
        }
        let course = self.sandbox.course(Call::Send);
        let effect = async {
            if !matches!(course.fate, Fate::Partial(_)) {
                return self.send_noted(queue_url, &messages).await;
            }
            let (passing, passes) = spared(course.fate, &messages);
            let answers =
                if passing.is_empty() { vec![] } else { self.send_noted(queue_url, &passing).await? };
            Ok(merged(&passes, answers, &SendResult::Failed))
        };
        let results = self.sandbox.perform(course, effect, no_queue).await?;
        Ok(planted.sent(wanted, &results))
    }

    async fn hold(&self, queue_url: &str, holds: &[(String, u64)]) -> Result<Vec<HoldResult>, QueueError> {
        let planted = &self.sandbox.planted;
        let wanted = holds.len();
        let holds = planted.holds(holds);
        if holds.len() < wanted && holds.is_empty() {
            return Ok(planted.held(wanted, vec![]));
        }
        let course = self.sandbox.course(Call::Hold);
        let effect = async {
            if !matches!(course.fate, Fate::Partial(_)) {
                return self.port.hold(queue_url, &holds).await;
            }
            let (passing, passes) = spared(course.fate, &holds);
            let answers =
                if passing.is_empty() { vec![] } else { self.port.hold(queue_url, &passing).await? };
            Ok(merged(&passes, answers, &HoldResult::Failed))
        };
        let results = self.sandbox.perform(course, effect, no_queue).await?;
        Ok(planted.held(wanted, results))
    }

    async fn delete(&self, queue_url: &str, handles: &[String]) -> Result<(), QueueError> {
        if !self.sandbox.planted.deletes() {
            return Ok(());
        }
        let course = self.sandbox.course(Call::Delete);
        let effect = async {
            let (passing, _) = spared(course.fate, handles);
            if passing.is_empty() { Ok(()) } else { self.port.delete(queue_url, &passing).await }
        };
        self.sandbox.perform(course, effect, no_queue).await
    }

    /// Only the API asks for it.
    async fn length(&self, queue_url: &str) -> Result<u64, QueueError> {
        self.port.length(queue_url).await
    }
}

impl<P: Sender> Sender for Faulty<P> {
    async fn send(&self, request: &DeliveryRequest) -> Outcome {
        let _turn = self.sandbox.planted.turn().await;
        let course = self.sandbox.course(Call::Post);
        let effect = self.port.send(request);
        self.sandbox
            .perform(course, effect, || unreachable!("a request has an outcome, never an error"))
            .await
    }

    // No function in the simulation calls it.
    async fn vet(&self, url: &TargetUrl) -> Vetted {
        self.port.vet(url).await
    }
}

// No schedule has a rejected event: none of these calls is ever made.
impl<P: RejectedStore> RejectedStore for Faulty<P> {
    async fn keep_rejected(&self, of: &Owner, event: &RejectedEvent) -> Result<(), StoreError> {
        self.port.keep_rejected(of, event).await
    }

    async fn replace_rejected(&self, of: &Owner, event: &RejectedEvent) -> Result<(), StoreError> {
        self.port.replace_rejected(of, event).await
    }

    async fn find_rejected(&self, of: &Owner, id: RejectedId) -> Result<Option<RejectedEvent>, StoreError> {
        self.port.find_rejected(of, id).await
    }

    async fn list_rejected(
        &self,
        of: &Owner,
        before: Option<RejectedId>,
        limit: usize,
    ) -> Result<Vec<RejectedEvent>, StoreError> {
        self.port.list_rejected(of, before, limit).await
    }
}

impl<P: LogStore> LogStore for Faulty<P> {
    async fn snapshots(&self, keys: &[WebhookKey]) -> Result<Vec<WebhookSnapshot>, StoreError> {
        let course = self.sandbox.course(Call::Settings);
        let read = self.sandbox.perform(course, self.port.snapshots(keys), no_table).await?;
        Ok(self.sandbox.planted.snapshots(keys, read))
    }

    async fn last_row(&self, key: &WebhookKey) -> Result<Option<LastRow>, StoreError> {
        let course = self.sandbox.course(Call::LastRow);
        let read = self.sandbox.perform(course, self.port.last_row(key), no_table).await?;
        Ok(self.sandbox.planted.last_row(key, read))
    }

    async fn put_row(&self, row: &LogRow) -> Result<Recorded, StoreError> {
        self.sandbox.planted.before_row(&self.sandbox.world, row).await;
        let course = self.sandbox.course(Call::PutRow);
        let effect = async {
            let recorded = self.port.put_row(row).await;
            self.sandbox.world.put(self.sandbox.run(), row, recorded.as_ref().ok().copied());
            recorded
        };
        self.sandbox.planted.recorded(self.sandbox.perform(course, effect, no_table).await)
    }

    async fn park(&self, row: &LogRow, generation: u64) -> Result<Parking, StoreError> {
        let course = self.sandbox.course(Call::Park);
        let effect = async {
            let result = if self.sandbox.planted.parks_blindly() {
                self.port.put_row(row).await.map(|_any| Parking::Parked)
            } else {
                self.port.park(row, generation).await
            };
            let recorded = result.as_ref().ok().map(|parking| match parking {
                Parking::Parked => Recorded::Mine,
                Parking::Moved => Recorded::Another,
            });
            self.sandbox.world.put(self.sandbox.run(), row, recorded);
            result
        };
        self.sandbox.perform(course, effect, no_table).await
    }

    async fn change_state(
        &self,
        key: &WebhookKey,
        from: &QueueState,
        to: &QueueState,
    ) -> Result<Change, StoreError> {
        let course = self.sandbox.course(Call::ChangeState);
        let (from, to) = self.sandbox.planted.change(from, to, || self.sandbox.world.tables.state(key));
        self.sandbox.perform(course, self.port.change_state(key, &from, &to), no_table).await
    }

    async fn replace_with_state(
        &self,
        replacing: Replacing<'_>,
        from: &QueueState,
        to: &QueueState,
    ) -> Result<Replacement, StoreError> {
        let course = self.sandbox.course(Call::ChangeState);
        let effect = async {
            let result = self.port.replace_with_state(replacing, from, to).await;
            if matches!(result, Ok(Replacement::Done)) {
                self.sandbox.world.deactivated(replacing.webhook);
            }
            result
        };
        self.sandbox.perform(course, effect, no_table).await
    }

    async fn advance(&self, row: &LogRow, from: &QueueState, to: &QueueState) -> Result<Change, StoreError> {
        let to = &self.sandbox.planted.advance(from, to);
        if self.sandbox.planted.moves_on_first() {
            if self.change_state(&WebhookKey::of_row(row), from, to).await? == Change::Lost {
                return Ok(Change::Lost);
            }
            return Ok(match self.put_row(row).await? {
                Recorded::Mine => Change::Done,
                Recorded::Another => Change::Lost,
            });
        }
        let course = self.sandbox.course(Call::Advance);
        let effect = async {
            let result = self.port.advance(row, from, to).await;
            let recorded = result.as_ref().ok().map(|change| match change {
                Change::Done => Recorded::Mine,
                Change::Lost => Recorded::Another,
            });
            self.sandbox.world.put(self.sandbox.run(), row, recorded);
            result
        };
        self.sandbox.perform(course, effect, no_table).await
    }

    async fn due_queues(
        &self,
        now: Millis,
        share: usize,
        except: &HashSet<WebhookKey>,
    ) -> Result<Vec<WebhookKey>, StoreError> {
        let course = self.sandbox.course(Call::DueQueues);
        let found = self.sandbox.perform(course, self.port.due_queues(now, share, except), no_table).await?;
        Ok(if self.sandbox.planted.sweeps() { found } else { Vec::new() })
    }

    /// Only a metric needs it.
    async fn count_due_queues(&self) -> Result<u64, StoreError> {
        self.port.count_due_queues().await
    }

    async fn rows_from(
        &self,
        key: &WebhookKey,
        sequence: u64,
        limit: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        let course = self.sandbox.course(Call::RowsFrom);
        self.sandbox.perform(course, self.port.rows_from(key, sequence, limit), no_table).await
    }

    async fn last_row_of(&self, key: &WebhookKey, sequence: u64) -> Result<Option<LogRow>, StoreError> {
        let course = self.sandbox.course(Call::LastAttempt);
        self.sandbox.perform(course, self.port.last_row_of(key, sequence), no_table).await
    }

    async fn list_rows(
        &self,
        key: &WebhookKey,
        before: Option<AttemptNumber>,
        limit: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        self.port.list_rows(key, before, limit).await
    }
}

impl<P: ConfigStore> ConfigStore for Faulty<P> {
    async fn list_webhooks(&self, company: &CompanyId) -> Result<Vec<Webhook>, StoreError> {
        let course = self.sandbox.course(Call::ListWebhooks);
        self.sandbox.perform(course, self.port.list_webhooks(company), no_table).await
    }

    async fn config_versions(&self, companies: &[CompanyId]) -> Result<Vec<u64>, StoreError> {
        let course = self.sandbox.course(Call::ConfigVersions);
        let read = self.sandbox.perform(course, self.port.config_versions(companies), no_table).await?;
        Ok(self.sandbox.planted.versions(companies, read))
    }

    // The functions make none of the calls below.

    async fn create_company(
        &self,
        company: &CompanyId,
        token: &Token,
    ) -> Result<CompanyCreation, StoreError> {
        self.port.create_company(company, token).await
    }

    async fn is_company(&self, company: &CompanyId) -> Result<bool, StoreError> {
        self.port.is_company(company).await
    }

    async fn create_webhook(
        &self,
        webhook: &Webhook,
        secrets: &Secrets,
    ) -> Result<WebhookCreation, StoreError> {
        self.port.create_webhook(webhook, secrets).await
    }

    async fn find_webhook(&self, company: &CompanyId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        self.port.find_webhook(company, id).await
    }

    async fn find_secrets(&self, company: &CompanyId, id: WebhookId) -> Result<Option<Secrets>, StoreError> {
        self.port.find_secrets(company, id).await
    }

    async fn replace_webhook(&self, replacing: Replacing<'_>) -> Result<Replacement, StoreError> {
        self.port.replace_webhook(replacing).await
    }

    async fn store_response(
        &self,
        company: &CompanyId,
        key: &str,
        answer: &StoredResponse,
    ) -> Result<(), StoreError> {
        self.port.store_response(company, key, answer).await
    }

    async fn find_response(
        &self,
        company: &CompanyId,
        key: &str,
        now: Millis,
    ) -> Result<Option<StoredResponse>, StoreError> {
        self.port.find_response(company, key, now).await
    }

    async fn find_pushed(&self, company: &CompanyId) -> Result<Pushed, StoreError> {
        self.port.find_pushed(company).await
    }

    async fn replace_pushed(
        &self,
        company: &CompanyId,
        from: Pushed,
        to: Pushed,
    ) -> Result<Change, StoreError> {
        self.port.replace_pushed(company, from, to).await
    }
}
