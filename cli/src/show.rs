//! The API's documents as a person reads them at a terminal.
//!
//! What receivers and other people wrote is printed without control characters: it must not steer the terminal.

use std::io::{self, Write as _};

use serde::Deserialize;

pub mod access;

/// Characters of a receiver's answer that fit a table's row.
const ANSWER_CHARS_MAX: usize = 60;
/// Between two columns.
const GAP: &str = "  ";

/// What waits for a webhook.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Queue {
    state: String,
    since: Option<String>,
    parked: u64,
    failed_probes: u32,
    head: Option<Head>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    sequence: u64,
    event: String,
    attempts: u32,
    attempts_max: u32,
    next_attempt_at: String,
    blocked_since: String,
}

/// How far a replay has come.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    pub state: String,
    pub asked_at: String,
    pub result: String,
    pub first_sequence: u64,
    pub last_sequence: u64,
    pub seen: u64,
    pub of: u64,
    pub accepted: u64,
    pub failed: u64,
}

/// A webhook, as far as it can be switched.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    #[serde(rename = "_id")]
    id: String,
    name: String,
    code: String,
    url: String,
    is_active: bool,
    inactive_reason: Option<String>,
}

/// One row of a webhook's log.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    #[serde(rename = "_id")]
    id: String,
    created_at: String,
    sequence: u64,
    retry: u32,
    result: String,
    error: Option<String>,
    status: u16,
    duration_ms: u64,
    next_attempt_at: Option<String>,
    response: String,
    // Rows of the line's own attempts do not have it.
    #[serde(default)]
    manual: bool,
}

impl Queue {
    #[must_use]
    pub fn render(&self) -> String {
        let since =
            self.since.as_ref().map_or_else(String::new, |since| format!(", set aside since {since}"));
        let mut pairs = vec![
            ("state", format!("{}{since}", self.state)),
            ("parked", self.parked.to_string()),
            ("failed probes", self.failed_probes.to_string()),
        ];
        match &self.head {
            None => pairs.push(("oldest", "nothing waits for its next attempt".to_owned())),
            Some(head) => pairs.extend([
                ("oldest", format!("number {}, event {}", head.sequence, head.event)),
                ("attempts", format!("{} (a round has {})", head.attempts, head.attempts_max)),
                ("next attempt", head.next_attempt_at.clone()),
                ("waits since", head.blocked_since.clone()),
            ]),
        }
        lines(&pairs)
    }
}

impl Replay {
    #[must_use]
    pub fn render(&self) -> String {
        let events = if self.result == "ALL" { "all" } else { "failed ones only" };
        lines(&[
            ("replay", self.state.clone()),
            ("asked for", self.asked_at.clone()),
            ("events", format!("{} to {}, {events}", self.first_sequence, self.last_sequence)),
            ("looked at", format!("{} of {}", self.seen, self.of)),
            ("accepted", self.accepted.to_string()),
            ("failed", self.failed.to_string()),
        ])
    }

    /// How far it has come, on one line.
    #[must_use]
    pub fn brief(&self) -> String {
        format!("{} of {}: {} accepted, {} failed", self.seen, self.of, self.accepted, self.failed)
    }

    #[must_use]
    pub fn is_running(&self) -> bool {
        self.state == "running"
    }
}

impl Webhook {
    #[must_use]
    pub fn render(&self) -> String {
        let state = match (self.is_active, &self.inactive_reason) {
            (true, _) => "active".to_owned(),
            (false, None) => "inactive".to_owned(),
            (false, Some(reason)) => format!("inactive ({reason})"),
        };
        lines(&[
            ("webhook", self.id.clone()),
            ("name", self.name.clone()),
            ("code", self.code.clone()),
            ("url", self.url.clone()),
            ("state", state),
        ])
    }
}

/// A webhook's log as a table, in the API's order.
#[must_use]
pub fn log(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "the log is empty\n".to_owned();
    }
    let head = ["row", "time", "number", "attempt", "result", "status", "ms", "answer"].map(str::to_owned);
    table(std::iter::once(head).chain(rows.iter().map(cells)).collect())
}

