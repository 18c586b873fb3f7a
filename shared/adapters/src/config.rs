//! The environment variables. No other module of the functions reads or names them.

use std::ops::RangeInclusive;
use std::str::FromStr;

use hookrail_domain::ingest::{IngestLimit, WINDOW_SECONDS};
use hookrail_domain::limits::EVENTS_PER_CALL_MAX;
use hookrail_domain::port::is_never_open;
use hookrail_domain::retry::RetryPolicy;
use hookrail_domain::suspension::{SUSPEND_AFTER_MAX, SuspensionPolicy};
use hookrail_domain::target::{Ports, TargetPolicy};
use hookrail_domain::token::TokenHash;
use hookrail_pipeline::operational_events::OperationalEventConfig;
use hookrail_script::workflow::WorkflowBase;

pub const CONFIG_TABLE: &str = "HOOKRAIL_CONFIG_TABLE";
pub const LOG_TABLE: &str = "HOOKRAIL_LOG_TABLE";
pub const EVENTS_QUEUE_URLS: &str = "HOOKRAIL_EVENTS_QUEUE_URLS";
pub const DELIVERIES_QUEUE_URLS: &str = "HOOKRAIL_DELIVERIES_QUEUE_URLS";
pub const EVENTS_DLQ_URL: &str = "HOOKRAIL_EVENTS_DLQ_URL";
pub const DELIVERIES_DLQ_URL: &str = "HOOKRAIL_DELIVERIES_DLQ_URL";
pub const RECOVERY_QUEUE_URL: &str = "HOOKRAIL_RECOVERY_QUEUE_URL";
pub const OPERATIONAL_QUEUE_URL: &str = "HOOKRAIL_OPERATIONAL_QUEUE_URL";
pub const ATTEMPTS: &str = "HOOKRAIL_ATTEMPTS";
pub const RETRY_DELAY_SECONDS: &str = "HOOKRAIL_RETRY_DELAY_SECONDS";
pub const TIMEOUT_SECONDS: &str = "HOOKRAIL_TIMEOUT_SECONDS";
pub const SUSPEND_AFTER: &str = "HOOKRAIL_SUSPEND_AFTER";
pub const PARK_AFTER_SECONDS: &str = "HOOKRAIL_PARK_AFTER_SECONDS";
pub const INGEST_BACKLOG: &str = "HOOKRAIL_INGEST_BACKLOG";
pub const INGEST_RATE: &str = "HOOKRAIL_INGEST_RATE";
pub const TARGET_ALLOW_HTTP: &str = "HOOKRAIL_TARGET_ALLOW_HTTP";
pub const TARGET_PORTS: &str = "HOOKRAIL_TARGET_PORTS";
pub const TARGET_RANGES: &str = "HOOKRAIL_TARGET_RANGES";
pub const OPERATOR_TOKEN_SHA256: &str = "HOOKRAIL_OPERATOR_TOKEN_SHA256";
pub const REDACTION: &str = "HOOKRAIL_REDACTION";
pub const WORKFLOW_ENGINE_URL: &str = "HOOKRAIL_WORKFLOW_ENGINE_URL";
pub const JWT_ISSUER: &str = "HOOKRAIL_JWT_ISSUER";
pub const JWT_AUDIENCE: &str = "HOOKRAIL_JWT_AUDIENCE";
pub const JWT_COMPANY_CLAIM: &str = "HOOKRAIL_JWT_COMPANY_CLAIM";

/// Lambda's own name of the running function.
pub const FUNCTION_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";

/// Ranges of the parameters, as in the template.
pub const ATTEMPTS_RANGE: RangeInclusive<u64> = 1..=10;
pub const RETRY_DELAY_SECONDS_RANGE: RangeInclusive<u64> = 0..=900;
pub const TIMEOUT_SECONDS_RANGE: RangeInclusive<u64> = 1..=20;
pub const SUSPEND_AFTER_RANGE: RangeInclusive<u64> = 0..=SUSPEND_AFTER_MAX as u64;
pub const PARK_AFTER_SECONDS_RANGE: RangeInclusive<u64> = 0..=86_400;
/// SQS searches 120,000 messages for groups that are free.
pub const INGEST_BACKLOG_RANGE: RangeInclusive<u64> = 0..=120_000;
/// A whole call of 100 events fits into a window at the least rate.
pub const INGEST_RATE_RANGE: RangeInclusive<u64> = 10..=10_000;

