//! Webhooks on the platform's records: list, create, find, change, rename and delete them, by name.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use hookrail_adapters::clock::Clock;
use hookrail_adapters::random;
use hookrail_adapters::store::platform::{NamedStore, Renaming};
use hookrail_adapters::store::{ConfigStore, Replacement, Replacing, SubscriptionCreation};
use hookrail_domain::audit::Finding;
use hookrail_domain::intervention::Waiting;
use hookrail_domain::limits::CONFIG_BYTES_MAX;
use hookrail_domain::platform::webhook::Stamp;
use hookrail_domain::secrets::{InvalidRotation, Secrets};
use hookrail_domain::subscription::Subscription;
use hookrail_wire::platform_auth::KeyChange;
use hookrail_wire::platform_webhook::{self, Changed, Detail, WebhookListing};
use hookrail_wire::problem::FieldProblem;
use http::StatusCode;

use super::place::{Place, Target};
use crate::audit::{Told, telling};
use crate::auth::{Caller, Tenant};
use crate::error::{ApiError, Bug};
use crate::queue::conflict;
use crate::request::{JsonBody, no_such_webhook};
use crate::subscriptions::{action_of, full, no_such_company};
use crate::{App, Ports, answer};

/// Bytes of one answer's webhooks: what API Gateway hands back of a function's answer (6 MB), as it is escaped.
const LIST_BYTES_MAX: usize = 2 * 1024 * 1024;
/// What programs are told of a name that is taken.
const NOT_UNIQUE: &str = "uniqueness_violation";
const LOST: &str = "the webhook was changed meanwhile; try again";

/// `GET …/webhooks`: by name, those of each kapp behind those of the space.
pub async fn list<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    place: Place,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let listing = WebhookListing::parse(&query)?;
    let webhooks = listing.choose(app.store.list_subscriptions(tenant.company()).await?, &place.scope);
    let document = platform_webhook::render_list(&webhooks, place.detail, LIST_BYTES_MAX);
    Ok(answer::json(StatusCode::OK, document))
}

/// `POST …/webhooks`
pub async fn create<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    caller: Caller,
    place: Place,
    JsonBody(body): JsonBody<CONFIG_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let new = platform_webhook::parse_new(&body, place.scope.kind())?;
    let secrets = new.secrets(random::signing_secret()?);
    let id = random::subscription_id(app.clock.now())?;
    let home = (tenant.company().clone(), place.scope);
    let webhook = new.into_subscription(id, home, &secrets, app.stamp(&caller));
    if let Some(platform) = webhook.platform() {
        app.check_scripts(platform, None).await?;
    }
    match app.store.create_subscription(&webhook, &secrets).await? {
        SubscriptionCreation::Made => Ok(shown(&webhook, place.detail, Finding::default())),
        SubscriptionCreation::CodeTaken => Err(name_taken()),
        SubscriptionCreation::Full => Err(full()),
        SubscriptionCreation::NoSuchCompany => Err(no_such_company()),
    }
}

/// `GET …/webhooks/{name}`
pub async fn find<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    target: Target,
) -> Result<Response, ApiError> {
    let webhook = app.find_target(&tenant, &target).await?;
    Ok(answer::json(StatusCode::OK, platform_webhook::render(&webhook, target.place.detail)))
}

/// `PUT …/webhooks/{name}`: what the body does not name stays.
pub async fn change<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    caller: Caller,
    target: Target,
    JsonBody(body): JsonBody<CONFIG_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let current = app.find_target(&tenant, &target).await?;
    let patch = platform_webhook::parse_patch(&body, target.place.scope.kind())?;
    let fields = patch.fields.clone();
    let Changed { mut webhook, key } = patch.apply(&current, app.stamp(&caller))?;
    if let Some(platform) = webhook.platform() {
        app.check_scripts(platform, current.platform()).await?;
    }
    let secrets = app.rekeyed(&current, key).await?;
    if let Some(secrets) = &secrets {
        webhook.credentials = secrets.credentials(webhook.version);
    }
    let replacing = Replacing { subscription: &webhook, secrets: secrets.as_ref() };
    match app.write_change((&tenant.line(current.id), &current), replacing, Waiting::Keep).await? {
        Renaming::Done => {
            let finding = Finding { action: action_of(&current, &webhook), subject: None, fields };
            Ok(shown(&webhook, target.place.detail, finding))
        }
        Renaming::NameTaken => Err(name_taken()),
        Renaming::Lost => Err(conflict(LOST)),
    }
}

/// `DELETE …/webhooks/{name}`: answers what was deleted.
pub async fn delete<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    target: Target,
) -> Result<Response, ApiError> {
    let webhook = app.find_target(&tenant, &target).await?;
    // First nothing more is kept for it: what is set aside ends, whoever is interrupted here.
    let version = webhook.version + 1;
    let dropped = Subscription { is_active: false, version, ..webhook.clone() };
    let step = app.replace((&webhook, (&dropped).into()), Waiting::Drop).await?;
    if step == Replacement::Lost {
        return Err(conflict(LOST));
    }
    match app.store.delete(&dropped).await? {
        Replacement::Done => Ok(shown(&webhook, target.place.detail, Finding::default())),
        Replacement::Lost => Err(conflict(LOST)),
    }
}

/// The webhook to its caller, and its id to the audit log: names change.
fn shown(webhook: &Subscription, detail: Detail, finding: Finding) -> Response {
    let document = answer::json(StatusCode::OK, platform_webhook::render(webhook, detail));
    let finding = Finding { subject: Some(webhook.id.to_string()), ..finding };
    telling(document, Told { finding, log: None })
}

fn name_taken() -> ApiError {
    ApiError::from(FieldProblem::new("name", "is taken by another webhook of the space or kapp"))
        .with_key(NOT_UNIQUE)
}

impl<P: Ports> App<P> {
    async fn find_target(&self, tenant: &Tenant, target: &Target) -> Result<Subscription, ApiError> {
        let found = self.store.find_named(tenant.company(), &target.place.scope, &target.name).await?;
        found.filter(|webhook| !webhook.is_implicit()).ok_or_else(no_such_webhook)
    }

    pub(super) fn stamp(&self, caller: &Caller) -> Stamp {
        Stamp { at: self.clock.now(), by: caller.name.as_str().to_owned() }
    }

    /// The webhook's secrets after its key changes, if it does. The key before it signs no more: who brings their own
    /// has told its receiver already.
    async fn rekeyed(&self, current: &Subscription, key: KeyChange) -> Result<Option<Secrets>, ApiError> {
        let new = match key {
            KeyChange::Keep => return Ok(None),
            KeyChange::Fresh => random::signing_secret()?,
            KeyChange::To(brought) => brought,
        };
        let secrets = self.store.find_secrets(&current.company, current.id).await?;
        let secrets = secrets.ok_or_else(|| ApiError::failed(Bug("a webhook has no secrets")))?;
        match secrets.without_retired().rotated(new, 0, self.clock.now()) {
            Ok(rotated) => Ok(Some(rotated)),
            Err(InvalidRotation::Same) => Ok(None),
            Err(error @ (InvalidRotation::Overlap | InvalidRotation::TooMany)) => {
                Err(ApiError::failed(error))
            }
        }
    }
}
