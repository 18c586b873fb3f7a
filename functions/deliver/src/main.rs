//! The deliver function: wiring only.

use hookrail_adapters::config::{AwsConfig, DeliverConfig, LogLevel, ProcessEnvironment};
use hookrail_adapters::telemetry;
use lambda_runtime::Error;

/// See the workspace's manifest.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = ProcessEnvironment;
    telemetry::init(LogLevel::from_env(&env));
    hookrail_deliver::run(DeliverConfig::from_env(&env)?, AwsConfig::from_env(&env)?).await
}
