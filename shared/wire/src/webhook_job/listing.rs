//! The query of a list of jobs.

use hookrail_domain::job::{Job, JobStatus, Parent};
use hookrail_domain::platform::webhook::WebhookScope;
use hookrail_domain::platform::{EventType, Scope};
use hookrail_domain::time::Millis;

use super::parse_time;
use crate::problem::FieldProblem;
use crate::query::{self, Pairs, QueryReader};

/// Jobs of a page, unless the call says how many.
pub const PAGE_DEFAULT: usize = 25;
/// Jobs of a page at most.
pub const PAGE_MAX: usize = 1000;

/// The two statuses that a list of jobs can be filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    Failed,
    Queued,
}

/// The filter of a list of jobs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobFilter {
    pub status: Option<Listed>,
    /// The name of its webhook.
    pub webhook: Option<String>,
    pub parent: Option<Parent>,
    /// Scheduled at this time or later, and before that one.
    pub start: Option<Millis>,
    pub end: Option<Millis>,
    /// In the space's list: jobs of kapps too.
    pub is_all: bool,
}

/// A page of jobs that a query asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobListing {
    pub filter: JobFilter,
    pub limit: usize,
    pub page_token: Option<String>,
    pub has_details: bool,
}

/// The types of records that jobs of such a place are found by.
#[must_use]
pub const fn parent_kinds(scope: Scope) -> &'static [EventType] {
    match scope {
        Scope::Space => &[EventType::Space, EventType::User, EventType::Team],
        Scope::Kapp => &[EventType::Form, EventType::Submission],
    }
}

impl JobListing {
    /// Reads the query of a list of this scope.
    pub fn parse(query: &Pairs, scope: &WebhookScope) -> Result<Self, Vec<FieldProblem>> {
        let mut reader = QueryReader::of(query);
        let text = |text: &str| Ok::<_, FieldProblem>(text.to_owned());
        let status = reader.read("status", |text| match text.to_ascii_lowercase().as_str() {
            "failed" => Ok(Listed::Failed),
            "queued" => Ok(Listed::Queued),
            _ => Err("must be failed or queued"),
        });
        let webhook = reader.read("webhook", |text| {
            if text.is_empty() { Err("must not be empty") } else { Ok(text.to_owned()) }
        });
        let kinds = parent_kinds(scope.kind());
        let kind = reader.read("parentType", |text| {
            let names = || kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
            let found = kinds.iter().copied().find(|kind| kind.name() == text);
            found.ok_or_else(|| format!("must be one of {}", names()))
        });
        let key = reader.read("parentKey", text);
        let says = |name: &str| query.iter().any(|(other, _)| other == name);
        if says("parentType") != says("parentKey") {
            let missing = if says("parentType") { "parentKey" } else { "parentType" };
            reader.refuse(missing, "is missing: parentType and parentKey go together");
        }
        let (start, end) = (reader.read("start", parse_time), reader.read("end", parse_time));
        let is_all = reader.read("all", query::flag);
        let limit = reader.read("limit", |text| {
            let limit = text.parse().ok().filter(|limit| *limit <= PAGE_MAX);
            limit.ok_or_else(|| format!("must be a whole number from 0 to {PAGE_MAX}"))
        });
        let page_token = reader.read("pageToken", text).filter(|token| !token.is_empty());
        let include = reader.read("include", text).unwrap_or_default();
        if !reader.problems.is_empty() {
            return Err(reader.problems);
        }
        Ok(Self {
            filter: JobFilter {
                status,
                webhook,
                parent: kind.zip(key).map(|(kind, key)| Parent { kind, key }),
                start,
                end,
                is_all: is_all.unwrap_or(false),
            },
            limit: limit.unwrap_or(PAGE_DEFAULT),
            page_token,
            has_details: include.split(',').any(|part| part.trim() == "details"),
        })
    }

    /// The list apart from others: a page token is good for one list only.
    #[must_use]
    pub fn list(&self, scope: &WebhookScope) -> String {
        let JobFilter { status, webhook, parent, start, end, is_all } = &self.filter;
        let status = status.map(|status| match status {
            Listed::Failed => "failed".to_owned(),
            Listed::Queued => "queued".to_owned(),
        });
        let time = |at: &Option<Millis>| at.map(|at| at.0.to_string());
        query::render(&[
            ("kapp", Some(scope.to_string())),
            ("status", status),
            ("webhook", webhook.clone()),
            ("parentType", parent.as_ref().map(|parent| parent.kind.name().to_owned())),
            ("parentKey", parent.as_ref().map(|parent| parent.key.clone())),
            ("start", time(start)),
            ("end", time(end)),
            ("all", is_all.then(|| "true".to_owned())),
        ])
    }
}

impl JobFilter {
    /// Returns true if the job matches, apart from its status.
    #[must_use]
    pub fn takes(&self, job: &Job, scope: &WebhookScope) -> bool {
        let is_here = match scope {
            WebhookScope::Space => self.is_all || job.scope == WebhookScope::Space,
            WebhookScope::Kapp(_) => job.scope == *scope,
        };
        is_here
            && self.webhook.as_ref().is_none_or(|name| *name == job.name)
            && self.parent.as_ref().is_none_or(|parent| job.parents.contains(parent))
            && self.start.is_none_or(|start| start <= job.scheduled_at)
            && self.end.is_none_or(|end| job.scheduled_at < end)
    }

    /// Returns true if the status matches.
    #[must_use]
    pub fn takes_status(&self, status: JobStatus) -> bool {
        match self.status {
            None => true,
            Some(Listed::Failed) => status == JobStatus::Failed,
            Some(Listed::Queued) => status == JobStatus::Queued,
        }
    }
}
