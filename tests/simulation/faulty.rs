//! Ports whose calls take time, fail, lose their answers, or are the last thing a process does.

use std::sync::Arc;

use hookrail_adapters::queue::{HoldResult, Outgoing, Queue, QueueError, SendResult};
use hookrail_adapters::sender::{Sender, Vetted};
use hookrail_adapters::store::item::row::line_of;
use hookrail_adapters::store::rejected::RejectedStore;
use hookrail_adapters::store::{
    Change, CompanyCreation, ConfigStore, KeptAnswer, LineKey, LineSettings, LogStore, Parking, Recorded,
    Replacement, Replacing, StoreError, SubscriptionCreation,
};
use hookrail_domain::attempt::{AttemptNumber, Outcome};
use hookrail_domain::id::{CompanyId, RejectedId, SubscriptionId};
use hookrail_domain::line::LastRow;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::rejected::RejectedEvent;
use hookrail_domain::request::DeliveryRequest;
use hookrail_domain::secrets::Secrets;
use hookrail_domain::subscription::Subscription;
use hookrail_domain::suspension::Line;
use hookrail_domain::target::TargetUrl;
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Holder, Token};

use crate::faults::{Call, Fate};
use crate::sandbox::Sandbox;

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

/// The entries that go through, and for each of all whether it does.
fn spared<T: Clone>(fate: Fate, entries: &[T]) -> (Vec<T>, Vec<bool>) {
    let fails = |index: usize| matches!(fate, Fate::Partial(bits) if bits & (1 << index) != 0);
    let passes: Vec<bool> = (0..entries.len()).map(|index| !fails(index)).collect();
    let passing = entries.iter().zip(&passes).filter(|(_, passes)| **passes).map(|(entry, _)| entry.clone());
    (passing.collect(), passes)
}

/// The answers of the entries that went through, at their places among all.
fn merged<T: Clone>(passes: &[bool], answers: Vec<T>, failed: &T) -> Vec<T> {
    let mut answers = answers.into_iter();
    let mut answer = |passes: &bool| if *passes { answers.next() } else { None };
    passes.iter().map(|passes| answer(passes).unwrap_or_else(|| failed.clone())).collect()
}

impl<P: Queue> Faulty<P> {
    /// Sends, and notes what that does, whatever the function is told of it.
    async fn send_noted(
        &self,
        queue_url: &str,
        messages: &[Outgoing],
    ) -> Result<Vec<SendResult>, QueueError> {
        let answers = self.port.send(queue_url, messages).await?;
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

    // No function that the simulation runs asks.
    async fn vet(&self, url: &TargetUrl) -> Vetted {
        self.port.vet(url).await
    }
}

// What is no event is in no schedule: nothing of this is ever called.
impl<P: RejectedStore> RejectedStore for Faulty<P> {
    async fn keep_rejected(&self, of: &Holder, event: &RejectedEvent) -> Result<(), StoreError> {
        self.port.keep_rejected(of, event).await
    }

    async fn replace_rejected(&self, of: &Holder, event: &RejectedEvent) -> Result<(), StoreError> {
        self.port.replace_rejected(of, event).await
    }

    async fn find_rejected(&self, of: &Holder, id: RejectedId) -> Result<Option<RejectedEvent>, StoreError> {
        self.port.find_rejected(of, id).await
    }

    async fn list_rejected(
        &self,
        of: &Holder,
        before: Option<RejectedId>,
        limit: usize,
    ) -> Result<Vec<RejectedEvent>, StoreError> {
        self.port.list_rejected(of, before, limit).await
    }
}

impl<P: LogStore> LogStore for Faulty<P> {
    async fn settings(&self, lines: &[LineKey]) -> Result<Vec<LineSettings>, StoreError> {
        let course = self.sandbox.course(Call::Settings);
        let read = self.sandbox.perform(course, self.port.settings(lines), no_table).await?;
        Ok(self.sandbox.planted.settings(lines, read))
    }

    async fn last_row(&self, line: &LineKey) -> Result<Option<LastRow>, StoreError> {
        let course = self.sandbox.course(Call::LastRow);
        let read = self.sandbox.perform(course, self.port.last_row(line), no_table).await?;
        Ok(self.sandbox.planted.last_row(line, read))
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
            let told = if self.sandbox.planted.parks_blindly() {
                self.port.put_row(row).await.map(|_any| Parking::Parked)
            } else {
                self.port.park(row, generation).await
            };
            let recorded = told.as_ref().ok().map(|parking| match parking {
                Parking::Parked => Recorded::Mine,
                Parking::Moved => Recorded::Another,
            });
            self.sandbox.world.put(self.sandbox.run(), row, recorded);
            told
        };
        self.sandbox.perform(course, effect, no_table).await
    }