fn cells(row: &Row) -> [String; 8] {
    let was_answered = matches!(row.error.as_deref(), None | Some("http_status"));
    let error = row.error.as_ref().filter(|_| !was_answered && row.result != "PARKED");
    let mut result = row.result.clone();
    if let Some(error) = error {
        result = format!("{result} {error}");
    }
    if row.manual {
        result.push_str(" (by hand)");
    }
    let mut answer = shortened(&row.response);
    if let Some(at) = &row.next_attempt_at {
        answer = format!("next attempt {at}: {answer}");
    }
    [
        row.id.clone(),
        row.created_at.clone(),
        row.sequence.to_string(),
        row.retry.to_string(),
        result,
        // The status of what was not answered is the reference system's, not a receiver's.
        if was_answered { row.status.to_string() } else { "-".to_owned() },
        row.duration_ms.to_string(),
        answer,
    ]
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(ANSWER_CHARS_MAX).and_then(|(end, _)| text.get(..end)) {
        Some(start) => format!("{start}…"),
        None => text.to_owned(),
    }
}

/// Names and values, the values below each other.
fn lines(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, value): &(&str, String)| {
        format!("{:<width$}{GAP}{}\n", format!("{name}:"), printable(value), width = width + 1)
    };
    pairs.iter().map(line).collect()
}

/// Rows whose columns are below each other.
fn table<const COLUMNS: usize>(mut rows: Vec<[String; COLUMNS]>) -> String {
    let mut widths = [0; COLUMNS];
    for row in &mut rows {
        for (cell, width) in row.iter_mut().zip(&mut widths) {
            *cell = printable(cell);
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; COLUMNS]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join(GAP).trim_end())
    };
    rows.iter().map(line).collect()
}

/// The text with what would steer a terminal, or turn its reading direction, escaped.
#[must_use]
pub fn printable(text: &str) -> String {
    let steers = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if steers(letter) { out.extend(letter.escape_default()) } else { out.push(letter) }
    }
    out
}

/// Prints a result. A reader that has seen enough is no failure.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Tells what is beside the result. Nobody may be listening.
pub fn tell(line: &str) {
    writeln!(io::stderr(), "{line}").unwrap_or(());
}

#[cfg(test)]
mod tests {
    use hookrail_domain::replay::ReplayRange;
    use hookrail_domain::time::Millis;
    use hookrail_wire::queue_view::QueueView;
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::*;

    fn read<T: DeserializeOwned>(document: &Value) -> T {
        serde_json::from_value(document.clone()).unwrap()
    }

    #[test]
    fn a_queue_is_told_as_the_api_renders_it() {
        let view = QueueView { is_active: true, aside: None, head: None, attempts_max: 3 };
        let queue: Queue = serde_json::from_slice(&view.render()).unwrap();
        assert_eq!(
            queue.render(),
            "state:          active\nparked:         0\nfailed probes:  0\n\
             oldest:         nothing waits for its next attempt\n"
        );
    }

    #[test]
    fn what_waits_is_told_with_when_it_is_tried() {
        let queue: Queue = read(&json!({
            "state": "suspended", "since": "2026-01-01T00:00:00.000Z", "parked": 12, "failedProbes": 2,
            "head": {
                "sequence": 7, "event": "e", "delivery": "d", "attempts": 4, "attemptsMax": 3,
                "nextAttemptAt": "2026-01-01T00:10:00.000Z", "blockedSince": "2026-01-01T00:00:01.000Z",
            },
        }));
        assert_eq!(
            queue.render(),
            "state:          suspended, set aside since 2026-01-01T00:00:00.000Z\n\
             parked:         12\n\
             failed probes:  2\n\
             oldest:         number 7, event e\n\
             attempts:       4 (a round has 3)\n\
             next attempt:   2026-01-01T00:10:00.000Z\n\
             waits since:    2026-01-01T00:00:01.000Z\n"
        );
    }

