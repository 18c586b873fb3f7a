//! The fan-out function: wiring only.

use hookrail_adapters::config::{AwsConfig, FanOutConfig, LogLevel, ProcessEnvironment};
use hookrail_adapters::{scripts, telemetry};
use lambda_runtime::Error;

/// See the workspace's manifest.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Error> {
    if scripts::serve_if_asked() { Ok(()) } else { serve() }
}

#[tokio::main(flavor = "current_thread")]
async fn serve() -> Result<(), Error> {
    let env = ProcessEnvironment;
    telemetry::init(LogLevel::from_env(&env));
    hookrail_fan_out::run(FanOutConfig::from_env(&env)?, AwsConfig::from_env(&env)?).await
}
