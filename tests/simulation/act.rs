//! Outside actions: the platform pushes, people change webhooks and queues, SQS misbehaves.

use std::sync::Arc;

use futures_util::FutureExt as _;
use hookrail_domain::commands::Waiting;
use hookrail_domain::id::{ContextId, DeliveryId, EventId};
use hookrail_domain::platform::EventType;
use hookrail_domain::platform::webhook::{PlatformWebhook, Stamp, WebhookScope};
use hookrail_domain::replay::ReplayRange;
use hookrail_domain::secrets::{Credentials, Secrets};
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::target::TargetUrl;
use hookrail_domain::trigger::{Context, Slot, Trigger, TriggerType};
use hookrail_domain::webhook::{Code, CotWebhook, Name, Webhook, WebhookKind};
use hookrail_fifo::mapping::Answer;
use hookrail_fifo::message::NewMessage;
use hookrail_fifo::millis::Millis;
use hookrail_pipeline::queue_commands::QueueCommands;
use hookrail_pipeline::store::{Change, ConfigStore as _, LogStore as _, Replacement};
use hookrail_testkit::memory::MemoryTables;
use hookrail_testkit::model_queue::ModelQueue;

use crate::deployment::{self, EVENTS, RECOVERY};
use crate::history::{EventFact, Fault, Recipients, ReplayFact, Version};
use crate::lambda::Lambda;
use crate::planted::Bug;
use crate::posted::post;
use crate::rng::Rng;
use crate::run::DAY_MS;
use crate::setup::{Action, Kind};
use crate::time::Time;
use crate::troubles;
use crate::world::{State, World, url};

/// The id of the group of a narrowed trigger.
const GROUP: &str = "g1";

/// Calls recover, as the API does when a webhook is activated or a person asks for it.
fn wake(world: &World, webhook: usize) {
    let (queue, url) = (queue(world), deployment::url(RECOVERY));
    let key = world.state().history.webhooks[webhook].key.clone();
    let now = hookrail_domain::time::Millis(world.time.now());
    let state = world.tables.state(&key);
    commands(world, &queue, &url).wake(&key, &state, now).now_or_never().unwrap().unwrap();
}

pub(crate) fn act(world: &Arc<World>, action: Action, rng: &mut Rng) {
    let now = world.time.now();
    world.state().history.act(now, action);
    match action {
        Action::Push { company, kind, body } => push(world, company, Some(kind), body),
        Action::PushBad { company } => push(world, company, None, None),
        Action::Repeat { company } => repeat(world, company),
        Action::Create { webhook } => {
            if is_active(world, webhook).is_none() {
                write(world, webhook, true);
            }
        }
        Action::Edit { webhook } => {
            if let Some(is_active) = is_active(world, webhook) {
                write(world, webhook, is_active);
            }
        }
        Action::Activate { webhook } => activate(world, webhook),
        Action::Deactivate { webhook, waiting } => deactivate(world, webhook, waiting),
        Action::Retry { webhook } => retry(world, webhook),
        Action::Replay { webhook, events, only_failed } => replay(world, webhook, (events, only_failed)),
        Action::CancelReplay { webhook } => cancel_replay(world, webhook),
        Action::Resume { webhook } => wake(world, webhook),
        Action::Post { webhook, later_ms, is_left } => post(world, webhook, (later_ms, is_left)),
        Action::Free => free(world, rng),
        // Parked rows do not expire, so there is no such time while any are left.
        Action::Idle { .. } if world.waits_for_schedule() => {}
        Action::Idle { days } => {
            world.expire_rows();
            world.time.advance(now + days * DAY_MS);
        }
    }
}

/// Writes the next version of a webhook, the first included.
pub(crate) fn write(world: &World, index: usize, is_active: bool) {
    let webhook = next_version(world, index, is_active);
    if webhook.version == 0 {
        let secrets = Secrets::new(SigningSecret::from_random([7; 32]));
        world.tables.create_webhook(&webhook, &secrets).now_or_never().unwrap().unwrap();
    } else {
        world.tables.replace_webhook((&webhook).into()).now_or_never().unwrap().unwrap();
    }
    remember(world, index, is_active);
    if is_active {
        wake(world, index);
    }
}

fn next_version(world: &World, index: usize, is_active: bool) -> Webhook {
    let plan = &world.setup.webhooks[index];
    let state = world.state();
    let fact = &state.history.webhooks[index];
    let version = fact.versions.len() as u64;
    Webhook {
        id: fact.key.webhook,
        company: fact.key.company.clone(),
        is_active,
        name: Name::parse(&format!("webhook {index}")).unwrap(),
        face: if world.setup.is_of_records(index) {
            on_users(index, &url(index, version))
        } else {
            WebhookKind::Cot(CotWebhook {
                trigger: trigger(plan.trigger),
                url: TargetUrl::parse_unchecked(&url(index, version)).unwrap(),
                code: Code::parse(&format!("webhook_{index}")).unwrap(),
            })
        },
        description: None,
        version,
        inactive_because: None,
        credentials: Credentials::default(),
        suspend_after: None,
    }
}