const _: () = assert!(EVENTS_PER_CALL_MAX as u64 <= *INGEST_RATE_RANGE.start() * WINDOW_SECONDS);

/// A variable that is missing or not valid, so that the function cannot start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("{0} is not set")]
    Missing(&'static str),
    #[error("{0} is not valid")]
    Invalid(&'static str),
}

/// The source of variables: the process's environment, or a test's table.
pub trait Environment {
    fn get(&self, name: &str) -> Option<String>;
}

/// The process's own environment.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    #[expect(clippy::disallowed_methods, reason = "this is the environment port")]
    fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }
}

/// The level of logging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
}

impl LogLevel {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }

    /// Returns the level that Lambda's `LoggingConfig` asks for.
    #[must_use]
    pub fn from_env(env: &impl Environment) -> Self {
        Self::parse(&env.get("AWS_LAMBDA_LOG_LEVEL").unwrap_or_default())
    }

    /// Returns the level of this name in either case; info for an unknown name.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "error" | "fatal" => Self::Error,
            "warn" => Self::Warn,
            "debug" | "trace" => Self::Debug,
            _ => Self::Info,
        }
    }
}

/// The access to AWS, as Lambda gives it to every function.
#[derive(Debug, Clone)]
pub struct AwsConfig {
    pub region: String,
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: Option<String>,
    pub dynamodb_endpoint: Option<String>,
    pub sqs_endpoint: Option<String>,
}

impl AwsConfig {
    pub fn from_env(env: &impl Environment) -> Result<Self, ConfigError> {
        let endpoint = |service| env.get(service).or_else(|| env.get("AWS_ENDPOINT_URL"));
        Ok(Self {
            region: env
                .get("AWS_REGION")
                .or_else(|| env.get("AWS_DEFAULT_REGION"))
                .ok_or(ConfigError::Missing("AWS_REGION"))?,
            access_key_id: required(env, "AWS_ACCESS_KEY_ID")?,
            secret_access_key: required(env, "AWS_SECRET_ACCESS_KEY")?,
            session_token: env.get("AWS_SESSION_TOKEN"),
            dynamodb_endpoint: endpoint("AWS_ENDPOINT_URL_DYNAMODB"),
            sqs_endpoint: endpoint("AWS_ENDPOINT_URL_SQS"),
        })
    }
}

/// The configuration of `api`.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    pub config_table: String,
    pub log_table: String,
    pub events_queue_urls: Vec<String>,
    pub recovery_queue_url: String,
    /// Shown with the attempts made.
    pub attempts_max: u32,
    /// Time-out of a test send.
    pub timeout_seconds: u64,
    pub suspension: SuspensionPolicy,
    pub ingest: IngestLimit,
    pub targets: TargetPolicy,
    /// The base of relative URLs of webhooks; they are refused unless the operator sets it.
    pub workflow: Option<WorkflowBase>,
    pub operator: Option<TokenHash>,
    pub jwt: Option<JwtConfig>,
}

/// The tokens of an identity provider that are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtConfig {
    /// The provider's own name, as it stands in its tokens.
    pub issuer: String,
    pub audience: String,
    /// The claim that names the company.
    pub company_claim: String,
}

impl JwtConfig {
    fn from_env(env: &impl Environment) -> Result<Option<Self>, ConfigError> {
        let Some(issuer) = env.get(JWT_ISSUER) else { return Ok(None) };
        if !issuer.starts_with("https://") {
            return Err(ConfigError::Invalid(JWT_ISSUER));
        }
        Ok(Some(Self {
            issuer,
            audience: required(env, JWT_AUDIENCE)?,
            company_claim: required(env, JWT_COMPANY_CLAIM)?,
        }))
    }
}

