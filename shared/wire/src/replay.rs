//! Replays: the call that starts one, and its progress.

use hookrail_domain::replay::{Replay, ReplayState};
use hookrail_domain::time::Millis;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::json;
use crate::problem::FieldProblem;
use crate::reader::{Reader, parse_object};
use crate::timestamp;

/// The range of events to send again, by the time when they were first attempted or parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayCall {
    /// The oldest event that is kept by default.
    pub since: Option<Millis>,
    /// The end of the range, not included. The newest event by default.
    pub until: Option<Millis>,
    pub only_failed: bool,
}

impl ReplayCall {
    /// Reads the body of a call.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<FieldProblem>> {
        let fields = parse_object(bytes)?;
        let mut reader = Reader::of(&fields);
        let mut time = |field| {
            let at = reader.nullable(field, |value| {
                let at = value.as_str().and_then(timestamp::parse);
                at.ok_or("must be a time like 2022-05-05T20:04:40.084Z")
            });
            at.flatten()
        };
        let (since, until) = (time("since"), time("until"));
        if since.zip(until).is_some_and(|(since, until)| until <= since) {
            reader.refuse("until", "must be later than since");
        }
        let only_failed = match reader.value("result") {
            None => true,
            Some(Value::String(text)) if text == "FAILED" => true,
            Some(Value::String(text)) if text == "ALL" => false,
            Some(_) => {
                reader.refuse("result", "must be FAILED or ALL");
                true
            }
        };
        let problems = reader.close(&[]);
        if problems.is_empty() { Ok(Self { since, until, only_failed }) } else { Err(problems) }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Replay)]
pub(crate) struct Document {
    /// `running`, `done` or `cancelled`.
    state: &'static str,
    asked_at: String,
    /// `FAILED` or `ALL`.
    result: &'static str,
    first_sequence: u64,
    last_sequence: u64,
    /// Events of the range that were processed.
    seen: u64,
    of: u64,
    accepted: u64,
    failed: u64,
}

/// The replay as the API shows it.
#[must_use]
pub fn render(replay: &Replay) -> Vec<u8> {
    let range = &replay.range;
    let document = Document {
        state: match replay.state {
            ReplayState::Running => "running",
            ReplayState::Done => "done",
            ReplayState::Cancelled => "cancelled",
        },
        asked_at: timestamp::render(replay.asked_at),
        result: if range.only_failed { "FAILED" } else { "ALL" },
        first_sequence: range.first,
        last_sequence: range.last,
        seen: replay.next.min(range.last + 1).saturating_sub(range.first),
        of: (range.last + 1).saturating_sub(range.first),
        accepted: replay.accepted,
        failed: replay.failed,
    };
    json::render(&document)
}

#[cfg(test)]
mod tests {
    use hookrail_domain::replay::ReplayRange;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_replay_has_a_range_and_takes_failed_events_by_default() {
        let call = ReplayCall::parse(b"{}").unwrap();
        assert_eq!(call, ReplayCall { since: None, until: None, only_failed: true });
        let text = br#"{"since":"1970-01-01T00:00:01Z","until":"1970-01-01T00:00:02Z","result":"ALL"}"#;
        let call = ReplayCall::parse(text).unwrap();
        assert_eq!((call.since, call.until), (Some(Millis(1000)), Some(Millis(2000))));
        assert!(!call.only_failed);
    }

    #[test]
    fn names_every_bad_field_of_a_replay() {
        for (text, field) in [
            (r#"{"since":"yesterday"}"#, "since"),
            (r#"{"until":5}"#, "until"),
            (r#"{"since":"1970-01-01T00:00:02Z","until":"1970-01-01T00:00:02Z"}"#, "until"),
            (r#"{"result":"SUCCESS"}"#, "result"),
            (r#"{"from":"1970-01-01T00:00:02Z"}"#, "from"),
            ("[]", ""),
            ("{", ""),
        ] {
            let problems = ReplayCall::parse(text.as_bytes()).unwrap_err();
            assert_eq!(problems.iter().map(|one| one.field.as_str()).collect::<Vec<_>>(), [field], "{text}");
        }
    }

    #[test]
    fn replay_progress_is_counted_in_events() {
        let range = ReplayRange { first: 3, last: 6, only_failed: true };
        let replay = Replay { accepted: 1, ..Replay::new(1, range, Millis(0)).at(5) };
        let shown: Value = serde_json::from_slice(&render(&replay)).unwrap();
        assert_eq!(
            (&shown["state"], &shown["seen"], &shown["of"]),
            (&json!("running"), &json!(2), &json!(4))
        );
        assert_eq!((&shown["result"], &shown["accepted"]), (&json!("FAILED"), &json!(1)));
        let done: Value = serde_json::from_slice(&render(&replay.at(9))).unwrap();
        assert_eq!((&done["state"], &done["seen"]), (&json!("done"), &json!(4)));
        let cancelled: Value = serde_json::from_slice(&render(&replay.cancelled())).unwrap();
        assert_eq!(cancelled["state"], "cancelled");
    }
}
