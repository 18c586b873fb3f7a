//! `hookrail webhook apply`: webhooks made what a file says.

use clap::Args;
use hookrail_adapters::telemetry::Chain;
use hookrail_api::WEBHOOKS_PATH;
use hookrail_wire::problem::FieldProblem;
use http::Method;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::list::every_webhook;
use super::plan::{Act, Change, Step, Webhooks, plan};
use super::settings;
use crate::call::CallOptions;
use crate::client::{CallError, Client, Document};
use crate::input::Input;
use crate::show;

/// As many webhooks as a company may have, with much said of each.
const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;
const BAR: &str = "[{bar:30}] {pos} of {len} (about {eta} left)";

/// Make webhooks what a file of YAML documents says, found by their code.
///
/// What is missing is made, what differs is changed, other webhooks and fields that no document names stay as they
/// are. The whole file is checked before anything is changed. A webhook that somebody changes meanwhile is not
/// touched. One that fails does not keep the others from being applied: the command goes on, and ends with 3 if the
/// API refused every one that failed, else with 1.
#[derive(Debug, Clone, Args)]
pub(super) struct ApplyOptions {
    #[command(flatten)]
    input: Input,
    /// Change nothing: show what would be changed.
    #[arg(long)]
    dry_run: bool,
    /// Clear a context although the webhook gets more events then, perhaps those of the whole company.
    #[arg(long)]
    allow_widening: bool,
}

/// What became of a step.
#[derive(Debug)]
struct Done<'a> {
    step: &'a Step,
    id: Option<String>,
    failed: Option<CallError>,
}

pub(super) async fn act(
    call: &CallOptions,
    options: &ApplyOptions,
    client: &Client,
) -> Result<(), CallError> {
    let bytes = options.input.read(FILE_BYTES_MAX)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let reason = format!("the file is not UTF-8 (byte {})", error.utf8_error().valid_up_to());
        CallError::BadFlags(vec![FieldProblem::new("", reason)])
    })?;
    let wanted = settings::parse(&text).map_err(CallError::BadFile)?;
    let steps = plan(&wanted, &every_webhook(client).await?).map_err(CallError::BadFile)?;
    let mut widened = 0;
    for (code, widening) in steps.iter().filter_map(|step| Some((&step.code, step.widening.as_ref()?))) {
        show::tell(&format!("warning: {code}: {widening}"));
        widened += 1;
    }
    if 0 < widened && !options.dry_run && !options.allow_widening {
        return Err(CallError::Widens(Webhooks(widened)));
    }
    let bar = bar(steps.len());
    let mut done = Vec::with_capacity(steps.len());
    for step in &steps {
        let one = if options.dry_run { Done::as_planned(step) } else { Done::by_call(step, client).await };
        if !call.is_json() {
            bar.suspend(|| show::print(&one.render(options.dry_run))).map_err(CallError::Output)?;
        }
        done.push(one);
        bar.inc(1);
    }
    bar.finish_and_clear();
    end(call, options, &done)
}

/// Drawn on a terminal only.
fn bar(steps: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(steps).unwrap_or(u64::MAX));
    // A template that cannot be read would leave the plain bar.
    match ProgressStyle::with_template(BAR) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}

fn end(call: &CallOptions, options: &ApplyOptions, done: &[Done<'_>]) -> Result<(), CallError> {
    let all = Webhooks(done.len());
    if call.is_json() {
        let results: Vec<_> = done.iter().map(Done::document).collect();
        show::print_as_it_is(&format!("{}\n", json!(results))).map_err(CallError::Output)?;
    } else {
        let count = |result| done.iter().filter(|one| one.result() == result).count();
        let counts = ["created", "changed", "unchanged", "failed"].map(|result| (count(result), result));
        let told: Vec<_> = counts.iter().map(|(count, result)| format!("{count} {result}")).collect();
        let beginning = if options.dry_run { "nothing was changed: of " } else { "" };
        show::tell(&format!("{beginning}{all}: {}", told.join(", ")));
    }
    let codes: Vec<_> = done.iter().filter_map(|one| one.failed.as_ref()).map(CallError::exit_code).collect();
    // What was not a refusal may have another end when it is tried again, and is what is told.
    match codes.iter().min() {
        Some(code) => Err(CallError::Unapplied { failed: codes.len(), all, code: *code }),
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
            Err(failed) => Self { failed: Some(failed), ..Self::as_planned(step) },
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

    /// A line, and one below it for every field that is another now.
    fn render(&self, is_dry_run: bool) -> String {
        let result = show::painted(self.result());
        let verb = if is_dry_run && !matches!(self.step.act, Act::Keep { .. }) { "would be " } else { "" };
        let line = format!("{}: {verb}{result}", self.step.code);
        if let Some(failed) = &self.failed {
            return format!("{line}: {}\n", Chain(failed));
        }
        let change = |change: &Change| format!("\n  {change}");
        format!("{line}{}\n", self.step.changes.iter().map(change).collect::<String>())
    }

    fn document(&self) -> Value {
        let error = self.failed.as_ref().map(|failed| Chain(failed).to_string());
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
    fn the_bar_can_be_drawn() {
        assert_eq!(ProgressStyle::with_template(BAR).err().map(|error| error.to_string()), None);
    }
}
