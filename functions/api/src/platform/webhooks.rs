//! Platform webhooks: list, create, find, change, rename and delete them, by name.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use hookrail_adapters::random;
use hookrail_domain::audit::{AuditAction, AuditFinding};
use hookrail_domain::commands::Waiting;
use hookrail_domain::limits::CONFIG_BYTES_MAX;
use hookrail_domain::platform::webhook::Stamp;
use hookrail_domain::secrets::{InvalidRotation, Secrets};
use hookrail_domain::token::Scope;
use hookrail_domain::webhook::Webhook;
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::store::platform::{NamedStore, Renaming};
use hookrail_pipeline::store::{ConfigStore, Replacing, WebhookCreation};
use hookrail_wire::platform_auth::KeyChange;
use hookrail_wire::platform_webhook::{self, Changed, Detail, WebhookListing};
use hookrail_wire::problem::FieldProblem;
use http::StatusCode;

use super::KAPPS_PATH;
use super::scope_path::{ScopePath, Target};
use crate::audit::{AuditDetail, with_audit};
use crate::auth::{Access, Caller, Tenant};
use crate::error::{ApiError, Bug};
use crate::openapi::input::Input;
use crate::queue::conflict;
use crate::request::{JsonBody, no_such_webhook};
use crate::route::{self, Route, Served, Shape, Tag, get, post, put, refusal};
use crate::webhooks::{action_of, full, no_such_company};
use crate::{App, Ports, answer};

/// The largest list of webhooks, in bytes of JSON. Lambda responds with 6 MiB at most, in which a byte may take two.
const LIST_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The `errorKey` of a name that is taken.
const NOT_UNIQUE: &str = "uniqueness_violation";
const LOST: &str = "the webhook was changed meanwhile; try again";

/// The path of the webhooks of a space; one webhook is this path, a slash and its name.
pub const NAMED_PATH: &str = "/app/api/v1/webhooks";
const SHOWN: Shape = Shape::One("PlatformWebhookEnvelope");
const LIST_OF_SPACE: &str = "By name, and with `all=true` those of each kapp behind the space's own. All of them, but for what \
     one response has no room for: `nextPageToken` leads to the rest.";
const LIST_OF_KAPP: &str = "By name, all that fit into one response: `nextPageToken` leads to the rest.";

/// The routes of a space's webhooks, and those of a kapp's.
pub fn routes<P: Ports>() -> Vec<Served<P>> {
    let read = Access::Company(Scope::WebhooksRead);
    let of_space =
        get(NAMED_PATH, read).takes([Input::All, Input::Include, Input::PageToken]).described(LIST_OF_SPACE);
    let of_kapp = get(format!("{KAPPS_PATH}/{{kappSlug}}/webhooks"), read)
        .takes([Input::Include, Input::PageToken])
        .described(LIST_OF_KAPP)
        .refuses([refusal::NO_KAPP]);
    [(of_space, "Space", "the space"), (of_kapp, "Kapp", "a kapp")].into_iter().flat_map(routes_of).collect()
}

fn routes_of<P: Ports>((all, id, scope): (Route, &str, &str)) -> [Served<P>; 5] {
    let write = Access::Company(Scope::WebhooksWrite);
    let (path, read) = (all.path.clone(), all.access);
    let one = format!("{path}/{{name}}");
    let titled = |route: Route, verb: &str, summary: &str| {
        route.titled(Tag::Platform, format!("{verb}{id}Webhook"), format!("{summary} of {scope}"))
    };
    [
        all.titled(Tag::Platform, format!("list{id}Webhooks"), format!("List the webhooks of {scope}"))
            .responds(200, "The webhooks, inactive ones included.", Shape::One("PlatformWebhooks"))
            .to(list::<P>),
        titled(post(&path, write), "create", "Make a webhook")
            .described(
                "Filter and URL are parsed, and not run. A URL that begins with a slash continues the operator's \
                 workflow engine; any other must be one that events may be sent to.",
            )
            .takes([Input::Include])
            .needs_body("NewPlatformWebhook")
            .responds(200, "The webhook as it was made.", SHOWN)
            .refuses([refusal::NO_SPACE, (409, "The company has the most webhooks that it may have: delete one.")])
            .audited(AuditAction::WebhookCreate)
            .to(create::<P>),
        titled(get(&one, read), "find", "Read a webhook")
            .takes([Input::Include])
            .responds(200, "The webhook.", SHOWN)
            .refuses([refusal::NO_WEBHOOK])
            .to(find::<P>),
        titled(put(&one, write), "change", "Change, rename, activate or deactivate a webhook")
            .described(
                "What the body does not name stays. A new name renames, and the old one is free at once. \
                 A signing secret is never shown. It is kept if it is left out; an empty strategy \
                 replaces it with a new one.",
            )
            .takes([Input::Include])
            .needs_body("PlatformWebhookChange")
            .responds(200, "The webhook as it is now.", SHOWN)
            .refuses([
                refusal::NO_WEBHOOK,
                (409, "Another change came first, or its waiting events are being dropped."),
            ])
            .audited(AuditAction::WebhookChange)
            .to(change::<P>),
        titled(route::delete(&one, write), "delete", "Delete a webhook")
            .takes([Input::Include])
            .responds(200, "The webhook as it was.", SHOWN)
            .refuses([refusal::NO_WEBHOOK, (409, "Another change came first.")])
            .audited(AuditAction::WebhookDelete)
            .to(delete::<P>),
    ]
}

