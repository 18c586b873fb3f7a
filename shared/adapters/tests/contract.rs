//! The store's contract, kept by the DynamoDB adapter over the embedded tables and their real wire format.

#![expect(clippy::expect_used, reason = "a test's set-up fails loudly")]

use std::collections::HashSet;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use hookrail_adapters::aws::Clients;
use hookrail_adapters::config::AwsConfig;
use hookrail_adapters::store::dynamodb::DynamoDbStore;
use hookrail_adapters::store::dynamodb::tables::{Table, creation};
use hookrail_adapters::store::item::state::{DUE_PARTITION, DUE_SORT};
use hookrail_domain::time::Millis;
use hookrail_pipeline::store::jobs::JobStore as _;
use tokio::net::TcpListener;

async fn embedded() -> Client {
    let database = dynoxide::Database::memory().expect("tables in memory");
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    let endpoint = Some(format!("http://{address}"));
    let config = AwsConfig {
        region: "us-east-1".to_owned(),
        access_key_id: "local".to_owned(),
        secret_access_key: "local".to_owned(),
        session_token: None,
        dynamodb_endpoint: endpoint.clone(),
        sqs_endpoint: endpoint,
    };
    Clients::new(config).dynamodb()
}

async fn with_tables() -> (Client, DynamoDbStore) {
    let client = embedded().await;
    for (table, name) in [(Table::Config, "config"), (Table::Log, "log")] {
        creation(&client, table, name).expect("complete").send().await.expect("the table is made");
    }
    (client.clone(), DynamoDbStore::new(client, "config".to_owned(), "log".to_owned()))
}

#[tokio::test]
async fn the_dynamodb_store_keeps_the_contract() {
    let (_, store) = with_tables().await;
    hookrail_testkit::contract::check(&store, "first").await;
    hookrail_testkit::contract::check(&store, "second").await;
}

/// The keys of a job in the index of what is due, without the rest of its item.
fn due_job(company: &str, number: usize, sort: &str) -> WriteRequest {
    let put = PutRequest::builder()
        .item("pk", AttributeValue::S(format!("{company}#{number:024x}")))
        .item("sk", AttributeValue::S(sort.to_owned()))
        .item(DUE_PARTITION, AttributeValue::S("jobs".to_owned()))
        .item(DUE_SORT, AttributeValue::N(number.to_string()));
    WriteRequest::builder().put_request(put.build().expect("complete")).build()
}

#[tokio::test]
async fn a_job_behind_pages_of_due_jobs_of_other_companies_is_found() {
    // More than one page of 1 MB, of more companies than one page leaves out, and an entry that does not read back.
    const JOBS: usize = 8_000;
    const COMPANIES: usize = 60;
    let (client, store) = with_tables().await;
    let company = |number: usize| format!("{:064}", number % COMPANIES);
    let job = format!("job#{:024x}", 7);
    let mut items = vec![due_job("broken", 0, "what is this")];
    items.extend((1..=JOBS).map(|number| due_job(&company(number), number, &job)));
    items.push(due_job("late", JOBS + 1, &job));
    for batch in items.chunks(25) {
        let call = client.batch_write_item().request_items("log", batch.to_vec());
        let answer = call.send().await.expect("written");
        assert_eq!(answer.unprocessed_items.map(|items| items.len()), Some(0));
    }
    let due = store.due_jobs(Millis(JOBS as u64 + 1), 2, &HashSet::new()).await.expect("read");
    let due: Vec<_> = due.iter().map(|(key, _)| key.company.to_string()).collect();
    let expected = (1..=2 * COMPANIES).map(company).chain(["late".to_owned()]);
    assert_eq!(due, expected.collect::<Vec<_>>());
}
