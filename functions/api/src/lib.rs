//! The HTTP API and the panel: webhooks, their logs, events and companies.
//!
//! Handlers extract, authorise, call and render. Which company a call is about follows from its token alone; an id of
//! another company does not exist here.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use hookrail_adapters::aws::Clients;
use hookrail_adapters::clock::{Clock, SystemClock};
use hookrail_adapters::config::{ApiConfig, AwsConfig};
use hookrail_adapters::queue::Queue;
use hookrail_adapters::queue::sqs::SqsQueue;
use hookrail_adapters::store::dynamodb::DynamoDbStore;
use hookrail_adapters::store::{ConfigStore, LogStore};

use crate::auth::GrantCache;

pub mod auth;
pub mod request;
pub mod answer;
pub mod error;
pub mod subscriptions;
pub mod logs;
pub mod queue;
pub mod replays;
pub mod events;
pub mod companies;
pub mod panel;

/// Where webhooks are listed and made; one is this path, a slash and its id.
pub const WEBHOOKS_PATH: &str = "/api/v3/webhook/subscription";
/// Where a webhook's log is listed: this path, a slash and its id.
pub const LOGS_PATH: &str = "/api/v3/webhook/subscription/logs";
/// Where events are pushed.
pub const EVENTS_PATH: &str = "/api/v3/event";
/// Where an operator makes companies.
pub const COMPANIES_PATH: &str = "/api/v3/company";
/// Where people look.
pub const PANEL_PATH: &str = "/panel";

/// What every call shares.
pub struct App<S, Q, C> {
    store: S,
    queue: Q,
    clock: C,
    config: ApiConfig,
    grants: GrantCache,
}

impl<S, Q, C> App<S, Q, C> {
    pub fn new((store, queue, clock): (S, Q, C), config: ApiConfig) -> Self {
        Self { store, queue, clock, config, grants: GrantCache::default() }
    }
}

impl<S, Q, C> fmt::Debug for App<S, Q, C> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("App").finish_non_exhaustive()
    }
}

/// Every route. API Gateway's `$default` stage adds nothing to the paths.
pub fn router<S, Q, C>(app: Arc<App<S, Q, C>>) -> Router
where
    S: ConfigStore + LogStore + 'static,
    Q: Queue + 'static,
    C: Clock + 'static,
{
    Router::new()
        .route(WEBHOOKS_PATH, get(subscriptions::list::<S, Q, C>).post(subscriptions::create::<S, Q, C>))
        .route(
            &format!("{WEBHOOKS_PATH}/{{id}}"),
            get(subscriptions::find::<S, Q, C>).patch(subscriptions::change::<S, Q, C>),
        )
        .route(&format!("{LOGS_PATH}/{{id}}"), get(logs::list::<S, Q, C>))
        .route(&format!("{WEBHOOKS_PATH}/{{id}}/queue"), get(queue::view::<S, Q, C>))
        .route(&format!("{WEBHOOKS_PATH}/{{id}}/queue/resume"), post(queue::resume::<S, Q, C>))
        .route(&format!("{WEBHOOKS_PATH}/{{id}}/queue/retry"), post(queue::retry::<S, Q, C>))
        .route(&format!("{WEBHOOKS_PATH}/{{id}}/queue/skip"), post(queue::skip::<S, Q, C>))
        .route(
            &format!("{WEBHOOKS_PATH}/{{id}}/replay"),
            get(replays::view::<S, Q, C>)
                .post(replays::start_range::<S, Q, C>)
                .delete(replays::cancel::<S, Q, C>),
        )
        .route(&format!("{LOGS_PATH}/{{id}}/{{row}}/redeliver"), post(replays::redeliver::<S, Q, C>))
        .route(EVENTS_PATH, post(events::push::<S, Q, C>))
        .route(COMPANIES_PATH, post(companies::create::<S, Q, C>))
        .route(PANEL_PATH, get(panel::index))
        .route(&format!("{PANEL_PATH}/"), get(panel::index))
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(from_fn(request::refuse_foreign_origin))
        .layer(from_fn(answer::finish))
        .with_state(app)
}

/// Serves the API on Lambda until the sandbox ends.
#[expect(clippy::future_not_send, reason = "lambda_http's own; it is awaited where the process began")]
pub async fn run(config: ApiConfig, aws: AwsConfig) -> Result<(), lambda_http::Error> {
    let clients = Clients::new(aws);
    let (config_table, log_table) = (config.config_table.clone(), config.log_table.clone());
    let store = DynamoDbStore::new(clients.dynamodb(), config_table, log_table);
    let queue = SqsQueue::new(clients.sqs());
    lambda_http::run(router(Arc::new(App::new((store, queue, SystemClock), config)))).await
}
