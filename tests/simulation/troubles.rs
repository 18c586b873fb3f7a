//! Troubles of some schedules, as the field has them: entries that a queue refuses for good, and scripts that never end
//! in time.

use hookrail_domain::delivery::Destination;
use hookrail_domain::id::DeliveryId;
use hookrail_pipeline::queue::{Outgoing, SendResult};
use hookrail_script::fault::EvaluationFault;
use hookrail_script::service::{Answer, Fault, Question};
use hookrail_script::template::ResolvedUrl;
use hookrail_wire::queue_message;

use crate::planted::Bug;
use crate::setup::Setup;

/// Time of one call of the evaluator where scripts are late. It answers one question.
pub(crate) const LATE_CALL_MS: u64 = 500;

// Residues of no seed that is kept: those play as they did.
impl Setup {
    /// Returns whether queues refuse some deliveries for good in this schedule.
    pub(crate) fn has_refused_entries(&self) -> bool {
        self.seed / 2 % 16 == 3
    }

    /// Returns whether some scripts never end in time in this schedule.
    pub(crate) fn has_late_scripts(&self) -> bool {
        self.has_records() && self.seed / 2 % 15 == 10
    }

    /// Returns whether the delivery queue refuses this delivery for good.
    pub(crate) fn refuses(&self, delivery: DeliveryId) -> bool {
        self.has_refused_entries()
            && delivery.as_bytes().iter().map(|byte| u32::from(*byte)).sum::<u32>() % 5 == 0
    }

    /// Returns whether the script of this webhook never ends in time.
    pub(crate) fn is_late(&self, webhook: usize) -> bool {
        self.has_late_scripts() && self.is_of_records(webhook) && webhook % 2 == 1
    }
}

/// Returns the filter of a webhook: each has a question of its own.
pub(crate) fn filter_of(webhook: usize) -> String {
    format!("true // {webhook}")
}

/// Returns the messages that their queue refuses for good. It accepts one that only ends its delivery.
pub(crate) fn refused(setup: &Setup, messages: &[Outgoing]) -> Vec<bool> {
    let is_refused = |message: &Outgoing| {
        let delivery = queue_message::decode(&message.body).ok();
        delivery
            .is_some_and(|one| setup.refuses(one.id) && !matches!(one.destination, Destination::Nowhere(_)))
    };
    messages.iter().map(|message| setup.has_refused_entries() && is_refused(message)).collect()
}

/// Returns the answers to the first questions.
pub(crate) fn answers(setup: &Setup, questions: &[Question]) -> Vec<Answer> {
    let late = || Fault::from(&EvaluationFault::TookTooLong);
    let answer = |question: &Question| match question {
        Question::Filter { source, .. } => {
            let webhook = source.rsplit(' ').next().and_then(|webhook| webhook.parse().ok()).unwrap_or(0);
            match setup.bug {
                _ if !setup.is_late(webhook) => Answer::Filter(Ok(true)),
                Some(Bug::TakesALateScriptForARefusal) => Answer::Filter(Ok(false)),
                _ => question.failed(late()),
            }
        }
        Question::Url { template, .. } => Answer::Url(Ok(ResolvedUrl::Absolute(template.clone()))),
    };
    if !setup.has_late_scripts() {
        return questions.iter().map(answer).collect();
    }
    let mut first: Vec<_> = questions.iter().take(1).map(answer).collect();
    if setup.bug == Some(Bug::FailsEveryScriptForOne) && first == [Answer::Filter(Err(late()))] {
        first.extend(questions.iter().skip(1).map(|question| question.failed(late())));
    }
    first
}

/// The result that a planted bug makes of a refusal.
pub(crate) fn taken(bug: Option<Bug>, result: &SendResult) -> SendResult {
    match (bug, result) {
        (Some(Bug::TriesARefusedEntryForEver), SendResult::Refused) => SendResult::Failed,
        _ => result.clone(),
    }
}
