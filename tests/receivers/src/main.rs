//! A server of every receiver of the table, each on its own port. Prints one line first: a JSON list of their
//! names, URLs and sizes of events.

#![expect(clippy::print_stdout, reason = "the output is the list of receivers")]

use hookrail_receivers::{Receiver, table};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let served: Vec<_> = table().into_iter().map(|row| (Receiver::start(row.steps.clone()), row)).collect();
    let listed = served.iter().map(|(receiver, row)| {
        json!({ "name": row.name, "url": receiver.url(row.scheme), "eventBytes": row.event_bytes })
    });
    println!("{}", Value::Array(listed.collect()));
    std::future::pending::<()>().await;
}