impl ApiConfig {
    pub fn from_env(env: &impl Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            config_table: required(env, CONFIG_TABLE)?,
            log_table: required(env, LOG_TABLE)?,
            events_queue_urls: list(env, EVENTS_QUEUE_URLS)?,
            recovery_queue_url: required(env, RECOVERY_QUEUE_URL)?,
            attempts_max: small_number(env, ATTEMPTS, &ATTEMPTS_RANGE)?,
            timeout_seconds: number(env, TIMEOUT_SECONDS, &TIMEOUT_SECONDS_RANGE)?,
            suspension: suspension_policy(env)?,
            ingest: IngestLimit {
                backlog: number(env, INGEST_BACKLOG, &INGEST_BACKLOG_RANGE)?,
                events_per_second: number(env, INGEST_RATE, &INGEST_RATE_RANGE)?,
            },
            targets: target_policy(env)?,
            workflow: workflow(env)?,
            operator: parsed(env, OPERATOR_TOKEN_SHA256)?,
            jwt: JwtConfig::from_env(env)?,
        })
    }
}

fn workflow(env: &impl Environment) -> Result<Option<WorkflowBase>, ConfigError> {
    let url = env.get(WORKFLOW_ENGINE_URL);
    let base = url.map(|url| WorkflowBase::parse(&url)).transpose();
    base.map_err(|_refused| ConfigError::Invalid(WORKFLOW_ENGINE_URL))
}

/// The configuration of `fan-out`.
#[derive(Debug, Clone)]
pub struct FanOutConfig {
    pub config_table: String,
    pub log_table: String,
    /// True if fields that no receiver should see are removed from events.
    pub redacts: bool,
    pub events_queue_urls: Vec<String>,
    pub deliveries_queue_urls: Vec<String>,
    pub events_dlq_url: String,
    /// The base of relative URLs of webhooks; without it they have no destination.
    pub workflow: Option<WorkflowBase>,
}

impl FanOutConfig {
    pub fn from_env(env: &impl Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            config_table: required(env, CONFIG_TABLE)?,
            log_table: required(env, LOG_TABLE)?,
            redacts: parsed(env, REDACTION)?.unwrap_or(true),
            events_queue_urls: list(env, EVENTS_QUEUE_URLS)?,
            deliveries_queue_urls: list(env, DELIVERIES_QUEUE_URLS)?,
            events_dlq_url: required(env, EVENTS_DLQ_URL)?,
            workflow: workflow(env)?,
        })
    }
}

fn operational_events(env: &impl Environment) -> Result<OperationalEventConfig, ConfigError> {
    Ok(OperationalEventConfig {
        events_queue_urls: list(env, EVENTS_QUEUE_URLS)?,
        operational_queue_url: env.get(OPERATIONAL_QUEUE_URL).filter(|url| !url.is_empty()),
    })
}

/// The configuration of `deliver`.
#[derive(Debug, Clone)]
pub struct DeliverConfig {
    pub config_table: String,
    pub log_table: String,
    pub deliveries_queue_urls: Vec<String>,
    pub deliveries_dlq_url: String,
    pub recovery_queue_url: String,
    pub operational_events: OperationalEventConfig,
    pub policy: RetryPolicy,
    pub suspension: SuspensionPolicy,
    pub targets: TargetPolicy,
}

impl DeliverConfig {
    pub fn from_env(env: &impl Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            config_table: required(env, CONFIG_TABLE)?,
            log_table: required(env, LOG_TABLE)?,
            deliveries_queue_urls: list(env, DELIVERIES_QUEUE_URLS)?,
            deliveries_dlq_url: required(env, DELIVERIES_DLQ_URL)?,
            recovery_queue_url: required(env, RECOVERY_QUEUE_URL)?,
            operational_events: operational_events(env)?,
            policy: retry_policy(env)?,
            suspension: suspension_policy(env)?,
            targets: target_policy(env)?,
        })
    }
}

