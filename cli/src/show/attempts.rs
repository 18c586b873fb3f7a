//! The log of a webhook, rendered for people.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::value::RawValue;

use super::{aligned, lines, printable, shortened};

/// The column of the result.
const RESULT_COLUMN: usize = 4;
const COLUMNS: usize = 8;
/// Widths that are enough for most rows, for a table whose rows are not known yet.
const WIDTHS_MIN: [usize; COLUMNS] = [24, 24, 8, 7, 7, 6, 4, 0];

/// A row of the log of a webhook.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    #[serde(rename = "_id")]
    pub id: String,
    pub created_at: String,
    pub sequence: u64,
    pub retry: u32,
    result: String,
    error: Option<String>,
    status: u16,
    duration_ms: u64,
    next_attempt_at: Option<String>,
    response: String,
    // Only rows of replays have it.
    #[serde(default)]
    manual: bool,
}

/// A row with the details that do not fit into the table.
#[derive(Debug, Clone)]
pub struct WholeRow {
    row: Row,
    details: Details,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    delivery: String,
    url: String,
    webhook_version: u64,
    response_truncated: bool,
    /// The event as it was pushed. It may be JSON that this command could not decode.
    event: Option<Box<RawValue>>,
}

/// Reads the same text twice. `#[serde(flatten)]` would decode every field that it collects, the event too.
impl<'de> Deserialize<'de> for WholeRow {
    fn deserialize<D: Deserializer<'de>>(document: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(document)?;
        let row = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
        let details = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
        Ok(Self { row, details })
    }
}

/// A table of the log that grows row by row.
#[derive(Debug)]
pub struct Growing {
    widths: [usize; COLUMNS],
}

impl Growing {
    /// Begins a table, and returns its head as well.
    #[must_use]
    pub fn begin() -> (String, Self) {
        let mut widths = WIDTHS_MIN;
        let head = aligned(vec![head()], &mut widths, None);
        (head, Self { widths })
    }

    /// Renders further rows.
    pub fn rows(&mut self, rows: &[Row]) -> String {
        aligned(rows.iter().map(cells).collect(), &mut self.widths, Some(RESULT_COLUMN))
    }
}

/// Renders rows as a table, in their order.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "the log is empty\n".to_owned();
    }
    let rows = std::iter::once(head()).chain(rows.iter().map(cells)).collect();
    aligned(rows, &mut [0; COLUMNS], Some(RESULT_COLUMN))
}

/// Renders a row in full.
#[must_use]
pub fn whole(WholeRow { row, details }: &WholeRow) -> String {
    let cut = if details.response_truncated { " (truncated)" } else { "" };
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let pairs = lines(&[
        ("row", row.id.clone()),
        ("time", row.created_at.clone()),
        ("sequence", row.sequence.to_string()),
        ("attempt", if row.manual { format!("{} (manual)", row.retry) } else { row.retry.to_string() }),
        ("result", row.result.clone()),
        ("error", or_none(&row.error)),
        ("status", row.status()),
        ("duration", format!("{} ms", row.duration_ms)),
        ("next attempt", or_none(&row.next_attempt_at)),
        ("webhook-id", format!("{}_{}", details.delivery, row.sequence)),
        ("url", format!("{} (webhook version {})", details.url, details.webhook_version)),
    ]);
    let event = details.event.as_ref().map_or("no longer stored", |event| event.get());
    format!("{pairs}\nresponse{cut}:\n{}\nevent:\n{}", block(&row.response), block(event))
}

/// Renders a text of several lines.
fn block(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", printable(line))).collect()
}

impl Row {
    fn was_answered(&self) -> bool {
        matches!(self.error.as_deref(), None | Some("http_status"))
    }

    /// Renders the status. Without a response it is one of the reference system, and not shown.
    fn status(&self) -> String {
        if self.was_answered() { self.status.to_string() } else { "-".to_owned() }
    }
}

fn head() -> [String; COLUMNS] {
    ["row", "time", "sequence", "attempt", "result", "status", "ms", "response"].map(str::to_owned)
}

