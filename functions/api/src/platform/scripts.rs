//! Checks of the filter and URL of a webhook before it is saved: they parse, and every name that they use exists.

use hookrail_adapters::scripts::Scripts;
use hookrail_domain::platform::EventType;
use hookrail_domain::platform::webhook::PlatformWebhook;
use hookrail_domain::target::TargetUrl;
use hookrail_script::filter::Filter;
use hookrail_script::names;
use hookrail_script::service::{Answer, Question};
use hookrail_script::template::Template;
use hookrail_wire::problem::FieldProblem;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::{App, Ports};

/// The error of a relative URL if the operator has not configured a workflow engine.
pub(super) const NO_ENGINE: &str = "must not begin with /: the operator has not configured a workflow engine";

/// The engine's words for a name that does not exist.
const REFERENCE_ERROR: &str = "threw ReferenceError: ";
const NOT_THERE: &str = "which does not exist in scripts; docs/RECORDS.md lists what does";
const LISTED: &str = "docs/RECORDS.md lists the names that do";

/// An event of this type whose records have a text in every field that has a name.
fn example(kind: EventType) -> String {
    let record = |keys: &[&str]| {
        let fields =
            keys.iter().filter(|key| !key.ends_with(':')).map(|key| ((*key).to_owned(), json!("example")));
        Value::Object(fields.collect())
    };
    let records = kind.bindings().iter().map(|binding| (binding.name().to_owned(), record(binding.keys())));
    Value::Object(records.collect()).to_string()
}

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
        if problems.is_empty() {
            problems = self.unknown_names(webhook, before).await;
        }
        match (problems.is_empty(), target) {
            (false, _) => Err(problems.into()),
            (true, None) => Ok(()),
            (true, Some(target)) => self.vet(&target).await,
        }
    }

    /// The scripts that use a name that does not exist: the usual names by their text, all others by a dry
    /// run on an example.
    /// Any other result of the example does not refuse a script.
    async fn unknown_names(
        &self,
        webhook: &PlatformWebhook,
        before: Option<&PlatformWebhook>,
    ) -> Vec<FieldProblem> {
        let kind = webhook.kind;
        let filter = Question::Filter { source: webhook.filter.clone(), kind };
        let url = Question::Url { template: webhook.url.clone(), kind };
        let (mut problems, mut questions) = (Vec::new(), Vec::new());
        let is_new = |old: Option<&String>, text: &String| old != Some(text) && !text.trim().is_empty();
        let (old_filter, old_url) = (before.map(|before| &before.filter), before.map(|before| &before.url));
        let filter =
            is_new(old_filter, &webhook.filter).then(|| ("filter", names::absent(&webhook.filter), filter));
        let has_values = webhook.url.contains("${") && is_new(old_url, &webhook.url);
        let url = has_values.then(|| ("url", names::absent_in_template(&webhook.url), url));
        for (field, absent, question) in filter.into_iter().chain(url) {
            match absent {
                Some(name) => problems.push(FieldProblem::new(field, format!("uses {name}, {NOT_THERE}"))),
                None => questions.push((field, question)),
            }
        }
        let (fields, questions): (Vec<_>, Vec<_>) = questions.into_iter().unzip();
        if !questions.is_empty() {
            let answers = self.scripts.ask(&example(kind), &questions).await;
            problems.extend(fields.into_iter().zip(&answers).filter_map(|(field, answer)| {
                let (Answer::Filter(Err(fault)) | Answer::Url(Err(fault))) = answer else { return None };
                let (_, reason) = fault.message.split_once(REFERENCE_ERROR)?;
                Some(FieldProblem::new(field, format!("uses a name that does not exist: {reason}; {LISTED}")))
            }));
        }
        problems
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
