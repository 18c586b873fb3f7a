//! The agreement of the deployment template with the code: every number, every variable, the attributes of
//! every queue.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a template that cannot be read is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use hookrail::dev::options::VISIBILITY_FACTOR;
use hookrail::dev::resources::{RECEIVES_MAX, RETENTION_SECONDS};
use hookrail::dev::schedule::PERIOD;
use hookrail_adapters::config;
use hookrail_adapters::scripts::InProcessScripts;
use hookrail_adapters::store::item::job::{JOBS_INDEX, JOBS_PARTITION, JOBS_SORT};
use hookrail_adapters::store::item::row::{EVENT_INDEX, EVENT_PARTITION};
use hookrail_adapters::store::item::state::{DUE_INDEX, DUE_PARTITION, DUE_SORT};
use hookrail_adapters::store::item::{PARTITION_KEY, SORT_KEY};
use hookrail_api::route::Throttle;
use hookrail_domain::ingest::IngestLimit;
use hookrail_domain::limits::{QUEUE_BATCH_MAX, QUEUE_MESSAGE_BYTES_MAX};
use hookrail_domain::retry::RetryPolicy;
use hookrail_domain::suspension::SuspensionPolicy;
use hookrail_pipeline::attempt::ATTEMPT_MS_MARGIN;
use hookrail_testkit::clock::ManualClock;
use hookrail_testkit::memory::MemoryTables;
use hookrail_testkit::queue::MemoryQueue;
use hookrail_testkit::script::ScriptedSender;
use serde_norway::Value;

const TEMPLATE: &str = include_str!("../template.yaml");
const CONFIG_SOURCE: &str = include_str!("../shared/adapters/src/config.rs");

fn template() -> Value {
    serde_norway::from_str(TEMPLATE).unwrap()
}

/// Returns the value under these keys; tags like `!Ref` are skipped.
fn at(value: &Value, path: &[&str]) -> Value {
    let mut found = plain(value);
    for key in path {
        found = plain(found.get(key).unwrap_or_else(|| panic!("no {key} in {path:?}")));
    }
    found.clone()
}

fn plain(value: &Value) -> &Value {
    match value {
        Value::Tagged(tagged) => &tagged.value,
        other => other,
    }
}

fn number(value: &Value, path: &[&str]) -> u64 {
    at(value, path).as_u64().unwrap_or_else(|| panic!("{path:?} is not a number"))
}

fn resources(kind: &str) -> Vec<(String, Value)> {
    at(&template(), &["Resources"])
        .as_mapping()
        .unwrap()
        .iter()
        .filter(|(_, resource)| resource.get("Type").and_then(Value::as_str) == Some(kind))
        .map(|(name, resource)| (name.as_str().unwrap().to_owned(), resource.clone()))
        .collect()
}

#[track_caller]
fn check_parameter(name: &str, default: u64, range: &RangeInclusive<u64>) {
    let parameter = at(&template(), &["Parameters", name]);
    let figures = ["Default", "MinValue", "MaxValue"].map(|field| number(&parameter, &[field]));
    assert_eq!(figures, [default, *range.start(), *range.end()], "{name}");
}

#[test]
fn parameters_match_the_defaults_and_ranges_of_the_code() {
    let policy = RetryPolicy::default();
    check_parameter("RetryDelay", policy.delay_seconds, &config::RETRY_DELAY_SECONDS_RANGE);
    check_parameter("Attempts", policy.attempts_max.into(), &config::ATTEMPTS_RANGE);
    check_parameter("Timeout", policy.timeout_seconds, &config::TIMEOUT_SECONDS_RANGE);
    let suspension = SuspensionPolicy::default();
    check_parameter("SuspendAfter", suspension.suspend_after.into(), &config::SUSPEND_AFTER_RANGE);
    check_parameter("ParkAfter", suspension.park_after_seconds, &config::PARK_AFTER_SECONDS_RANGE);
    let ingest = IngestLimit::default();
    check_parameter("IngestBacklog", ingest.backlog, &config::INGEST_BACKLOG_RANGE);
    check_parameter("IngestRate", ingest.events_per_second, &config::INGEST_RATE_RANGE);
    let batch_max = u64::try_from(QUEUE_BATCH_MAX).unwrap();
    check_parameter("BatchSize", batch_max, &(1..=batch_max));
}

