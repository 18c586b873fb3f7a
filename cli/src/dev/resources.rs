//! Tables and queues, created with the template's attributes if they are missing.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::TimeToLiveSpecification;
use aws_sdk_sqs::types::QueueAttributeName;
use hookrail_adapters::aws::Clients;
use hookrail_adapters::store::dynamodb::tables::{Table, creation};

use super::options::DevOptions;
use super::stack::DevError;

/// Retention of every queue, in seconds: 14 days, the maximum.
pub const RETENTION_SECONDS: u64 = 1_209_600;
/// Receives after which a message is dead-lettered: far more than attempts, batches and crashes need.
pub const RECEIVES_MAX: u64 = 110;
const CONFIG_TABLE: &str = "hookrail-config";
const LOG_TABLE: &str = "hookrail-log";
const EXPIRY_ATTRIBUTE: &str = "expiresAt";

/// The tables and queues of the functions.
#[derive(Debug, Clone)]
pub struct Resources {
    pub config_table: String,
    pub log_table: String,
    pub events_queue_url: String,
    pub deliveries_queue_url: String,
    pub events_dlq_url: String,
    pub deliveries_dlq_url: String,
    pub recovery_queue_url: String,
}

fn failed<E: Into<Box<dyn std::error::Error + Send + Sync>>>(what: &str) -> impl FnOnce(E) -> DevError {
    move |source| DevError::Resource { what: what.to_owned(), source: source.into() }
}

/// Creates tables and queues that are missing, and sets attributes that differ.
pub async fn create(clients: &Clients, options: &DevOptions) -> Result<Resources, DevError> {
    let (tables, queues) = (clients.dynamodb(), clients.sqs());
    for (table, name) in [(Table::Config, CONFIG_TABLE), (Table::Log, LOG_TABLE)] {
        create_table(&tables, table, name).await?;
    }
    let visibility = options.visibility_seconds();
    let events_dlq_url = create_queue(&queues, "hookrail-events-dlq.fifo", visibility, None).await?;
    let deliveries_dlq_url = create_queue(&queues, "hookrail-deliveries-dlq.fifo", visibility, None).await?;
    let events_queue_url =
        create_queue(&queues, "hookrail-events.fifo", visibility, Some(&events_dlq_url)).await?;
    let deliveries_queue_url =
        create_queue(&queues, "hookrail-deliveries.fifo", visibility, Some(&deliveries_dlq_url)).await?;
    // No redrive policy: a wake-up may be held as often as its endpoint stays dead.
    let recovery_queue_url = create_queue(&queues, "hookrail-recovery.fifo", visibility, None).await?;
    Ok(Resources {
        config_table: CONFIG_TABLE.to_owned(),
        log_table: LOG_TABLE.to_owned(),
        events_queue_url,
        deliveries_queue_url,
        events_dlq_url,
        deliveries_dlq_url,
        recovery_queue_url,
    })
}

async fn create_table(client: &aws_sdk_dynamodb::Client, table: Table, name: &str) -> Result<(), DevError> {
    match creation(client, table, name).map_err(failed(name))?.send().await {
        Ok(_) => {}
        Err(error) => {
            let exists = error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception);
            return if exists { Ok(()) } else { Err(failed(name)(error)) };
        }
    }
    let expiry = TimeToLiveSpecification::builder()
        .enabled(true)
        .attribute_name(EXPIRY_ATTRIBUTE)
        .build()
        .map_err(failed(name))?;
    client
        .update_time_to_live()
        .table_name(name)
        .time_to_live_specification(expiry)
        .send()
        .await
        .map_err(failed(name))?;
    Ok(())
}

async fn create_queue(
    client: &aws_sdk_sqs::Client,
    name: &str,
    visibility_seconds: u64,
    dead_letters_url: Option<&str>,
) -> Result<String, DevError> {
    let mut attributes = HashMap::from([
        (QueueAttributeName::VisibilityTimeout, visibility_seconds.to_string()),
        (QueueAttributeName::MessageRetentionPeriod, RETENTION_SECONDS.to_string()),
        (QueueAttributeName::ContentBasedDeduplication, "false".to_owned()),
        (QueueAttributeName::DeduplicationScope, "messageGroup".to_owned()),
        (QueueAttributeName::FifoThroughputLimit, "perMessageGroupId".to_owned()),
    ]);
    if let Some(url) = dead_letters_url {
        let target = queue_arn(client, url).await?;
        let policy = serde_json::json!({ "deadLetterTargetArn": target, "maxReceiveCount": RECEIVES_MAX });
        attributes.insert(QueueAttributeName::RedrivePolicy, policy.to_string());
    }
    if let Ok(found) = client.get_queue_url().queue_name(name).send().await
        && let Some(url) = found.queue_url
    {
        client
            .set_queue_attributes()
            .queue_url(&url)
            .set_attributes(Some(attributes))
            .send()
            .await
            .map_err(failed(name))?;
        return Ok(url);
    }
    attributes.insert(QueueAttributeName::FifoQueue, "true".to_owned());
    let created = client
        .create_queue()
        .queue_name(name)
        .set_attributes(Some(attributes))
        .send()
        .await
        .map_err(failed(name))?;
    created.queue_url.ok_or_else(|| failed(name)("the queue has no URL"))
}

async fn queue_arn(client: &aws_sdk_sqs::Client, url: &str) -> Result<String, DevError> {
    let answer = client
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(QueueAttributeName::QueueArn)
        .send()
        .await
        .map_err(failed(url))?;
    answer
        .attributes
        .and_then(|mut attributes| attributes.remove(&QueueAttributeName::QueueArn))
        .ok_or_else(|| failed(url)("the queue has no ARN"))
}
