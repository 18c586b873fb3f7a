//! The store's contract, kept by the DynamoDB adapter over the embedded tables and their real wire format.

#![expect(clippy::expect_used, reason = "a test's set-up fails loudly")]

use aws_sdk_dynamodb::Client;
use hookrail_adapters::aws::Clients;
use hookrail_adapters::config::AwsConfig;
use hookrail_adapters::store::dynamodb::DynamoDbStore;
use hookrail_adapters::store::dynamodb::tables::{Table, creation};
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

#[tokio::test]
async fn the_dynamodb_store_keeps_the_contract() {
    let client = embedded().await;
    for (table, name) in [(Table::Config, "config"), (Table::Log, "log")] {
        creation(&client, table, name).expect("complete").send().await.expect("the table is made");
    }
    let store = DynamoDbStore::new(client, "config".to_owned(), "log".to_owned());
    hookrail_testkit::contract::check(&store, "first").await;
    hookrail_testkit::contract::check(&store, "second").await;
}
