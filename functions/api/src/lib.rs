//! The HTTP API and the panel: webhooks, their logs, events, companies, tokens.
//!
//! The access to a route is stated in the list of routes, and checked before its handler runs.
//! The company of a call follows from its token alone; an id of another company does not exist here.

use std::fmt;
use std::sync::Arc;

use axum::middleware::map_response;
use axum::response::Response;
use hookrail_adapters::aws::Clients;
use hookrail_adapters::clock::SystemClock;
use hookrail_adapters::config::{ApiConfig, AwsConfig};
use hookrail_adapters::issuer::HttpIssuer;
use hookrail_adapters::metrics;
use hookrail_adapters::queue::sqs::SqsQueue;
use hookrail_adapters::scripts::Scripts;
use hookrail_adapters::scripts::child::ChildScripts;
use hookrail_adapters::sender::http::HttpSender;
use hookrail_adapters::store::dynamodb::DynamoDbStore;
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::queue::Queue;
use hookrail_pipeline::sender::Sender;
use hookrail_pipeline::store::access::AccessStore;
use hookrail_pipeline::store::listing::ListStore;
use hookrail_pipeline::store::platform::NamedStore;
use hookrail_pipeline::store::rejected::RejectedStore;
use hookrail_pipeline::store::{ConfigStore, LogStore};

use crate::auth::TokenCache;
use crate::ingest::QueueLengths;
use crate::jwt::Jwts;

pub mod route;
pub mod routes;
pub mod auth;
pub mod jwt;
pub mod audit;
pub mod request;
pub mod answer;
pub mod page_builder;
pub mod idempotency;
pub mod error;
pub mod webhooks;
pub mod bulk;
pub mod triggers;
pub mod secrets;
pub mod test_sends;
pub mod logs;
pub mod queue;
pub mod replays;
pub mod events;
mod ingest;
pub mod rejected;
pub mod companies;
pub mod tokens;
pub mod panel;
pub mod platform;
pub mod openapi;

pub use audit::AUDIT_PATH;
pub use companies::COMPANIES_PATH;
pub use events::EVENTS_PATH;
pub use logs::LOGS_PATH;
pub use openapi::{OPENAPI_PATH, REFERENCE_PATH};
pub use panel::{LINKS_PATH, PANEL_PATH, SESSION_PATH};
pub use platform::{JOBS_PATH, KAPPS_PATH, META_PATH, NAMED_PATH};
pub use rejected::REJECTED_PATH;
pub use routes::router;
pub use test_sends::TEST_PATH;
pub use tokens::TOKENS_PATH;
pub use triggers::TRIGGERS_PATH;
pub use webhooks::WEBHOOKS_PATH;

/// The ports of the API. One type, so that handlers name one parameter instead of five.
pub trait Ports: Send + Sync + 'static {
    type Store: ConfigStore + LogStore + AccessStore + ListStore + NamedStore + RejectedStore;
    type Queue: Queue;
    type Sender: Sender;
    type Scripts: Scripts;
    type Clock: Clock;
}

impl<S, Q, H, E, C> Ports for (S, Q, H, E, C)
where
    S: ConfigStore + LogStore + AccessStore + ListStore + NamedStore + RejectedStore + 'static,
    Q: Queue + 'static,
    H: Sender + 'static,
    E: Scripts + 'static,
    C: Clock + 'static,
{
    type Store = S;
    type Queue = Q;
    type Sender = H;
    type Scripts = E;
    type Clock = C;
}

/// The state that every call shares.
pub struct App<P: Ports> {
    store: P::Store,
    queue: P::Queue,
    sender: P::Sender,
    scripts: P::Scripts,
    clock: P::Clock,
    config: ApiConfig,
    tokens: TokenCache,
    queue_lengths: QueueLengths,
    jwts: Option<Jwts>,
}

impl<S, Q, H, E, C> App<(S, Q, H, E, C)>
where
    (S, Q, H, E, C): Ports<Store = S, Queue = Q, Sender = H, Scripts = E, Clock = C>,
{
    pub fn new((store, queue, sender, scripts, clock): (S, Q, H, E, C), config: ApiConfig) -> Self {
        let (tokens, queue_lengths) = (TokenCache::default(), QueueLengths::default());
        Self { store, queue, sender, scripts, clock, config, tokens, queue_lengths, jwts: None }
    }

    /// Also believes the tokens of an identity provider.
    #[must_use]
    pub fn with_jwts(self, jwts: Option<Jwts>) -> Self {
        Self { jwts, ..self }
    }
}

impl<P: Ports> fmt::Debug for App<P> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("App").finish_non_exhaustive()
    }
}

/// Serves the API on Lambda until the sandbox ends.
#[expect(clippy::future_not_send, reason = "lambda_http's own; it is awaited where the process began")]
pub async fn run(config: ApiConfig, aws: AwsConfig) -> Result<(), lambda_http::Error> {
    let clients = Clients::new(aws);
    let (config_table, log_table) = (config.config_table.clone(), config.log_table.clone());
    let store = DynamoDbStore::new(clients.dynamodb(), config_table, log_table);
    let queue = SqsQueue::new(clients.sqs());
    let sender = HttpSender::new(config.targets.clone())?;
    let jwts = match config.jwt.clone() {
        Some(jwt) => Some(Jwts::new(jwt.clone(), Box::new(HttpIssuer::new(&jwt.issuer)?))),
        None => None,
    };
    let scripts = ChildScripts::of_this_executable()?;
    let app = App::new((store, queue, sender, scripts, SystemClock), config).with_jwts(jwts);
    let router = router(&Arc::new(app)).layer(map_response(async |response: Response| {
        metrics::write(SystemClock.now());
        response
    }));
    lambda_http::run(router).await
}
