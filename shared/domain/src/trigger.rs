//! The selection of events for a webhook: the catalogue of triggers, as data, and a webhook's narrowing
//! context.

use std::collections::BTreeMap;

use crate::id::ContextId;

/// A slot in a webhook's context that narrows a trigger to one workflow, survey or group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    Survey,
    Group,
    TaskGroup,
}

impl Slot {
    /// Every slot, in the order the reference API writes them.
    pub const ALL: [Self; 3] = [Self::Survey, Self::Group, Self::TaskGroup];

    /// Returns the slot's name in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Survey => "survey",
            Self::Group => "group",
            Self::TaskGroup => "taskGroup",
        }
    }
}

/// A slot that applies to a trigger, and the field of the event's `data` it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotRule {
    pub slot: Slot,
    pub field: &'static str,
}

/// One entry of the catalogue.
#[derive(Debug, PartialEq, Eq)]
pub struct TriggerType {
    /// The value of a webhook's `trigger`.
    pub name: &'static str,
    /// Its label in the panel.
    pub label: &'static str,
    /// The `type` of the events it selects.
    pub subject: &'static str,
    /// The values of `event` it selects.
    pub actions: &'static [&'static str],
    /// The context slots that can narrow it.
    pub slots: &'static [SlotRule],
    /// Fields of the payload that no receiver should see: removed from every event before it is stored or
    /// sent.
    pub redacted: &'static [&'static str],
}

const CHANGES: &[&str] = &["create", "edit", "delete"];

/// The triggers of the reference system. A platform adds event types of its own by adding entries.
pub static CATALOGUE: &[TriggerType] = &[
    TriggerType {
        name: "create-edit-delete-user",
        label: "Create / Edit / Remove User",
        subject: "COTUser",
        actions: CHANGES,
        slots: &[],
        redacted: &["password"],
    },
    TriggerType {
        name: "create-edit-delete-task",
        label: "Create / Edit / Remove Task",
        subject: "COTTask",
        actions: CHANGES,
        slots: &[SlotRule { slot: Slot::TaskGroup, field: "taskGroup" }],
        redacted: &[],
    },
    TriggerType {
        name: "create-edit-delete-survey",
        label: "Create / Edit / Remove Survey",
        subject: "COTSurvey",
        actions: CHANGES,
        slots: &[
            SlotRule { slot: Slot::Survey, field: "surveyId" },
            SlotRule { slot: Slot::Group, field: "group" },
        ],
        redacted: &[],
    },
    TriggerType {
        name: "create-edit-delete-property",
        label: "Create / Edit / Remove Element",
        subject: "COTProperty",
        actions: CHANGES,
        slots: &[],
        redacted: &[],
    },
    TriggerType {
        name: "create-edit-delete-note",
        label: "Edit Note",
        subject: "COTNote",
        actions: CHANGES,
        slots: &[],
        redacted: &[],
    },
    TriggerType {
        name: "logout-user",
        label: "User Logout",
        subject: "Auth",
        actions: &["logout"],
        slots: &[],
        redacted: &[],
    },
    TriggerType {
        name: OPERATIONAL,
        label: "Webhooks Themselves",
        subject: OPERATIONAL_SUBJECT,
        actions: &["webhook.suspended", "webhook.resumed", "webhook.deactivated", "delivery.exhausted"],
        slots: &[],
        redacted: &[],
    },
];

/// The trigger of a webhook that receives the operational events of the company's other webhooks.
pub const OPERATIONAL: &str = "hookrail-operational";
/// The `type` of such events. Only Hookrail can push one.
pub const OPERATIONAL_SUBJECT: &str = "HookrailWebhook";

impl TriggerType {
    /// Returns the catalogue entry of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        CATALOGUE.iter().find(|entry| entry.name == name)
    }

    /// Returns whether its events are our own.
    #[must_use]
    pub fn is_operational(&self) -> bool {
        self.name == OPERATIONAL
    }

    /// Returns the catalogue entry that selects events of this subject and action.
    pub fn of_event(subject: &str, action: &str) -> Result<&'static Self, UnknownEvent> {
        let entry = CATALOGUE.iter().find(|entry| entry.subject == subject).ok_or(UnknownEvent::Subject)?;
        if entry.actions.contains(&action) { Ok(entry) } else { Err(UnknownEvent::Action) }
    }
}

