//! Filters and URLs tried on an event that the caller brings, evaluated as events are.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hookrail_adapters::scripts::Scripts;
use hookrail_domain::limits::{CONFIG_BYTES_MAX, EVENT_BYTES_MAX};
use hookrail_domain::target::TargetUrl;
use hookrail_domain::token::Scope;
use hookrail_script::service::{Answer, Fault, Question};
use hookrail_script::template::ResolvedUrl;
use hookrail_wire::platform_trial::{self, Failure};
use http::StatusCode;

use super::META_PATH;
use super::scripts::NO_ENGINE;
use crate::auth::Access;
use crate::error::ApiError;
use crate::request::JsonBody;
use crate::route::{Served, Shape, Tag, Throttle, post};
use crate::{App, Ports, answer};

/// An event, and a webhook around it.
const TRIAL_BYTES_MAX: usize = CONFIG_BYTES_MAX + EVENT_BYTES_MAX;

pub fn routes<P: Ports>() -> Vec<Served<P>> {
    vec![
        // Nothing is done to anything, so there is nothing to write down.
        post(format!("{META_PATH}/try"), Access::Company(Scope::WebhooksWrite))
            .titled(Tag::Platform, "tryWebhook", "Try a filter and a URL on an event")
            .described("Nothing is sent or stored. The result of a script that fails is its error.")
            .needs_body("NewPlatformTrial")
            .responds(200, "The result of the filter, and the URL.", Shape::One("PlatformTrial"))
            .throttled(Throttle::RARE)
            .to(run::<P>),
    ]
}

/// `POST …/meta/webhooks/try`: nothing is sent, and nothing is kept.
pub async fn run<P: Ports>(
    State(app): State<Arc<App<P>>>,
    JsonBody(body): JsonBody<TRIAL_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let trial = platform_trial::parse(&body)?;
    let filter = Question::Filter { source: trial.filter, kind: trial.kind };
    let url = trial.url.map(|template| Question::Url { template, kind: trial.kind });
    let questions: Vec<_> = std::iter::once(filter).chain(url).collect();
    let (mut filter, mut url) = (Err(failure(Fault::engine())), None);
    for answer in app.scripts.ask(&trial.event, &questions).await {
        match answer {
            Answer::Filter(result) => filter = result.map_err(failure),
            Answer::Url(result) => {
                url = Some(result.map_err(failure).and_then(|resolved| app.destination(&resolved)));
            }
        }
    }
    let url = url.as_ref().map(|url| url.as_deref());
    Ok(answer::json(StatusCode::OK, platform_trial::render(filter.as_ref().copied(), url)))
}

fn failure(Fault { code, message }: Fault) -> Failure {
    Failure { code, message }
}

impl<P: Ports> App<P> {
    /// The URL of the event, before its host is resolved.
    pub(super) fn destination(&self, url: &ResolvedUrl) -> Result<String, Failure> {
        let refused = |code: &str, why: &dyn std::fmt::Display| failure(Fault::new(code, &why));
        match (url, &self.config.workflow) {
            (ResolvedUrl::Absolute(text), _) => match TargetUrl::parse(text, &self.config.targets) {
                Ok(_) => Ok(text.clone()),
                Err(invalid) => Err(refused("no_target", &invalid)),
            },
            (ResolvedUrl::Relative(path), Some(base)) => match base.resolve(path) {
                Ok(url) => Ok(url.to_string()),
                Err(refusal) => Err(refused(refusal.code(), &refusal)),
            },
            (ResolvedUrl::Relative(_), None) => Err(refused("no_workflow_engine", &NO_ENGINE)),
        }
    }
}
