//! The platform's record types, what happens to them, and the names of the workflow trees that handle it.

pub mod webhook;

use EventType::{DatastoreForm, DatastoreSubmission, Discussion, Form, Kapp, Space, Submission, Team, User};

/// What kind of record a webhook is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventType {
    Space,
    User,
    Team,
    Form,
    Submission,
    Kapp,
    DatastoreForm,
    DatastoreSubmission,
    Discussion,
}

/// Where a webhook may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Space,
    Kapp,
}

/// A function that filters and templates may call, with the name of what they ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Binding {
    Space,
    Kapp,
    Form,
    Submission,
    Values,
    User,
    Team,
}

impl EventType {
    /// All of them, those in use first.
    pub const ALL: [Self; 9] =
        [Space, User, Team, Form, Submission, Kapp, DatastoreForm, DatastoreSubmission, Discussion];

    /// The name in a webhook and in an event.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Space => "Space",
            User => "User",
            Team => "Team",
            Form => "Form",
            Submission => "Submission",
            Kapp => "Kapp",
            DatastoreForm => "Datastore Form",
            DatastoreSubmission => "Datastore Submission",
            Discussion => "Discussion",
        }
    }

    /// The type of this name, to the letter.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What may happen to such a record.
    #[must_use]
    pub const fn events(self) -> &'static [&'static str] {
        match self {
            Space => &["Login Failure"],
            User => &["Login", "Logout", "Created", "Updated", "Deleted", "Membership Change"],
            Team => &["Created", "Updated", "Deleted", "Restored", "Membership Change"],
            Form | DatastoreForm => &["Created", "Updated", "Deleted", "Restored"],
            Submission => &["Created", "Saved", "Submitted", "Updated", "Closed", "Deleted"],
            Kapp => &["Created", "Updated"],
            DatastoreSubmission => &["Created", "Updated", "Saved", "Submitted", "Deleted"],
            Discussion => &["Created", "Invitation Created", "Invitation Updated", "Notification"],
        }
    }

    /// The event of this name, to the letter, if it happens to such records.
    #[must_use]
    pub fn event(self, name: &str) -> Option<&'static str> {
        self.events().iter().copied().find(|event| *event == name)
    }

    /// Kept for platforms of version 5 and earlier; offered with a mark.
    #[must_use]
    pub const fn is_legacy(self) -> bool {
        matches!(self, DatastoreForm | DatastoreSubmission | Discussion)
    }

    /// Whether webhooks kept there may be about it. Kapps are known from one source only, and offered nowhere.
    #[must_use]
    pub const fn is_offered_in(self, scope: Scope) -> bool {
        match (self, scope) {
            (Form | Submission, Scope::Space | Scope::Kapp)
            | (Space | User | Team | DatastoreForm | DatastoreSubmission | Discussion, Scope::Space) => true,
            (Kapp, Scope::Space | Scope::Kapp)
            | (Space | User | Team | DatastoreForm | DatastoreSubmission | Discussion, Scope::Kapp) => false,
        }
    }

    /// The functions that a filter on it may call; any other name is unknown to it.
    #[must_use]
    pub const fn bindings(self) -> &'static [Binding] {
        match self {
            Space | Discussion => &[Binding::Space],
            User => &[Binding::Space, Binding::User],
            Team => &[Binding::Space, Binding::Team],
            Kapp => &[Binding::Space, Binding::Kapp],
            Form => &[Binding::Space, Binding::Kapp, Binding::Form],
            DatastoreForm => &[Binding::Space, Binding::Form],
            Submission => {
                &[Binding::Space, Binding::Kapp, Binding::Form, Binding::Submission, Binding::Values]
            }
            DatastoreSubmission => &[Binding::Space, Binding::Form, Binding::Submission, Binding::Values],
        }
    }
}

impl Scope {
    pub const ALL: [Self; 2] = [Self::Space, Self::Kapp];

    /// The name in a path.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Space => "space",
            Self::Kapp => "kapp",
        }
    }

    /// The types that webhooks kept there may be about, those in use first.
    pub fn kinds(self) -> impl Iterator<Item = EventType> {
        EventType::ALL.into_iter().filter(move |kind| kind.is_offered_in(self))
    }
}

impl Binding {
    /// The function's name, and that of the event's field that it reads.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Space => "space",
            Self::Kapp => "kapp",
            Self::Form => "form",
            Self::Submission => "submission",
            Self::Values => "values",
            Self::User => "user",
            Self::Team => "team",
        }
    }

    /// The names that a form offers. `attribute:` takes any name after it; the names of values are the form's fields.
    #[must_use]
    pub const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Space | Self::Kapp | Self::Team => &["name", "slug", "attribute:"],
            Self::Form => &[
                "name",
                "slug",
                "attribute:",
                "type",
                "status",
                "description",
                "anonymous",
                "createdAt",
                "createdBy",
                "updatedAt",
                "updatedBy",
            ],
            Self::Submission => &[
                "id",
                "coreState",
                "currentPage",
                "handle",
                "type",
                "sessionToken",
                "createdAt",
                "createdBy",
                "updatedAt",
                "updatedBy",
                "submittedAt",
                "submittedBy",
                "closedAt",
                "closedBy",
            ],
            Self::Values => &[],
            Self::User => &[
                "username",
                "displayName",
                "email",
                "spaceAdmin",
                "invitedBy",
                "attribute:",
                "profileAttribute:",
            ],
        }
    }
}

