//! Test sends: one request outside the queue, to a webhook or to a URL without one. Tests of a webhook are kept.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hookrail_adapters::random;
use hookrail_domain::audit::AuditAction;
use hookrail_domain::event::Body;
use hookrail_domain::id::DeliveryId;
use hookrail_domain::limits::INGEST_BYTES_MAX;
use hookrail_domain::request::{Target, prepare_test};
use hookrail_domain::secrets::Secrets;
use hookrail_domain::target::TargetUrl;
use hookrail_domain::test_row::{TestPosition, TestRow};
use hookrail_domain::token::Scope;
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::fault::ErrorChain;
use hookrail_pipeline::sender::{Sender, Vetted};
use hookrail_pipeline::store::ConfigStore;
use hookrail_pipeline::store::listing::ListStore;
use hookrail_wire::cursor::List;
use hookrail_wire::problem::FieldProblem;
use hookrail_wire::test_send;
use http::StatusCode;

use crate::auth::{Access, Tenant};
use crate::error::ApiError;
use crate::logs::fitting_page;
use crate::openapi::input::Input;
use crate::request::{JsonBody, Page, WebhookPath, no_such_webhook};
use crate::route::{Served, Shape, Tag, Throttle, get, post, refusal};
use crate::{App, Ports, WEBHOOKS_PATH, answer};

/// The path of tests of a URL that no webhook has yet.
pub const TEST_PATH: &str = "/api/v3/webhook/test";

pub fn routes<P: Ports>() -> Vec<Served<P>> {
    let of_one = format!("{WEBHOOKS_PATH}/{{id}}/test");
    vec![
        post(&of_one, Access::Company(Scope::DeliveriesWrite))
            .titled(Tag::Tests, "testWebhook", "Send one test request and show the response")
            .may_have_body("NewTest")
            .responds(200, "The outcome of the test.", Shape::One("TestSend"))
            .refuses([refusal::NO_WEBHOOK])
            .audited(AuditAction::WebhookTest)
            .throttled(Throttle::RARE)
            .to(send::<P>),
        get(&of_one, Access::Company(Scope::LogsRead))
            .titled(Tag::Tests, "listTests", "List a webhook's tests, the newest first")
            .takes([Input::Limit(20), Input::Cursor])
            .responds(200, "A page of tests.", Shape::Page("TestSend"))
            .refuses([refusal::NO_WEBHOOK])
            .to(list::<P>),
        post(TEST_PATH, Access::Company(Scope::WebhooksWrite))
            .titled(Tag::Tests, "testUrl", "Test a URL before a webhook is created")
            .described(
                "The request is signed with its own secret, which the response shows. It is not stored.",
            )
            .needs_body("NewBareTest")
            .responds(200, "The outcome of the test.", Shape::One("TestSend"))
            .audited(AuditAction::WebhookTest)
            .throttled(Throttle::RARE)
            .to(send_bare::<P>),
    ]
}

/// `POST /api/v3/webhook/subscription/{id}/test`: also of an inactive webhook, whose events wait.
pub async fn send<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookPath(id): WebhookPath,
    JsonBody(body): JsonBody<INGEST_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let (webhook, secrets) = app.find_with_secrets(&tenant, id).await?;
    let cot = webhook.cot().ok_or_else(no_such_webhook)?;
    let body = test_send::parse(&body, (&webhook.company, cot.trigger.kind()), app.clock.now())?;
    let row = app.send_test(Target { url: &cot.url, secrets: &secrets }, body).await?;
    if let Err(error) = app.store.put_test(&tenant.key(id), &row).await {
        // It was sent, and its sender sees what came of it.
        tracing::warn!(webhook.id = %id, cause = %ErrorChain(&error), "test.not_kept");
    }
    Ok(answer::json(StatusCode::OK, test_send::render(&row)))
}

/// `GET /api/v3/webhook/subscription/{id}/test`: the newest first.
pub async fn list<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookPath(id): WebhookPath,
    page: Page<20>,
) -> Result<Response, ApiError> {
    let list = List::tests(tenant.company(), &id);
    let before = page.position(&list)?;
    app.store.find_webhook(tenant.company(), id).await?.ok_or_else(no_such_webhook)?;
    let mut rows = app.store.list_tests(&tenant.key(id), before, page.limit + 1).await?;
    let sizes =
        rows.iter().map(|row| (row.body.as_str().len(), row.outcome.response().len() + row.url.len()));
    let shown = fitting_page(sizes, page.limit);
    let has_more = shown < rows.len();
    rows.truncate(shown);
    let last = rows.last().filter(|_| has_more).map(|row| list.cursor(&row.place));
    let next = last.map(|cursor| page.next(&format!("{WEBHOOKS_PATH}/{id}/test"), &cursor));
    answer::page(test_send::render_list(&rows), next)
}

/// `POST /api/v3/webhook/test`: of a URL and a trigger, before a webhook is made of them. Signed with a secret that is
/// shown, and then forgotten.
pub async fn send_bare<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    JsonBody(body): JsonBody<INGEST_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let now = app.clock.now();
    let test = test_send::parse_bare(&body, tenant.company(), &app.config.targets, now)?;
    app.vet(&test.url).await?;
    let secrets = Secrets::new(random::signing_secret()?);
    let row = app.send_test(Target { url: &test.url, secrets: &secrets }, test.body).await?;
    Ok(answer::json(StatusCode::OK, test_send::render_bare(&row, &secrets.signing)))
}

impl<P: Ports> App<P> {
    async fn send_test(&self, target: Target<'_>, body: Body) -> Result<TestRow, ApiError> {
        let place = TestPosition { at: self.clock.now(), chance: u32::from_be_bytes(random::bytes()?) };
        let delivery = DeliveryId::from_bytes(random::bytes()?);
        let request = prepare_test(delivery, &body, target, place.at, self.config.timeout_seconds)
            .map_err(ApiError::failed)?;
        let outcome = self.sender.send(&request).await;
        let duration_ms = self.clock.now().since(place.at);
        Ok(TestRow { place, delivery, outcome, duration_ms, url: target.url.as_str().to_owned(), body })
    }

    /// Refuses a URL that no request would be sent to. A name that does not resolve yet may be saved.
    pub(crate) async fn vet(&self, url: &TargetUrl) -> Result<(), ApiError> {
        match self.sender.vet(url).await {
            Vetted::Forbidden(reason) => Err(FieldProblem::new("url", reason).into()),
            Vetted::Allowed | Vetted::Unresolved => Ok(()),
        }
    }
}
