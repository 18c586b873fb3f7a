//! The local stack: data, tables and queues, functions, mappings, gateway.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hookrail_adapters::aws::Clients;
use hookrail_adapters::clock::SystemClock;
use hookrail_adapters::config::{self, AwsConfig};
use hookrail_adapters::random;
use hookrail_adapters::store::dynamodb::DynamoDbStore;
use hookrail_domain::id::{CompanyId, hex};
use hookrail_domain::token::{Grant, Token, TokenHash};
use hookrail_fifo::mapping::{GroupLock, Mapping, MappingSettings};
use hookrail_fifo::queues::Queues;
use hookrail_pipeline::clock::Clock as _;
use hookrail_pipeline::store::{ConfigStore, StoreError};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::data::{DataError, DataFolder};
use super::function::Function;
use super::options::DevOptions;
use super::ready::{self, Pids, Ready};
use super::resources::{self, Resources};
use super::sandbox::{InvokeError, Program};
use super::sqs::SharedQueues;
use super::sqs::journal::{self, JournalError};
use super::{gateway, mapping, remote, schedule, sqs, tables};

/// The company of the published samples, so that they can be pushed unchanged.
pub const COMPANY: &str = "625bcbdcc9a8e3a86dbf041c";
const REGION: &str = "us-east-1";
const LOCAL_KEY: &str = "local";

