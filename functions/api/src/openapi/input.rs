//! Values of the query and headers, as the description shows them.

use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};

use hookrail_domain::limits::{IDEMPOTENCY_KEY_CHARS_MAX, URL_CHARS_MAX};
use hookrail_domain::platform::Scope;
use hookrail_domain::trigger::CATALOGUE;
use hookrail_wire::log_filter::RESULTS;
use hookrail_wire::openapi::kinds::{id, one_of, platform_id, text, time, whole};
use hookrail_wire::webhook_job::listing as job_listing;

use crate::request::PAGE_MAX;

/// A value of the query, or of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
                ("isActive", "Active webhooks, inactive ones, or all.", values)
            }
            Self::Trigger => {
                let names = one_of(CATALOGUE.iter().map(|kind| kind.name));
                ("trigger", "Webhooks of this trigger.", names)
            }
            Self::Search => {
                let text = text().min_length(Some(1)).max_length(Some(URL_CHARS_MAX)).pattern(Some(r"\S"));
                ("search", "Webhooks whose name, code or URL holds this, in any case.", text)
            }
            Self::Result => {
                ("result", "Attempts with this result. `WAITING` selects events that wait.", one_of(RESULTS))
            }
            Self::Status => ("status", "Attempts with this status.", whole(100, 999)),
            Self::Event => ("event", "Attempts to send this event.", id()),
            Self::From => ("from", "Attempts that began at this time or later.", time()),
            Self::To => ("to", "Attempts that began before this time.", time()),
            Self::Company => ("company", "The company, for calls of an operator.", platform_id()),
            Self::Include => {
                let what = "Names separated by commas. `details` adds the names and times of creation and last \
                     change.";
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
            Self::Start => ("start", "Jobs scheduled at this time or later.", time()),
            Self::End => ("end", "Jobs scheduled before this time.", time()),
            Self::All => ("all", "`true` lists those of kapps too.", one_of(["true", "false"])),
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
    let description = "A key of the call, 1 to 255 visible characters. A repeat with the same key within 24 hours does \
         nothing and gets the same response.";
    let parameter = ParameterBuilder::new().name("Idempotency-Key").parameter_in(ParameterIn::Header);
    parameter.required(Required::False).description(Some(description)).schema(Some(text)).build()
}
