//! What is said of one route beyond what the route itself says: its words, its query, its documents.

use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};

use hookrail_domain::limits::{IDEMPOTENCY_KEY_CHARS_MAX, URL_CHARS_MAX};
use hookrail_domain::platform::Scope;
use hookrail_domain::trigger::CATALOGUE;
use hookrail_wire::log_filter::RESULTS;
use hookrail_wire::openapi::kinds::{id, one_of, platform_id, text, time, whole};
use hookrail_wire::webhook_job::listing as job_listing;

use crate::request::PAGE_MAX;

/// One route in words.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    pub route: (&'static str, &'static str),
    pub id: &'static str,
    pub tag: Tag,
    pub summary: &'static str,
    /// What the summary leaves out; may be empty.
    pub description: &'static str,
    pub inputs: &'static [Input],
    pub body: Call,
    pub answer: Answer,
    /// Refusals of its own, beside those that every route of its kind has.
    pub refusals: &'static [(u16, &'static str)],
}

/// Where the reference lists it, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    Webhooks,
    Secrets,
    Logs,
    Queue,
    Events,
    Tests,
    Platform,
    Access,
    Description,
}

/// The body that a call takes.
#[derive(Debug, Clone, Copy)]
pub enum Call {
    None,
    Needed(&'static str),
    /// May be left out.
    Optional(&'static str),
}

/// The answer to a call that is done.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    pub status: u16,
    pub what: &'static str,
    pub shape: Shape,
}

#[derive(Debug, Clone, Copy)]
pub enum Shape {
    Nothing,
    One(&'static str),
    /// An array, whole.
    List(&'static str),
    /// An array of texts.
    Texts,
    /// An object of such arrays.
    TextsByName,
    /// An array, with a link to the next page.
    Page(&'static str),
    /// A document that holds a page of a list, with a link to the next page.
    LinkedOne(&'static str),
    /// Any JSON object.
    Object,
    Html,
}

/// A value of the query, or of a header.
#[derive(Debug, Clone, Copy)]
pub enum Input {
    /// With how many entries a page has if it is not said.
    Limit(usize),
    Cursor,
    IsActive,
    Trigger,
    Search,
    Result,
    Status,
    Event,
    From,
    To,
    Company,
    Admin,
    IdempotencyKey,
    Include,
    PageToken,
    JobLimit,
    JobStatus,
    JobWebhook,
    /// Of a space, or of a kapp.
    ParentType(Scope),
    ParentKey,
    Start,
    End,
    All,
}

impl Tag {
    pub const ALL: [Self; 9] = [
        Self::Webhooks,
        Self::Secrets,
        Self::Logs,
        Self::Queue,
        Self::Events,
        Self::Tests,
        Self::Platform,
        Self::Access,
        Self::Description,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Webhooks => "Webhooks",
            Self::Secrets => "Signing secrets",
            Self::Logs => "Logs",
            Self::Queue => "Queue and replay",
            Self::Events => "Events",
            Self::Tests => "Tests",
            Self::Platform => "Webhooks on records of spaces and kapps",
            Self::Access => "Access",
            Self::Description => "This description",
        }
    }
}

impl Input {
    #[must_use]
    pub fn parameter(self) -> Parameter {
        let (name, description, schema) = match self {
            Self::Limit(default) => {
                ("limit", "Entries of a page.", whole(1, PAGE_MAX).default(Some(default.into())))
            }
            Self::Cursor => {
                ("cursor", "Where the page begins: from the link to it, for this list only.", text())
            }
            Self::IsActive => {
                let values = one_of(["true", "false", "all"]).default(Some("all".into()));
                ("isActive", "Webhooks that are active, that are not, or both.", values)
            }
            Self::Trigger => {
                let names = one_of(CATALOGUE.iter().map(|kind| kind.name));
                ("trigger", "Webhooks of this trigger.", names)
            }
            Self::Search => {
                let text = text().min_length(Some(1)).max_length(Some(URL_CHARS_MAX)).pattern(Some(r"\S"));
                ("search", "Webhooks whose name, code or URL holds this, in any case.", text)
            }
            Self::Result => ("result", "Attempts of this result; events that wait.", one_of(RESULTS)),
            Self::Status => ("status", "Attempts that were answered so.", whole(100, 599)),
            Self::Event => ("event", "Attempts to send this event.", id()),
            Self::From => ("from", "Attempts begun then or later.", time()),
            Self::To => ("to", "Attempts begun before then.", time()),
            Self::Company => ("company", "Whose, if an operator asks.", platform_id()),
            Self::Include => {
                let what = "Names with commas between them. `details` adds who made and who changed a webhook, and when.";
                ("include", what, text())
            }
            Self::PageToken => ("pageToken", "The `nextPageToken` of the list before.", text()),
            Self::JobLimit => {
                let limit = whole(0, job_listing::PAGE_MAX).default(Some(job_listing::PAGE_DEFAULT.into()));
                ("limit", "Jobs of a page.", limit)
            }
            Self::JobStatus => {
                let either = "^([Ff][Aa][Ii][Ll][Ee][Dd]|[Qq][Uu][Ee][Uu][Ee][Dd])$";
                ("status", "`failed` or `queued`, in any case.", text().pattern(Some(either)))
            }
            Self::JobWebhook => {
                ("webhook", "Jobs of webhooks that had this name.", text().min_length(Some(1)))
            }
            Self::ParentType(scope) => {
                let kinds = one_of(job_listing::parent_kinds(scope).iter().map(|kind| kind.name()));
                ("parentType", "Jobs about such a record, or one that belongs to it: with parentKey.", kinds)
            }
            Self::ParentKey => ("parentKey", "Its slug, user name or id: with parentType.", text()),
            Self::Start => ("start", "Jobs scheduled then or later.", time()),
            Self::End => ("end", "Jobs scheduled before then.", time()),
            Self::All => ("all", "Whether those of kapps are listed too.", one_of(["true", "false"])),
            Self::Admin => {
                return header("Admin", "Accepted and ignored, as clients of the reference system send it.");
            }
            Self::IdempotencyKey => return idempotency_key(),
        };
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query);
        parameter.description(Some(description)).schema(Some(schema)).build()
    }
}

fn header(name: &str, description: &str) -> Parameter {
    let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header);
    parameter.description(Some(description)).schema(Some(text())).build()
}

fn idempotency_key() -> Parameter {
    let text =
        text().min_length(Some(1)).max_length(Some(IDEMPOTENCY_KEY_CHARS_MAX)).pattern(Some("^[!-~]+$"));
    let description = "A name of the call, 1 to 255 visible characters: a repeat under the same name within 24 hours \
                       does nothing and gets the same answer.";
    let parameter = ParameterBuilder::new().name("Idempotency-Key").parameter_in(ParameterIn::Header);
    parameter.required(Required::False).description(Some(description)).schema(Some(text)).build()
}
