//! The deployment of the template: queues, mappings and the functions' settings.

use hookrail_adapters::config::{DeliverConfig, FanOutConfig, RecoverConfig};
use hookrail_domain::target::TargetPolicy;
use hookrail_fifo::arn;
use hookrail_fifo::mapping::{Mapping, MappingSettings};
use hookrail_fifo::millis::Millis;
use hookrail_fifo::queues::Queues;
use hookrail_fifo::settings::{DeduplicationScope, RedrivePolicy, Settings, ThroughputLimit};
use hookrail_pipeline::operational_events::OperationalEventConfig;

use crate::faults::Function;
use crate::lambda::{Lambda, Source};
use crate::planted::Bug;
use crate::setup::Setup;
use crate::time::BEGIN;

pub(crate) const EVENTS: &str = "events.fifo";
pub(crate) const DEAD_EVENTS: &str = "events-dlq.fifo";
pub(crate) const DEAD_DELIVERIES: &str = "deliveries-dlq.fifo";
pub(crate) const RECOVERY: &str = "recovery.fifo";
const RETENTION_SECONDS: u32 = 14 * 24 * 60 * 60;

/// Returns the delivery queue of this index.
pub(crate) fn deliveries(index: usize) -> String {
    format!("deliveries-{index}.fifo")
}

pub(crate) fn url(queue: &str) -> String {
    format!("http://queues/0/{queue}")
}

/// Makes the queues with the template's attributes.
pub(crate) fn queues(setup: &Setup) -> Queues {
    let mut queues = Queues::new(setup.seed);
    let plain = Settings {
        visibility_timeout_s: setup.visibility_seconds,
        retention_s: RETENTION_SECONDS,
        deduplication_scope: match setup.bug {
            Some(Bug::ComparesAcrossCompanies) => DeduplicationScope::Queue,
            _ => DeduplicationScope::MessageGroup,
        },
        content_based_deduplication: setup.bug == Some(Bug::ComparesBodies),
        throughput_limit: ThroughputLimit::PerMessageGroupId,
        ..Settings::fifo()
    };
    let redriven = |to: &str| Settings {
        redrive: Some(RedrivePolicy { target_arn: arn::of_queue(to), receive_count_max: setup.receives_max }),
        ..plain.clone()
    };
    let names = (0..setup.queues).map(|index| (deliveries(index), redriven(DEAD_DELIVERIES)));
    let all = [
        (DEAD_EVENTS.to_owned(), plain.clone()),
        (DEAD_DELIVERIES.to_owned(), plain.clone()),
        (RECOVERY.to_owned(), plain.clone()),
        (EVENTS.to_owned(), redriven(DEAD_EVENTS)),
    ];
    for (name, settings) in all.into_iter().chain(names) {
        queues.create_with(Millis(BEGIN), &name, settings).unwrap();
    }
    queues
}

/// Makes the mappings of both functions.
pub(crate) fn lambda(setup: &Setup) -> Lambda {
    let source = |function, queue: &str, poll_at| Source {
        function,
        queue: queue.into(),
        arn: arn::of_queue(queue).to_string(),
        mapping: Mapping::new(MappingSettings {
            batch_size: setup.batch_size,
            maximum_concurrency: setup.concurrency,
            group_lock: setup.group_lock,
        }),
        poll_at,
        saturated_since: None,
    };
    let names: Vec<_> = (0..setup.queues).map(deliveries).collect();
    let deliver_from = BEGIN + setup.deliver_from_ms;
    let sources = std::iter::once(source(Function::FanOut, EVENTS, BEGIN))
        .chain(names.iter().map(|name| source(Function::Deliver, name, deliver_from)))
        .chain(std::iter::once(source(Function::Recover, RECOVERY, BEGIN)))
        .collect();
    let deliveries_queue_urls: Vec<_> = names.iter().map(|name| url(name)).collect();
    let fan_out = FanOutConfig {
        redacts: true,
        log_table: String::new(),
        config_table: String::new(),
        events_queue_urls: vec![url(EVENTS)],
        deliveries_queue_urls: deliveries_queue_urls.clone(),
        events_dlq_url: url(DEAD_EVENTS),
        workflow: None,
    };
    let deliver = DeliverConfig {
        config_table: String::new(),
        log_table: String::new(),
        deliveries_queue_urls,
        deliveries_dlq_url: url(DEAD_DELIVERIES),
        recovery_queue_url: url(RECOVERY),
        operational_events: OperationalEventConfig {
            events_queue_urls: vec![url(EVENTS)],
            operational_queue_url: None,
        },
        policy: setup.policy,
        suspension: setup.suspension,
        targets: TargetPolicy::default(),
    };
    let recover = RecoverConfig {
        config_table: String::new(),
        log_table: String::new(),
        recovery_queue_url: url(RECOVERY),
        deliveries_dlq_url: url(DEAD_DELIVERIES),
        events_dlq_url: url(DEAD_EVENTS),
        operational_events: OperationalEventConfig {
            events_queue_urls: vec![url(EVENTS)],
            operational_queue_url: None,
        },
        policy: setup.policy,
        suspension: setup.suspension,
        targets: TargetPolicy::default(),
    };
    Lambda::new(sources, (fan_out, deliver, recover))
}
