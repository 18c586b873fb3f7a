//! Every route: where it is, who may call it, what the audit log says of it, and who answers.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodFilter, MethodRouter, on};
use hookrail_domain::audit::AuditAction;
use hookrail_domain::token::Scope;
use http::Method;

use crate::auth::Access;
use crate::{
    App, Ports, answer, audit, auth, bulk, companies, error, events, idempotency, logs, openapi, panel,
    platform, queue, rejected, replays, request, secrets, subscriptions, test_sends, tokens, triggers,
};

/// Where webhooks are listed and made; one is this path, a slash and its id.
pub const WEBHOOKS_PATH: &str = "/api/v3/webhook/subscription";
/// Where a webhook's log is listed: this path, a slash and its id.
pub const LOGS_PATH: &str = "/api/v3/webhook/subscription/logs";
/// What webhooks can be made for.
pub const TRIGGERS_PATH: &str = "/api/v3/trigger";
/// Where a URL is tested that no webhook has yet.
pub const TEST_PATH: &str = "/api/v3/webhook/test";
/// Where events are pushed.
pub const EVENTS_PATH: &str = "/api/v3/event";
/// Where what is no event is kept.
pub const REJECTED_PATH: &str = "/api/v3/event/rejected";
/// Where an operator makes companies.
pub const COMPANIES_PATH: &str = "/api/v3/company";
/// Where tokens are listed and made; one is this path, a slash and its id.
pub const TOKENS_PATH: &str = "/api/v3/token";
/// Where links into the panel are made.
pub const LINKS_PATH: &str = "/api/v3/panel/link";
/// Where such a link's code is exchanged for a session.
pub const SESSION_PATH: &str = "/api/v3/panel/session";
/// Who did what.
pub const AUDIT_PATH: &str = "/api/v3/audit";
/// The API described for programs, and for people.
pub const OPENAPI_PATH: &str = "/api/v3/openapi.json";
pub const REFERENCE_PATH: &str = "/api/v3/reference";
/// Where people look.
pub const PANEL_PATH: &str = "/panel";

/// One route, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub method: Method,
    /// With its parameters in braces.
    pub path: String,
    pub access: Access,
    /// What the audit log calls it; none for what only reads, and for the traffic of events.
    pub action: Option<AuditAction>,
}

/// Lists routes and builds the router from the same list.
pub struct Routes<P: Ports> {
    app: Arc<App<P>>,
    router: Router<Arc<App<P>>>,
    listed: Vec<Route>,
}

impl<P: Ports> fmt::Debug for Routes<P> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(&self.listed).finish()
    }
}

impl<P: Ports> Routes<P> {
    /// Every route there is.
    #[must_use]
    pub fn new(app: &Arc<App<P>>) -> Self {
        let empty = Self { app: Arc::clone(app), router: Router::new(), listed: Vec::new() };
        empty.webhooks().lines().access().panel().platform().platform_jobs().platform_meta()
    }

    /// The routes, in the order they were listed.
    #[must_use]
    pub fn listed(&self) -> &[Route] {
        &self.listed
    }

    fn webhooks(self) -> Self {
        let one = format!("{WEBHOOKS_PATH}/{{id}}");
        let (read, write) = (Access::Company(Scope::WebhooksRead), Access::Company(Scope::WebhooksWrite));
        self.get(WEBHOOKS_PATH, read, subscriptions::list::<P>)
            .add_once(
                (Method::POST, WEBHOOKS_PATH),
                write,
                AuditAction::WebhookCreate,
                subscriptions::create::<P>,
            )
            .get(&one, read, subscriptions::find::<P>)
            .add((Method::PATCH, &one), write, Some(AuditAction::WebhookChange), subscriptions::change::<P>)
            .add(
                (Method::GET, &format!("{one}/secret")),
                Access::Company(Scope::SecretsRead),
                Some(AuditAction::SecretReveal),
                secrets::reveal::<P>,
            )
            .post((&format!("{one}/secret/rotate"), write), AuditAction::SecretRotate, secrets::rotate::<P>)
            .post((&format!("{one}/secret/expire"), write), AuditAction::SecretExpire, secrets::expire::<P>)
            .post(
                (&format!("{one}/test"), Access::Company(Scope::DeliveriesWrite)),
                AuditAction::WebhookTest,
                test_sends::send::<P>,
            )
            .get(&format!("{one}/test"), Access::Company(Scope::LogsRead), test_sends::list::<P>)
            .post((TEST_PATH, write), AuditAction::WebhookTest, test_sends::send_bare::<P>)
            .get(&format!("{LOGS_PATH}/{{id}}"), Access::Company(Scope::LogsRead), logs::list::<P>)
            .get(&format!("{LOGS_PATH}/{{id}}/{{row}}"), Access::Company(Scope::LogsRead), logs::find::<P>)
            .get(TRIGGERS_PATH, read, triggers::list)
            // Its handler writes down what is done to each webhook.
            .add((Method::POST, &format!("{WEBHOOKS_PATH}/bulk")), write, None, bulk::change::<P>)
            .add(
                (Method::POST, EVENTS_PATH),
                Access::CompanyOrOperator(Scope::EventsWrite),
                None,
                events::push::<P>,
            )
            .get(&format!("{EVENTS_PATH}/{{id}}"), Access::Company(Scope::LogsRead), events::find::<P>)
            .get(REJECTED_PATH, Access::CompanyOrOperator(Scope::LogsRead), rejected::list::<P>)
            .get(
                &format!("{REJECTED_PATH}/{{id}}"),
                Access::CompanyOrOperator(Scope::LogsRead),
                rejected::find::<P>,
            )
            .add(
                (Method::POST, &format!("{REJECTED_PATH}/{{id}}/push")),
                Access::CompanyOrOperator(Scope::EventsWrite),
                None,
                rejected::push::<P>,
            )
    }