#[test]
fn every_queue_is_ordered_and_has_its_settings() {
    let queues = resources("AWS::SQS::Queue");
    assert_eq!(queues.len(), 6);
    for (name, queue) in queues {
        let properties = at(&queue, &["Properties"]);
        let text = |field: &str| at(&properties, &[field]).as_str().map(str::to_owned);
        assert_eq!(at(&properties, &["FifoQueue"]), Value::Bool(true), "{name}");
        assert_eq!(text("DeduplicationScope").as_deref(), Some("messageGroup"), "{name}");
        assert_eq!(text("FifoThroughputLimit").as_deref(), Some("perMessageGroupId"), "{name}");
        assert_eq!(at(&properties, &["ContentBasedDeduplication"]), Value::Bool(false), "{name}");
        assert_eq!(number(&properties, &["MessageRetentionPeriod"]), RETENTION_SECONDS, "{name}");
        assert_eq!(number(&properties, &["MaximumMessageSize"]), QUEUE_MESSAGE_BYTES_MAX as u64, "{name}");
        let is_redriven = properties.get("RedrivePolicy").is_some();
        assert_eq!(is_redriven, ["EventsQueue", "DeliveriesQueue"].contains(&name.as_str()), "{name}");
        if is_redriven {
            assert_eq!(number(&properties, &["RedrivePolicy", "maxReceiveCount"]), RECEIVES_MAX, "{name}");
        }
    }
}

#[test]
fn the_log_table_has_the_indexes_of_due_queues_events_and_jobs() {
    let table = at(&template(), &["Resources", "LogTable", "Properties"]);
    let text = |value: &Value, field: &str| at(value, &[field]).as_str().unwrap().to_owned();
    let list = |value: &Value, field: &str| at(value, &[field]).as_sequence().unwrap().clone();
    let indexes = list(&table, "GlobalSecondaryIndexes");
    let expected = [
        (DUE_INDEX, [DUE_PARTITION, DUE_SORT], "KEYS_ONLY"),
        (EVENT_INDEX, [EVENT_PARTITION, PARTITION_KEY], "KEYS_ONLY"),
        (JOBS_INDEX, [JOBS_PARTITION, JOBS_SORT], "ALL"),
    ];
    assert_eq!(indexes.len(), expected.len());
    for (index, (name, expected, holds)) in indexes.iter().zip(expected) {
        assert_eq!(text(index, "IndexName"), name);
        assert_eq!(at(index, &["Projection", "ProjectionType"]).as_str(), Some(holds));
        let keys: Vec<_> = list(index, "KeySchema").iter().map(|key| text(key, "AttributeName")).collect();
        assert_eq!(keys, expected);
    }
    let kinds: Vec<_> = list(&table, "AttributeDefinitions")
        .iter()
        .map(|attribute| (text(attribute, "AttributeName"), text(attribute, "AttributeType")))
        .collect();
    let expected = [
        (PARTITION_KEY, "S"),
        (SORT_KEY, "S"),
        (DUE_PARTITION, "S"),
        (DUE_SORT, "N"),
        (EVENT_PARTITION, "S"),
        (JOBS_PARTITION, "S"),
        (JOBS_SORT, "S"),
    ];
    assert_eq!(kinds, expected.map(|(name, kind)| (name.to_owned(), kind.to_owned())));
    for (role, index) in [("RecoverRole", DUE_INDEX), ("ApiRole", EVENT_INDEX), ("ApiRole", JOBS_INDEX)] {
        let role = serde_norway::to_string(&at(&template(), &["Resources", role])).unwrap();
        assert!(role.contains(&format!("/index/{index}\n")), "{role}");
    }
}

#[test]
fn recover_runs_as_often_as_in_the_local_stack() {
    let schedules = resources("AWS::Events::Rule");
    let [(_, rule)] = schedules.as_slice() else { panic!("{} schedules", schedules.len()) };
    let minutes = PERIOD.as_secs() / 60;
    assert_eq!((PERIOD.as_secs() % 60, minutes), (0, 1), "the plural has another spelling");
    let expression = at(rule, &["Properties", "ScheduleExpression"]);
    assert_eq!(expression.as_str(), Some(format!("rate({minutes} minute)").as_str()));
    let target = at(rule, &["Properties", "Targets"]).as_sequence().unwrap().first().unwrap().clone();
    assert_eq!(at(&target, &["Arn"]).as_str(), Some("RecoverFunction.Arn"));
}

#[test]
fn the_receive_limit_exceeds_all_legitimate_receives() {
    let legitimate = config::ATTEMPTS_RANGE.end() * QUEUE_BATCH_MAX as u64;
    assert!(legitimate < RECEIVES_MAX, "{legitimate} receives can be legitimate");
}

