//! The API's documents, rendered for people at a terminal.
//!
//! Texts of receivers and other people are printed without control characters, which could steer the terminal.

use std::io::{self, Write as _};

use anstyle::{AnsiColor, Style};
use serde::Deserialize;

pub mod access;
pub mod attempts;
pub mod webhooks;

/// Most characters of a response in a row of a table.
const ANSWER_CHARS_MAX: usize = 60;
/// Space between two columns.
const GAP: &str = "  ";

/// The queue of a webhook.
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

/// The state of a replay.
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

impl Queue {
    #[must_use]
    pub fn render(&self) -> String {
        let since = self.since.as_ref().map_or_else(String::new, |since| format!(" since {since}"));
        let mut pairs = vec![
            ("state", format!("{}{since}", self.state)),
            ("parked", self.parked.to_string()),
            ("failed probes", self.failed_probes.to_string()),
        ];
        match &self.head {
            None => pairs.push(("head", "none".to_owned())),
            Some(head) => pairs.extend([
                ("head", format!("sequence {}, event {}", head.sequence, head.event)),
                ("attempts", format!("{} ({} per round)", head.attempts, head.attempts_max)),
                ("next attempt", head.next_attempt_at.clone()),
                ("waiting since", head.blocked_since.clone()),
            ]),
        }
        lines(&pairs)
    }
}

impl Replay {
    #[must_use]
    pub fn render(&self) -> String {
        let events = if self.result == "ALL" { "all" } else { "failed only" };
        lines(&[
            ("replay", self.state.clone()),
            ("requested", self.asked_at.clone()),
            ("events", format!("{} to {}, {events}", self.first_sequence, self.last_sequence)),
            ("processed", format!("{} of {}", self.seen, self.of)),
            ("accepted", self.accepted.to_string()),
            ("failed", self.failed.to_string()),
        ])
    }

    /// Renders the progress on one line.
    #[must_use]
    pub fn brief(&self) -> String {
        format!("{} of {}: {} accepted, {} failed", self.seen, self.of, self.accepted, self.failed)
    }

    #[must_use]
    pub fn is_running(&self) -> bool {
        self.state == "running"
    }
}

/// Returns the beginning of a long text.
#[must_use]
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(ANSWER_CHARS_MAX).and_then(|(end, _)| text.get(..end)) {
        Some(start) => format!("{start}…"),
        None => text.to_owned(),
    }
}