    fn lines(self) -> Self {
        let line = format!("{WEBHOOKS_PATH}/{{id}}/queue");
        let replay = format!("{WEBHOOKS_PATH}/{{id}}/replay");
        let redeliver = format!("{LOGS_PATH}/{{id}}/{{row}}/redeliver");
        let (read, act) = (Access::Company(Scope::LogsRead), Access::Company(Scope::DeliveriesWrite));
        self.get(&line, read, queue::view::<P>)
            .post((&format!("{line}/resume"), act), AuditAction::QueueResume, queue::resume::<P>)
            .post((&format!("{line}/retry"), act), AuditAction::QueueRetry, queue::retry::<P>)
            .post((&format!("{line}/skip"), act), AuditAction::QueueSkip, queue::skip::<P>)
            .get(&replay, read, replays::view::<P>)
            .post((&replay, act), AuditAction::ReplayStart, replays::start_range::<P>)
            .add((Method::DELETE, &replay), act, Some(AuditAction::ReplayCancel), replays::cancel::<P>)
            .post((&redeliver, act), AuditAction::EventRedeliver, replays::redeliver::<P>)
    }

    fn access(self) -> Self {
        let one = format!("{TOKENS_PATH}/{{id}}");
        let write = Access::CompanyOrOperator(Scope::TokensWrite);
        self.post((COMPANIES_PATH, Access::Operator), AuditAction::CompanyCreate, companies::create::<P>)
            .get(TOKENS_PATH, write, tokens::list::<P>)
            .post((TOKENS_PATH, write), AuditAction::TokenCreate, tokens::create::<P>)
            .get(&format!("{TOKENS_PATH}/self"), Access::AnyToken, tokens::own::<P>)
            .add((Method::DELETE, &one), write, Some(AuditAction::TokenRevoke), tokens::revoke::<P>)
            .get(AUDIT_PATH, Access::CompanyOrOperator(Scope::LogsRead), audit::list::<P>)
    }

    fn panel(self) -> Self {
        let write = Access::CompanyOrOperator(Scope::TokensWrite);
        self.post((LINKS_PATH, write), AuditAction::LinkCreate, panel::create_link::<P>)
            .add((Method::POST, SESSION_PATH), Access::Anyone, None, panel::start_session::<P>)
            .add(
                (Method::DELETE, SESSION_PATH),
                Access::AnyToken,
                Some(AuditAction::SessionEnd),
                panel::end_session::<P>,
            )
            .get(OPENAPI_PATH, Access::Anyone, openapi::json::<P>)
            .get(REFERENCE_PATH, Access::Anyone, openapi::page::<P>)
            .get(PANEL_PATH, Access::Anyone, panel::files::index)
            .get(&format!("{PANEL_PATH}/"), Access::Anyone, panel::files::index)
            .get(&format!("{PANEL_PATH}/{{*file}}"), Access::Anyone, panel::files::file)
    }

    /// The second face: a space is the token's company, and a webhook is known by its name.
    fn platform(self) -> Self {
        let (read, write) = (Access::Company(Scope::WebhooksRead), Access::Company(Scope::WebhooksWrite));
        let kapp = format!("{}/{{kappSlug}}/webhooks", platform::KAPPS_PATH);
        [platform::NAMED_PATH, &kapp].into_iter().fold(self, |routes, all| {
            let one = format!("{all}/{{name}}");
            routes
                .get(all, read, platform::webhooks::list::<P>)
                .post((all, write), AuditAction::WebhookCreate, platform::webhooks::create::<P>)
                .get(&one, read, platform::webhooks::find::<P>)
                .add(
                    (Method::PUT, &one),
                    write,
                    Some(AuditAction::WebhookChange),
                    platform::webhooks::change::<P>,
                )
                .add(
                    (Method::DELETE, &one),
                    write,
                    Some(AuditAction::WebhookDelete),
                    platform::webhooks::delete::<P>,
                )
        })
    }