fn cells(row: &Row) -> [String; COLUMNS] {
    let error = row.error.as_ref().filter(|_| !row.was_answered() && row.result != "PARKED");
    let mut result = row.result.clone();
    if let Some(error) = error {
        result = format!("{result} {error}");
    }
    if row.manual {
        result.push_str(" (manual)");
    }
    let mut response = shortened(&row.response);
    if let Some(at) = &row.next_attempt_at {
        response = format!("next attempt {at}: {response}");
    }
    [
        row.id.clone(),
        row.created_at.clone(),
        row.sequence.to_string(),
        row.retry.to_string(),
        result,
        row.status(),
        row.duration_ms.to_string(),
        response,
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::show::tests::plain;

    const ID: &str = "626859900000000000070003";
    const TIME: &str = "2026-01-01T00:00:00.000Z";

    fn document(sequence: u64, fields: &Value) -> Value {
        let mut document = json!({ "_id": ID, "createdAt": TIME, "sequence": sequence, "retry": 1,
            "result": "SUCCESS", "error": null, "status": 200, "durationMs": 12, "nextAttemptAt": null,
            "response": "thanks" });
        for (name, value) in fields.as_object().unwrap() {
            document[name] = value.clone();
        }
        document
    }

    fn row(sequence: u64, fields: &Value) -> Row {
        serde_json::from_value(document(sequence, fields)).unwrap()
    }

    #[test]
    fn a_log_table_shows_responses_and_failure_reasons() {
        let timeout = json!({ "result": "FAILED", "error": "timeout", "status": 409, "response": "no answer",
            "nextAttemptAt": "2026-01-01T00:00:30.000Z", "manual": true });
        let refused = json!({ "result": "FAILED", "error": "http_status", "status": 500,
            "response": "a\n\u{1b}[2Jb" });
        let parked = json!({ "result": "PARKED", "error": "parked", "status": 409, "response": "" });
        let rows = [row(10, &json!({})), row(9, &timeout), row(8, &refused), row(7, &parked)];
        let expected = [
            format!(
                "{:24}  {:24}  sequence  attempt  result                   status  ms  response",
                "row", "time"
            ),
            format!("{ID}  {TIME}  10        1        SUCCESS                  200     12  thanks"),
            format!(
                "{ID}  {TIME}  9         1        FAILED timeout (manual)  -       12  \
                next attempt 2026-01-01T00:00:30.000Z: no answer"
            ),
            format!(
                "{ID}  {TIME}  8         1        FAILED                   500     12  a\\n\\u{{1b}}[2Jb"
            ),
            format!("{ID}  {TIME}  7         1        PARKED                   -       12"),
        ];
        assert_eq!(plain(&table(&rows)).lines().collect::<Vec<_>>(), expected);
        assert!(table(&rows).contains("\u{1b}[32mSUCCESS "), "coloured");
        assert_eq!(table(&[]), "the log is empty\n");
    }

    #[test]
    fn a_growing_table_keeps_its_columns_aligned() {
        let (head, mut growing) = Growing::begin();
        let first = plain(&growing.rows(&[row(1, &json!({}))]));
        let second = plain(&growing.rows(&[row(2, &json!({}))]));
        let place = |text: &str, word: &str| text.find(word);
        assert_eq!(place(&head, "status"), place(&first, "200"));
        assert_eq!(place(&first, "thanks"), place(&second, "thanks"));
    }

    #[test]
    fn a_single_row_shows_response_and_event_unchanged() {
        let rest = json!({ "delivery": "d", "url": "https://a.io/", "webhookVersion": 3,
            "responseTruncated": true, "response": "one\ntwo\u{1b}" });
        let read = |text: &str| serde_json::from_str::<WholeRow>(text).unwrap();
        let with_event = |event: &str| {
            let mut text = document(7, &rest).to_string();
            text.insert_str(1, &format!(r#""event": {event},"#));
            text
        };
        let told = plain(&whole(&read(&with_event(r#"{ "weight" : 1.50 }"#))));
        assert!(told.contains("webhook-id:    d_7\n"), "{told}");
        assert!(told.contains("response (truncated):\none\ntwo\\u{1b}\n"), "{told}");
        assert!(told.ends_with("event:\n{ \"weight\" : 1.50 }\n"), "{told}");
        let told = whole(&read(&document(7, &rest).to_string()));
        assert!(told.ends_with("event:\nno longer stored\n"), "{told}");
        // Whatever the API keeps is shown, in a row and in a list, although it could not be decoded.
        let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        for event in [r#"{"cut":"\ud83d"}"#, r#"{"\ud800":1}"#, r#"{"n":1e400}"#, r#"{"a":1,"a":2}"#, &nested]
        {
            let told = whole(&read(&with_event(event)));
            assert!(told.ends_with(&format!("event:\n{event}\n")), "{event}");
            let rows: Vec<Row> = serde_json::from_str(&format!("[{}]", with_event(event))).unwrap();
            assert_eq!(rows.len(), 1, "{event}");
        }
    }
}