/// Renders names and values, with aligned values.
fn lines<N: AsRef<str>>(pairs: &[(N, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.as_ref().len()).max().unwrap_or(0);
    let line = |(name, value): &(N, String)| {
        let name = name.as_ref();
        let mut value = printable(value);
        if matches!(name, "state" | "result") {
            value = painted(&value);
        }
        format!("{:<width$}{GAP}{value}\n", format!("{name}:"), width = width + 1)
    };
    pairs.iter().map(line).collect()
}

/// Renders rows with aligned columns.
fn table<const COLUMNS: usize>(rows: Vec<[String; COLUMNS]>) -> String {
    aligned(rows, &mut [0; COLUMNS], None)
}

/// Renders rows with columns of at least these widths, which it widens. The cells of one column may be painted.
fn aligned<const COLUMNS: usize>(
    mut rows: Vec<[String; COLUMNS]>,
    widths: &mut [usize; COLUMNS],
    badges: Option<usize>,
) -> String {
    for row in &mut rows {
        for (cell, width) in row.iter_mut().zip(&mut *widths) {
            *cell = printable(cell);
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; COLUMNS]| {
        let cells = row.iter().zip(&*widths).enumerate().map(|(column, (cell, width))| {
            let cell = format!("{cell:<width$}");
            if badges == Some(column) { painted(&cell) } else { cell }
        });
        format!("{}\n", cells.collect::<Vec<_>>().join(GAP).trim_end())
    };
    rows.iter().map(line).collect()
}

/// Paints a text that begins with a result or a state.
#[must_use]
pub fn painted(text: &str) -> String {
    let word = text.split([' ', ',']).next();
    let colour = match word {
        Some("SUCCESS" | "active" | "created" | "done" | "genuine") => AnsiColor::Green,
        Some("FAILED" | "failed" | "FORGED") => AnsiColor::Red,
        Some("PARKED" | "inactive" | "suspended" | "lagging" | "changed" | "running") => AnsiColor::Yellow,
        _ => return text.to_owned(),
    };
    let style = Style::new().fg_color(Some(colour.into()));
    format!("{style}{text}{style:#}")
}

/// Escapes characters that would steer a terminal or change the reading direction.
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

/// Prints a result for people, and returns whether the output is still open. Colours are printed on a terminal only,
/// and not with `NO_COLOR`.
pub fn print(text: &str) -> io::Result<bool> {
    heard(write_out(&mut anstream::stdout().lock(), text))
}

/// Prints a result for programs, unchanged.
pub fn print_as_it_is(text: &str) -> io::Result<bool> {
    heard(write_out(&mut io::stdout().lock(), text))
}

fn write_out(out: &mut impl io::Write, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Returns false for an output that was closed: that is not a failure.
fn heard(written: io::Result<()>) -> io::Result<bool> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        result => result.map(|()| true),
    }
}

/// Prints a message on standard error, which may be closed.
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

    /// Removes the colours of a text.
    pub(super) fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    fn read<T: DeserializeOwned>(document: &Value) -> T {
        serde_json::from_value(document.clone()).unwrap()
    }

    #[test]
    fn a_queue_is_shown_from_the_api_response() {
        let view = QueueView { is_active: true, backlog: None, head: None, attempts_max: 3 };
        let queue: Queue = serde_json::from_slice(&view.render()).unwrap();
        assert_eq!(
            plain(&queue.render()),
            "state:          active\nparked:         0\nfailed probes:  0\n\
             head:           none\n"
        );
    }

    #[test]
    fn the_head_of_a_queue_is_shown_with_its_next_attempt() {
        let queue: Queue = read(&json!({
            "state": "suspended", "since": "2026-01-01T00:00:00.000Z", "parked": 12, "failedProbes": 2,
            "head": {
                "sequence": 7, "event": "e", "delivery": "d", "attempts": 4, "attemptsMax": 3,
                "nextAttemptAt": "2026-01-01T00:10:00.000Z", "blockedSince": "2026-01-01T00:00:01.000Z",
            },
        }));
        assert_eq!(
            plain(&queue.render()),
            "state:          suspended since 2026-01-01T00:00:00.000Z\n\
             parked:         12\n\
             failed probes:  2\n\
             head:           sequence 7, event e\n\
             attempts:       4 (3 per round)\n\
             next attempt:   2026-01-01T00:10:00.000Z\n\
             waiting since:  2026-01-01T00:00:01.000Z\n"
        );
    }

    #[test]
    fn a_replay_is_shown_from_the_api_response() {
        let range = ReplayRange { first: 3, last: 6, only_failed: true };
        let running = hookrail_domain::replay::Replay::new(1, range, Millis(0)).at(5);
        let replay: Replay = serde_json::from_slice(&hookrail_wire::replay::render(&running)).unwrap();
        assert!(replay.is_running());
        assert_eq!(replay.brief(), "2 of 4: 0 accepted, 0 failed");
        assert_eq!(
            plain(&replay.render()),
            "replay:     running\nrequested:  1970-01-01T00:00:00.000Z\n\
             events:     3 to 6, failed only\nprocessed:  2 of 4\naccepted:   0\nfailed:     0\n"
        );
    }

    #[test]
    fn a_long_response_is_cut_between_characters() {
        assert_eq!(shortened(&"é".repeat(60)), "é".repeat(60));
        assert_eq!(shortened(&"é".repeat(61)), format!("{}…", "é".repeat(60)));
    }

    #[test]
    fn results_and_states_are_coloured_and_other_words_are_not() {
        assert_eq!(painted("SUCCESS "), "\u{1b}[32mSUCCESS \u{1b}[0m");
        assert_eq!(painted("FAILED timeout"), "\u{1b}[31mFAILED timeout\u{1b}[0m");
        assert_eq!(painted("suspended since"), "\u{1b}[33msuspended since\u{1b}[0m");
        assert_eq!(painted("result"), "result");
        let rows = vec![["SUCCESS".to_owned(), "SUCCESS".to_owned()], ["a".to_owned(), "b".to_owned()]];
        let told = aligned(rows, &mut [8, 0], Some(0));
        assert_eq!(told, "\u{1b}[32mSUCCESS \u{1b}[0m  SUCCESS\na         b\n");
    }

    #[test]
    fn escapes_terminal_control_characters() {
        assert_eq!(printable("a\u{1b}]0;x\u{7}\u{9b}\u{202e}é\r"), "a\\u{1b}]0;x\\u{7}\\u{9b}\\u{202e}é\\r");
        assert_eq!(printable("{\"plain\": \"text\"}"), "{\"plain\": \"text\"}");
    }
}
