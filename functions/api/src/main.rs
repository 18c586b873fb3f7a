//! The `api` function on Lambda.

use hookrail_adapters::config::{ApiConfig, AwsConfig, LogLevel, ProcessEnvironment};
use hookrail_adapters::{scripts, telemetry};

/// See the workspace's manifest.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), lambda_http::Error> {
    if scripts::serve_if_asked() { Ok(()) } else { serve() }
}

#[tokio::main(flavor = "current_thread")]
async fn serve() -> Result<(), lambda_http::Error> {
    let env = ProcessEnvironment;
    telemetry::init(LogLevel::from_env(&env));
    hookrail_api::run(ApiConfig::from_env(&env)?, AwsConfig::from_env(&env)?).await
}
