//! A webhook's log as a person reads it.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{aligned, lines, printable, shortened};

/// Where a row's result stands in the table.
const RESULT_COLUMN: usize = 4;
const COLUMNS: usize = 8;
/// Wide enough for most rows, where the rows that will follow are not known.
const WIDTHS_MIN: [usize; COLUMNS] = [24, 24, 6, 7, 7, 6, 4, 0];

/// One row of a webhook's log.
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
    // Rows of the line's own attempts do not have it.
    #[serde(default)]
    manual: bool,
}

/// One row with what the table has no room for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WholeRow {
    #[serde(flatten)]
    row: Row,
    delivery: String,
    url: String,
    webhook_version: u64,
    response_truncated: bool,
}

/// The event of a row, as it was pushed.
#[derive(Debug, Deserialize)]
struct WithEvent {
    event: Option<Box<RawValue>>,
}

/// A log's table that grows row by row.
#[derive(Debug)]
pub struct Growing {
    widths: [usize; COLUMNS],
}

impl Growing {
    /// The table's head, and the table that it stands above.
    #[must_use]
    pub fn begin() -> (String, Self) {
        let mut widths = WIDTHS_MIN;
        let head = aligned(vec![head()], &mut widths, None);
        (head, Self { widths })
    }

    /// Further rows.
    pub fn rows(&mut self, rows: &[Row]) -> String {
        aligned(rows.iter().map(cells).collect(), &mut self.widths, Some(RESULT_COLUMN))
    }
}

/// Rows as a table, in their order.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "the log is empty\n".to_owned();
    }
    let rows = std::iter::once(head()).chain(rows.iter().map(cells)).collect();
    aligned(rows, &mut [0; COLUMNS], Some(RESULT_COLUMN))
}

/// One row in full; `document` is the text that it was read from.
#[must_use]
pub fn whole(whole: &WholeRow, document: &str) -> String {
    let row = &whole.row;
    let cut = if whole.response_truncated { " (its beginning)" } else { "" };
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let pairs = lines(&[
        ("row", row.id.clone()),
        ("time", row.created_at.clone()),
        ("number", row.sequence.to_string()),
        ("attempt", if row.manual { format!("{} (by hand)", row.retry) } else { row.retry.to_string() }),
        ("result", row.result.clone()),
        ("error", or_none(&row.error)),
        ("status", row.status()),
        ("took", format!("{} ms", row.duration_ms)),
        ("next attempt", or_none(&row.next_attempt_at)),
        ("webhook-id", format!("{}_{}", whole.delivery, row.sequence)),
        ("url", format!("{}, of the webhook's version {}", whole.url, whole.webhook_version)),
    ]);
    let event = serde_json::from_str::<WithEvent>(document).ok().and_then(|with| with.event);
    let event = event.map_or_else(|| "no longer kept".to_owned(), |event| event.get().to_owned());
    format!("{pairs}\nanswer{cut}:\n{}\nevent:\n{}", block(&row.response), block(&event))
}

/// A text of several lines.
fn block(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", printable(line))).collect()
}

impl Row {
    fn was_answered(&self) -> bool {
        matches!(self.error.as_deref(), None | Some("http_status"))
    }

    /// The status of what was not answered is the reference system's, not a receiver's.
    fn status(&self) -> String {
        if self.was_answered() { self.status.to_string() } else { "-".to_owned() }
    }
}

fn head() -> [String; COLUMNS] {
    ["row", "time", "number", "attempt", "result", "status", "ms", "answer"].map(str::to_owned)
}

fn cells(row: &Row) -> [String; COLUMNS] {
    let error = row.error.as_ref().filter(|_| !row.was_answered() && row.result != "PARKED");
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
        row.status(),
        row.duration_ms.to_string(),
        answer,
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
    fn a_log_is_a_table_of_what_was_answered_and_why_there_was_no_answer() {
        let timeout = json!({ "result": "FAILED", "error": "timeout", "status": 409, "response": "no answer",
            "nextAttemptAt": "2026-01-01T00:00:30.000Z", "manual": true });
        let refused = json!({ "result": "FAILED", "error": "http_status", "status": 500,
            "response": "a\n\u{1b}[2Jb" });
        let parked = json!({ "result": "PARKED", "error": "parked", "status": 409, "response": "" });
        let rows = [row(10, &json!({})), row(9, &timeout), row(8, &refused), row(7, &parked)];
        let expected = [
            format!(
                "{:24}  {:24}  number  attempt  result                    status  ms  answer",
                "row", "time"
            ),
            format!("{ID}  {TIME}  10      1        SUCCESS                   200     12  thanks"),
            format!(
                "{ID}  {TIME}  9       1        FAILED timeout (by hand)  -       12  \
                next attempt 2026-01-01T00:00:30.000Z: no answer"
            ),
            format!("{ID}  {TIME}  8       1        FAILED                    500     12  a\\n\\u{{1b}}[2Jb"),
            format!("{ID}  {TIME}  7       1        PARKED                    -       12"),
        ];
        assert_eq!(plain(&table(&rows)).lines().collect::<Vec<_>>(), expected);
        assert!(table(&rows).contains("\u{1b}[32mSUCCESS "), "coloured");
        assert_eq!(table(&[]), "the log is empty\n");
    }

    #[test]
    fn a_table_that_grows_keeps_its_columns_below_each_other() {
        let (head, mut growing) = Growing::begin();
        let first = plain(&growing.rows(&[row(1, &json!({}))]));
        let second = plain(&growing.rows(&[row(2, &json!({}))]));
        let place = |text: &str, word: &str| text.find(word);
        assert_eq!(place(&head, "status"), place(&first, "200"));
        assert_eq!(place(&first, "thanks"), place(&second, "thanks"));
    }

    #[test]
    fn a_whole_row_shows_answer_and_event_as_they_were() {
        let rest = json!({ "delivery": "d", "url": "https://a.io/", "webhookVersion": 3,
            "responseTruncated": true, "response": "one\ntwo\u{1b}" });
        let mut text = document(7, &rest).to_string();
        text.insert_str(1, r#""event": { "weight" : 1.50 },"#);
        let told = plain(&whole(&serde_json::from_str(&text).unwrap(), &text));
        assert!(told.contains("webhook-id:    d_7\n"), "{told}");
        assert!(told.contains("answer (its beginning):\none\ntwo\\u{1b}\n"), "{told}");
        assert!(told.ends_with("event:\n{ \"weight\" : 1.50 }\n"), "{told}");
        let text = document(7, &rest).to_string();
        let told = whole(&serde_json::from_str(&text).unwrap(), &text);
        assert!(told.ends_with("event:\nno longer kept\n"), "{told}");
    }
}