/// Makes a webhook on users, whose filter and URL have to be evaluated.
fn on_users(index: usize, url: &str) -> WebhookKind {
    let stamp = Stamp { at: hookrail_domain::time::Millis(0), by: String::new() };
    WebhookKind::Platform(Box::new(PlatformWebhook {
        scope: WebhookScope::Space,
        kind: EventType::User,
        event: "Updated",
        filter: troubles::filter_of(index),
        url: url.to_owned(),
        key: None,
        created: stamp.clone(),
        updated: stamp,
    }))
}

fn remember(world: &World, index: usize, is_active: bool) {
    let at = world.time.now();
    let mut state = world.state();
    let order = state.history.actions.len();
    state.history.webhooks[index].versions.push(Version { at, order, is_active });
}

fn is_active(world: &World, webhook: usize) -> Option<bool> {
    world.state().history.webhooks[webhook].versions.last().map(|version| version.is_active)
}

/// Activates a webhook as the API does: not while its waiting events are being dropped.
pub(crate) fn activate(world: &World, webhook: usize) {
    let key = world.state().history.webhooks[webhook].key.clone();
    let is_dropping = world.tables.state(&key).backlog.is_some_and(|backlog| backlog.is_dropped);
    if is_active(world, webhook).is_some() && !is_dropping {
        write(world, webhook, true);
    }
}

fn deactivate(world: &World, webhook: usize, waiting: Waiting) {
    if is_active(world, webhook) != Some(true) {
        return;
    }
    let (now, queue) = (world.time.now(), queue(world));
    let changed = next_version(world, webhook, false);
    let url = deployment::url(RECOVERY);
    let commands = commands(world, &queue, &url);
    let deactivated = commands.deactivate((&changed).into(), waiting, hookrail_domain::time::Millis(now));
    let replaced = deactivated.now_or_never().unwrap().unwrap();
    assert_eq!(replaced, Replacement::Done, "no other run changes it");
    if waiting == Waiting::Drop {
        cut_short(world, webhook);
    }
    remember(world, webhook, false);
}

fn retry(world: &World, webhook: usize) {
    if is_active(world, webhook) == Some(true) {
        let queue = queue(world);
        let key = world.state().history.webhooks[webhook].key.clone();
        let now = hookrail_domain::time::Millis(world.time.now());
        let url = deployment::url(RECOVERY);
        commands(world, &queue, &url).retry(&key, now).now_or_never().unwrap().unwrap();
    }
}

/// Replays the newest ended events, as the API does.
fn replay(world: &World, webhook: usize, (events, only_failed): (u64, bool)) {
    let queue = queue(world);
    if is_active(world, webhook) != Some(true) {
        return;
    }
    let key = world.state().history.webhooks[webhook].key.clone();
    let state = world.tables.state(&key);
    let last = world.tables.last_row(&key).now_or_never().unwrap().unwrap();
    let open = state.backlog.as_ref().map_or_else(|| state.first_open(last.as_ref()), |backlog| backlog.next);
    let range = ReplayRange { first: open.saturating_sub(events).max(1), last: open - 1, only_failed };
    if range.last < range.first {
        return;
    }
    let mut wanted = Vec::new();
    for of_event in world.tables.rows(&key).chunk_by(|one, other| one.delivery == other.delivery) {
        let (first, newest) = (&of_event[0], &of_event[of_event.len() - 1]);
        let sequence = first.attempt.number.sequence;
        if (range.first..=range.last).contains(&sequence) && first.body.is_some() && range.wants(newest) {
            wanted.push(sequence);
        }
    }
    let (at, url) = (world.time.now(), deployment::url(RECOVERY));
    let now = hookrail_domain::time::Millis(at);
    let commands = commands(world, &queue, &url);
    let begun = commands.replay(&key, range, now);
    if begun.now_or_never().unwrap().unwrap() == Change::Done {
        world.state().history.replays.push(ReplayFact { at, webhook, wanted, cancelled_at: None });
    }
}

fn cancel_replay(world: &World, webhook: usize) {
    let queue = queue(world);
    let key = world.state().history.webhooks[webhook].key.clone();
    let (now, url) = (hookrail_domain::time::Millis(world.time.now()), deployment::url(RECOVERY));
    let commands = commands(world, &queue, &url);
    let cancelled = commands.cancel_replay(&key, now);
    if cancelled.now_or_never().unwrap().unwrap() == Change::Done {
        cut_short(world, webhook);
    }
}

/// Records that the webhook's replay, if one runs, has ended before its time.
fn cut_short(world: &World, webhook: usize) {
    let at = world.time.now();
    let mut state = world.state();
    if let Some(newest) = state.history.replays.iter_mut().rev().find(|replay| replay.webhook == webhook) {
        newest.cancelled_at.get_or_insert(at);
    }
}

