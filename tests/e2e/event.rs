//! Events as a platform pushes them, with numbers that show their order.

use serde_json::Value;

/// The taskGroup of events without a given one.
pub(crate) const ANY_GROUP: &str = "any";

/// Makes a task event with this number.
pub(crate) fn task(company: &str, number: u64) -> String {
    task_in(company, number, ANY_GROUP)
}

/// Makes a task event with this number and taskGroup. Its spaces and number formats must not be changed.
pub(crate) fn task_in(company: &str, number: u64, group: &str) -> String {
    format!(
        r#"{{ "company":"{company}", "type":"COTTask","event":"edit","data":{{"number":{number},"weight":1.50,"taskGroup":"{group}"}} }}"#
    )
}

/// Makes a user event with this number.
pub(crate) fn user(company: &str, number: u64) -> String {
    format!(r#"{{"company":"{company}","type":"COTUser","event":"create","data":{{"number":{number}}}}}"#)
}

/// Makes a task event with this number and exactly this size, filled up by `fill`.
pub(crate) fn task_of_size(
    company: &str,
    number: u64,
    bytes: usize,
    fill: impl FnOnce(usize) -> String,
) -> String {
    let with = |text: &str| {
        format!(
            r#"{{"company":"{company}","type":"COTTask","event":"edit","data":{{"number":{number},"text":"{text}"}}}}"#
        )
    };
    let event = with(&fill(bytes - with("").len()));
    assert_eq!(event.len(), bytes);
    event
}

/// Returns the number of an event.
pub(crate) fn number_of(body: &str) -> u64 {
    let event: Value = serde_json::from_str(body).unwrap();
    event.pointer("/data/number").and_then(Value::as_u64).unwrap_or_else(|| panic!("no number in {event}"))
}
