//! Test sends: one request outside the order of events, to a webhook or to a URL before there is one, and the answer at
//! once. Those of a webhook are kept beside its log.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hookrail_adapters::clock::Clock;
use hookrail_adapters::random;
use hookrail_adapters::sender::{Sender, Vetted};
use hookrail_adapters::store::ConfigStore;
use hookrail_adapters::store::listing::ListStore;
use hookrail_adapters::telemetry::Chain;
use hookrail_domain::event::Body;
use hookrail_domain::id::DeliveryId;
use hookrail_domain::limits::INGEST_BYTES_MAX;
use hookrail_domain::request::prepare_test;
use hookrail_domain::secrets::Secrets;
use hookrail_domain::target::TargetUrl;
use hookrail_domain::test_row::{TestPlace, TestRow};
use hookrail_wire::problem::FieldProblem;
use hookrail_wire::{cursor, test_send};
use http::StatusCode;

use crate::auth::Tenant;
use crate::error::ApiError;
use crate::logs::fitting_page;
use crate::request::{JsonBody, Page, WebhookId, no_such_webhook};
use crate::{App, Ports, WEBHOOKS_PATH, answer};

/// `POST /api/v3/webhook/subscription/{id}/test`: also of an inactive webhook, whose events wait.
pub async fn send<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookId(id): WebhookId,
    JsonBody(body): JsonBody<INGEST_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let (webhook, secrets) = app.find_with_secrets(&tenant, id).await?;
    let cot = webhook.cot().ok_or_else(no_such_webhook)?;
    let body = test_send::parse(&body, (&webhook.company, cot.trigger.kind()), app.clock.now())?;
    let row = app.send_test((&cot.url, &secrets), body).await?;
    if let Err(error) = app.store.put_test(&tenant.line(id), &row).await {
        // It was sent, and its sender sees what came of it.
        tracing::warn!(subscription.id = %id, cause = %Chain(&error), "test.not_kept");
    }
    Ok(answer::json(StatusCode::OK, test_send::render(&row)))
}

/// `GET /api/v3/webhook/subscription/{id}/test`: the newest first.
pub async fn list<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookId(id): WebhookId,
    page: Page<20>,
) -> Result<Response, ApiError> {
    let list = (tenant.company(), id);
    let before = page.place(|text| cursor::parse_test(list, text))?;
    app.store.find_subscription(tenant.company(), id).await?.ok_or_else(no_such_webhook)?;
    let mut rows = app.store.list_tests(&tenant.line(id), before, page.limit + 1).await?;
    let sizes =
        rows.iter().map(|row| (row.body.as_str().len(), row.outcome.response().len() + row.url.len()));
    let shown = fitting_page(sizes, page.limit);
    let has_more = shown < rows.len();
    rows.truncate(shown);
    let last = rows.last().filter(|_| has_more).map(|row| cursor::render_test(list, row.place));
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
    let row = app.send_test((&test.url, &secrets), test.body).await?;
    Ok(answer::json(StatusCode::OK, test_send::render_bare(&row, &secrets.signing)))
}

impl<P: Ports> App<P> {
    async fn send_test(&self, target: (&TargetUrl, &Secrets), body: Body) -> Result<TestRow, ApiError> {
        let place = TestPlace { at: self.clock.now(), chance: u32::from_be_bytes(random::bytes()?) };
        let delivery = DeliveryId::from_bytes(random::bytes()?);
        let request = prepare_test(delivery, &body, target, place.at, self.config.timeout_seconds)
            .map_err(ApiError::failed)?;
        let outcome = self.sender.send(&request).await;
        let duration_ms = self.clock.now().since(place.at);
        Ok(TestRow { place, delivery, outcome, duration_ms, url: target.0.as_str().to_owned(), body })
    }

    /// Refuses a URL that no request would be sent to. A name that does not resolve yet may be saved.
    pub(crate) async fn vet(&self, url: &TargetUrl) -> Result<(), ApiError> {
        match self.sender.vet(url).await {
            Vetted::Forbidden(reason) => Err(FieldProblem::new("url", reason).into()),
            Vetted::Allowed | Vetted::Unresolved => Ok(()),
        }
    }
}
