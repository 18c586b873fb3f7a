//! The AWS clients of a process, built once.

use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig};

use crate::config::AwsConfig;

/// Tries of one call, the first included.
const TRIES_MAX: u32 = 3;
/// Time after which a call is tried again; well below the function's time-out.
const TRY_TIMEOUT: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Time of all tries of a call together, pauses included.
const CALL_TIMEOUT: Duration = Duration::from_secs(8);

/// Builds clients from the environment that Lambda gives every function.
///
/// Without `aws-config`: its chain of credential sources would add a token service client to every binary and
/// every cold start.
/// A function has its credentials in the environment.
#[derive(Debug, Clone)]
pub struct Clients {
    config: AwsConfig,
}

impl Clients {
    #[must_use]
    pub fn new(config: AwsConfig) -> Self {
        Self { config }
    }

    /// Returns a client of the tables.
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let mut builder = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(self.config.region.clone()))
            .credentials_provider(self.credentials())
            .retry_config(RetryConfig::standard().with_max_attempts(TRIES_MAX))
            .timeout_config(timeouts())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        builder.set_endpoint_url(self.config.dynamodb_endpoint.clone());
        aws_sdk_dynamodb::Client::from_conf(builder.build())
    }

    /// Returns a client of the queues.
    #[must_use]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        let mut builder = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(self.config.region.clone()))
            .credentials_provider(self.credentials())
            .retry_config(RetryConfig::standard().with_max_attempts(TRIES_MAX))
            .timeout_config(timeouts())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        builder.set_endpoint_url(self.config.sqs_endpoint.clone());
        aws_sdk_sqs::Client::from_conf(builder.build())
    }

    fn credentials(&self) -> Credentials {
        Credentials::new(
            &self.config.access_key_id,
            &self.config.secret_access_key,
            self.config.session_token.clone(),
            None,
            "environment",
        )
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(TRY_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build()
}
