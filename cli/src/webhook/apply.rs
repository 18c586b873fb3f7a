//! `hookrail webhook apply`: webhooks created and changed as a file describes them.

use clap::Args;
use hookrail_api::WEBHOOKS_PATH;
use hookrail_pipeline::fault::ErrorChain;
use hookrail_wire::problem::FieldProblem;
use http::Method;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::list::every_webhook;
use super::plan::{Act, Change, Step, Webhooks, plan};
use super::settings;
use crate::call::CallOptions;
use crate::client::{CallError, Client, Document};
use crate::failure::Failure;
use crate::input::{Input, text_of};
use crate::show;

/// Room for as many webhooks as a company can have, with long descriptions.
const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;
const BAR: &str = "[{bar:30}] {pos} of {len} (about {eta} left)";

/// Create or change webhooks as a file of YAML documents describes them, by code.
///
/// Missing webhooks are created, different settings are changed. Webhooks and settings that the file does not name stay
/// as they are. The whole file is checked before anything is changed. A webhook that is changed by others at the same
/// time is left alone. If one webhook fails, the command continues with the others, and ends with 3 if the API refused
/// every webhook that failed, else with 1.
#[derive(Debug, Clone, Args)]
pub(super) struct ApplyOptions {
    #[command(flatten)]
    input: Input,
    /// Show the changes without making them.
    #[arg(long)]
    dry_run: bool,
    /// Permit changes by which a webhook receives more events, perhaps those of the whole company.
    #[arg(long)]
    allow_widening: bool,
}

/// The result of a step.
#[derive(Debug)]
struct Done<'a> {
    step: &'a Step,
    id: Option<String>,
    failed: Option<Failure>,
}

pub(super) async fn act(call: &CallOptions, options: &ApplyOptions, client: &Client) -> Result<(), Failure> {
    let text = text_of(options.input.read(FILE_BYTES_MAX)?)
        .map_err(|problem| Failure::BadFlags(vec![FieldProblem::new("--file", problem.to_string())]))?;
    let wanted = settings::parse(&text).map_err(Failure::bad_file)?;
    let steps = plan(&wanted, &every_webhook(client).await?).map_err(Failure::bad_file)?;
    let mut widened = 0;
    for (code, widening) in steps.iter().filter_map(|step| Some((&step.code, step.widening.as_ref()?))) {
        show::tell(&format!("warning: {code}: {widening}"));
        widened += 1;
    }
    if 0 < widened && !options.dry_run && !options.allow_widening {
        return Err(Failure::Widens(Webhooks(widened).to_string()));
    }
    let bar = bar(steps.len());
    let mut done = Vec::with_capacity(steps.len());
    for step in &steps {
        let one = if options.dry_run { Done::as_planned(step) } else { Done::by_call(step, client).await };
        if !call.is_json() {
            bar.suspend(|| show::print(&one.render(options.dry_run))).map_err(Failure::Output)?;
        }
        done.push(one);
        bar.inc(1);
    }
    bar.finish_and_clear();
    end(call, options, &done)
}

/// Makes the progress bar, which is drawn on terminals only.
fn bar(steps: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(steps).unwrap_or(u64::MAX));
    // With a template that cannot be read the plain bar remains.
    match ProgressStyle::with_template(BAR) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}

fn end(call: &CallOptions, options: &ApplyOptions, done: &[Done<'_>]) -> Result<(), Failure> {
    let all = Webhooks(done.len());
    if call.is_json() {
        let results: Vec<_> = done.iter().map(Done::document).collect();
        show::print_as_it_is(&format!("{}\n", json!(results))).map_err(Failure::Output)?;
    } else {
        let count = |result| done.iter().filter(|one| one.result() == result).count();
        let counts = ["created", "changed", "unchanged", "failed"].map(|result| (count(result), result));
        let told: Vec<_> = counts.iter().map(|(count, result)| format!("{count} {result}")).collect();
        let beginning = if options.dry_run { "nothing was changed: of " } else { "" };
        show::tell(&format!("{beginning}{all}: {}", told.join(", ")));
    }
    let codes: Vec<_> = done.iter().filter_map(|one| one.failed.as_ref()).map(Failure::exit_code).collect();
    // A failure that is not a refusal may succeed when it is repeated, so it decides the exit code.
    match codes.iter().min() {
        Some(code) => Err(Failure::Unapplied { failed: codes.len(), all: all.to_string(), code: *code }),
        None => Ok(()),
    }
}

impl<'a> Done<'a> {
    fn as_planned(step: &'a Step) -> Self {
        let id = match &step.act {
            Act::Create { .. } => None,
            Act::Change { id, .. } | Act::Keep { id } => Some(id.clone()),
        };
        Self { step, id, failed: None }
    }

    async fn by_call(step: &'a Step, client: &Client) -> Self {
        let answer = match &step.act {
            Act::Keep { .. } => return Self::as_planned(step),
            Act::Create { body } => client.call_with(Method::POST, WEBHOOKS_PATH, body).await,
            Act::Change { id, body } => {
                let path = format!("{WEBHOOKS_PATH}/{id}");
                client.call_with(Method::PATCH, &path, body).await
            }
        };
        match answer.and_then(|answer| id_of(&answer)) {
            Ok(id) => Self { step, id: Some(id), failed: None },
            Err(failed) => Self { failed: Some(failed.into()), ..Self::as_planned(step) },
        }
    }

    fn result(&self) -> &'static str {
        match (&self.failed, &self.step.act) {
            (Some(_), _) => "failed",
            (None, Act::Create { .. }) => "created",
            (None, Act::Change { .. }) => "changed",
            (None, Act::Keep { .. }) => "unchanged",
        }
    }

    /// Renders a line, and one below it for every field that differs.
    fn render(&self, is_dry_run: bool) -> String {
        let result = show::painted(self.result());
        let verb = if is_dry_run && !matches!(self.step.act, Act::Keep { .. }) { "would be " } else { "" };
        let line = format!("{}: {verb}{result}", self.step.code);
        if let Some(failed) = &self.failed {
            return format!("{line}: {}\n", ErrorChain(failed));
        }
        let change = |change: &Change| format!("\n  {change}");
        format!("{line}{}\n", self.step.changes.iter().map(change).collect::<String>())
    }

    fn document(&self) -> Value {
        let error = self.failed.as_ref().map(|failed| ErrorChain(failed).to_string());
        json!({
            "code": self.step.code,
            "_id": self.id,
            "result": self.result(),
            "changes": self.step.changes,
            "widening": self.step.widening.as_ref().map(ToString::to_string),
            "error": error,
        })
    }
}

fn id_of(answer: &Document) -> Result<String, CallError> {
    answer.read::<show::webhooks::Webhook>().map(|webhook| webhook.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_apply_progress_bar_template_is_valid() {
        assert_eq!(ProgressStyle::with_template(BAR).err().map(|error| error.to_string()), None);
    }
}
