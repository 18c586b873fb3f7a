//! Events as a platform would push them, numbered so that their order can be told.

use serde_json::Value;

/// The taskGroup of events that name none of their own.
pub(crate) const ANY_GROUP: &str = "any";

/// A task event of this number.
pub(crate) fn task(company: &str, number: u64) -> String {
    task_in(company, number, ANY_GROUP)
}

/// A task event of this number and taskGroup. Spaces and a number that JSON could write otherwise must survive.
pub(crate) fn task_in(company: &str, number: u64, group: &str) -> String {
    format!(
        r#"{{ "company":"{company}", "type":"COTTask","event":"edit","data":{{"number":{number},"weight":1.50,"taskGroup":"{group}"}} }}"#
    )
}

/// A user event of this number.
pub(crate) fn user(company: &str, number: u64) -> String {
    format!(r#"{{"company":"{company}","type":"COTUser","event":"create","data":{{"number":{number}}}}}"#)
}

/// A task event of this number with exactly as many bytes, filled up by `fill`.
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

/// The number of an event.
pub(crate) fn number_of(body: &str) -> u64 {
    let event: Value = serde_json::from_str(body).unwrap();
    event.pointer("/data/number").and_then(Value::as_u64).unwrap_or_else(|| panic!("no number in {event}"))
}
