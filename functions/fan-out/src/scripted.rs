//! The scripted part of a webhook: whether an event is for it, and the URL that it goes to.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use hookrail_adapters::metrics::{self, Metric};
use hookrail_adapters::scripts::Scripts;
use hookrail_domain::attempt::ErrorClass;
use hookrail_domain::delivery::{Destination, Unsendable};
use hookrail_domain::event::Event;
use hookrail_domain::fan_out::candidates;
use hookrail_domain::id::WebhookId;
use hookrail_domain::limits::REASON_CHARS_MAX;
use hookrail_domain::target::TargetUrl;
use hookrail_domain::webhook::Webhook;
use hookrail_pipeline::clock::Clock;
use hookrail_script::service::{Answer, Fault, Question};
use hookrail_script::template::{ResolvedUrl, Template};
use hookrail_script::workflow::WorkflowBase;

use crate::cache::Cache;

/// Time that the scripts of one event may take in all, in milliseconds. A webhook that was not evaluated by
/// then ends FAILED.
pub const SCRIPTS_MS_MAX: u64 = 60_000;

/// Evaluations of an event that may fail by a fault of ours. The next one is taken as the result.
pub const FAULTS_MAX: u32 = 3;

/// The evaluator of scripts, and the base of relative URLs.
#[derive(Debug)]
pub struct Evaluation<'a, E, C> {
    pub scripts: &'a E,
    pub workflow: Option<&'a WorkflowBase>,
    pub clock: &'a C,
    pub cache: &'a Cache,
}

/// The evaluation progress of one event. Its scripts are evaluated a few seconds at a time.
#[derive(Debug, Default)]
pub struct Progress {
    /// By the key of their question: answers may be longer than questions, and questions are not needed
    /// again.
    answers: HashMap<u64, Answer>,
    /// The webhooks whose delivery is in its queue.
    sent: HashSet<WebhookId>,
    spent_ms: u64,
    faults: u32,
}

/// The webhooks that an event is owed to, in their order, each with its destination.
#[derive(Debug, Default)]
pub struct Recipients {
    pub to: Vec<(WebhookId, Destination)>,
    /// True if every webhook is evaluated.
    pub is_complete: bool,
}

/// The result of one turn of an event's scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Responded,
    /// A fault of ours. The same questions may have answers another time.
    Failed,
}

impl Progress {
    /// Returns the time that the event's scripts have taken, in milliseconds.
    #[must_use]
    pub fn spent_ms(&self) -> u64 {
        self.spent_ms
    }

    /// Records that these deliveries are in their queues.
    pub fn add_sent(&mut self, webhooks: impl IntoIterator<Item = WebhookId>) {
        self.sent.extend(webhooks);
    }

    fn answer(&self, question: &Question) -> Option<&Answer> {
        self.answers.get(&key(question))
    }

    /// Returns the next question to ask about the event for a webhook.
    fn open_question(&self, webhook: &Webhook) -> Option<Question> {
        let filter = filter_of(webhook);
        match filter.as_ref().map(|filter| self.answer(filter)) {
            Some(None) => return filter,
            Some(Some(Answer::Filter(Ok(true)))) | None => {}
            Some(Some(_refused_or_failed)) => return None,
        }
        url_of(webhook).filter(|url| self.answer(url).is_none())
    }
}