/// `GET …/webhooks`: by name, those of each kapp behind those of the space.
pub async fn list<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    place: ScopePath,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let listing = WebhookListing::parse(&query)?;
    let webhooks = listing.choose(app.store.list_webhooks(tenant.company()).await?, &place.scope);
    let document = platform_webhook::render_list(&webhooks, place.detail, LIST_BYTES_MAX);
    Ok(answer::json(StatusCode::OK, document))
}

/// `POST …/webhooks`
pub async fn create<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    caller: Caller,
    place: ScopePath,
    JsonBody(body): JsonBody<CONFIG_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let new = platform_webhook::parse_new(&body, place.scope.kind())?;
    let secrets = new.secrets(random::signing_secret()?);
    let id = random::webhook_id(app.clock.now())?;
    let home = (tenant.company().clone(), place.scope);
    let webhook = new.into_webhook(id, home, &secrets, app.stamp(&caller));
    if let Some(platform) = webhook.platform() {
        app.check_scripts(platform, None).await?;
    }
    match app.store.create_webhook(&webhook, &secrets).await? {
        WebhookCreation::Made => Ok(shown(&webhook, place.detail, AuditFinding::default())),
        WebhookCreation::CodeTaken => Err(name_taken()),
        WebhookCreation::Full => Err(full()),
        WebhookCreation::NoSuchCompany => Err(no_such_company()),
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
    let replacing = Replacing { webhook: &webhook, secrets: secrets.as_ref() };
    match app.write_change((&tenant.key(current.id), &current), replacing, Waiting::Keep).await? {
        Renaming::Done => {
            let finding = AuditFinding { action: action_of(&current, &webhook), subject: None, fields };
            Ok(shown(&webhook, target.place.detail, finding))
        }
        Renaming::NameTaken => Err(name_taken()),
        Renaming::Lost => Err(conflict(LOST)),
    }
}

/// `DELETE …/webhooks/{name}`: responds with the webhook as it was.
pub async fn delete<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    target: Target,
) -> Result<Response, ApiError> {
    let webhook = app.find_target(&tenant, &target).await?;
    app.delete_webhook(&webhook).await?;
    Ok(shown(&webhook, target.place.detail, AuditFinding::default()))
}

/// The webhook to its caller, and its id to the audit log: names change.
fn shown(webhook: &Webhook, detail: Detail, finding: AuditFinding) -> Response {
    let document = answer::json(StatusCode::OK, platform_webhook::render(webhook, detail));
    let finding = AuditFinding { subject: Some(webhook.id.to_string()), ..finding };
    with_audit(document, AuditDetail { finding, log: None })
}

fn name_taken() -> ApiError {
    ApiError::from(FieldProblem::new("name", "is taken by another webhook of the space or kapp"))
        .with_key(NOT_UNIQUE)
}

impl<P: Ports> App<P> {
    async fn find_target(&self, tenant: &Tenant, target: &Target) -> Result<Webhook, ApiError> {
        let found = self.store.find_named(tenant.company(), &target.place.scope, &target.name).await?;
        found.filter(|webhook| !webhook.is_implicit()).ok_or_else(no_such_webhook)
    }

    pub(super) fn stamp(&self, caller: &Caller) -> Stamp {
        Stamp { at: self.clock.now(), by: caller.name.as_str().to_owned() }
    }

    /// The webhook's secrets after its key changes, if it does. The key before it signs no more: who brings their own
    /// has told its receiver already.
    async fn rekeyed(&self, current: &Webhook, key: KeyChange) -> Result<Option<Secrets>, ApiError> {
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
