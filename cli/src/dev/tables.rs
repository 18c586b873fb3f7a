//! The embedded tables: DynamoDB in this process, and its JSON 1.0 front.

use std::path::Path;

use dynoxide::{Database, DynoxideError};
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;

use super::front::{self, Reply};
use super::guard;

/// DynamoDB's own limit of a request.
const REQUEST_BYTES_MAX: usize = 16 * 1024 * 1024;
const JSON: &str = "application/x-amz-json-1.0";
const TARGET: &str = "x-amz-target";
const TARGET_PREFIX: &str = "DynamoDB_20120810.";

/// Opens the tables, in memory or in a file.
pub fn open(file: Option<&Path>) -> Result<Database, DynoxideError> {
    match file {
        None => Database::memory(),
        Some(file) => Database::new(&file.to_string_lossy()),
    }
}

/// Serves the tables until dropped.
///
/// It replaces the library's front, which serves web pages of every origin.
pub async fn serve(listener: TcpListener, database: Database) {
    front::serve(listener, move |request| respond(database.clone(), request)).await;
}

async fn respond(database: Database, request: Request<Incoming>) -> Reply {
    if let Err(forbidden) = guard::check(request.headers()) {
        return front::plain(StatusCode::FORBIDDEN, forbidden.to_string());
    }
    if request.method() != Method::POST {
        return front::plain(StatusCode::METHOD_NOT_ALLOWED, "only POST is served here");
    }
    let (head, body) = request.into_parts();
    let Some(body) = front::body_of(body, REQUEST_BYTES_MAX).await else {
        return front::plain(StatusCode::PAYLOAD_TOO_LARGE, "the request is cut off or too large");
    };
    let target = head.headers.get(TARGET).and_then(|target| target.to_str().ok()).unwrap_or("");
    match act(&database, target.strip_prefix(TARGET_PREFIX).unwrap_or(target), &body) {
        Ok(answer) => front::reply(StatusCode::OK, JSON, answer),
        Err(error) => {
            let status = StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::BAD_REQUEST);
            front::reply(status, JSON, error.to_json())
        }
    }
}

fn act(database: &Database, action: &str, body: &[u8]) -> Result<Vec<u8>, DynoxideError> {
    match action {
        "PutItem" => call(body, |request| database.put_item(request)),
        "GetItem" => call(body, |request| database.get_item(request)),
        "Query" => call(body, |request| database.query(request)),
        "BatchGetItem" => call(body, |request| database.batch_get_item(request)),
        "TransactWriteItems" => call(body, |request| database.transact_write_items(request)),
        "UpdateItem" => call(body, |request| database.update_item(request)),
        "DeleteItem" => call(body, |request| database.delete_item(request)),
        "BatchWriteItem" => call(body, |request| database.batch_write_item(request)),
        "TransactGetItems" => call(body, |request| database.transact_get_items(request)),
        "Scan" => call(body, |request| database.scan(request)),
        "CreateTable" => call(body, |request| database.create_table(request)),
        "DeleteTable" => call(body, |request| database.delete_table(request)),
        "DescribeTable" => call(body, |request| database.describe_table(request)),
        "ListTables" => call(body, |request| database.list_tables(request)),
        "UpdateTable" => call(body, |request| database.update_table(request)),
        "UpdateTimeToLive" => call(body, |request| database.update_time_to_live(request)),
        "DescribeTimeToLive" => call(body, |request| database.describe_time_to_live(request)),
        "ListStreams" => call(body, |request| database.list_streams(request)),
        "DescribeStream" => call(body, |request| database.describe_stream(request)),
        "GetShardIterator" => call(body, |request| database.get_shard_iterator(request)),
        "GetRecords" => call(body, |request| database.get_records(request)),
        _ => Err(DynoxideError::SerializationException("UnknownOperationException".to_owned())),
    }
}

fn call<I: DeserializeOwned, O: Serialize>(
    body: &[u8],
    action: impl FnOnce(I) -> Result<O, DynoxideError>,
) -> Result<Vec<u8>, DynoxideError> {
    let failed = |error: serde_json::Error| match error.to_string().strip_prefix("VALIDATION:") {
        Some(message) => DynoxideError::ValidationException(message.to_owned()),
        None => DynoxideError::SerializationException(error.to_string()),
    };
    let request = serde_json::from_slice(body).map_err(failed)?;
    serde_json::to_vec(&action(request)?)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}
