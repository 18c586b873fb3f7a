//! What a webhook's filter and URL must be to be saved. They are parsed; nothing of them is run.

use hookrail_domain::platform::webhook::PlatformWebhook;
use hookrail_domain::target::TargetUrl;
use hookrail_script::filter::Filter;
use hookrail_script::template::Template;
use hookrail_wire::problem::FieldProblem;

use crate::error::ApiError;
use crate::{App, Ports};

/// What is said of a relative URL where the operator has set no workflow engine.
pub(super) const NO_ENGINE: &str = "must not begin with /: the operator has set no workflow engine";

impl<P: Ports> App<P> {
    /// Refuses a filter or URL that no event could be compared with, or sent to. What did not change since `before` was
    /// checked then.
    pub(super) async fn check_scripts(
        &self,
        webhook: &PlatformWebhook,
        before: Option<&PlatformWebhook>,
    ) -> Result<(), ApiError> {
        let before = before.filter(|before| before.kind == webhook.kind);
        let mut problems = Vec::new();
        if before.is_none_or(|before| before.filter != webhook.filter)
            && let Err(fault) = Filter::compile(&webhook.filter, webhook.kind)
        {
            problems.push(FieldProblem::new("filter", fault));
        }
        let mut target = None;
        if before.is_none_or(|before| before.url != webhook.url) {
            match self.target_of(webhook) {
                Ok(found) => target = found,
                Err(problem) => problems.push(problem),
            }
        }
        match (problems.is_empty(), target) {
            (false, _) => Err(problems.into()),
            (true, None) => Ok(()),
            (true, Some(target)) => self.vet(&target).await,
        }
    }

    /// A URL as the template makes them, for the guard to judge; none of the workflow engine's own.
    fn target_of(&self, webhook: &PlatformWebhook) -> Result<Option<TargetUrl>, FieldProblem> {
        let refused = |why: &dyn std::fmt::Display| FieldProblem::new("url", why);
        let template = Template::parse(&webhook.url, webhook.kind).map_err(|fault| refused(&fault))?;
        match (template.is_relative(), &self.config.workflow) {
            (false, _) => {
                let target = TargetUrl::parse(&template.sample(), &self.config.targets);
                target.map(Some).map_err(|invalid| refused(&invalid))
            }
            (true, None) => Err(refused(&NO_ENGINE)),
            (true, Some(base)) => {
                base.resolve(&template.sample()).map(|_resolved| None).map_err(|refusal| refused(&refusal))
            }
        }
    }
}
