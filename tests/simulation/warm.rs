//! Sandboxes with the functions in them: a warm one, or a new one with its ports.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage, SqsMessageAttribute};
use hookrail_fifo::mapping::Batch;
use hookrail_fifo::message::AttributeValue;
use hookrail_testkit::model_queue::ModelQueue;
use hookrail_wire::job_ref::JOB_ATTRIBUTE;
use {hookrail_deliver as deliver, hookrail_fan_out as fan_out, hookrail_recover as recover};

use crate::faults::Function;
use crate::faulty::Faulty;
use crate::lambda::{DeliverApp, FanOutApp, RecoverApp};
use crate::receiver::Receivers;
use crate::sandbox::{Sandbox, SandboxClock};
use crate::scripted::Scripted;
use crate::world::World;

fn cold(world: &Arc<World>, function: Function) -> Arc<Sandbox> {
    let skew_ms = i64::try_from(world.setup.skew_ms).unwrap_or(0);
    let skew = world.state().rng.between(0..=2 * world.setup.skew_ms);
    let skew = i64::try_from(skew).unwrap_or(0) - skew_ms;
    Arc::new(Sandbox::new(Arc::clone(world), function, skew))
}

fn faulty<P>(sandbox: &Arc<Sandbox>, port: P) -> Faulty<P> {
    Faulty { sandbox: Arc::clone(sandbox), port }
}

pub(crate) fn warm_fan_out(world: &Arc<World>) -> (Arc<Sandbox>, Arc<FanOutApp>) {
    if let Some(warm) = world.lambda().fan_out.pop() {
        return warm;
    }
    let sandbox = cold(world, Function::FanOut);
    let app = fan_out::App {
        scripts: Scripted(Arc::clone(&sandbox)),
        store: faulty(&sandbox, world.tables.clone()),
        queue: faulty(&sandbox, ModelQueue::new(Arc::clone(&world.queues), world.time.clone())),
        clock: SandboxClock(Arc::clone(&sandbox)),
        config: world.lambda().fan_out_config.clone(),
        cache: fan_out::cache::Cache::default(),
    };
    (sandbox, Arc::new(app))
}

pub(crate) fn warm_recover(world: &Arc<World>) -> (Arc<Sandbox>, Arc<RecoverApp>) {
    if let Some(warm) = world.lambda().recover.pop() {
        return warm;
    }
    let sandbox = cold(world, Function::Recover);
    let app = recover::App {
        store: faulty(&sandbox, world.tables.clone()),
        queue: faulty(&sandbox, ModelQueue::new(Arc::clone(&world.queues), world.time.clone())),
        sender: faulty(&sandbox, Receivers(Arc::clone(&sandbox))),
        clock: SandboxClock(Arc::clone(&sandbox)),
        config: world.lambda().recover_config.clone(),
    };
    (sandbox, Arc::new(app))
}

pub(crate) fn warm_deliver(world: &Arc<World>) -> (Arc<Sandbox>, Arc<DeliverApp>) {
    if let Some(warm) = world.lambda().deliver.pop() {
        return warm;
    }
    let sandbox = cold(world, Function::Deliver);
    let app = deliver::App {
        store: faulty(&sandbox, world.tables.clone()),
        queue: faulty(&sandbox, ModelQueue::new(Arc::clone(&world.queues), world.time.clone())),
        sender: faulty(&sandbox, Receivers(Arc::clone(&sandbox))),
        clock: SandboxClock(Arc::clone(&sandbox)),
        config: world.lambda().deliver_config.clone(),
    };
    (sandbox, Arc::new(app))
}

/// Returns the event that Lambda passes, without the detour through JSON.
pub(crate) fn event_of(batch: &Batch, arn: &str) -> SqsEvent {
    let mut event = SqsEvent::default();
    event.records = batch
        .messages
        .iter()
        .map(|received| {
            let message = &received.message;
            let attributes = [
                ("ApproximateReceiveCount", received.receive_count.to_string()),
                ("SentTimestamp", message.sent_at.0.to_string()),
                ("SequenceNumber", received.sequence.to_string()),
                ("MessageGroupId", message.group.as_deref().unwrap_or_default().to_owned()),
            ];
            let mut record = SqsMessage::default();
            record.message_id = Some(message.id.to_string());
            record.receipt_handle = Some(received.handle.to_string());
            record.body = Some(message.body.as_ref().to_owned());
            record.attributes = attributes
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<HashMap<_, _>>();
            let job = message.attributes.get(JOB_ATTRIBUTE).map(|attribute| &attribute.value);
            if let Some(AttributeValue::Text(job)) = job {
                let mut attribute = SqsMessageAttribute::default();
                attribute.string_value = Some(job.as_ref().to_owned());
                record.message_attributes.insert(JOB_ATTRIBUTE.to_owned(), attribute);
            }
            record.event_source_arn = Some(arn.to_owned());
            record
        })
        .collect();
    event
}
