//! The plan of `hookrail webhook apply`: the changes of each webhook. Pure, so that a file is checked as a whole before
//! anything is called.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use hookrail_domain::target::{Ports, TargetPolicy, TargetUrl};
use hookrail_domain::trigger::Slot;
use hookrail_wire::cot_webhook::{self, SETTINGS};
use hookrail_wire::problem::FieldProblem;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::settings::{FileProblem, Wanted};
use crate::show::printable;
use crate::show::webhooks::Webhook;

/// The problem of a header or user name in a file that the webhook does not have.
const WITHOUT_VALUE: &str =
    "is not set on the webhook: values are not part of a file, so set it over the API first";

/// The change of one webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub code: String,
    pub act: Act,
    pub changes: Vec<Change>,
    /// The filter that the webhook would lose.
    pub widening: Option<Widening>,
}

/// The call that a step takes.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    Create {
        body: Value,
    },
    /// On condition that the webhook has not changed since it was read.
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

/// Context slots that are emptied. `is_whole` if no slot is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Widening {
    slots: Vec<&'static str>,
    is_whole: bool,
}

/// A number of webhooks, for messages.
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
        let receives =
            if self.is_whole { "receives the events of the whole company" } else { "receives more events" };
        write!(out, "without {slots} the webhook {receives}")
    }
}

/// Compares the documents with the webhooks of the company. Returns all problems, not only the first.
pub fn plan(wanted: &[Wanted], webhooks: &[Webhook]) -> Result<Vec<Step>, Vec<FileProblem>> {
    let there: BTreeMap<_, _> =
        webhooks.iter().map(|webhook| (webhook.settings.text("code"), webhook)).collect();
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
    let before = current.map_or_else(nothing, |webhook| webhook.settings.0.clone());
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

/// Returns the fields of a webhook that does not exist yet.
fn nothing() -> Map<String, Value> {
    Map::from_iter([("context".to_owned(), json!({})), ("headers".to_owned(), json!([]))])
}

/// Leaves out an empty description: a new webhook has none to remove.
fn said(mut fields: Map<String, Value>) -> Map<String, Value> {
    fields.retain(|field, value| field != "description" || !value.is_null());
    fields
}

/// Refuses the changes that the API would refuse, as far as they can be checked here.
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
        let reason = "leads to another host, and the headers and basic auth of the webhook were not given for it. \
            Empty them in the file, or change the url over the API";
        problems.push(FieldProblem::new("url", reason));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Returns a policy that allows every address: the API decides which ones are open.
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

/// Returns the fields that differ, in the order of a file. A context is compared slot by slot.
fn changes(before: &Map<String, Value>, wanted: &Map<String, Value>) -> Vec<Change> {
    let mut changes = Vec::new();
    for field in SETTINGS {
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
    // Another trigger has other slots: the filter is another one, not a wider one.
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
    fn changes_only_different_fields_and_expects_the_read_version() {
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
    fn applying_an_export_changes_nothing() {
        for fields in [
            json!({}),
            json!({ "description": "", "suspendAfter": 0, "isActive": false, "inactiveReason": "gone" }),
            json!({ "headers": ["x-b", "x-a"], "basicAuth": { "username": "u" }, "context": {} }),
        ] {
            let webhook = webhook(&fields);
            let text = settings::render(vec![webhook.settings.clone()]).unwrap();
            let step = one(&text, &fields);
            assert_eq!((&step.act, told(&step)), (&Act::Keep { id: webhook.id }, Vec::new()), "{text}");
        }
    }

    #[test]
    fn a_missing_webhook_is_created_from_the_document() {
        let text =
            "code: new\nname: N\nurl: https://n.io/\ntrigger: logout-user\ndescription:\nheaders: []\n";
        let step = one(text, &json!({}));
        let body = json!({ "code": "new", "name": "N", "url": "https://n.io/", "trigger": "logout-user", "headers": [] });
        assert_eq!(step.act, Act::Create { body });
        assert_eq!(told(&step)[..2], ["code: none -> \"new\"", "name: none -> \"N\""]);
        assert_eq!(step.widening, None, "nothing narrowed it before");
    }

    #[test]
    fn reports_every_bad_document_before_any_change() {
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
            &["document 1 (a): context.taskgroup is an unknown field; did you mean taskGroup?"],
        );
    }

    #[test]
    fn leaves_private_addresses_for_the_api_to_check() {
        let step = one("code: a\nurl: http://10.0.0.1:8080/in\n", &json!({}));
        assert_eq!(step.changes.len(), 1);
    }

    #[test]
    fn headers_and_basic_auth_are_kept_or_removed_and_never_created() {
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
    fn a_cleared_context_widens_the_webhook() {
        let whole =
            "without context.survey, context.group the webhook receives the events of the whole company";
        for cleared in [
            "context:",
            "context: {}",
            "context: {survey: '', group: null}",
            "trigger: logout-user\ncontext:",
        ] {
            widens(cleared, Some(whole));
        }
        widens("context: {survey: s}", Some("without context.group the webhook receives more events"));
        widens("context: {survey: t, group: g}", None);
        widens("name: B", None);
        widens("trigger: create-edit-delete-task\ncontext: {taskGroup: t}", None);
    }
}