    #[test]
    fn a_replay_is_told_as_the_api_renders_it() {
        let range = ReplayRange { first: 3, last: 6, only_failed: true };
        let running = hookrail_domain::replay::Replay::new(1, range, Millis(0)).at(5);
        let replay: Replay = serde_json::from_slice(&hookrail_wire::replay::render(&running)).unwrap();
        assert!(replay.is_running());
        assert_eq!(replay.brief(), "2 of 4: 0 accepted, 0 failed");
        assert_eq!(
            replay.render(),
            "replay:     running\nasked for:  1970-01-01T00:00:00.000Z\n\
             events:     3 to 6, failed ones only\nlooked at:  2 of 4\naccepted:   0\nfailed:     0\n"
        );
    }

    #[test]
    fn a_webhook_that_is_gone_says_so() {
        let mut document = json!({ "_id": "w", "name": "Orders", "code": "orders", "url": "https://a.io/",
            "isActive": false, "inactiveReason": "gone", "__v": 4 });
        let told = read::<Webhook>(&document).render();
        assert!(told.ends_with("state:    inactive (gone)\n"), "{told}");
        document["isActive"] = json!(true);
        assert!(read::<Webhook>(&document).render().ends_with("state:    active\n"));
    }

    fn row(sequence: u64, fields: &Value) -> Row {
        let mut document = json!({ "_id": "626859900000000000070003", "createdAt": "2026-01-01T00:00:00.000Z",
            "sequence": sequence, "retry": 1, "result": "SUCCESS", "error": null, "status": 200,
            "durationMs": 12, "nextAttemptAt": null, "response": "thanks" });
        for (name, value) in fields.as_object().unwrap() {
            document[name] = value.clone();
        }
        read(&document)
    }

    #[test]
    fn a_log_is_a_table_of_what_was_answered_and_why_there_was_no_answer() {
        let rows = [
            row(10, &json!({})),
            row(
                9,
                &json!({ "result": "FAILED", "error": "timeout", "status": 409, "response": "no answer",
                "nextAttemptAt": "2026-01-01T00:00:30.000Z", "manual": true }),
            ),
            row(
                8,
                &json!({ "result": "FAILED", "error": "http_status", "status": 500, "response": "a\n\u{1b}[2Jb" }),
            ),
            row(7, &json!({ "result": "PARKED", "error": "parked", "status": 409, "response": "" })),
        ];
        let id = "626859900000000000070003";
        let time = "2026-01-01T00:00:00.000Z";
        let expected = [
            format!(
                "{:24}  {:24}  number  attempt  result                    status  ms  answer",
                "row", "time"
            ),
            format!("{id}  {time}  10      1        SUCCESS                   200     12  thanks"),
            format!(
                "{id}  {time}  9       1        FAILED timeout (by hand)  -       12  \
                next attempt 2026-01-01T00:00:30.000Z: no answer"
            ),
            format!("{id}  {time}  8       1        FAILED                    500     12  a\\n\\u{{1b}}[2Jb"),
            format!("{id}  {time}  7       1        PARKED                    -       12"),
        ];
        assert_eq!(log(&rows).lines().collect::<Vec<_>>(), expected);
        assert_eq!(log(&[]), "the log is empty\n");
    }

    #[test]
    fn a_long_answer_is_cut_between_characters() {
        assert_eq!(shortened(&"é".repeat(60)), "é".repeat(60));
        assert_eq!(shortened(&"é".repeat(61)), format!("{}…", "é".repeat(60)));
    }

    #[test]
    fn nothing_that_steers_a_terminal_gets_through() {
        assert_eq!(printable("a\u{1b}]0;x\u{7}\u{9b}\u{202e}é\r"), "a\\u{1b}]0;x\\u{7}\\u{9b}\\u{202e}é\\r");
        assert_eq!(printable("{\"plain\": \"text\"}"), "{\"plain\": \"text\"}");
    }
}