impl<E: Scripts, C: Clock> Evaluation<'_, E, C> {
    /// Returns whether scripts have to be asked about the event.
    #[must_use]
    pub fn has_questions(&self, event: &Event, webhooks: &[Webhook], progress: &Progress) -> bool {
        candidates(event, webhooks).iter().any(|webhook| progress.open_question(webhook).is_some())
    }

    /// Asks as many questions about the event as one turn has time for.
    /// Scripts that took too long the last time come last, so that they do not use up the time of the others.
    pub async fn ask(&self, event: &Event, webhooks: &[Webhook], progress: &mut Progress) -> Turn {
        let open = |progress: &Progress| {
            let open = candidates(event, webhooks).into_iter();
            let mut open: Vec<_> = open.filter_map(|webhook| progress.open_question(webhook)).collect();
            open.sort_by_key(|question| self.cache.is_slow(key(question)));
            open
        };
        let questions = open(progress);
        let begun_at = self.clock.now();
        let answers = self.scripts.ask(event.body.as_str(), &questions).await;
        progress.spent_ms += self.clock.now().since(begun_at);
        let mut is_failed = answers.is_empty();
        for (question, answer) in questions.iter().zip(answers) {
            is_failed |= is_ours(&answer);
            if !is_ours(&answer) {
                self.cache.set_slow(key(question), is_late(&answer));
                progress.answers.insert(key(question), answer);
            }
        }
        progress.faults += u32::from(is_failed);
        let last_word = if FAULTS_MAX < progress.faults {
            Some(Fault::engine())
        } else {
            (SCRIPTS_MS_MAX <= progress.spent_ms).then(out_of_time)
        };
        if let Some(fault) = last_word {
            for question in open(progress) {
                progress.answers.insert(key(&question), question.failed(fault.clone()));
            }
        } else if is_failed {
            metrics::record(Metric::EvaluationFaults, 1);
            return Turn::Failed;
        }
        Turn::Responded
    }

    /// Returns the recipients that are decided and not sent yet.
    /// An event is owed to a webhook whose script fails, without a destination: its row shows the failure.
    #[must_use]
    pub fn owed(&self, event: &Event, webhooks: &[Webhook], progress: &Progress) -> Recipients {
        let mut owed = Recipients { to: Vec::new(), is_complete: true };
        for webhook in candidates(event, webhooks) {
            if progress.open_question(webhook).is_some() {
                owed.is_complete = false;
            } else if !progress.sent.contains(&webhook.id)
                && let Some(destination) = self.destination_of(webhook, progress)
            {
                owed.to.push((webhook.id, destination.unwrap_or_else(nowhere)));
            }
        }
        owed
    }

    /// Returns the destination for a webhook. None if the webhook's filter refuses the event.
    fn destination_of(
        &self,
        webhook: &Webhook,
        progress: &Progress,
    ) -> Option<Result<Destination, (ErrorClass, Fault)>> {
        match filter_of(webhook).map(|filter| progress.answer(&filter)) {
            None | Some(Some(Answer::Filter(Ok(true)))) => {}
            Some(Some(Answer::Filter(Ok(false)))) => return None,
            Some(Some(Answer::Filter(Err(fault)))) => return Some(Err((ErrorClass::Filter, fault.clone()))),
            Some(Some(Answer::Url(_)) | None) => return Some(Err((ErrorClass::Filter, Fault::engine()))),
        }
        Some(match url_of(webhook).map(|url| progress.answer(&url)) {
            None => fixed_url(webhook).map_or(Ok(Destination::Webhook), |url| self.destination(&url)),
            Some(Some(Answer::Url(Ok(url)))) => self.destination(url),
            Some(Some(Answer::Url(Err(fault)))) => Err((ErrorClass::Template, fault.clone())),
            Some(Some(Answer::Filter(_)) | None) => Err((ErrorClass::Template, Fault::engine())),
        })
    }

    fn destination(&self, url: &ResolvedUrl) -> Result<Destination, (ErrorClass, Fault)> {
        let refused =
            |code: &str, why: &dyn std::fmt::Display| (ErrorClass::Template, Fault::new(code, &why));
        let text = match (url, self.workflow) {
            (ResolvedUrl::Absolute(text), _) => text.clone(),
            (ResolvedUrl::Relative(path), Some(base)) => {
                base.resolve(path).map_err(|refusal| refused(refusal.code(), &refusal))?.to_string()
            }
            (ResolvedUrl::Relative(_), None) => {
                return Err(refused(
                    "no_workflow_engine",
                    &"the operator has not configured a workflow engine",
                ));
            }
        };
        let url = TargetUrl::parse_unchecked(&text).map_err(|invalid| refused("no_target", &invalid))?;
        Ok(Destination::Resolved(url))
    }
}

fn key(question: &Question) -> u64 {
    let mut hasher = DefaultHasher::new();
    question.hash(&mut hasher);
    hasher.finish()
}

fn fault_of(answer: &Answer) -> Option<&Fault> {
    match answer {
        Answer::Filter(Err(fault)) | Answer::Url(Err(fault)) => Some(fault),
        Answer::Filter(Ok(_)) | Answer::Url(Ok(_)) => None,
    }
}

fn is_ours(answer: &Answer) -> bool {
    fault_of(answer).is_some_and(Fault::is_ours)
}

fn is_late(answer: &Answer) -> bool {
    fault_of(answer).is_some_and(Fault::is_late)
}

fn out_of_time() -> Fault {
    let why = format!("was not evaluated: the scripts of this event had used up their {SCRIPTS_MS_MAX} ms");
    Fault::new("budget", &why)
}

/// Returns the question of a filter. A blank filter accepts every event.
fn filter_of(webhook: &Webhook) -> Option<Question> {
    let platform = webhook.platform().filter(|platform| !platform.filter.trim().is_empty())?;
    Some(Question::Filter { source: platform.filter.clone(), kind: platform.kind })
}

fn fixed_url(webhook: &Webhook) -> Option<ResolvedUrl> {
    let platform = webhook.platform()?;
    Template::fixed_url(&platform.url, platform.kind)
}

/// Returns the question of a URL. A URL without values is the same for every event and needs no question.
fn url_of(webhook: &Webhook) -> Option<Question> {
    let platform = webhook.platform().filter(|_| fixed_url(webhook).is_none())?;
    Some(Question::Url { template: platform.url.clone(), kind: platform.kind })
}

fn nowhere((class, fault): (ErrorClass, Fault)) -> Destination {
    let what = if class == ErrorClass::Filter { "the filter" } else { "the URL" };
    let reason = format!("{what} {}", fault.message).chars().take(REASON_CHARS_MAX).collect();
    Destination::Nowhere(Unsendable { class, reason })
}
