//! What applying a file would change, webhook by webhook. Pure: it is checked whole before anything is called.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use hookrail_domain::target::{Ports, TargetPolicy, TargetUrl};
use hookrail_domain::trigger::Slot;
use hookrail_wire::cot_webhook;
use hookrail_wire::problem::FieldProblem;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::settings::{FIELDS, FileProblem, Wanted};
use crate::show::printable;
use crate::show::webhooks::Webhook;

/// Why a header or a user name of a file is refused that the webhook does not have.
const WITHOUT_VALUE: &str =
    "is not the webhook's: its value, which is no part of a file, must be given to the API first";

/// What becomes of one webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub code: String,
    pub act: Act,
    pub changes: Vec<Change>,
    /// What narrowed the webhook and would no more.
    pub widening: Option<Widening>,
}

/// The call that a step takes.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    Create {
        body: Value,
    },
    /// Only if the webhook is still as it was read.
    Change {
        id: String,
        body: Value,
    },
    Keep {
        id: String,
    },
}

/// One field, before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    pub field: String,
    pub from: Value,
    pub to: Value,
}

/// Slots that are emptied, and whether nothing narrows the webhook any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Widening {
    slots: Vec<&'static str>,
    is_whole: bool,
}

/// A number of webhooks, as it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Webhooks(pub usize);

impl fmt::Display for Webhooks {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.0, if self.0 == 1 { "webhook" } else { "webhooks" })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |value: &Value| match value {
            Value::Null => "none".to_owned(),
            value => printable(&value.to_string()),
        };
        write!(out, "{}: {} -> {}", printable(&self.field), told(&self.from), told(&self.to))
    }
}

impl fmt::Display for Widening {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slots = self.slots.iter().map(|slot| format!("context.{slot}")).collect::<Vec<_>>().join(", ");
        let gets = if self.is_whole { "gets the events of the whole company" } else { "gets more events" };
        write!(out, "without {slots} the webhook {gets}")
    }
}

/// What the documents ask for beyond what the company's webhooks are. Every problem is told.
pub fn plan(wanted: &[Wanted], webhooks: &[Webhook]) -> Result<Vec<Step>, Vec<FileProblem>> {
    let there: BTreeMap<_, _> =
        webhooks.iter().map(|webhook| (webhook.settings.code.as_str(), webhook)).collect();
    let (mut steps, mut problems) = (Vec::new(), Vec::new());
    for one in wanted {
        match step(one, there.get(one.code.as_str()).copied()) {
            Ok(step) => steps.push(step),
            Err(found) => problems.extend(found.into_iter().map(|problem| one.problem(problem))),
        }
    }
    if problems.is_empty() { Ok(steps) } else { Err(problems) }
}

fn step(wanted: &Wanted, current: Option<&Webhook>) -> Result<Step, Vec<FieldProblem>> {
    let before = current.map_or_else(nothing, |webhook| fields_of(&json!(webhook.settings)));
    let mut after = before.clone();
    after.extend(wanted.fields.clone());
    check(&before, &after)?;
    let changes = changes(&before, &wanted.fields);
    let act = match current {
        None => Act::Create { body: Value::Object(said(wanted.fields.clone())) },
        Some(webhook) if changes.is_empty() => Act::Keep { id: webhook.id.clone() },
        Some(webhook) => {
            let mut body = wanted.fields.clone();
            body.retain(|field, value| before.get(field) != Some(value));
            body.insert("__v".to_owned(), webhook.version.into());
            Act::Change { id: webhook.id.clone(), body: Value::Object(body) }
        }
    };
    let widening = current.and_then(|_| widening(&before, &after));
    Ok(Step { code: wanted.code.clone(), act, changes, widening })
}

fn fields_of(object: &Value) -> Map<String, Value> {
    object.as_object().cloned().unwrap_or_default()
}

/// What a webhook has before it is made.
fn nothing() -> Map<String, Value> {
    fields_of(&json!({ "context": {}, "headers": [] }))
}

/// What a webhook that is made says. It has no description to take away.
fn said(mut fields: Map<String, Value>) -> Map<String, Value> {
    fields.retain(|field, value| field != "description" || !value.is_null());
    fields
}

