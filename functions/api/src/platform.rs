//! The second face of the API: webhooks on the platform's records, by the paths and in the documents that its clients
//! know.

pub mod refusals;
pub mod scope_path;
pub mod scripts;
pub mod webhooks;
pub mod meta;
pub mod jobs;
pub mod posted;
pub mod trial;

pub use jobs::JOBS_PATH;
pub use meta::META_PATH;
pub use webhooks::NAMED_PATH;

/// Everything of this face is below it.
const BASE_PATH: &str = "/app/api/v1";
/// A kapp's webhooks: below this path, a slash and its slug.
pub const KAPPS_PATH: &str = "/app/api/v1/kapps";

/// Returns true for a path of the platform API.
pub(crate) fn is_below(path: &str) -> bool {
    path.strip_prefix(BASE_PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