    fn platform_jobs(self) -> Self {
        let (read, act) = (Access::Company(Scope::LogsRead), Access::Company(Scope::DeliveriesWrite));
        // Who posts a job says where it goes and what it signs.
        let write = Access::Company(Scope::WebhooksWrite);
        let kapp = format!("{}/{{kappSlug}}/webhookJobs", platform::KAPPS_PATH);
        [platform::JOBS_PATH, &kapp].into_iter().fold(self, |routes, all| {
            let one = format!("{all}/{{id}}");
            routes
                .get(all, read, platform::jobs::list::<P>)
                .add_once((Method::POST, all), write, AuditAction::JobCreate, platform::posted::create::<P>)
                .get(&one, read, platform::jobs::find::<P>)
                .add((Method::PUT, &one), act, Some(AuditAction::JobChange), platform::jobs::change::<P>)
                .add((Method::DELETE, &one), act, Some(AuditAction::JobDelete), platform::jobs::delete::<P>)
        })
    }

    fn platform_meta(self) -> Self {
        let meta = |tail: &str| format!("{}/{tail}", platform::META_PATH);
        let (read, write) = (Access::Company(Scope::WebhooksRead), Access::Company(Scope::WebhooksWrite));
        self.get(&meta("types/{scope}"), read, platform::meta::types)
            .get(&meta("events/{scope}"), read, platform::meta::events)
            .get(&meta("events/{scope}/{type}"), read, platform::meta::events_of)
            .get(&meta("catalogue"), read, platform::meta::catalogue)
            // Nothing is done to anything, so there is nothing to write down.
            .add((Method::POST, &meta("try")), write, None, platform::trial::run::<P>)
    }

    fn get<H, T>(self, path: &str, access: Access, handler: H) -> Self
    where
        H: Handler<T, Arc<App<P>>>,
        T: 'static,
    {
        self.add((Method::GET, path), access, None, handler)
    }

    fn post<H, T>(self, (path, access): (&str, Access), action: AuditAction, handler: H) -> Self
    where
        H: Handler<T, Arc<App<P>>>,
        T: 'static,
    {
        self.add((Method::POST, path), access, Some(action), handler)
    }

    /// Adds a route. Who may call it is checked first, then its action is written down, then it is done.
    fn add<H, T>(
        self,
        (method, path): (Method, &str),
        access: Access,
        action: Option<AuditAction>,
        handler: H,
    ) -> Self
    where
        H: Handler<T, Arc<App<P>>>,
        T: 'static,
    {
        let route = self.recorded(on(filter(&method), handler), action);
        self.admitting((method, path), access, action, route)
    }

    /// Adds a route whose call is done once for each `Idempotency-Key`, and its action written down once.
    fn add_once<H, T>(
        self,
        (method, path): (Method, &str),
        access: Access,
        action: AuditAction,
        handler: H,
    ) -> Self
    where
        H: Handler<T, Arc<App<P>>>,
        T: 'static,
    {
        let route = self.recorded(on(filter(&method), handler), Some(action));
        let once = from_fn_with_state(Arc::clone(&self.app), idempotency::make_once::<P>);
        self.admitting((method, path), access, Some(action), route.route_layer(once))
    }

    fn recorded(
        &self,
        route: MethodRouter<Arc<App<P>>>,
        action: Option<AuditAction>,
    ) -> MethodRouter<Arc<App<P>>> {
        let Some(action) = action else { return route };
        route.route_layer(from_fn_with_state((Arc::clone(&self.app), action), audit::record::<P>))
    }

    fn admitting(
        mut self,
        (method, path): (Method, &str),
        access: Access,
        action: Option<AuditAction>,
        mut route: MethodRouter<Arc<App<P>>>,
    ) -> Self {
        if access != Access::Anyone {
            let state = (Arc::clone(&self.app), access);
            route = route.route_layer(from_fn_with_state(state, auth::admit::<P>));
        }
        // A name may hold slashes, and whoever stands before us may have decoded them.
        self.router = self.router.route(&path.replace("{name}", "{*name}"), route);
        self.listed.push(Route { method, path: path.to_owned(), access, action });
        self
    }
}

fn filter(method: &Method) -> MethodFilter {
    match *method {
        Method::POST => MethodFilter::POST,
        Method::PATCH => MethodFilter::PATCH,
        Method::PUT => MethodFilter::PUT,
        Method::DELETE => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    }
}

/// The whole API. API Gateway's `$default` stage adds nothing to the paths.
pub fn router<P: Ports>(app: &Arc<App<P>>) -> Router {
    Routes::new(app)
        .router
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(from_fn(request::refuse_foreign_origin))
        .layer(from_fn(request::refuse_large_head))
        .layer(from_fn(platform::refusals::shape))
        .layer(from_fn(answer::finish))
        .with_state(Arc::clone(app))
}
