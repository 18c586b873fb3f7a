//! The item of a queue: its progress, and its backlog.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;

use aws_sdk_dynamodb::types::AttributeValue;
use hookrail_domain::backlog::{Backlog, Lease, Mode};
use hookrail_domain::log_row::RunId;
use hookrail_domain::operational_event::{PendingEvent, StateChange};
use hookrail_domain::replay::{Replay, ReplayRange, ReplayState};
use hookrail_domain::suspension::QueueState;
use hookrail_domain::time::Millis;
use hookrail_pipeline::store::StoreError;
use serde::Deserialize;

use super::{Item, SCHEMA, decode};

/// The sparse index of queues with a backlog, and of jobs that wait for their time: keys only, sorted by due
/// time.
pub const DUE_INDEX: &str = "due";
/// Partition key of the index. An active webhook's queue does not have this attribute, nor does a queued job:
/// they are not in the index.
pub const DUE_PARTITION: &str = "due";
/// Sort key of the index.
pub const DUE_SORT: &str = "nextProbeAt";
/// The index's partitions.
pub const DUE_LINES: &str = "lines";
pub(crate) const DUE_JOBS: &str = "jobs";

const CORRUPT: StoreError = StoreError::Corrupt { what: "line" };

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct StateAttributes {
    sequence: u64,
    generation: u64,
    wake: u64,
    state: Option<String>,
    since: u64,
    drain_next: u64,
    parked_last: u64,
    next_probe_at: u64,
    failed_probes: u32,
    head_attempts: u32,
    given_up: u32,
    lease_run: Option<String>,
    lease_until: u64,
    gone_version: Option<u64>,
    dropped: bool,
    replay: Option<String>,
    replay_number: u64,
    replay_asked_at: u64,
    replay_first: u64,
    replay_last: u64,
    replay_failed_only: bool,
    replay_next: u64,
    replay_accepted: u64,
    replay_failed: u64,
    replay_run: Option<u64>,
    /// Changes that are not published yet: kind and time of each.
    #[serde(rename = "notices")]
    operational_events: Vec<(String, u64)>,
}

/// Returns the queue of an item.
pub fn decode_state(item: Item) -> Result<QueueState, StoreError> {
    let found: StateAttributes = decode(item, "line")?;
    let mode = match found.state.as_deref() {
        None => None,
        Some("suspended") => Some(Mode::Suspended),
        Some("lagging") => Some(Mode::Lagging),
        Some(_) => return Err(CORRUPT),
    };
    let lease = found.lease_run.map(|run| Lease { run: RunId(run), until: Millis(found.lease_until) });
    let backlog = mode.map(|mode| Backlog {
        mode,
        since: Millis(found.since),
        next: found.drain_next,
        last: found.parked_last,
        due_at: Millis(found.next_probe_at),
        failed_probes: found.failed_probes,
        head_attempts: found.head_attempts,
        given_up: found.given_up,
        lease,
        gone: found.gone_version,
        is_dropped: found.dropped,
    });
    let state = match found.replay.as_deref() {
        None => None,
        Some("running") => Some(ReplayState::Running),
        Some("done") => Some(ReplayState::Done),
        Some("cancelled") => Some(ReplayState::Cancelled),
        Some(_) => return Err(CORRUPT),
    };
    let range = ReplayRange {
        first: found.replay_first,
        last: found.replay_last,
        only_failed: found.replay_failed_only,
    };
    let replay = state.map(|state| Replay {
        state,
        number: found.replay_number,
        asked_at: Millis(found.replay_asked_at),
        range,
        next: found.replay_next,
        accepted: found.replay_accepted,
        failed: found.replay_failed,
        run_first: found.replay_run,
    });
    let operational_events = found.operational_events.iter().map(|(kind, at)| match change_of(kind) {
        Some(kind) => Ok(PendingEvent { kind, at: Millis(*at) }),
        None => Err(CORRUPT),
    });
    Ok(QueueState {
        sequence_floor: found.sequence,
        generation: found.generation,
        wake: found.wake,
        backlog,
        replay,
        operational_events: operational_events.collect::<Result<_, _>>()?,
    })
}

/// A conditional update of a queue's item.
#[derive(Debug, Default)]
pub struct StateUpdate {
    pub update: String,
    pub condition: String,
    pub names: HashMap<String, String>,
    pub values: HashMap<String, AttributeValue>,
}

