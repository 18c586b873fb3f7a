//! The recover function: wiring only.

// Futures of the AWS SDK inside our own nest deeper than the compiler expects.
#![recursion_limit = "256"]

use hookrail_adapters::config::{AwsConfig, LogLevel, ProcessEnvironment, RecoverConfig};
use hookrail_adapters::telemetry;
use lambda_runtime::Error;

/// See the workspace's manifest.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = ProcessEnvironment;
    telemetry::init(LogLevel::from_env(&env));
    hookrail_recover::run(RecoverConfig::from_env(&env)?, AwsConfig::from_env(&env)?).await
}
