//! Every route: the resources' own lists together, and the router that is built from them.

use std::sync::Arc;

use axum::middleware::{from_fn, from_fn_with_state};
use axum::{Extension, Router};

use crate::auth::Access;
use crate::openapi::Description;
use crate::route::{Route, Served};
use crate::{
    App, Ports, answer, audit, auth, bulk, companies, error, events, idempotency, logs, openapi, panel,
    platform, queue, rejected, replays, request, secrets, test_sends, tokens, triggers, webhooks,
};

/// Every route with its handler.
fn served<P: Ports>() -> Vec<Served<P>> {
    let resources = [
        webhooks::routes(),
        bulk::routes(),
        triggers::routes(),
        secrets::routes(),
        test_sends::routes(),
        logs::routes(),
        queue::routes(),
        replays::routes(),
        events::routes(),
        rejected::routes(),
        companies::routes(),
        tokens::routes(),
        audit::routes(),
        panel::routes(),
        panel::files::routes(),
        platform::webhooks::routes(),
        platform::jobs::routes(),
        platform::posted::routes(),
        platform::meta::routes(),
        platform::trial::routes(),
        openapi::routes(),
    ];
    resources.into_iter().flatten().collect()
}

/// Every route.
#[must_use]
pub fn list<P: Ports>() -> Vec<Route> {
    served::<P>().into_iter().map(|(route, _)| route).collect()
}

/// The whole API. API Gateway's `$default` stage adds nothing to the paths.
pub fn router<P: Ports>(app: &Arc<App<P>>) -> Router {
    let served = served::<P>();
    let routes = served.iter().map(|(route, _)| route.clone()).collect();
    let router = served.into_iter().fold(Router::new(), |router, served| add(router, app, served));
    router
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(Extension(Arc::new(Description::new(routes))))
        .layer(from_fn(request::refuse_foreign_origin))
        .layer(from_fn(request::refuse_large_head))
        .layer(from_fn(platform::refusals::shape))
        .layer(from_fn(answer::finish))
        .with_state(Arc::clone(app))
}

/// Adds a route. Its caller is checked first, then whether the call is a repeat; then its action is written down and
/// done.
fn add<P: Ports>(
    router: Router<Arc<App<P>>>,
    app: &Arc<App<P>>,
    (route, mut handler): Served<P>,
) -> Router<Arc<App<P>>> {
    if let Some(action) = route.action {
        handler = handler.route_layer(from_fn_with_state((Arc::clone(app), action), audit::record::<P>));
    }
    if route.is_once {
        handler = handler.route_layer(from_fn_with_state(Arc::clone(app), idempotency::make_once::<P>));
    }
    if route.access != Access::Anyone {
        if let Some(known) = route.query_names() {
            handler = handler.route_layer(from_fn_with_state(known, request::refuse_unknown_query));
        }
        handler = handler.route_layer(from_fn_with_state((Arc::clone(app), route.access), auth::admit::<P>));
    }
    // A name may hold slashes, and a gateway may have decoded them.
    router.route(&route.path.replace("{name}", "{*name}"), handler)
}
