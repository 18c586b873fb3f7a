//! The platform's record types, their events, and the names of the workflow trees that handle them.

pub mod webhook;

use EventType::{DatastoreForm, DatastoreSubmission, Discussion, Form, Kapp, Space, Submission, Team, User};

/// The kind of record that a webhook is about.
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

/// The kind of place in which a webhook may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Space,
    Kapp,
}

/// A function that filters and templates may call, with the name of its argument.
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

    /// Returns the name in a webhook and in an event.
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

    /// Returns the type of exactly this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns the events of such a record.
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

    /// Returns the event of exactly this name, if such records have it.
    #[must_use]
    pub fn event(self, name: &str) -> Option<&'static str> {
        self.events().iter().copied().find(|event| *event == name)
    }

    /// Returns whether it is kept for platforms of version 5 and earlier; it is offered with a mark.
    #[must_use]
    pub const fn is_legacy(self) -> bool {
        matches!(self, DatastoreForm | DatastoreSubmission | Discussion)
    }

    /// Returns whether webhooks kept there may be about it. Kapps are known from one source only, and offered
    /// nowhere.
    #[must_use]
    pub const fn is_offered_in(self, scope: Scope) -> bool {
        match (self, scope) {
            (Form | Submission, Scope::Space | Scope::Kapp)
            | (Space | User | Team | DatastoreForm | DatastoreSubmission | Discussion, Scope::Space) => true,
            (Kapp, Scope::Space | Scope::Kapp)
            | (Space | User | Team | DatastoreForm | DatastoreSubmission | Discussion, Scope::Kapp) => false,
        }
    }

    /// Returns the functions that a filter on it may call; any other name is unknown to it.
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

    /// Returns the name in a path.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Space => "space",
            Self::Kapp => "kapp",
        }
    }

    /// Returns the types that webhooks kept there may be about, those in use first.
    pub fn kinds(self) -> impl Iterator<Item = EventType> {
        EventType::ALL.into_iter().filter(move |kind| kind.is_offered_in(self))
    }
}

impl Binding {
    /// Returns the function's name, which is that of the event's field that it reads.
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

    /// Returns the names that a form offers. `attribute:` takes any name after it; the names of values are
    /// the form's fields.
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

/// The path below the workflow engine's base where it starts trees: this path, the source's name, and a
/// tree's group and name.
pub const RUN_TREE_PATH: &str = "/app/api/v1/run-tree";

/// The attribute of the space that holds the name of the workflow engine's source.
pub const TASK_SOURCE_ATTRIBUTE: &str = "Task Source";

/// The path of the workflow tree for an action, by the platform's naming convention. `[…]` stands for a slug.
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

/// Makes a tree whose name is its event's, as every published tree's is.
const fn tree(kind: EventType, event: &'static str, group: &'static str) -> TreeName {
    TreeName { kind, event, group, name: event }
}

impl TreeName {
    /// Returns group and name as the end of a URL template: literals percent-encoded, slugs as calls.
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

    /// Returns a whole URL of a webhook that starts the tree: relative to the workflow engine.
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
    fn tree_names_match_the_published_page() {
        let rows = PUBLISHED.lines().zip(TREE_NAMES);
        assert_eq!(PUBLISHED.lines().count(), TREE_NAMES.len());
        for (row, tree) in rows {
            let action = format!("{} {}", tree.kind.name(), tree.event).replace("User ", "Users ");
            assert_eq!(row, format!("{action} | {} | {} |", tree.group, tree.name));
            assert!(tree.kind.events().contains(&tree.event), "{row}");
        }
    }

    #[test]
    fn a_tree_url_names_its_source_by_a_space_attribute() {
        let submitted = TREE_NAMES.iter().find(|tree| (tree.kind, tree.event) == (Submission, "Submitted"));
        assert_eq!(
            submitted.unwrap().url(),
            "/app/api/v1/run-tree/${space('attribute:Task Source')}/\
             Submissions%20%3E%20${kapp('slug')}%20%3E%20${form('slug')}/Submitted"
        );
    }

    #[test]
    fn parses_exact_type_names_only() {
        for kind in EventType::ALL {
            assert_eq!(EventType::parse(kind.name()), Some(kind));
        }
        assert_eq!(EventType::parse("submission"), None);
        assert_eq!(EventType::parse("Submission Submitted"), None);
    }

    #[test]
    fn a_kapp_offers_form_and_submission_types_only() {
        let offered: Vec<_> =
            EventType::ALL.into_iter().filter(|kind| kind.is_offered_in(Scope::Kapp)).collect();
        assert_eq!(offered, [Form, Submission]);
        let legacy: Vec<_> = EventType::ALL.into_iter().filter(|kind| kind.is_legacy()).collect();
        assert_eq!(legacy, [DatastoreForm, DatastoreSubmission, Discussion]);
    }
}
