//! The step from one event to its deliveries.

use crate::delivery::{Delivery, Destination, QueuePosition};
use crate::event::{Event, Subject};
use crate::id::{DeliveryId, WebhookId};
use crate::time::Millis;
use crate::webhook::{Webhook, WebhookKind};

/// Returns the webhooks that `event` is for, in their own order, except that filters are not applied yet.
///
/// It is for no webhook of another company, and for no inactive one.
#[must_use]
pub fn candidates<'a>(event: &Event, webhooks: &'a [Webhook]) -> Vec<&'a Webhook> {
    let is_for = |one: &&Webhook| {
        let is_about = match (&one.face, &event.subject) {
            (WebhookKind::Cot(cot), Subject::Cot { kind, ids }) => cot.trigger.matches(kind, ids),
            (WebhookKind::Platform(platform), Subject::Platform(occurrence)) => {
                !one.is_implicit() && platform.is_about(one.id, occurrence)
            }
            (WebhookKind::Cot(_), Subject::Platform(_)) | (WebhookKind::Platform(_), Subject::Cot { .. }) => {
                false
            }
        };
        one.company == event.company && one.is_active && is_about
    };
    webhooks.iter().filter(is_for).collect()
}

/// Returns the deliveries of `event` to these webhooks, in their order. Same inputs, same ids.
#[must_use]
pub fn fan_out(
    event: &Event,
    owed: Vec<(WebhookId, Destination)>,
    accepted: &QueuePosition,
    accepted_at: Millis,
) -> Vec<Delivery> {
    let owed = owed.into_iter();
    owed.map(|(webhook, destination)| Delivery {
        id: DeliveryId::of(event.id, webhook),
        event: event.id,
        company: event.company.clone(),
        webhook,
        accepted: accepted.clone(),
        accepted_at,
        destination,
        body: event.body.clone(),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::delivery::QueueName;
    use crate::event::Body;
    use crate::id::{CompanyId, EventId, WebhookId};
    use crate::target::TargetUrl;
    use crate::trigger::{Context, Trigger, TriggerType};
    use crate::webhook::{Code, CotWebhook, Name};

    fn sample_webhook(number: u8, company: &str, is_active: bool, trigger: &str) -> Webhook {
        Webhook {
            id: WebhookId::from_bytes([number; 12]),
            company: CompanyId::parse(company).unwrap(),
            is_active,
            name: Name::parse("n").unwrap(),
            face: WebhookKind::Cot(CotWebhook {
                trigger: Trigger::new(TriggerType::find(trigger).unwrap(), Context::default()).unwrap(),
                url: TargetUrl::parse_unchecked("https://a.io/").unwrap(),
                code: Code::parse("c").unwrap(),
            }),
            description: None,
            version: 0,
            inactive_because: None,
            credentials: crate::secrets::Credentials::default(),
            suspend_after: None,
        }
    }

    fn all(event: &Event, webhooks: &[Webhook], position: &QueuePosition) -> Vec<Delivery> {
        let candidates = candidates(event, webhooks).into_iter();
        let owed = candidates.map(|one| (one.id, Destination::Webhook)).collect();
        fan_out(event, owed, position, Millis(1))
    }

    #[test]
    fn each_active_matching_webhook_of_the_company_gets_one_delivery() {
        let event = Event {
            id: EventId::of_message("m"),
            company: CompanyId::parse("acme").unwrap(),
            subject: Subject::Cot {
                kind: TriggerType::find("create-edit-delete-task").unwrap(),
                ids: Context::default(),
            },
            body: Body::new("{}").unwrap(),
        };
        let task = "create-edit-delete-task";
        let webhooks = [
            sample_webhook(3, "acme", true, task),
            sample_webhook(1, "other", true, task),
            sample_webhook(2, "acme", false, task),
            sample_webhook(4, "acme", true, "logout-user"),
            sample_webhook(5, "acme", true, task),
        ];
        let position = QueuePosition { queue: QueueName::of_url("events"), number: 7 };
        let deliveries = all(&event, &webhooks, &position);
        let owed: Vec<_> = deliveries.iter().map(|delivery| delivery.webhook).collect();
        assert_eq!(owed, [webhooks[0].id, webhooks[4].id]);
        assert_eq!(deliveries, all(&event, &webhooks, &position));
    }

    fn any_webhooks() -> impl Strategy<Value = Vec<Webhook>> {
        let names = vec!["create-edit-delete-task", "create-edit-delete-user", "logout-user"];
        let one = (select(vec!["acme", "other"]), any::<bool>(), select(names));
        vec(one, 0..12).prop_map(|kinds| {
            let numbered = (1..).zip(kinds);
            numbered
                .map(|(number, (company, active, name))| sample_webhook(number, company, active, name))
                .collect()
        })
    }

    proptest! {
        #[test]
        fn repeated_fan_out_yields_the_same_deliveries_for_each_webhook(
            message: String,
            kind in select(crate::trigger::CATALOGUE.iter().collect::<Vec<_>>()),
            webhooks in any_webhooks(),
        ) {
            let event = Event {
                id: EventId::of_message(&message),
                company: CompanyId::parse("acme").unwrap(),
                subject: Subject::Cot { kind, ids: Context::default() },
                body: Body::new(message).unwrap(),
            };
            let position = QueuePosition { queue: QueueName::new("events"), number: 7 };
            let owed = |to: &[Webhook]| all(&event, to, &position);
            let once = owed(&webhooks);
            prop_assert_eq!(&once, &owed(&webhooks));
            let alone: Vec<_> = webhooks.chunks(1).flat_map(owed).collect();
            prop_assert_eq!(&once, &alone);
            for (index, delivery) in once.iter().enumerate() {
                prop_assert!(once.iter().skip(index + 1).all(|other| other.id != delivery.id));
                prop_assert_eq!((&delivery.company, &delivery.body), (&event.company, &event.body));
            }
        }
    }
}