/// The configuration of `recover`.
#[derive(Debug, Clone)]
pub struct RecoverConfig {
    pub config_table: String,
    pub log_table: String,
    pub recovery_queue_url: String,
    pub deliveries_dlq_url: String,
    pub events_dlq_url: String,
    pub operational_events: OperationalEventConfig,
    pub policy: RetryPolicy,
    pub suspension: SuspensionPolicy,
    pub targets: TargetPolicy,
}

impl RecoverConfig {
    pub fn from_env(env: &impl Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            config_table: required(env, CONFIG_TABLE)?,
            log_table: required(env, LOG_TABLE)?,
            recovery_queue_url: required(env, RECOVERY_QUEUE_URL)?,
            deliveries_dlq_url: required(env, DELIVERIES_DLQ_URL)?,
            events_dlq_url: required(env, EVENTS_DLQ_URL)?,
            operational_events: operational_events(env)?,
            policy: retry_policy(env)?,
            suspension: suspension_policy(env)?,
            targets: target_policy(env)?,
        })
    }
}

fn retry_policy(env: &impl Environment) -> Result<RetryPolicy, ConfigError> {
    Ok(RetryPolicy {
        attempts_max: small_number(env, ATTEMPTS, &ATTEMPTS_RANGE)?,
        delay_seconds: number(env, RETRY_DELAY_SECONDS, &RETRY_DELAY_SECONDS_RANGE)?,
        timeout_seconds: number(env, TIMEOUT_SECONDS, &TIMEOUT_SECONDS_RANGE)?,
    })
}

fn suspension_policy(env: &impl Environment) -> Result<SuspensionPolicy, ConfigError> {
    Ok(SuspensionPolicy {
        suspend_after: small_number(env, SUSPEND_AFTER, &SUSPEND_AFTER_RANGE)?,
        park_after_seconds: number(env, PARK_AFTER_SECONDS, &PARK_AFTER_SECONDS_RANGE)?,
        retires_gone: true,
    })
}

fn required(env: &impl Environment, name: &'static str) -> Result<String, ConfigError> {
    env.get(name).ok_or(ConfigError::Missing(name))
}

fn list(env: &impl Environment, name: &'static str) -> Result<Vec<String>, ConfigError> {
    Ok(required(env, name)?.split(',').map(|entry| entry.trim().to_owned()).collect())
}

fn parsed<T: FromStr>(env: &impl Environment, name: &'static str) -> Result<Option<T>, ConfigError> {
    match env.get(name) {
        None => Ok(None),
        Some(text) => text.trim().parse().map(Some).map_err(|_one_reason| ConfigError::Invalid(name)),
    }
}

fn number(
    env: &impl Environment,
    name: &'static str,
    range: &RangeInclusive<u64>,
) -> Result<u64, ConfigError> {
    let number = parsed(env, name)?.ok_or(ConfigError::Missing(name))?;
    if range.contains(&number) { Ok(number) } else { Err(ConfigError::Invalid(name)) }
}

fn small_number(
    env: &impl Environment,
    name: &'static str,
    range: &RangeInclusive<u64>,
) -> Result<u32, ConfigError> {
    number(env, name, range)?.try_into().map_err(|_beyond_range| ConfigError::Invalid(name))
}

fn target_policy(env: &impl Environment) -> Result<TargetPolicy, ConfigError> {
    let entries = |name| {
        let text = env.get(name).unwrap_or_default();
        text.split(',').map(|entry| entry.trim().to_owned()).filter(|entry| !entry.is_empty()).collect()
    };
    let ports: Vec<String> = entries(TARGET_PORTS);
    let ports: Vec<u16> = parse_all(&ports, TARGET_PORTS)?;
    if ports.iter().any(|port| is_never_open(*port)) {
        return Err(ConfigError::Invalid(TARGET_PORTS));
    }
    let ranges: Vec<String> = entries(TARGET_RANGES);
    Ok(TargetPolicy {
        allow_http: parsed(env, TARGET_ALLOW_HTTP)?.unwrap_or(false),
        ports: Ports::Only(ports),
        ranges: parse_all(&ranges, TARGET_RANGES)?,
        allow_loopback: false,
    })
}

