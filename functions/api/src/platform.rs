//! The second face of the API: webhooks on the platform's records, by the paths and in the documents that its clients
//! know.

pub mod refusals;
pub mod place;
pub mod scripts;
pub mod webhooks;
pub mod meta;
pub mod jobs;
pub mod posted;
pub mod trial;

/// Everything of this face is below it.
const BASE_PATH: &str = "/app/api/v1";
/// Where a space's webhooks are listed and made; one is this path, a slash and its name.
pub const NAMED_PATH: &str = "/app/api/v1/webhooks";
/// A kapp's webhooks: below this path, a slash and its slug.
pub const KAPPS_PATH: &str = "/app/api/v1/kapps";
/// Where the jobs of a space are listed; those of a kapp are at the same place below it.
pub const JOBS_PATH: &str = "/app/api/v1/webhookJobs";
/// What webhooks can be made for, and trials.
pub const META_PATH: &str = "/app/api/v1/meta/webhooks";

/// Whether a path is one of this face, or would be.
pub(crate) fn is_below(path: &str) -> bool {
    path.strip_prefix(BASE_PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