impl StateUpdate {
    /// Writes the difference of `from` and `to`, if the queue [allows](QueueState::allows) it.
    #[must_use]
    pub fn between(from: &QueueState, to: &QueueState) -> Self {
        let (mut before, after) = (attributes(from), attributes(to));
        if from.generation == 0 {
            // Never written: its item lacks this too.
            before.remove("schema");
        }
        let mut made = Self::default();
        let mut sets = Vec::new();
        for (name, value) in after.iter().filter(|(name, value)| before.get(*name) != Some(*value)) {
            sets.push(format!("{} = {}", made.name(name), made.value(value.clone())));
        }
        let removed: Vec<_> =
            before.keys().filter(|name| !after.contains_key(*name)).map(|name| made.name(name)).collect();
        let clause = |verb: &str, parts: &[String]| {
            if parts.is_empty() { String::new() } else { format!("{verb} {} ", parts.join(", ")) }
        };
        made.update = format!("{}{}", clause("SET", &sets), clause("REMOVE", &removed));
        let mut kept = vec![
            "generation",
            "state",
            "drainNext",
            "leaseRun",
            "dropped",
            "replay",
            "replayNumber",
            "replayNext",
        ];
        kept.extend((from.wake != to.wake).then_some("wake"));
        kept.extend((from.operational_events != to.operational_events).then_some("notices"));
        let last = |state: &QueueState| state.backlog.as_ref().map(|backlog| backlog.last);
        kept.extend((last(from) != last(to)).then_some("parkedLast"));
        let conditions: Vec<_> =
            kept.into_iter().map(|name| made.unchanged(name, before.get(name))).collect();
        made.condition = conditions.join(" AND ");
        made
    }

    /// Moves the end of the backlog to `sequence`, if there is a backlog and its end is before it.
    #[must_use]
    pub fn parking(sequence: u64, generation: u64) -> Self {
        let mut made = Self::default();
        let (last, value) = (made.name("parkedLast"), made.value(number(sequence)));
        made.update = format!("SET {last} = {value}");
        let generation = made.unchanged("generation", Some(&number(generation)));
        made.condition = format!("{last} < {value} AND {generation}");
        made
    }

    fn unchanged(&mut self, name: &str, value: Option<&AttributeValue>) -> String {
        let name = self.name(name);
        match value {
            Some(value) => format!("{name} = {}", self.value(value.clone())),
            None => format!("attribute_not_exists({name})"),
        }
    }

    fn name(&mut self, name: &str) -> String {
        let placeholder = format!("#{name}");
        self.names.insert(placeholder.clone(), name.to_owned());
        placeholder
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }
}

/// Returns everything except the sequence floor, which another writer keeps. Zeros are left out, as in an
/// item never written.
fn attributes(queue_state: &QueueState) -> BTreeMap<&'static str, AttributeValue> {
    let mut found = BTreeMap::from([("schema", number(SCHEMA))]);
    let mut put = |name, value: u64| {
        if value != 0 {
            found.insert(name, number(value));
        }
    };
    put("generation", queue_state.generation);
    put("wake", queue_state.wake);
    if let Some(replay) = &queue_state.replay {
        put("replayAccepted", replay.accepted);
        put("replayFailed", replay.failed);
        put_replay(&mut found, replay);
    }
    let notice =
        |notice: &PendingEvent| AttributeValue::L(vec![text(change_name(notice.kind)), number(notice.at.0)]);
    if let Some(oldest) = queue_state.operational_events.first() {
        found.insert(
            "notices",
            AttributeValue::L(queue_state.operational_events.iter().map(notice).collect()),
        );
        // A queue with a backlog is looked at in any case.
        found.insert(DUE_SORT, number(oldest.at.0));
        found.insert(DUE_PARTITION, text(DUE_LINES));
    }
    let Some(backlog) = &queue_state.backlog else { return found };
    let mut put = |name, value: u64| {
        if value != 0 {
            found.insert(name, number(value));
        }
    };
    put("since", backlog.since.0);
    put("failedProbes", backlog.failed_probes.into());
    put("headAttempts", backlog.head_attempts.into());
    put("givenUp", backlog.given_up.into());
    if let Some(version) = backlog.gone {
        found.insert("goneVersion", number(version));
    }
    if backlog.is_dropped {
        found.insert("dropped", AttributeValue::Bool(true));
    }
    found.insert("drainNext", number(backlog.next));
    found.insert("parkedLast", number(backlog.last));
    found.insert(DUE_SORT, number(backlog.due_at.0));
    found.insert(DUE_PARTITION, text(DUE_LINES));
    let state = match backlog.mode {
        Mode::Suspended => "suspended",
        Mode::Lagging => "lagging",
    };
    found.insert("state", text(state));
    if let Some(lease) = &backlog.lease {
        found.insert("leaseRun", text(&lease.run.0));
        found.insert("leaseUntil", number(lease.until.0));
    }
    found
}