/// A local stack that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    #[error("{what}")]
    Io { what: String, source: std::io::Error },
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(
        "the embedded tables{file} cannot be opened. If the file is damaged, restore it or give another --data"
    )]
    Tables { file: String, source: dynoxide::DynoxideError },
    #[error("{file} is damaged. Restore it, or give another folder with --data")]
    Credentials { file: String, source: serde_json::Error },
    #[error("{what} could not be created")]
    Resource { what: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the company could not be created")]
    Company(#[from] StoreError),
    #[error("random bytes are not available")]
    Random(#[from] random::NoRandomness),
    #[error("a function could not be started")]
    Function(#[from] InvokeError),
}

fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> DevError {
    let what = what.into();
    move |source| DevError::Io { what, source }
}

/// The company and the tokens, kept with `--data`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credentials {
    company: String,
    token: String,
    operator_token: String,
}

/// The addresses of the AWS services of the stack.
#[derive(Debug, Clone)]
struct Endpoints {
    sqs: String,
    dynamodb: String,
    /// None if the queues are external.
    queues: Option<SharedQueues>,
}

/// The running stack. Everything ends when it is dropped.
#[derive(Debug)]
pub struct Stack {
    pub ready: Ready,
    functions: Functions,
    changed: Arc<Notify>,
    _tasks: tokio::task::JoinSet<()>,
    /// Last, so that the lock outlives everything that writes.
    _data: Option<DataFolder>,
}

/// The ports of a stack, taken before anything of its data is read.
#[derive(Debug)]
struct Ports {
    gateway: TcpListener,
    tables: TcpListener,
    queues: TcpListener,
}

impl Ports {
    async fn bind(options: &DevOptions) -> Result<Self, DevError> {
        let bind = async |port| {
            TcpListener::bind(("127.0.0.1", port)).await.map_err(io(match port {
                0 => "no free port".to_owned(),
                port => format!("port {port} cannot be used; stop what uses it, or give another with --port"),
            }))
        };
        Ok(Self { gateway: bind(options.port).await?, tables: bind(0).await?, queues: bind(0).await? })
    }
}

fn url_of(listener: &TcpListener) -> Result<String, DevError> {
    listener.local_addr().map(|address| format!("http://{address}")).map_err(io("a port has no address"))
}

#[derive(Debug, Clone)]
struct Functions {
    api: Arc<Function>,
    fan_out: Arc<Function>,
    deliver: Arc<Function>,
    recover: Arc<Function>,
}

impl Functions {
    fn pids(&self) -> Pids {
        Pids {
            api: self.api.pids(),
            fan_out: self.fan_out.pids(),
            deliver: self.deliver.pids(),
            recover: self.recover.pids(),
        }
    }
}

impl Stack {
    /// Starts everything, and reports each step.
    pub async fn start(options: &DevOptions, tell: &(impl Fn(&str) + Sync)) -> Result<Self, DevError> {
        let mut tasks = tokio::task::JoinSet::new();
        let data = options.data.as_deref().map(DataFolder::open).transpose()?;
        let Ports { gateway, tables, queues } = Ports::bind(options).await?;
        let credentials = credentials(data.as_ref())?;
        let endpoints = match &options.endpoint {
            Some(url) => Endpoints { sqs: url.clone(), dynamodb: url.clone(), queues: None },
            None => embedded(data.as_ref(), (tables, queues), &mut tasks)?,
        };
        tell("tables and queues");
        let aws = aws_config(&endpoints);
        let clients = Clients::new(aws.clone());
        let resources = resources::create(&clients, options).await?;
        create_company(&clients, &resources, &credentials).await?;

        let changed = Arc::new(Notify::new());
        let functions = functions(options, &aws, (&resources, &credentials), &changed)?;
        for (name, function) in [
            ("api", &functions.api),
            ("fan-out", &functions.fan_out),
            ("deliver", &functions.deliver),
            ("recover", &functions.recover),
        ] {
            tell(&format!("function {name}"));
            function.warm_up().await?;
        }
        map(&mut tasks, options, &clients, (&endpoints, &resources), &functions);
        tasks.spawn(schedule::run(Arc::clone(&functions.recover)));

        let api = url_of(&gateway)?;
        tasks.spawn(gateway::serve(gateway, Arc::clone(&functions.api)));
        let ready = Ready {
            panel: format!("{api}/panel"),
            api,
            token: credentials.token,
            operator_token: credentials.operator_token,
            company: credentials.company,
            sqs: endpoints.sqs,
            dynamodb: endpoints.dynamodb,
            events_queue_url: resources.events_queue_url,
            deliveries_queue_urls: vec![resources.deliveries_queue_url],
            pids: functions.pids(),
        };
        Ok(Self { ready, functions, changed, _tasks: tasks, _data: data })
    }

    /// Ends the functions before the services that they call, so that they log no broken connection.
    pub async fn end(self) {
        let Functions { api, fan_out, deliver, recover } = &self.functions;
        for function in [api, fan_out, deliver, recover] {
            function.stop();
            function.end().await;
        }
    }

    /// Writes the ready file, and again whenever a sandbox starts or ends. Returns only if the first write fails.
    pub async fn keep_ready_file(&self, path: &Path) -> DevError {
        if let Err(error) = self.write_ready_file(path) {
            return io(format!("{} could not be written", path.display()))(error);
        }
        loop {
            self.changed.notified().await;
            // The stack works without it: a disk that is full for a while does not end it.
            if let Err(error) = self.write_ready_file(path) {
                tracing::warn!(%error, file = %path.display(), "the ready file could not be written");
            }
        }
    }

    fn write_ready_file(&self, path: &Path) -> std::io::Result<()> {
        ready::write(path, &Ready { pids: self.functions.pids(), ..self.ready.clone() })
    }
}

fn credentials(data: Option<&DataFolder>) -> Result<Credentials, DevError> {
    let file = data.map(DataFolder::credentials);
    if let Some(file) = &file
        && let Some(text) = read_if_there(file)?
    {
        return serde_json::from_slice(&text).map_err(damaged(file));
    }
    let credentials = Credentials {
        company: COMPANY.to_owned(),
        token: random::token()?,
        operator_token: random::token()?,
    };
    if let Some(file) = file {
        let text = serde_json::to_vec_pretty(&credentials).map_err(damaged(&file))?;
        ready::write_private(&file, &text).map_err(io(format!("{} could not be written", file.display())))?;
    }
    Ok(credentials)
}

fn damaged(file: &Path) -> impl FnOnce(serde_json::Error) -> DevError {
    let file = file.display().to_string();
    move |source| DevError::Credentials { file, source }
}

/// Reads a file. Returns nothing if it does not exist.
fn read_if_there(file: &Path) -> Result<Option<Vec<u8>>, DevError> {
    match std::fs::read(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io(format!("{} could not be read", file.display()))(error)),
    }
}

/// Starts the embedded tables and queues and their fronts.
fn embedded(
    data: Option<&DataFolder>,
    (for_tables, for_queues): (TcpListener, TcpListener),
    tasks: &mut tokio::task::JoinSet<()>,
) -> Result<Endpoints, DevError> {
    let file = data.map(DataFolder::tables);
    let database = tables::open(file.as_deref()).map_err(|source| DevError::Tables {
        file: file.map(|file| format!(" in {}", file.display())).unwrap_or_default(),
        source,
    })?;
    let seed = u64::from_be_bytes(random::bytes()?);
    let mut queues = Queues::new(seed);
    let shared = match data.map(DataFolder::journal) {
        None => SharedQueues::new(queues),
        Some(file) => {
            queues.replay(journal::read(&file)?);
            let failed = io(format!("{} could not be written", file.display()));
            SharedQueues::with_journal(queues, &file).map_err(failed)?
        }
    };
    let endpoints =
        Endpoints { sqs: url_of(&for_queues)?, dynamodb: url_of(&for_tables)?, queues: Some(shared.clone()) };
    tasks.spawn(tables::serve(for_tables, database));
    tasks.spawn(async move {
        if let Err(error) = sqs::serve(for_queues, shared).await {
            tracing::error!(%error, "the queues' front ended");
        }
    });
    Ok(endpoints)
}

fn aws_config(endpoints: &Endpoints) -> AwsConfig {
    AwsConfig {
        region: REGION.to_owned(),
        access_key_id: LOCAL_KEY.to_owned(),
        secret_access_key: LOCAL_KEY.to_owned(),
        session_token: None,
        dynamodb_endpoint: Some(endpoints.dynamodb.clone()),
        sqs_endpoint: Some(endpoints.sqs.clone()),
    }
}

async fn create_company(
    clients: &Clients,
    resources: &Resources,
    credentials: &Credentials,
) -> Result<(), DevError> {
    let store =
        DynamoDbStore::new(clients.dynamodb(), resources.config_table.clone(), resources.log_table.clone());
    let corrupt = |_refused| StoreError::Corrupt { what: "credentials" };
    let company = CompanyId::parse(&credentials.company).map_err(corrupt)?;
    // It exists if an earlier run with the same data created it.
    let grant = Grant::company(company.clone());
    let token = Token::first(TokenHash::of(&credentials.token), grant, SystemClock.now());
    store.create_company(&company, &token).await?;
    Ok(())
}

fn functions(
    options: &DevOptions,
    aws: &AwsConfig,
    (resources, credentials): (&Resources, &Credentials),
    changed: &Arc<Notify>,
) -> Result<Functions, DevError> {
    let executable = std::env::current_exe().map_err(io("the command's own file is not known"))?;
    let environment = environment(options, aws, resources, credentials);
    let run = hex(&random::bytes::<6>()?);
    let concurrency = usize::try_from(options.concurrency).unwrap_or(usize::MAX);
    let function = |name| {
        let program = Program {
            function: name,
            executable: executable.clone(),
            environment: environment.clone(),
            timeout: Duration::from_secs(options.function_timeout),
        };
        Function::new(program, concurrency, &run, Arc::clone(changed))
    };
    Ok(Functions {
        api: function("api"),
        fan_out: function("fan-out"),
        deliver: function("deliver"),
        recover: function("recover"),
    })
}

/// Returns the variables that the template and Lambda give the functions.
fn environment(
    options: &DevOptions,
    aws: &AwsConfig,
    resources: &Resources,
    credentials: &Credentials,
) -> Vec<(String, String)> {
    let operator = TokenHash::of(&credentials.operator_token).to_string();
    let endpoint = |endpoint: &Option<String>| endpoint.clone().unwrap_or_default();
    [
        ("AWS_REGION", aws.region.clone()),
        ("AWS_ACCESS_KEY_ID", aws.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", aws.secret_access_key.clone()),
        ("AWS_ENDPOINT_URL_DYNAMODB", endpoint(&aws.dynamodb_endpoint)),
        ("AWS_ENDPOINT_URL_SQS", endpoint(&aws.sqs_endpoint)),
        ("AWS_LAMBDA_LOG_LEVEL", options.log_level.clone()),
        (config::CONFIG_TABLE, resources.config_table.clone()),
        (config::LOG_TABLE, resources.log_table.clone()),
        (config::EVENTS_QUEUE_URLS, resources.events_queue_url.clone()),
        (config::DELIVERIES_QUEUE_URLS, resources.deliveries_queue_url.clone()),
        (config::EVENTS_DLQ_URL, resources.events_dlq_url.clone()),
        (config::DELIVERIES_DLQ_URL, resources.deliveries_dlq_url.clone()),
        (config::RECOVERY_QUEUE_URL, resources.recovery_queue_url.clone()),
        (config::ATTEMPTS, options.attempts.to_string()),
        (config::RETRY_DELAY_SECONDS, options.retry_delay.to_string()),
        (config::TIMEOUT_SECONDS, options.timeout.to_string()),
        (config::SUSPEND_AFTER, options.suspend_after.to_string()),
        (config::PARK_AFTER_SECONDS, options.park_after.to_string()),
        (config::INGEST_BACKLOG, options.ingest_backlog.to_string()),
        (config::INGEST_RATE, options.ingest_rate.to_string()),
        (config::WORKFLOW_ENGINE_URL, options.workflow_engine.clone().unwrap_or_default()),
        (config::OPERATOR_TOKEN_SHA256, operator),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// Starts the event source mappings of all queues that feed a function.
fn map(
    tasks: &mut tokio::task::JoinSet<()>,
    options: &DevOptions,
    clients: &Clients,
    (endpoints, resources): (&Endpoints, &Resources),
    functions: &Functions,
) {
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    for (url, function) in [
        (&resources.events_queue_url, &functions.fan_out),
        (&resources.deliveries_queue_url, &functions.deliver),
        (&resources.recovery_queue_url, &functions.recover),
        (&resources.deliveries_dlq_url, &functions.recover),
        (&resources.events_dlq_url, &functions.recover),
    ] {
        let settings = MappingSettings {
            batch_size: size(options.batch_size),
            maximum_concurrency: size(options.concurrency),
            group_lock: GroupLock::Queue,
        };
        let queue = url.rsplit('/').next().unwrap_or_default().to_owned();
        match &endpoints.queues {
            Some(queues) => {
                tasks.spawn(mapping::run(queues.clone(), queue, Mapping::new(settings), Arc::clone(function)))
            }
            None => tasks.spawn(remote::run(clients.sqs(), url.clone(), settings, Arc::clone(function))),
        };
    }
}
