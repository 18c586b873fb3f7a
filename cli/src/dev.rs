//! `hookrail dev`: the whole stack of Hookrail on one machine.
//!
//! One process holds the tables, the queues, the mappings and the gateway. The functions are child processes of the same
//! executable, and use the real Lambda runtime API, so that the deployed code runs here.

pub mod options;
pub mod clock;
pub mod data;
pub mod front;
pub mod guard;
pub mod tables;
pub mod sqs;
pub mod sandbox;
pub mod function;
pub mod mapping;
pub mod remote;
pub mod schedule;
pub mod gateway;
pub mod ready;
pub mod resources;
pub mod stack;
pub mod demo;

use std::io::Write as _;

use hookrail_adapters::config::LogLevel;
use hookrail_adapters::telemetry;
use tokio::signal::unix::{Signal, SignalKind, signal};

use options::DevOptions;
use stack::Stack;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs the local stack until it is interrupted.
pub fn run(options: &DevOptions) -> Result<(), Failure> {
    options.check()?;
    telemetry::init(LogLevel::parse(&options.log_level));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(serve(options));
    // Long polls and child watchers end with the process.
    runtime.shutdown_background();
    result
}

async fn serve(options: &DevOptions) -> Result<(), Failure> {
    // Before anything starts, so that an early interrupt ends all that has started.
    let mut interrupts = Interrupts::new()?;
    say("starting");
    let tell = |step: &str| say(&format!("  {step}"));
    let stack = tokio::select! {
        stack = Stack::start(options, &tell) => stack?,
        () = interrupts.next() => return Ok(()),
    };
    let result = tokio::select! {
        result = run_stack(&stack, options) => result,
        () = interrupts.next() => Ok(()),
    };
    stack.end().await;
    result
}

/// Ctrl-C and SIGTERM.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

async fn run_stack(stack: &Stack, options: &DevOptions) -> Result<(), Failure> {
    let ready = &stack.ready;
    say("ready");
    say(&format!("  API         {}/api/v3", ready.api));
    say(&format!("  panel       {}", ready.panel));
    say(&format!("  company     {}", ready.company));
    say(&format!("  token       {}", ready.token));
    say(&format!("  events      {}", ready.events_queue_url));
    let keep_ready = async {
        match &options.ready_file {
            Some(path) => Err(stack.keep_ready_file(path).await.into()),
            None => std::future::pending().await,
        }
    };
    let demonstrate = async {
        if options.demo {
            say("");
            demo::run(ready, options).await?;
            say("");
            say("demo complete");
            if options.exit {
                return Ok(());
            }
        }
        say("press Ctrl-C to end");
        std::future::pending().await
    };
    tokio::select! {
        result = keep_ready => result,
        result = demonstrate => result,
    }
}

/// Prints a line. The stack continues if the output is closed.
fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").unwrap_or(());
}