/// The reason why no trigger selects an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnknownEvent {
    #[error("is not an event type of the trigger catalogue")]
    Subject,
    #[error("is not an action of this event type")]
    Action,
}

/// The ids a context or an event holds, by slot. An empty slot of a context matches everything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Context(BTreeMap<Slot, ContextId>);

impl Context {
    /// Returns the id in the slot.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<&ContextId> {
        self.0.get(&slot)
    }

    /// Puts an id into the slot.
    pub fn set(&mut self, slot: Slot, id: ContextId) {
        self.0.insert(slot, id);
    }
}

impl FromIterator<(Slot, ContextId)> for Context {
    fn from_iter<I: IntoIterator<Item = (Slot, ContextId)>>(ids: I) -> Self {
        Self(ids.into_iter().collect())
    }
}

/// The part of a webhook that selects events. Holds no slot that could never match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    kind: &'static TriggerType,
    context: Context,
}

/// A populated context slot that this trigger's events do not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("does not apply to the trigger {trigger}")]
pub struct SlotDoesNotApply {
    pub slot: Slot,
    pub trigger: &'static str,
}

impl Trigger {
    /// Refuses a populated slot that cannot apply: it would match nothing and look like a dead endpoint.
    pub fn new(kind: &'static TriggerType, context: Context) -> Result<Self, SlotDoesNotApply> {
        for slot in Slot::ALL {
            if context.get(slot).is_some() && !kind.slots.iter().any(|rule| rule.slot == slot) {
                return Err(SlotDoesNotApply { slot, trigger: kind.name });
            }
        }
        Ok(Self { kind, context })
    }