#[test]
fn the_longest_attempt_fits_the_function_timeout() {
    let function_ms = number(&template(), &["Globals", "Function", "Timeout"]) * 1000;
    let attempt_ms = config::TIMEOUT_SECONDS_RANGE.end() * 1000 + ATTEMPT_MS_MARGIN;
    assert!(attempt_ms < function_ms, "{attempt_ms} ms of {function_ms} ms");
}

#[test]
fn every_mapping_reports_single_failures_and_limits_concurrency() {
    let function_timeout = number(&template(), &["Globals", "Function", "Timeout"]);
    let mappings = resources("AWS::Lambda::EventSourceMapping");
    assert_eq!(mappings.len(), 5);
    for (name, mapping) in mappings {
        let properties = at(&mapping, &["Properties"]);
        let source = at(&properties, &["EventSourceArn"]).as_str().unwrap().to_owned();
        let queue = source.strip_suffix(".Arn").unwrap();
        let visibility = number(&template(), &["Resources", queue, "Properties", "VisibilityTimeout"]);
        assert_eq!(visibility, VISIBILITY_FACTOR * function_timeout, "{queue}");
        let types = at(&properties, &["FunctionResponseTypes"]);
        assert_eq!(types, Value::from(vec!["ReportBatchItemFailures"]), "{name}");
        let bound = at(&properties, &["ScalingConfig", "MaximumConcurrency"]);
        assert_eq!(bound.as_str(), Some("Concurrency"), "{name}");
        assert_eq!(at(&properties, &["BatchSize"]).as_str(), Some("BatchSize"), "{name}");
    }
}

/// Returns the `HOOKRAIL_…` names in a text.
fn variables(text: &str) -> BTreeSet<String> {
    text.split(|character: char| {
        !(character.is_ascii_uppercase() || character.is_ascii_digit() || character == '_')
    })
    .filter(|word| word.starts_with("HOOKRAIL_"))
    .map(str::to_owned)
    .collect()
}

#[test]
fn every_variable_of_the_template_is_read_and_vice_versa() {
    assert_eq!(variables(TEMPLATE), variables(CONFIG_SOURCE));
}

/// The variables of each function.
const VARIABLES: [(&str, &[&str]); 4] = [
    (
        "ApiFunction",
        &[
            config::CONFIG_TABLE,
            config::LOG_TABLE,
            config::EVENTS_QUEUE_URLS,
            config::TARGET_ALLOW_HTTP,
            config::TARGET_PORTS,
            config::TARGET_RANGES,
            config::RECOVERY_QUEUE_URL,
            config::ATTEMPTS,
            config::TIMEOUT_SECONDS,
            config::SUSPEND_AFTER,
            config::PARK_AFTER_SECONDS,
            config::INGEST_BACKLOG,
            config::INGEST_RATE,
            config::WORKFLOW_ENGINE_URL,
            config::OPERATOR_TOKEN_SHA256,
            config::JWT_ISSUER,
            config::JWT_AUDIENCE,
            config::JWT_COMPANY_CLAIM,
        ],
    ),
    (
        "FanOutFunction",
        &[
            config::CONFIG_TABLE,
            config::LOG_TABLE,
            config::WORKFLOW_ENGINE_URL,
            config::REDACTION,
            config::EVENTS_QUEUE_URLS,
            config::DELIVERIES_QUEUE_URLS,
            config::EVENTS_DLQ_URL,
        ],
    ),
    (
        "DeliverFunction",
        &[
            config::CONFIG_TABLE,
            config::LOG_TABLE,
            config::DELIVERIES_QUEUE_URLS,
            config::DELIVERIES_DLQ_URL,
            config::EVENTS_QUEUE_URLS,
            config::OPERATIONAL_QUEUE_URL,
            config::RECOVERY_QUEUE_URL,
            config::ATTEMPTS,
            config::RETRY_DELAY_SECONDS,
            config::TIMEOUT_SECONDS,
            config::SUSPEND_AFTER,
            config::PARK_AFTER_SECONDS,
            config::TARGET_ALLOW_HTTP,
            config::TARGET_PORTS,
            config::TARGET_RANGES,
        ],
    ),
    (
        "RecoverFunction",
        &[
            config::CONFIG_TABLE,
            config::LOG_TABLE,
            config::EVENTS_QUEUE_URLS,
            config::OPERATIONAL_QUEUE_URL,
            config::RECOVERY_QUEUE_URL,
            config::DELIVERIES_DLQ_URL,
            config::EVENTS_DLQ_URL,
            config::ATTEMPTS,
            config::RETRY_DELAY_SECONDS,
            config::TIMEOUT_SECONDS,
            config::SUSPEND_AFTER,
            config::PARK_AFTER_SECONDS,
            config::TARGET_ALLOW_HTTP,
            config::TARGET_PORTS,
            config::TARGET_RANGES,
        ],
    ),
];