    async fn change_line(&self, key: &LineKey, from: &Line, to: &Line) -> Result<Change, StoreError> {
        let course = self.sandbox.course(Call::ChangeLine);
        let (from, to) = self.sandbox.planted.change(from, to, || self.sandbox.world.tables.line(key));
        self.sandbox.perform(course, self.port.change_line(key, &from, &to), no_table).await
    }

    async fn replace_with_line(
        &self,
        replacing: Replacing<'_>,
        from: &Line,
        to: &Line,
    ) -> Result<Replacement, StoreError> {
        let course = self.sandbox.course(Call::ChangeLine);
        let effect = async {
            let told = self.port.replace_with_line(replacing, from, to).await;
            if matches!(told, Ok(Replacement::Done)) {
                self.sandbox.world.deactivated(replacing.subscription);
            }
            told
        };
        self.sandbox.perform(course, effect, no_table).await
    }

    async fn advance(&self, row: &LogRow, from: &Line, to: &Line) -> Result<Change, StoreError> {
        if self.sandbox.planted.moves_on_first() {
            if self.change_line(&line_of(row), from, to).await? == Change::Lost {
                return Ok(Change::Lost);
            }
            return Ok(match self.put_row(row).await? {
                Recorded::Mine => Change::Done,
                Recorded::Another => Change::Lost,
            });
        }
        let course = self.sandbox.course(Call::Advance);
        let effect = async {
            let told = self.port.advance(row, from, to).await;
            let recorded = told.as_ref().ok().map(|change| match change {
                Change::Done => Recorded::Mine,
                Change::Lost => Recorded::Another,
            });
            self.sandbox.world.put(self.sandbox.run(), row, recorded);
            told
        };
        self.sandbox.perform(course, effect, no_table).await
    }

    async fn due_lines(&self, now: Millis, limit: usize) -> Result<Vec<LineKey>, StoreError> {
        let course = self.sandbox.course(Call::DueLines);
        let found = self.sandbox.perform(course, self.port.due_lines(now, limit), no_table).await?;
        Ok(if self.sandbox.planted.sweeps() { found } else { Vec::new() })
    }

    async fn rows_from(
        &self,
        line: &LineKey,
        sequence: u64,
        limit: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        let course = self.sandbox.course(Call::RowsFrom);
        self.sandbox.perform(course, self.port.rows_from(line, sequence, limit), no_table).await
    }

    async fn last_row_of(&self, line: &LineKey, sequence: u64) -> Result<Option<LogRow>, StoreError> {
        let course = self.sandbox.course(Call::LastAttempt);
        self.sandbox.perform(course, self.port.last_row_of(line, sequence), no_table).await
    }

    async fn list_rows(
        &self,
        line: &LineKey,
        before: Option<AttemptNumber>,
        limit: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        self.port.list_rows(line, before, limit).await
    }
}

impl<P: ConfigStore> ConfigStore for Faulty<P> {
    async fn list_subscriptions(&self, company: &CompanyId) -> Result<Vec<Subscription>, StoreError> {
        let course = self.sandbox.course(Call::ListSubscriptions);
        self.sandbox.perform(course, self.port.list_subscriptions(company), no_table).await
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

    async fn create_subscription(
        &self,
        subscription: &Subscription,
        secrets: &Secrets,
    ) -> Result<SubscriptionCreation, StoreError> {
        self.port.create_subscription(subscription, secrets).await
    }

    async fn find_subscription(
        &self,
        company: &CompanyId,
        id: SubscriptionId,
    ) -> Result<Option<Subscription>, StoreError> {
        self.port.find_subscription(company, id).await
    }

    async fn find_secrets(
        &self,
        company: &CompanyId,
        id: SubscriptionId,
    ) -> Result<Option<Secrets>, StoreError> {
        self.port.find_secrets(company, id).await
    }

    async fn replace_subscription(&self, replacing: Replacing<'_>) -> Result<Replacement, StoreError> {
        self.port.replace_subscription(replacing).await
    }

    async fn keep_answer(
        &self,
        company: &CompanyId,
        key: &str,
        answer: &KeptAnswer,
    ) -> Result<(), StoreError> {
        self.port.keep_answer(company, key, answer).await
    }

    async fn find_answer(
        &self,
        company: &CompanyId,
        key: &str,
        now: Millis,
    ) -> Result<Option<KeptAnswer>, StoreError> {
        self.port.find_answer(company, key, now).await
    }
}