const CHANGES: [(StateChange, &str); 3] = [
    (StateChange::Suspended, "suspended"),
    (StateChange::Resumed, "resumed"),
    (StateChange::Deactivated, "deactivated"),
];

fn change_name(kind: StateChange) -> &'static str {
    CHANGES.iter().find(|(change, _)| *change == kind).map_or("", |(_, name)| name)
}

fn change_of(name: &str) -> Option<StateChange> {
    CHANGES.iter().find(|(_, known)| *known == name).map(|(change, _)| *change)
}

fn put_replay(found: &mut BTreeMap<&'static str, AttributeValue>, replay: &Replay) {
    let state = match replay.state {
        ReplayState::Running => "running",
        ReplayState::Done => "done",
        ReplayState::Cancelled => "cancelled",
    };
    found.insert("replay", text(state));
    found.insert("replayNumber", number(replay.number));
    found.insert("replayAskedAt", number(replay.asked_at.0));
    found.insert("replayFirst", number(replay.range.first));
    found.insert("replayLast", number(replay.range.last));
    found.insert("replayNext", number(replay.next));
    if let Some(first) = replay.run_first {
        found.insert("replayRun", number(first));
    }
    if replay.range.only_failed {
        found.insert("replayFailedOnly", AttributeValue::Bool(true));
    }
}

fn number(value: impl Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suspended() -> QueueState {
        let lease = Some(Lease { run: RunId("run".into()), until: Millis(9) });
        let backlog = Backlog {
            mode: Mode::Suspended,
            since: Millis(1),
            next: 7,
            last: 11,
            due_at: Millis(5),
            failed_probes: 2,
            head_attempts: 1,
            given_up: 3,
            lease,
            gone: None,
            is_dropped: false,
        };
        QueueState {
            sequence_floor: 0,
            generation: 3,
            wake: 4,
            backlog: Some(backlog),
            ..QueueState::default()
        }
    }

    fn replaying(state: ReplayState) -> QueueState {
        let range = ReplayRange { first: 2, last: 4, only_failed: state != ReplayState::Done };
        let replay = Replay {
            number: 6,
            state,
            asked_at: Millis(3),
            range,
            next: 3,
            accepted: 1,
            failed: 0,
            run_first: Some(2),
        };
        QueueState { replay: Some(replay), ..suspended() }
    }

    #[test]
    fn queue_items_round_trip() {
        let mut lagging = suspended();
        lagging.backlog.as_mut().unwrap().mode = Mode::Lagging;
        let mut gone = suspended();
        gone.backlog.as_mut().unwrap().gone = Some(0);
        gone.backlog.as_mut().unwrap().is_dropped = true;
        let active = QueueState { generation: 2, wake: 2, ..QueueState::default() };
        let noted = CHANGES.iter().fold(suspended(), |state, (kind, _)| state.noting(*kind, Millis(7)));
        let untold = QueueState { backlog: None, ..noted.clone() };
        let replays = [ReplayState::Running, ReplayState::Done, ReplayState::Cancelled].map(replaying);
        for state in [QueueState::default(), active, suspended(), lagging, gone, noted, untold]
            .into_iter()
            .chain(replays)
        {
            let item = attributes(&state).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            assert_eq!(decode_state(item).unwrap(), state);
        }
    }

    #[test]
    fn writes_changed_attributes_and_checks_their_preconditions() {
        let mut later = suspended();
        later.backlog.as_mut().unwrap().due_at = Millis(6);
        let update = StateUpdate::between(&suspended(), &later);
        assert_eq!(update.update, "SET #nextProbeAt = :0 ");
        assert_eq!(
            update.condition,
            "#generation = :1 AND #state = :2 AND #drainNext = :3 AND #leaseRun = :4 \
             AND attribute_not_exists(#dropped) AND attribute_not_exists(#replay) \
             AND attribute_not_exists(#replayNumber) \
             AND attribute_not_exists(#replayNext)"
        );
    }

    #[test]
    fn a_queue_becomes_active_only_if_nothing_more_is_parked() {
        let active = QueueState { backlog: None, generation: 4, wake: 5, ..QueueState::default() };
        let update = StateUpdate::between(&suspended(), &active);
        assert!(update.condition.ends_with("#wake = :6 AND #parkedLast = :7"), "{}", update.condition);
        assert!(update.update.contains("REMOVE #drainNext, #due, "), "{}", update.update);
        let opened = StateUpdate::between(&active, &suspended());
        assert!(opened.condition.contains("attribute_not_exists(#state)"), "{}", opened.condition);
    }
}
