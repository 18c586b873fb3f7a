//! From one event to the deliveries it is owed.

use crate::delivery::{Delivery, Destination, QueuePosition};
use crate::event::{Event, Subject};
use crate::id::{DeliveryId, SubscriptionId};
use crate::subscription::{Face, Subscription};
use crate::time::Millis;

/// The webhooks that `event` is for, in their own order: all of them but what a filter still refuses.
///
/// It is for no webhook of another company, and for no inactive one.
#[must_use]
pub fn candidates<'a>(event: &Event, subscriptions: &'a [Subscription]) -> Vec<&'a Subscription> {
    let is_for = |one: &&Subscription| {
        let is_about = match (&one.face, &event.subject) {
            (Face::Cot(cot), Subject::Cot { kind, ids }) => cot.trigger.matches(kind, ids),
            (Face::Platform(platform), Subject::Platform(occurrence)) => {
                !one.is_implicit() && platform.is_about(one.id, occurrence)
            }
            (Face::Cot(_), Subject::Platform(_)) | (Face::Platform(_), Subject::Cot { .. }) => false,
        };
        one.company == event.company && one.is_active && is_about
    };
    subscriptions.iter().filter(is_for).collect()
}

/// The deliveries that `event` is owed to these webhooks, in their order. Same inputs, same ids.
#[must_use]
pub fn fan_out(
    event: &Event,
    owed: Vec<(SubscriptionId, Destination)>,
    (accepted, accepted_at): (&QueuePosition, Millis),
) -> Vec<Delivery> {
    let owed = owed.into_iter();
    owed.map(|(subscription, destination)| Delivery {
        id: DeliveryId::of(event.id, subscription),
        event: event.id,
        company: event.company.clone(),
        subscription,
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
    use crate::id::{CompanyId, EventId, SubscriptionId};
    use crate::subscription::{Code, CotWebhook, Name};
    use crate::target::TargetUrl;
    use crate::trigger::{Context, Trigger, TriggerType};

    fn subscription(number: u8, company: &str, is_active: bool, trigger: &str) -> Subscription {
        Subscription {
            id: SubscriptionId::from_bytes([number; 12]),
            company: CompanyId::parse(company).unwrap(),
            is_active,
            name: Name::parse("n").unwrap(),
            face: Face::Cot(CotWebhook {
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

    fn all(event: &Event, subscriptions: &[Subscription], position: &QueuePosition) -> Vec<Delivery> {
        let candidates = candidates(event, subscriptions).into_iter();
        let owed = candidates.map(|one| (one.id, Destination::Webhook)).collect();
        fan_out(event, owed, (position, Millis(1)))
    }

    #[test]
    fn active_matching_webhooks_of_the_company_get_one_delivery_each_and_twice_is_the_same() {
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
        let subscriptions = [
            subscription(3, "acme", true, task),
            subscription(1, "other", true, task),
            subscription(2, "acme", false, task),
            subscription(4, "acme", true, "logout-user"),
            subscription(5, "acme", true, task),
        ];
        let position = QueuePosition { queue: QueueName::of_url("events"), number: 7 };
        let deliveries = all(&event, &subscriptions, &position);
        let owed: Vec<_> = deliveries.iter().map(|delivery| delivery.subscription).collect();
        assert_eq!(owed, [subscriptions[0].id, subscriptions[4].id]);
        assert_eq!(deliveries, all(&event, &subscriptions, &position));
    }

    fn any_subscriptions() -> impl Strategy<Value = Vec<Subscription>> {
        let names = vec!["create-edit-delete-task", "create-edit-delete-user", "logout-user"];
        let one = (select(vec!["acme", "other"]), any::<bool>(), select(names));
        vec(one, 0..12).prop_map(|kinds| {
            let numbered = (1..).zip(kinds);
            numbered
                .map(|(number, (company, active, name))| subscription(number, company, active, name))
                .collect()
        })
    }

    proptest! {
        #[test]
        fn twice_is_once_and_no_webhook_is_owed_more_because_of_another(
            message: String,
            kind in select(crate::trigger::CATALOGUE.iter().collect::<Vec<_>>()),
            subscriptions in any_subscriptions(),
        ) {
            let event = Event {
                id: EventId::of_message(&message),
                company: CompanyId::parse("acme").unwrap(),
                subject: Subject::Cot { kind, ids: Context::default() },
                body: Body::new(message).unwrap(),
            };
            let position = QueuePosition { queue: QueueName::new("events"), number: 7 };
            let owed = |to: &[Subscription]| all(&event, to, &position);
            let once = owed(&subscriptions);
            prop_assert_eq!(&once, &owed(&subscriptions));
            let alone: Vec<_> = subscriptions.chunks(1).flat_map(owed).collect();
            prop_assert_eq!(&once, &alone);
            for (index, delivery) in once.iter().enumerate() {
                prop_assert!(once.iter().skip(index + 1).all(|other| other.id != delivery.id));
                prop_assert_eq!((&delivery.company, &delivery.body), (&event.company, &event.body));
            }
        }
    }
}