fn parse_all<T: FromStr>(entries: &[String], name: &'static str) -> Result<Vec<T>, ConfigError> {
    entries.iter().map(|entry| entry.parse().map_err(|_one_reason| ConfigError::Invalid(name))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    impl Environment for HashMap<&'static str, &'static str> {
        fn get(&self, name: &str) -> Option<String> {
            HashMap::get(self, name).map(|value| (*value).to_owned())
        }
    }

    fn deliver() -> HashMap<&'static str, &'static str> {
        HashMap::from([
            (CONFIG_TABLE, "config"),
            (LOG_TABLE, "log"),
            (DELIVERIES_QUEUE_URLS, "http://q/a.fifo, http://q/b.fifo"),
            (DELIVERIES_DLQ_URL, "http://q/d.fifo"),
            (RECOVERY_QUEUE_URL, "http://q/r.fifo"),
            (EVENTS_QUEUE_URLS, "http://q/e.fifo"),
            (OPERATIONAL_QUEUE_URL, "http://q/o.fifo"),
            (SUSPEND_AFTER, "5"),
            (PARK_AFTER_SECONDS, "900"),
            (ATTEMPTS, "3"),
            (RETRY_DELAY_SECONDS, "30"),
            (TIMEOUT_SECONDS, "10"),
            (TARGET_PORTS, "443, 8443"),
            (TARGET_RANGES, "10.1.0.0/16"),
            (TARGET_ALLOW_HTTP, "true"),
        ])
    }

    #[test]
    fn reads_every_environment_variable() {
        let config = DeliverConfig::from_env(&deliver()).unwrap();
        assert_eq!(config.deliveries_queue_urls, ["http://q/a.fifo", "http://q/b.fifo"]);
        assert_eq!(config.policy, RetryPolicy::default());
        assert_eq!(config.suspension, SuspensionPolicy::default());
        assert_eq!(config.operational_events.events_queue_urls, ["http://q/e.fifo"]);
        assert_eq!(config.operational_events.operational_queue_url.as_deref(), Some("http://q/o.fifo"));
        assert_eq!(config.targets.ports, Ports::Only(vec![443, 8443]));
        assert!(config.targets.allows("10.1.2.3".parse().unwrap()));
        assert!(config.targets.allow_http && !config.targets.allow_loopback);
    }

    #[track_caller]
    fn refused(name: &'static str, value: Option<&'static str>, expected: ConfigError) {
        let mut env = deliver();
        match value {
            Some(value) => env.insert(name, value),
            None => env.remove(name),
        };
        assert_eq!(DeliverConfig::from_env(&env).unwrap_err(), expected);
    }

    #[test]
    fn names_missing_and_out_of_range_variables() {
        refused(LOG_TABLE, None, ConfigError::Missing(LOG_TABLE));
        refused(ATTEMPTS, Some("0"), ConfigError::Invalid(ATTEMPTS));
        refused(ATTEMPTS, Some("11"), ConfigError::Invalid(ATTEMPTS));
        refused(ATTEMPTS, Some("x"), ConfigError::Invalid(ATTEMPTS));
        refused(TIMEOUT_SECONDS, Some("21"), ConfigError::Invalid(TIMEOUT_SECONDS));
        refused(RETRY_DELAY_SECONDS, Some("901"), ConfigError::Invalid(RETRY_DELAY_SECONDS));
        refused(SUSPEND_AFTER, Some("101"), ConfigError::Invalid(SUSPEND_AFTER));
        refused(TARGET_PORTS, Some("443,x"), ConfigError::Invalid(TARGET_PORTS));
        refused(TARGET_PORTS, Some("443,6379"), ConfigError::Invalid(TARGET_PORTS));
        refused(TARGET_PORTS, Some("0"), ConfigError::Invalid(TARGET_PORTS));
        refused(TARGET_RANGES, Some("10.0.0.0"), ConfigError::Invalid(TARGET_RANGES));
        refused(TARGET_ALLOW_HTTP, Some("yes"), ConfigError::Invalid(TARGET_ALLOW_HTTP));
    }
}
