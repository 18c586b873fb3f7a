//! The recover function: wiring only.

// Futures of the AWS SDK inside our own nest deeper than the compiler expects.
#![recursion_limit = "256"]

use hookrail_adapters::config::{AwsConfig, LogLevel, ProcessEnvironment, RecoverConfig};
use hookrail_adapters::{scripts, telemetry};
use lambda_runtime::Error;

/// Why: see the workspace's manifest.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Error> {
    if scripts::serve_if_asked() { Ok(()) } else { serve() }
}

#[tokio::main(flavor = "current_thread")]
async fn serve() -> Result<(), Error> {
    let env = ProcessEnvironment;
    telemetry::init(LogLevel::from_env(&env));
    hookrail_recover::run(RecoverConfig::from_env(&env)?, AwsConfig::from_env(&env)?).await
}
