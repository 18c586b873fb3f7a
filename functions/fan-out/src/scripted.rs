//! What only a webhook's scripts can say: whether an event is for it, and where it goes.

use hookrail_adapters::scripts::Scripts;
use hookrail_domain::attempt::ErrorClass;
use hookrail_domain::delivery::{Destination, Unsendable};
use hookrail_domain::event::Event;
use hookrail_domain::fan_out::candidates;
use hookrail_domain::id::SubscriptionId;
use hookrail_domain::subscription::Subscription;
use hookrail_domain::target::TargetUrl;
use hookrail_script::service::{Answer, Fault, Question};
use hookrail_script::template::ResolvedUrl;
use hookrail_script::workflow::WorkflowBase;

/// Characters of a fault that its owner is shown.
const REASON_CHARS_MAX: usize = 500;

/// What evaluates, and where relative URLs go.
#[derive(Debug)]
pub struct Evaluation<'a, E> {
    pub scripts: &'a E,
    pub workflow: Option<&'a WorkflowBase>,
}

/// The webhooks that an event is owed to, in their order, and where it goes for each.
#[derive(Debug, Default)]
pub struct Owed {
    pub to: Vec<(SubscriptionId, Destination)>,
    /// Whether an evaluation failed for a reason of ours, and may end otherwise another time.
    pub is_doubtful: bool,
}

impl<E: Scripts> Evaluation<'_, E> {
    /// Asks every filter, then the URLs of those that want the event. An event is owed to a webhook whose script
    /// fails, and goes nowhere: whoever looks after the webhook sees it.
    pub async fn owed(&self, event: &Event, subscriptions: &[Subscription]) -> Owed {
        let webhooks = candidates(event, subscriptions);
        let questions: Vec<_> = webhooks.iter().filter_map(|webhook| filter_of(webhook)).collect();
        let mut answers = self.ask(event, &questions).await.into_iter();
        let wanted: Vec<_> = webhooks
            .into_iter()
            .filter_map(|webhook| match filter_of(webhook).map(|_| answers.next()) {
                None | Some(Some(Answer::Filter(Ok(true)))) => Some((webhook, None)),
                Some(Some(Answer::Filter(Ok(false)))) => None,
                Some(Some(Answer::Filter(Err(fault)))) => Some((webhook, Some(fault))),
                Some(Some(Answer::Url(_)) | None) => Some((webhook, Some(Fault::engine()))),
            })
            .collect();
        let questions: Vec<_> = wanted.iter().filter_map(|(webhook, fault)| url_of(webhook, fault)).collect();
        let mut answers = self.ask(event, &questions).await.into_iter();
        let mut owed = Owed::default();
        for (webhook, fault) in &wanted {
            let destination = match (url_of(webhook, fault).map(|_| answers.next()), fault) {
                (_, Some(fault)) => Err((ErrorClass::Filter, fault.clone())),
                (None, None) => Ok(Destination::Webhook),
                (Some(Some(Answer::Url(Ok(url)))), None) => self.destination(&url),
                (Some(Some(Answer::Url(Err(fault)))), None) => Err((ErrorClass::Template, fault)),
                (Some(Some(Answer::Filter(_)) | None), None) => Err((ErrorClass::Template, Fault::engine())),
            };
            owed.is_doubtful |= matches!(&destination, Err((_, fault)) if fault.is_ours());
            owed.to.push((webhook.id, destination.unwrap_or_else(nowhere)));
        }
        owed
    }

    async fn ask(&self, event: &Event, questions: &[Question]) -> Vec<Answer> {
        if questions.is_empty() { Vec::new() } else { self.scripts.ask(event.body.as_str(), questions).await }
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
                return Err(refused("no_workflow_engine", &"the operator has set no workflow engine"));
            }
        };
        let url = TargetUrl::parse_unchecked(&text).map_err(|invalid| refused("no_target", &invalid))?;
        Ok(Destination::Resolved(url))
    }
}

/// A blank filter is for every event.
fn filter_of(webhook: &Subscription) -> Option<Question> {
    let platform = webhook.platform().filter(|platform| !platform.filter.trim().is_empty())?;
    Some(Question::Filter { source: platform.filter.clone(), kind: platform.kind })
}

fn url_of(webhook: &Subscription, fault: &Option<Fault>) -> Option<Question> {
    let platform = webhook.platform().filter(|_| fault.is_none())?;
    Some(Question::Url { template: platform.url.clone(), kind: platform.kind })
}

fn nowhere((class, fault): (ErrorClass, Fault)) -> Destination {
    let what = if class == ErrorClass::Filter { "the filter" } else { "the URL" };
    let reason = format!("{what} {}", fault.message).chars().take(REASON_CHARS_MAX).collect();
    Destination::Nowhere(Unsendable { class, reason })
}