    #[must_use]
    pub fn kind(&self) -> &'static TriggerType {
        self.kind
    }

    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Returns whether an event of `kind` that holds `ids` is selected.
    #[must_use]
    pub fn matches(&self, kind: &TriggerType, ids: &Context) -> bool {
        self.kind.name == kind.name
            && Slot::ALL
                .into_iter()
                .all(|slot| self.context.get(slot).is_none_or(|wanted| ids.get(slot) == Some(wanted)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_map;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn ids(survey: &str, group: &str, task_group: &str) -> Context {
        let slots = Slot::ALL.into_iter().zip([survey, group, task_group]);
        slots
            .filter(|(_, text)| !text.is_empty())
            .map(|(slot, text)| (slot, ContextId::parse(text).unwrap()))
            .collect()
    }

    fn trigger(name: &str, context: Context) -> Result<Trigger, SlotDoesNotApply> {
        Trigger::new(TriggerType::find(name).unwrap(), context)
    }

    #[track_caller]
    fn check(name: &str, context: Context, event: (&str, &str), event_ids: &Context, expected: bool) {
        let kind = TriggerType::of_event(event.0, event.1).unwrap();
        assert_eq!(trigger(name, context).unwrap().matches(kind, event_ids), expected);
    }

    #[test]
    fn an_empty_context_matches_every_event_of_its_trigger_only() {
        let any = Context::default();
        for action in CHANGES {
            check("create-edit-delete-task", any.clone(), ("COTTask", action), &ids("", "", "t1"), true);
            check("create-edit-delete-task", any.clone(), ("COTUser", action), &any, false);
        }
        check("logout-user", any.clone(), ("Auth", "logout"), &any, true);
    }

    #[test]
    fn a_filled_slot_matches_its_id_only() {
        let task = "create-edit-delete-task";
        check(task, ids("", "", "t1"), ("COTTask", "edit"), &ids("", "", "t1"), true);
        check(task, ids("", "", "t1"), ("COTTask", "edit"), &ids("", "", "t2"), false);
        check(task, ids("", "", "t1"), ("COTTask", "edit"), &Context::default(), false);
        let survey = "create-edit-delete-survey";
        check(survey, ids("s1", "", ""), ("COTSurvey", "create"), &ids("s1", "g1", ""), true);
        check(survey, ids("s1", "g2", ""), ("COTSurvey", "create"), &ids("s1", "g1", ""), false);
        check(survey, ids("", "g1", ""), ("COTSurvey", "create"), &ids("s9", "g1", ""), true);
    }

    #[test]
    fn rejects_a_slot_that_cannot_apply() {
        let refused = trigger("create-edit-delete-user", ids("", "", "t1")).unwrap_err();
        assert_eq!((refused.slot, refused.trigger), (Slot::TaskGroup, "create-edit-delete-user"));
        assert_eq!(trigger("create-edit-delete-task", ids("s1", "", "t1")).unwrap_err().slot, Slot::Survey);
    }

    #[test]
    fn catalogue_names_and_subjects_are_unique() {
        for (index, entry) in CATALOGUE.iter().enumerate() {
            for other in CATALOGUE.iter().skip(index + 1) {
                assert_ne!(entry.name, other.name);
                assert_ne!(entry.subject, other.subject);
            }
        }
    }

    #[test]
    fn distinguishes_unknown_subjects_from_unknown_actions() {
        assert_eq!(TriggerType::of_event("COTPlanet", "create").unwrap_err(), UnknownEvent::Subject);
        assert_eq!(TriggerType::of_event("COTTask", "explode").unwrap_err(), UnknownEvent::Action);
        assert_eq!(TriggerType::of_event("Auth", "create").unwrap_err(), UnknownEvent::Action);
    }

    #[test]
    fn slots_have_the_names_of_the_reference_api() {
        assert_eq!(Slot::ALL.map(Slot::name), ["survey", "group", "taskGroup"]);
    }

    #[test]
    fn a_slot_keeps_its_value_in_the_trigger() {
        for slot in Slot::ALL {
            let mut context = Context::default();
            context.set(slot, ContextId::parse("x").unwrap());
            let filled = Slot::ALL.into_iter().filter(|other| context.get(*other).is_some());
            assert_eq!(filled.collect::<Vec<_>>(), [slot]);
            let kind = CATALOGUE.iter().find(|kind| kind.slots.iter().any(|rule| rule.slot == slot)).unwrap();
            assert_eq!(Trigger::new(kind, context.clone()).unwrap().context(), &context);
        }
    }

    fn any_ids() -> impl Strategy<Value = Context> {
        btree_map(select(Slot::ALL.to_vec()), select(vec!["x", "y"]), 0..=Slot::ALL.len()).prop_map(|ids| {
            ids.into_iter().map(|(slot, text)| (slot, ContextId::parse(text).unwrap())).collect()
        })
    }

    /// Returns the trigger with the ids that apply to it, except the one in the slot left out.
    fn narrowed(kind: &'static TriggerType, ids: &Context, without: Option<Slot>) -> Trigger {
        let slots = kind.slots.iter().map(|rule| rule.slot).filter(|slot| Some(*slot) != without);
        let context = slots.filter_map(|slot| Some((slot, ids.get(slot)?.clone()))).collect();
        Trigger::new(kind, context).unwrap()
    }

    proptest! {
        #[test]
        fn a_wider_context_never_matches_fewer_events(
            kind in select(CATALOGUE.iter().collect::<Vec<_>>()),
            other in select(CATALOGUE.iter().collect::<Vec<_>>()),
            (asked, event) in (any_ids(), any_ids()),
        ) {
            let narrow = narrowed(kind, &asked, None);
            for slot in Slot::ALL {
                let wide = narrowed(kind, &asked, Some(slot));
                prop_assert!(!narrow.matches(kind, &event) || wide.matches(kind, &event));
            }
            prop_assert!(narrowed(kind, &Context::default(), None).matches(kind, &event));
            prop_assert!(!narrow.matches(other, &event) || kind.name == other.name);
        }
    }
}
