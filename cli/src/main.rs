//! The `hookrail` command.

use std::io::Read as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use hookrail::dev::options::{DevOptions, is_loopback};
use hookrail::event::EventCommand;
use hookrail::failure::Failure as CallFailure;
use hookrail::log::LogCommand;
use hookrail::token::{AuditCommand, TokenCommand};
use hookrail::webhook::WebhookCommand;
use hookrail::{dev, event, log, show, token, webhook};
use hookrail_adapters::config::{
    ApiConfig, AwsConfig, DeliverConfig, FanOutConfig, LogLevel, ProcessEnvironment, RecoverConfig,
};
use hookrail_adapters::scripts;
use hookrail_adapters::telemetry;
use hookrail_domain::target::TargetPolicy;
use hookrail_pipeline::fault::ErrorChain;

/// See the workspace's manifest.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Webhooks delivered strictly in order.
#[derive(Debug, Parser)]
#[command(name = "hookrail", version, about)]
struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Dev(DevOptions),
    Webhook(WebhookCommand),
    Event(EventCommand),
    Log(LogCommand),
    Token(TokenCommand),
    Audit(AuditCommand),
    /// Print the completion script of a shell: `source <(hookrail completions bash)`.
    Completions {
        shell: Shell,
    },
    /// Run one function as Lambda would. `dev` starts its sandboxes with it.
    #[command(hide = true)]
    Function {
        #[arg(value_parser = ["api", "fan-out", "deliver", "recover"])]
        name: String,
    },
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    if scripts::serve_if_asked() {
        return ExitCode::SUCCESS;
    }
    match Command::parse().what {
        What::Dev(options) => ended(dev::run(&options)),
        What::Webhook(command) => called(webhook::run(&command)),
        What::Event(command) => called(event::run(&command)),
        What::Log(command) => called(log::run(&command)),
        What::Token(command) => called(token::run(&command)),
        What::Audit(command) => called(token::run_audit(&command)),
        What::Completions { shell } => ended(completions(shell)),
        What::Function { name } => ended(function(&name)),
    }
}

fn ended(result: Result<(), Failure>) -> ExitCode {
    result.map_or_else(|error| told(&*error, 1), |()| ExitCode::SUCCESS)
}

fn called(result: Result<(), CallFailure>) -> ExitCode {
    result.map_or_else(|error| told(&error, error.exit_code()), |()| ExitCode::SUCCESS)
}

fn told(error: &(dyn std::error::Error + 'static), code: u8) -> ExitCode {
    tell_failure(error);
    ExitCode::from(code)
}

#[expect(clippy::print_stderr, reason = "a command tells its failure to the person who ran it")]
fn tell_failure(error: &(dyn std::error::Error + 'static)) {
    eprintln!("hookrail: {}", ErrorChain(error));
}

fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Command::command(), "hookrail", &mut script);
    show::print_as_it_is(&String::from_utf8(script)?)?;
    Ok(())
}

fn function(name: &str) -> Result<(), Failure> {
    let env = ProcessEnvironment;
    let aws = AwsConfig::from_env(&env)?;
    // Local targets are allowed here, and only to the functions of a local stack.
    if ![&aws.dynamodb_endpoint, &aws.sqs_endpoint].iter().all(|url| url.as_deref().is_some_and(is_loopback))
    {
        return Err(
            "`hookrail function` runs as part of `hookrail dev` only, since it allows deliveries to local \
            addresses. Deploy the functions of template.yaml instead"
                .into(),
        );
    }
    die_with_parent();
    telemetry::init(LogLevel::from_env(&env));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match name {
            "api" => {
                hookrail_api::run(
                    ApiConfig { targets: TargetPolicy::local(), ..ApiConfig::from_env(&env)? },
                    aws,
                )
                .await
            }
            "fan-out" => hookrail_fan_out::run(FanOutConfig::from_env(&env)?, aws).await,
            "deliver" => {
                let config =
                    DeliverConfig { targets: TargetPolicy::local(), ..DeliverConfig::from_env(&env)? };
                hookrail_deliver::run(config, aws).await
            }
            _ => {
                let config =
                    RecoverConfig { targets: TargetPolicy::local(), ..RecoverConfig::from_env(&env)? };
                hookrail_recover::run(config, aws).await
            }
        }
    })
}

/// Ends this process when the parent's end of standard input closes, however the parent died.
fn die_with_parent() {
    std::thread::spawn(|| {
        let mut bytes = [0; 64];
        while matches!(std::io::stdin().read(&mut bytes), Ok(count) if 0 < count) {}
        std::process::exit(0);
    });
}