#[test]
fn each_function_gets_exactly_the_variables_it_needs() {
    for (function, names) in VARIABLES {
        let variables = at(&template(), &["Resources", function, "Properties", "Environment", "Variables"]);
        let set: BTreeSet<_> =
            variables.as_mapping().unwrap().keys().filter_map(Value::as_str).map(str::to_owned).collect();
        assert_eq!(set, names.iter().map(|name| (*name).to_owned()).collect(), "{function}");
    }
}

#[test]
fn every_function_is_built_from_a_workspace_binary() {
    let functions = resources("AWS::Serverless::Function");
    assert_eq!(functions.len(), 4);
    for (name, function) in functions {
        let text = |path: &[&str]| at(&function, path).as_str().unwrap().to_owned();
        assert_eq!(text(&["Metadata", "BuildMethod"]), "rust-cargolambda", "{name}");
        let binary = text(&["Metadata", "BuildProperties", "Binary"]);
        assert_eq!(text(&["Properties", "CodeUri"]), format!("functions/{binary}"), "{name}");
        let main = format!("{}/../functions/{binary}/src/main.rs", env!("CARGO_MANIFEST_DIR"));
        assert!(std::path::Path::new(&main).exists(), "{main}");
    }
}

#[test]
fn no_permission_is_a_wildcard() {
    for (name, role) in resources("AWS::IAM::Role") {
        let policies = at(&role, &["Properties", "Policies"]);
        let text = serde_norway::to_string(&policies).unwrap();
        assert!(!text.contains(":*'") && !text.contains("'*'") && !text.contains(": '*"), "{name}: {text}");
        assert!(role.get("Properties").unwrap().get("ManagedPolicyArns").is_none(), "{name}");
    }
}

#[test]
fn tables_are_retained_and_can_be_restored() {
    let tables = resources("AWS::DynamoDB::Table");
    assert_eq!(tables.len(), 2);
    for (name, table) in tables {
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
            assert_eq!(at(&table, &[policy]).as_str(), Some("Retain"), "{name}");
        }
        let recovery =
            at(&table, &["Properties", "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled"]);
        assert_eq!(recovery, Value::Bool(true), "{name}");
        let key_management = at(&table, &["Properties", "SSESpecification", "SSEEnabled"]);
        assert_eq!(key_management, Value::Bool(true), "secrets lie encrypted under a key of KMS: {name}");
    }
}

#[test]
fn the_gateway_knows_the_routes_with_a_throttle_of_their_own_and_sends_all_others_to_the_function() {
    type Ports = (MemoryTables, MemoryQueue, ScriptedSender, InProcessScripts, ManualClock);
    let throttled: Vec<_> = hookrail_api::routes::list::<Ports>()
        .into_iter()
        .filter_map(|route| Some((format!("{} {}", route.method, route.path), route.throttle?)))
        .collect();
    assert!(!throttled.is_empty());
    let stage = at(&template(), &["Resources", "HttpApiStage"]);
    let settings = at(&stage, &["Properties", "RouteSettings"]);
    assert_eq!(settings.as_mapping().unwrap().len(), throttled.len());
    for (key, Throttle { per_second, burst }) in &throttled {
        let limit = |field: &str| number(&settings, &[key.as_str(), field]);
        let limits = [limit("ThrottlingRateLimit"), limit("ThrottlingBurstLimit")];
        assert_eq!(limits, [*per_second, *burst].map(u64::from), "{key}");
    }

    let key = |route: &Value| at(route, &["Properties", "RouteKey"]).as_str().unwrap().to_owned();
    let named: BTreeMap<_, _> = resources("AWS::ApiGatewayV2::Route")
        .iter()
        .map(|(name, route)| (key(route), name.clone()))
        .collect();
    let keys = throttled.into_iter().map(|(key, _)| key);
    assert_eq!(named.keys().cloned().collect::<BTreeSet<_>>(), keys.chain(["$default".to_owned()]).collect());
    // Settings of a route that does not exist yet are refused.
    let first = at(&stage, &["DependsOn"]);
    let first = first.as_sequence().unwrap().iter().map(|name| name.as_str().unwrap());
    let with_settings = named.iter().filter(|(key, _)| *key != "$default").map(|(_, name)| name.as_str());
    assert_eq!(first.collect::<BTreeSet<_>>(), with_settings.collect());
}