fn commands<'a>(
    world: &'a World,
    queue: &'a ModelQueue<Time>,
    recovery_queue_url: &'a str,
) -> QueueCommands<'a, MemoryTables, ModelQueue<Time>> {
    QueueCommands { store: &world.tables, queue, recovery_queue_url, suspension: world.setup.suspension }
}

fn queue(world: &World) -> ModelQueue<Time> {
    ModelQueue::new(Arc::clone(&world.queues), world.time.clone())
}

fn trigger(kind: Kind) -> Trigger {
    let (name, is_narrow) = match kind {
        Kind::Task => ("create-edit-delete-task", false),
        Kind::GroupTask => ("create-edit-delete-task", true),
        Kind::User => ("create-edit-delete-user", false),
    };
    let mut context = Context::default();
    if is_narrow {
        context.set(Slot::TaskGroup, ContextId::parse(GROUP).unwrap());
    }
    Trigger::new(TriggerType::find(name).unwrap(), context).unwrap()
}

fn push(world: &World, company: usize, kind: Option<Kind>, body: Option<u8>) {
    let now = world.time.now();
    let mut state = world.state();
    let State { history, .. } = &mut *state;
    let of_company = history.events_of.get(&company).copied().unwrap_or_default();
    let text = |subject, group| {
        let company = history.companies[company].as_str();
        let note = body.map_or_else(|| format!("event {of_company}"), |body| format!("same {body}"));
        format!(
            r#"{{"company":"{company}","type":"{subject}","event":"edit","data":{{"taskGroup":"{group}","note":"{note}"}}}}"#
        )
    };
    let body: Arc<str> = match kind {
        Some(Kind::Task) => text("COTTask", "g0"),
        Some(Kind::GroupTask) => text("COTTask", GROUP),
        Some(Kind::User) if world.setup.has_records() => {
            let note = body.map_or_else(|| format!("event {of_company}"), |body| format!("same {body}"));
            format!(
                r#"{{"event":{{"type":"User","action":"Updated"}},"user":{{"username":"ana"}},"note":"{note}"}}"#
            )
        }
        Some(Kind::User) => text("COTUser", "g0"),
        None => format!("no event {of_company} of company {company}"),
    }
    .into();
    // Every company numbers its events alike: ids of two companies are the same on purpose.
    let deduplication_id: Arc<str> = format!("event-{of_company}").into();
    let message = NewMessage {
        body: Arc::clone(&body),
        group: Some(history.companies[company].as_str().into()),
        deduplication_id: (world.setup.bug != Some(Bug::ComparesBodies))
            .then(|| Arc::clone(&deduplication_id)),
        ..NewMessage::default()
    };
    let sent = world.queues().find_mut(EVENTS).unwrap().send(Millis(now), message).unwrap();
    let id = EventId::of_message(&sent.id.to_string());
    let event = history.events.len();
    if let Some(kind) = kind {
        for (webhook, fact) in history.webhooks.iter().enumerate() {
            if fact.company == company && fact.trigger.selects(kind) {
                let delivery = DeliveryId::of(id, fact.key.webhook);
                history
                    .owed
                    .insert(delivery, Recipients { event, webhook, queued_at: None, is_posted: false });
            }
        }
    }
    let order = history.actions.len();
    history.accept(EventFact { company, kind, at: now, order, id, body, deduplication_id });
}

/// Pushes as a producer that did not receive the response: within the window the queue knows the id.
fn repeat(world: &World, company: usize) {
    let now = world.time.now();
    let state = world.state();
    let last = state.history.events.iter().rev().find(|event| event.company == company);
    let Some(last) = last.filter(|last| now < last.at + 299_000) else { return };
    let message = NewMessage {
        body: Arc::clone(&last.body),
        group: Some(state.history.companies[company].as_str().into()),
        deduplication_id: Some(Arc::clone(&last.deduplication_id)),
        ..NewMessage::default()
    };
    world.queues().find_mut(EVENTS).unwrap().send(Millis(now), message).unwrap();
}

/// Makes one group's messages of a running invocation visible again, as if the queue had forgotten that they
/// are held.
///
/// Half of the time the mapping has lost the invocation as well, and with it its own lock of the group.
fn free(world: &World, rng: &mut Rng) {
    let now = Millis(world.time.now());
    let mut lambda = world.lambda();
    let chosen = rng.index(lambda.running.len());
    let Lambda { running, sources, .. } = &mut *lambda;
    let Some(running) = running.get(chosen) else { return };
    let source = &mut sources[running.source];
    let (group, _) = running.held[rng.index(running.held.len())];
    let mut queues = world.queues();
    let Some(queue) = queues.find_mut(&source.queue) else { return };
    let is_lost = rng.chance(5_000);
    if is_lost {
        source.mapping.complete(now, queue, running.batch, &Answer::Failed);
    }
    let mut freed = 0;
    for (_, handle) in running.held.iter().filter(|(other, _)| *other == group) {
        freed += usize::from(queue.change_visibility(now, *handle, 0).is_ok());
    }
    if is_lost || freed != 0 {
        world.fault(running.run, Fault::Freed);
    }
}
