//! The filter of a webhook's log: `result`, `status`, `event`, `from`, `to`.

use hookrail_domain::id::EventId;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::progress::Progress;
use hookrail_domain::time::Millis;

use crate::cot_webhook_log::result_of;
use crate::problem::FieldProblem;
use crate::query::{self, Filter, Pairs, QueryReader};
use crate::timestamp;

/// The values of `result`: that of a row, or `WAITING` for an event that waits for another attempt.
pub const RESULTS: [&str; 4] = ["SUCCESS", "FAILED", WAITING, "PARKED"];
pub(crate) const WAITING: &str = "WAITING";

/// A filter of log rows. Without values it matches all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogFilter {
    result: Option<&'static str>,
    status: Option<u16>,
    event: Option<EventId>,
    from: Option<Millis>,
    /// Before this time.
    pub to: Option<Millis>,
}

impl Filter for LogFilter {
    fn parse(query: &Pairs) -> Result<Self, Vec<FieldProblem>> {
        let mut reader = QueryReader::of(query);
        let result = reader.read("result", |text| {
            let known = RESULTS.into_iter().find(|known| *known == text);
            known.ok_or_else(|| format!("must be one of {}", RESULTS.join(", ")))
        });
        let status = reader.read("status", |text| {
            let status = text.parse().ok().filter(|status| (100..=999).contains(status));
            status.ok_or("must be a whole number from 100 to 999")
        });
        let event = reader.read("event", EventId::parse);
        let time = |text: &str| timestamp::parse(text).ok_or("must be a time like 2022-05-05T20:04:40.084Z");
        let (from, to) = (reader.read("from", time), reader.read("to", time));
        if from.zip(to).is_some_and(|(from, to)| to <= from) {
            reader.refuse("to", "must be later than from");
        }
        if reader.problems.is_empty() {
            Ok(Self { result, status, event, from, to })
        } else {
            Err(reader.problems)
        }
    }

    fn render(&self) -> String {
        query::render(&[
            ("result", self.result.map(ToOwned::to_owned)),
            ("status", self.status.map(|status| status.to_string())),
            ("event", self.event.map(|event| event.to_string())),
            ("from", self.from.map(timestamp::render)),
            ("to", self.to.map(timestamp::render)),
        ])
    }
}

impl LogFilter {
    /// True for a filter that matches every row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns true if the row matches. An event waits while its newest row announces another attempt.
    #[must_use]
    pub fn takes(&self, row: &LogRow, is_newest_of_event: bool) -> bool {
        let at = row.attempt.started_at;
        let is_result = |result| match result {
            WAITING => is_newest_of_event && matches!(row.progress, Progress::Waiting { .. }),
            result => result == result_of(&row.attempt.outcome),
        };
        self.result.is_none_or(is_result)
            && self.status.is_none_or(|status| status == row.attempt.outcome.status())
            && self.event.is_none_or(|event| event == row.event)
            && self.from.is_none_or(|from| from <= at)
            && self.to.is_none_or(|to| at < to)
    }
}

#[cfg(test)]
mod tests {
    use hookrail_domain::attempt::{Attempt, AttemptNumber, ErrorClass, Outcome, ResponseText};
    use hookrail_domain::delivery::{QueueName, QueuePosition};
    use hookrail_domain::id::{CompanyId, DeliveryId, WebhookId};
    use hookrail_domain::log_row::RunId;

    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<LogFilter, Vec<FieldProblem>> {
        let pairs: Vec<_> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        LogFilter::parse(&pairs)
    }

    fn row(outcome: Outcome, progress: Progress) -> LogRow {
        let (event, webhook) = (EventId::from_bytes([9; 12]), WebhookId::from_bytes([1; 12]));
        let position = QueuePosition { queue: QueueName::new("q"), number: 1 };
        let number = AttemptNumber { sequence: 7, attempt: 1 };
        LogRow {
            company: CompanyId::parse("acme").unwrap(),
            webhook,
            delivery: DeliveryId::of(event, webhook),
            event,
            accepted: position.clone(),
            queued: position,
            attempt: Attempt { number, started_at: Millis(1_651_781_080_084), duration_ms: 1, outcome },
            progress,
            given_up: 0,
            url: "https://www.server.com/".into(),
            version: 0,
            run: RunId("r".into()),
            is_replay: false,
            body: None,
            expires_at: None,
        }
    }