/// Where the workflow engine starts trees, below its base: this path, the source's name, and a tree's group and name.
pub const RUN_TREE_PATH: &str = "/app/api/v1/run-tree";

/// The attribute of the space in which the name of the workflow engine's source is kept.
pub const TASK_SOURCE_ATTRIBUTE: &str = "Task Source";

/// The place of the workflow tree for an action, by the platform's naming convention. `[…]` stands for a slug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeName {
    pub kind: EventType,
    pub event: &'static str,
    pub group: &'static str,
    pub name: &'static str,
}

/// The published convention, in its own order.
pub const TREE_NAMES: [TreeName; 14] = [
    tree(User, "Created", "Users"),
    tree(User, "Updated", "Users"),
    tree(User, "Deleted", "Users"),
    tree(Team, "Created", "Teams"),
    tree(Team, "Updated", "Teams"),
    tree(Team, "Deleted", "Teams"),
    tree(DatastoreForm, "Created", "Datastore Forms > [datastore-form-slug]"),
    tree(DatastoreForm, "Updated", "Datastore Forms > [datastore-form-slug]"),
    tree(DatastoreSubmission, "Created", "Datastore Submissions > [datastore-form-slug]"),
    tree(DatastoreSubmission, "Submitted", "Datastore Submissions > [datastore-form-slug]"),
    tree(Form, "Created", "[kapp-slug] > [form-slug]"),
    tree(Form, "Updated", "[kapp-slug] > [form-slug]"),
    tree(Submission, "Created", "Submissions > [kapp-slug] > [form-slug]"),
    tree(Submission, "Submitted", "Submissions > [kapp-slug] > [form-slug]"),
];

/// Every published tree is named as its event.
const fn tree(kind: EventType, event: &'static str, group: &'static str) -> TreeName {
    TreeName { kind, event, group, name: event }
}

impl TreeName {
    /// Group and name as the end of a URL template: literals percent-encoded, slugs as calls.
    #[must_use]
    pub fn url_template(&self) -> String {
        let group = self
            .group
            .replace("[datastore-form-slug]", "${form('slug')}")
            .replace("[form-slug]", "${form('slug')}")
            .replace("[kapp-slug]", "${kapp('slug')}")
            .replace(' ', "%20")
            .replace('>', "%3E");
        format!("{group}/{}", self.name)
    }

    /// A whole URL of a webhook that starts the tree: relative to the workflow engine.
    #[must_use]
    pub fn url(&self) -> String {
        let source = format!("${{space('attribute:{TASK_SOURCE_ATTRIBUTE}')}}");
        format!("{RUN_TREE_PATH}/{source}/{}", self.url_template())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the platform's page: action, tree group, tree name.
    const PUBLISHED: &str = "\
Users Created | Users | Created |
Users Updated | Users | Updated |
Users Deleted | Users | Deleted |
Team Created | Teams | Created |
Team Updated | Teams | Updated |
Team Deleted | Teams | Deleted |
Datastore Form Created | Datastore Forms > [datastore-form-slug] | Created |
Datastore Form Updated | Datastore Forms > [datastore-form-slug] | Updated |
Datastore Submission Created | Datastore Submissions > [datastore-form-slug] | Created |
Datastore Submission Submitted | Datastore Submissions > [datastore-form-slug] | Submitted |
Form Created | [kapp-slug] > [form-slug] | Created |
Form Updated | [kapp-slug] > [form-slug] | Updated |
Submission Created | Submissions > [kapp-slug] > [form-slug] | Created |
Submission Submitted | Submissions > [kapp-slug] > [form-slug] | Submitted |
";

    #[test]
    fn the_trees_are_those_of_the_published_page() {
        let rows = PUBLISHED.lines().zip(TREE_NAMES);
        assert_eq!(PUBLISHED.lines().count(), TREE_NAMES.len());
        for (row, tree) in rows {
            let action = format!("{} {}", tree.kind.name(), tree.event).replace("User ", "Users ");
            assert_eq!(row, format!("{action} | {} | {} |", tree.group, tree.name));
            assert!(tree.kind.events().contains(&tree.event), "{row}");
        }
    }

    #[test]
    fn a_tree_s_url_names_its_source_by_an_attribute_of_the_space() {
        let submitted = TREE_NAMES.iter().find(|tree| (tree.kind, tree.event) == (Submission, "Submitted"));
        assert_eq!(
            submitted.unwrap().url(),
            "/app/api/v1/run-tree/${space('attribute:Task Source')}/\
             Submissions%20%3E%20${kapp('slug')}%20%3E%20${form('slug')}/Submitted"
        );
    }

    #[test]
    fn names_are_read_back_and_only_they() {
        for kind in EventType::ALL {
            assert_eq!(EventType::parse(kind.name()), Some(kind));
        }
        assert_eq!(EventType::parse("submission"), None);
        assert_eq!(EventType::parse("Submission Submitted"), None);
    }

    #[test]
    fn a_kapp_keeps_webhooks_on_forms_and_submissions_only() {
        let offered: Vec<_> =
            EventType::ALL.into_iter().filter(|kind| kind.is_offered_in(Scope::Kapp)).collect();
        assert_eq!(offered, [Form, Submission]);
        let legacy: Vec<_> = EventType::ALL.into_iter().filter(|kind| kind.is_legacy()).collect();
        assert_eq!(legacy, [DatastoreForm, DatastoreSubmission, Discussion]);
    }
}