/// Refuses what the API would, as far as that can be known here.
fn check(before: &Map<String, Value>, after: &Map<String, Value>) -> Result<(), Vec<FieldProblem>> {
    let body = Value::Object(said(after.clone())).to_string();
    let mut problems = cot_webhook::parse_new(body.as_bytes(), &any_target()).err().unwrap_or_default();
    let had = names(before);
    let new_names: Vec<_> = names(after).difference(&had).cloned().collect();
    problems.extend(new_names.iter().map(|name| FieldProblem::new(format!("headers.{name}"), WITHOUT_VALUE)));
    let username =
        |fields: &Map<String, Value>| fields.get("basicAuth").filter(|auth| !auth.is_null()).cloned();
    let keeps_user = username(after).is_some();
    if keeps_user && username(before) != username(after) {
        problems.push(FieldProblem::new("basicAuth.username", WITHOUT_VALUE));
    }
    let keeps = keeps_user || !names(after).is_empty();
    if keeps && problems.is_empty() && moves(before, after) {
        let reason = "leads to another host, for which the webhook's headers and basic auth were not given: \
            empty these here, or change the url over the API";
        problems.push(FieldProblem::new("url", reason));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Which addresses are open is the API's to say.
fn any_target() -> TargetPolicy {
    let ranges = ["0.0.0.0/0", "::/0"].iter().filter_map(|range| range.parse().ok()).collect();
    TargetPolicy { ranges, ports: Ports::Any, ..TargetPolicy::local() }
}

fn names(fields: &Map<String, Value>) -> BTreeSet<String> {
    let names = fields.get("headers").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn moves(before: &Map<String, Value>, after: &Map<String, Value>) -> bool {
    let url = |fields: &Map<String, Value>| {
        let url = fields.get("url").and_then(Value::as_str);
        url.and_then(|url| TargetUrl::parse_unchecked(url).ok())
    };
    url(before).zip(url(after)).is_some_and(|(before, after)| !before.is_same_origin(&after))
}

/// The fields that differ, in the order of a file; a context slot by slot.
fn changes(before: &Map<String, Value>, wanted: &Map<String, Value>) -> Vec<Change> {
    let mut changes = Vec::new();
    for field in FIELDS {
        let (from, to) = (before.get(field).unwrap_or(&Value::Null), wanted.get(field));
        let Some(to) = to.filter(|to| *to != from) else { continue };
        if field == "context" {
            changes.extend(Slot::ALL.iter().filter_map(|slot| {
                let [from, to] = [from, to].map(|context| slot_of(context, *slot));
                let field = format!("{field}.{}", slot.name());
                (from != to).then_some(Change { field, from, to })
            }));
        } else {
            changes.push(Change { field: field.to_owned(), from: from.clone(), to: to.clone() });
        }
    }
    changes
}

fn slot_of(context: &Value, slot: Slot) -> Value {
    context.get(slot.name()).cloned().unwrap_or_default()
}

fn widening(before: &Map<String, Value>, after: &Map<String, Value>) -> Option<Widening> {
    let filled = |fields: &Map<String, Value>| -> Vec<Slot> {
        let context = fields.get("context").cloned().unwrap_or_default();
        Slot::ALL.into_iter().filter(|slot| !slot_of(&context, *slot).is_null()).collect()
    };
    let (had, has) = (filled(before), filled(after));
    let slots: Vec<_> = had.iter().filter(|slot| !has.contains(slot)).map(|slot| slot.name()).collect();
    let is_whole = has.is_empty();
    // Another trigger with slots of its own is narrowed in another way, not less.
    let is_wider = is_whole || before.get("trigger") == after.get("trigger");
    (!slots.is_empty() && is_wider).then_some(Widening { slots, is_whole })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::settings::{self, parse};

    fn webhook(fields: &Value) -> Webhook {
        let mut document = json!({ "_id": "62685990d918fb5557f9f992", "company": "acme", "__v": 3, "code": "a",
            "name": "A", "url": "https://a.io/in", "trigger": "create-edit-delete-survey", "isActive": true,
            "context": { "survey": "s", "group": "g", "taskGroup": "" } });
        for (name, value) in fields.as_object().unwrap() {
            document[name] = value.clone();
        }
        serde_json::from_value(document).unwrap()
    }

    fn planned(text: &str, fields: &Value) -> Result<Vec<Step>, Vec<FileProblem>> {
        plan(&parse(text).unwrap(), &[webhook(fields)])
    }

    fn one(text: &str, fields: &Value) -> Step {
        planned(text, fields).unwrap().remove(0)
    }

    #[track_caller]
    fn refused(text: &str, fields: &Value, expected: &[&str]) {
        let told: Vec<_> = planned(text, fields).unwrap_err().iter().map(FileProblem::to_string).collect();
        assert_eq!(told, expected);
    }

    fn told(step: &Step) -> Vec<String> {
        step.changes.iter().map(Change::to_string).collect()
    }

    #[test]
    fn only_what_differs_is_changed_and_only_if_nobody_else_changed_it() {
        let text = "code: a\nname: B\ncontext: {survey: t, group: g}\nsuspendAfter: 2\nisActive: true\n";
        let step = one(text, &json!({ "suspendAfter": 1 }));
        let body =
            json!({ "name": "B", "context": { "survey": "t", "group": "g" }, "suspendAfter": 2, "__v": 3 });
        assert_eq!(step.act, Act::Change { id: "62685990d918fb5557f9f992".into(), body });
        assert_eq!(
            told(&step),
            ["name: \"A\" -> \"B\"", "context.survey: \"s\" -> \"t\"", "suspendAfter: 1 -> 2"]
        );
        assert_eq!(step.widening, None);
    }

    #[test]
    fn what_is_exported_changes_nothing() {
        for fields in [
            json!({}),
            json!({ "description": "", "suspendAfter": 0, "isActive": false, "inactiveReason": "gone" }),
            json!({ "headers": ["x-b", "x-a"], "basicAuth": { "username": "u" }, "context": {} }),
        ] {
            let webhook = webhook(&fields);
            let text = settings::render(vec![webhook.settings.clone()]);
            let step = one(&text, &fields);
            assert_eq!((&step.act, told(&step)), (&Act::Keep { id: webhook.id }, Vec::new()), "{text}");
        }
    }

    #[test]
    fn a_webhook_that_is_not_there_is_made_of_what_is_said() {
        let text =
            "code: new\nname: N\nurl: https://n.io/\ntrigger: logout-user\ndescription:\nheaders: []\n";
        let step = one(text, &json!({}));
        let body = json!({ "code": "new", "name": "N", "url": "https://n.io/", "trigger": "logout-user", "headers": [] });
        assert_eq!(step.act, Act::Create { body });
        assert_eq!(told(&step)[..2], ["code: none -> \"new\"", "name: none -> \"N\""]);
        assert_eq!(step.widening, None, "nothing narrowed it before");
    }

    #[test]
    fn every_bad_document_is_told_before_anything_is_changed() {
        let text = "code: new\n---\ncode: a\ntrigger: logout-user\nisActive:\nurl: ftp://a.io\n";
        refused(
            text,
            &json!({}),
            &[
                "document 1 (new): name is missing",
                "document 1 (new): url is missing",
                "document 1 (new): trigger is missing",
                "document 2 (a): url must begin with https:// or http://",
                "document 2 (a): isActive must be true or false",
                "document 2 (a): context.survey does not apply to the trigger logout-user",
            ],
        );
        refused(
            "code: a\ncontext: {taskgroup: ''}\n",
            &json!({}),
            &["document 1 (a): context.taskgroup is no context field"],
        );
    }

    #[test]
    fn an_address_that_the_operator_may_have_opened_is_left_to_the_api() {
        let step = one("code: a\nurl: http://10.0.0.1:8080/in\n", &json!({}));
        assert_eq!(step.changes.len(), 1);
    }

    #[test]
    fn headers_and_basic_auth_are_kept_or_dropped_and_never_made() {
        let has = json!({ "headers": ["x-a", "x-b"], "basicAuth": { "username": "u" } });
        let step = one("code: a\nheaders: [X-A]\nbasicAuth:\n", &has);
        let Act::Change { body, .. } = &step.act else { panic!("{step:?}") };
        assert_eq!(*body, json!({ "headers": ["x-a"], "basicAuth": null, "__v": 3 }));
        refused(
            "code: a\nheaders: [x-c]\nbasicAuth: {username: v}\n",
            &has,
            &[
                &format!("document 1 (a): headers.x-c {WITHOUT_VALUE}"),
                &format!("document 1 (a): basicAuth.username {WITHOUT_VALUE}"),
            ],
        );
        let moved = planned("code: a\nurl: https://b.io/in\n", &has).unwrap_err();
        assert!(moved[0].to_string().contains("url leads to another host"), "{moved:?}");
        let dropped = one("code: a\nurl: https://b.io/in\nheaders:\nbasicAuth:\n", &has);
        assert_eq!(dropped.changes.len(), 3);
        assert_eq!(one("code: a\nurl: https://a.io/other\n", &has).changes.len(), 1);
    }

    #[track_caller]
    fn widens(text: &str, expected: Option<&str>) {
        let step = one(&format!("code: a\n{text}"), &json!({}));
        assert_eq!(step.widening.map(|widening| widening.to_string()).as_deref(), expected, "{text}");
    }

    #[test]
    fn a_context_that_is_cleared_widens_the_webhook() {
        let whole = "without context.survey, context.group the webhook gets the events of the whole company";
        for cleared in [
            "context:",
            "context: {}",
            "context: {survey: '', group: null}",
            "trigger: logout-user\ncontext:",
        ] {
            widens(cleared, Some(whole));
        }
        widens("context: {survey: s}", Some("without context.group the webhook gets more events"));
        widens("context: {survey: t, group: g}", None);
        widens("name: B", None);
        widens("trigger: create-edit-delete-task\ncontext: {taskGroup: t}", None);
    }
}