    fn answered(status: u16) -> Outcome {
        Outcome::Responded { status, response: ResponseText::default(), retry_after_seconds: None }
    }

    #[track_caller]
    fn check(row: &LogRow, pairs: &[(&str, &str)], expected: bool) {
        assert_eq!(parse(pairs).unwrap().takes(row, true), expected, "{pairs:?}");
    }

    #[test]
    fn finds_a_row_by_the_result_it_shows() {
        let reason = || "why".to_owned();
        let waiting = Progress::Waiting { until: Millis(5) };
        let timeout = Outcome::NoResponse { error: ErrorClass::Timeout, reason: reason() };
        let parked = Outcome::Unsent { error: ErrorClass::Parked, reason: reason() };
        let skipped = Outcome::Unsent { error: ErrorClass::Skipped, reason: reason() };
        for (outcome, progress, found) in [
            (answered(200), Progress::Ended, vec!["SUCCESS"]),
            (answered(500), Progress::Ended, vec!["FAILED"]),
            (answered(210), Progress::Ended, vec!["FAILED"]),
            (timeout, waiting, vec!["FAILED", "WAITING"]),
            (parked, Progress::Parked, vec!["PARKED"]),
            (skipped, Progress::Ended, vec!["FAILED"]),
        ] {
            let row = row(outcome, progress);
            for result in RESULTS {
                check(&row, &[("result", result)], found.contains(&result));
            }
        }
        let tried_again = row(answered(500), waiting);
        assert!(!parse(&[("result", "WAITING")]).unwrap().takes(&tried_again, false));
    }

    #[test]
    fn finds_a_row_by_status_event_and_time() {
        let row = row(answered(503), Progress::Ended);
        check(&row, &[("status", "503")], true);
        check(&row, &[("status", "500")], false);
        check(&row, &[("event", "090909090909090909090909")], true);
        check(&row, &[("event", "080808080808080808080808")], false);
        check(&row, &[("from", "2022-05-05T20:04:40.084Z")], true);
        check(&row, &[("from", "2022-05-05T20:04:40.085Z")], false);
        check(&row, &[("to", "2022-05-05T20:04:40.084Z")], false);
        check(&row, &[("to", "2022-05-05T22:04:40.085+02:00")], true);
        check(&row, &[("status", "503"), ("result", "SUCCESS")], false);
        check(&row, &[("other", "x")], true);
    }

    #[test]
    fn names_every_bad_value_of_a_log_filter() {
        let pairs =
            [("result", "failed"), ("status", "99"), ("event", "x"), ("from", "yesterday"), ("to", "")];
        let problems = parse(&pairs).unwrap_err();
        let named: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(named, ["result", "status", "event", "from", "to"]);
        let backwards = [("from", "2022-05-05T20:04:40Z"), ("to", "2022-05-05T20:04:40Z")];
        assert_eq!(parse(&backwards).unwrap_err(), [FieldProblem::new("to", "must be later than from")]);
    }

    #[test]
    fn a_log_filter_renders_as_it_is_read_and_empty_as_nothing() {
        let query = "result=WAITING&status=409&event=090909090909090909090909\
                     &from=2022-05-05T20%3A04%3A40.084Z&to=2023-01-01T00%3A00%3A00.000Z";
        let pairs = [
            ("to", "2023-01-01T01:00:00+01:00"),
            ("from", "2022-05-05T20:04:40.084Z"),
            ("event", "090909090909090909090909"),
            ("status", "409"),
            ("result", "WAITING"),
        ];
        assert_eq!(parse(&pairs).unwrap().render(), query);
        let none = parse(&[("limit", "1")]).unwrap();
        assert!(none.is_empty());
        assert_eq!(none.render(), "");
    }
}
