//! The item of a line: how far it has come, and what is set aside.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;

use aws_sdk_dynamodb::types::AttributeValue;
use hookrail_domain::aside::{Aside, Lease, Mode};
use hookrail_domain::log_row::RunId;
use hookrail_domain::notice::{LineChange, LineNotice};
use hookrail_domain::replay::{Replay, ReplayRange, ReplayState};
use hookrail_domain::suspension::Line;
use hookrail_domain::time::Millis;
use serde::Deserialize;

use super::{Item, SCHEMA, decode};
use crate::store::StoreError;

/// The sparse index of lines that are set aside, and of jobs that wait for their time: keys only, sorted by when they
/// are due.
pub const DUE_INDEX: &str = "due";
/// Partition key of the index. An active line has no such attribute, nor has a job in its line: they are not in it.
pub const DUE_PARTITION: &str = "due";
/// Sort key of the index.
pub const DUE_SORT: &str = "nextProbeAt";
/// The index's partitions.
pub const DUE_LINES: &str = "lines";
pub(crate) const DUE_JOBS: &str = "jobs";

const CORRUPT: StoreError = StoreError::Corrupt { what: "line" };

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct LineAttributes {
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
    /// What has not been told: kind and time of each.
    notices: Vec<(String, u64)>,
}

/// The line of an item.
pub fn decode_line(item: Item) -> Result<Line, StoreError> {
    let found: LineAttributes = decode(item, "line")?;
    let mode = match found.state.as_deref() {
        None => None,
        Some("suspended") => Some(Mode::Suspended),
        Some("lagging") => Some(Mode::Lagging),
        Some(_) => return Err(CORRUPT),
    };
    let lease = found.lease_run.map(|run| Lease { run: RunId(run), until: Millis(found.lease_until) });
    let aside = mode.map(|mode| Aside {
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
    let notices = found.notices.iter().map(|(kind, at)| match change_of(kind) {
        Some(kind) => Ok(LineNotice { kind, at: Millis(*at) }),
        None => Err(CORRUPT),
    });
    Ok(Line {
        sequence_floor: found.sequence,
        generation: found.generation,
        wake: found.wake,
        aside,
        replay,
        notices: notices.collect::<Result<_, _>>()?,
    })
}

/// A conditional update of a line's item.
#[derive(Debug, Default)]
pub struct LineUpdate {
    pub update: String,
    pub condition: String,
    pub names: HashMap<String, String>,
    pub values: HashMap<String, AttributeValue>,
}

impl LineUpdate {
    /// Writes what differs between `from` and `to`, if the line [allows](Line::allows) it.
    #[must_use]
    pub fn between(from: &Line, to: &Line) -> Self {
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
        kept.extend((from.notices != to.notices).then_some("notices"));
        let last = |line: &Line| line.aside.as_ref().map(|aside| aside.last);
        kept.extend((last(from) != last(to)).then_some("parkedLast"));
        let conditions: Vec<_> =
            kept.into_iter().map(|name| made.unchanged(name, before.get(name))).collect();
        made.condition = conditions.join(" AND ");
        made
    }

    /// Moves the end of what is set aside to `sequence`, if the line is set aside and not yet as far.
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

/// Everything but the sequence floor, which is kept by another writer. Zeros are left out, as in a line never written.
fn attributes(line: &Line) -> BTreeMap<&'static str, AttributeValue> {
    let mut found = BTreeMap::from([("schema", number(SCHEMA))]);
    let mut put = |name, value: u64| {
        if value != 0 {
            found.insert(name, number(value));
        }
    };
    put("generation", line.generation);
    put("wake", line.wake);
    if let Some(replay) = &line.replay {
        put("replayAccepted", replay.accepted);
        put("replayFailed", replay.failed);
        put_replay(&mut found, replay);
    }
    let notice =
        |notice: &LineNotice| AttributeValue::L(vec![text(change_name(notice.kind)), number(notice.at.0)]);
    if let Some(oldest) = line.notices.first() {
        found.insert("notices", AttributeValue::L(line.notices.iter().map(notice).collect()));
        // A line that is set aside is looked at in any case.
        found.insert(DUE_SORT, number(oldest.at.0));
        found.insert(DUE_PARTITION, text(DUE_LINES));
    }
    let Some(aside) = &line.aside else { return found };
    let mut put = |name, value: u64| {
        if value != 0 {
            found.insert(name, number(value));
        }
    };
    put("since", aside.since.0);
    put("failedProbes", aside.failed_probes.into());
    put("headAttempts", aside.head_attempts.into());
    put("givenUp", aside.given_up.into());
    if let Some(version) = aside.gone {
        found.insert("goneVersion", number(version));
    }
    if aside.is_dropped {
        found.insert("dropped", AttributeValue::Bool(true));
    }
    found.insert("drainNext", number(aside.next));
    found.insert("parkedLast", number(aside.last));
    found.insert(DUE_SORT, number(aside.due_at.0));
    found.insert(DUE_PARTITION, text(DUE_LINES));
    let state = match aside.mode {
        Mode::Suspended => "suspended",
        Mode::Lagging => "lagging",
    };
    found.insert("state", text(state));
    if let Some(lease) = &aside.lease {
        found.insert("leaseRun", text(&lease.run.0));
        found.insert("leaseUntil", number(lease.until.0));
    }
    found
}

const CHANGES: [(LineChange, &str); 3] = [
    (LineChange::Suspended, "suspended"),
    (LineChange::Resumed, "resumed"),
    (LineChange::Deactivated, "deactivated"),
];

fn change_name(kind: LineChange) -> &'static str {
    CHANGES.iter().find(|(change, _)| *change == kind).map_or("", |(_, name)| name)
}

fn change_of(name: &str) -> Option<LineChange> {
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

    fn suspended() -> Line {
        let lease = Some(Lease { run: RunId("run".into()), until: Millis(9) });
        let aside = Aside {
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
        Line { sequence_floor: 0, generation: 3, wake: 4, aside: Some(aside), ..Line::default() }
    }

    fn replaying(state: ReplayState) -> Line {
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
        Line { replay: Some(replay), ..suspended() }
    }

    #[test]
    fn lines_round_trip() {
        let mut lagging = suspended();
        lagging.aside.as_mut().unwrap().mode = Mode::Lagging;
        let mut gone = suspended();
        gone.aside.as_mut().unwrap().gone = Some(0);
        gone.aside.as_mut().unwrap().is_dropped = true;
        let active = Line { generation: 2, wake: 2, ..Line::default() };
        let noted = CHANGES.iter().fold(suspended(), |line, (kind, _)| line.noting(*kind, Millis(7)));
        let untold = Line { aside: None, ..noted.clone() };
        let replays = [ReplayState::Running, ReplayState::Done, ReplayState::Cancelled].map(replaying);
        for line in
            [Line::default(), active, suspended(), lagging, gone, noted, untold].into_iter().chain(replays)
        {
            let item = attributes(&line).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            assert_eq!(decode_line(item).unwrap(), line);
        }
    }

    #[test]
    fn only_what_differs_is_written_and_only_what_it_rests_on_is_asked() {
        let mut later = suspended();
        later.aside.as_mut().unwrap().due_at = Millis(6);
        let update = LineUpdate::between(&suspended(), &later);
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
    fn a_line_is_made_active_only_while_nothing_more_is_parked() {
        let active = Line { aside: None, generation: 4, wake: 5, ..Line::default() };
        let update = LineUpdate::between(&suspended(), &active);
        assert!(update.condition.ends_with("#wake = :6 AND #parkedLast = :7"), "{}", update.condition);
        assert!(update.update.contains("REMOVE #drainNext, #due, "), "{}", update.update);
        let opened = LineUpdate::between(&active, &suspended());
        assert!(opened.condition.contains("attribute_not_exists(#state)"), "{}", opened.condition);
    }
}
