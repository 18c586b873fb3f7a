//! The operator's workflow engine, to which relative URLs go.

use url::Url;

use crate::path::{self, UnsafePath};

/// The engine's base URL. Nothing is sent to it unless the operator sets one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowBase {
    /// Its path ends with a slash.
    url: Url,
}

/// The reason why a URL cannot be the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBase {
    #[error("must be an absolute http or https URL")]
    NotAbsolute,
    #[error("must not hold a user name, a password, a query or a fragment")]
    MoreThanAPath,
    #[error("{0}")]
    Path(UnsafePath),
}

/// The reason why a relative URL does not go to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("must begin with /")]
    NotRelative,
    #[error("must not hold spaces")]
    Space,
    #[error("must not hold a fragment")]
    Fragment,
    #[error("{0}")]
    Path(UnsafePath),
    /// The joined URL is not below the base, for any reason.
    #[error("leaves the workflow engine")]
    LeavesBase,
}

impl Refusal {
    /// Returns the kind of refusal, for programs. It never changes.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotRelative => "not_relative",
            Self::Space => "space",
            Self::Fragment => "fragment",
            Self::Path(path) => path.code(),
            Self::LeavesBase => "leaves_base",
        }
    }
}

impl WorkflowBase {
    /// Reads the operator's setting. URLs that are resolved against it begin with its path.
    pub fn parse(text: &str) -> Result<Self, InvalidBase> {
        let Ok(mut url) = Url::parse(text) else { return Err(InvalidBase::NotAbsolute) };
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(InvalidBase::NotAbsolute);
        }
        let has_user = !url.username().is_empty() || url.password().is_some();
        if has_user || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidBase::MoreThanAPath);
        }
        path::check(url.path(), false).map_err(InvalidBase::Path)?;
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Self { url })
    }

    /// Returns the URL below the base, which `relative` (after templating) continues.
    pub fn resolve(&self, relative: &str) -> Result<Url, Refusal> {
        let Some(rest) = relative.strip_prefix('/') else { return Err(Refusal::NotRelative) };
        if relative.contains(' ') {
            return Err(Refusal::Space);
        }
        if relative.contains('#') {
            return Err(Refusal::Fragment);
        }
        let path = relative.split('?').next().unwrap_or_default();
        path::check(path, false).map_err(Refusal::Path)?;
        if relative.chars().any(char::is_control) {
            return Err(Refusal::Path(UnsafePath::ControlCharacter));
        }
        // With the dot, a segment that looks like a scheme (`/data:x`) is a segment all the same.
        let Ok(joined) = self.url.join(&format!("./{rest}")) else { return Err(Refusal::LeavesBase) };
        let is_below = joined.origin() == self.url.origin()
            && joined.path().starts_with(self.url.path())
            && joined.username().is_empty()
            && joined.password().is_none()
            && joined.fragment().is_none();
        if is_below { Ok(joined) } else { Err(Refusal::LeavesBase) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn base() -> WorkflowBase {
        WorkflowBase::parse("https://engine.example:8443/kinetic-task").unwrap()
    }

    #[test]
    fn a_relative_url_extends_the_base() {
        let url = base().resolve("/app/run-tree/x/Submissions%20%3E%20a/Created?b=%2F..%2F").unwrap();
        let expected = "https://engine.example:8443/kinetic-task/app/run-tree/x/Submissions%20%3E%20a/Created?b=%2F..%2F";
        assert_eq!(url.as_str(), expected);
        for (relative, path) in [("/", "/kinetic-task/"), ("/data:x@y", "/kinetic-task/data:x@y")] {
            assert_eq!(base().resolve(relative).unwrap().path(), path);
        }
    }

    #[test]
    fn rejects_urls_that_leave_the_base() {
        for (relative, code) in [
            ("", "not_relative"),
            ("a", "not_relative"),
            ("https://evil.example/", "not_relative"),
            ("//evil.example/", "double_slash"),
            ("/\\evil.example/", "backslash"),
            ("/%5cevil", "backslash"),
            ("/https://evil.example", "double_slash"),
            ("/../admin", "dot_segment"),
            ("/a/%2e%2e/%2E%2e/admin", "dot_segment"),
            ("/%252e%252e/admin", "dot_segment"),
            ("/a%2F..%2F..", "dot_segment"),
            ("/.\t./admin", "control_character"),
            ("/a?b=\nc", "control_character"),
            ("/a\u{85}", "control_character"),
            ("/a b", "space"),
            ("/a#b", "fragment"),
        ] {
            assert_eq!(base().resolve(relative).unwrap_err().code(), code, "{relative:?}");
        }
    }

    #[test]
    fn a_base_has_an_origin_and_a_path_only() {
        for bad in [
            "",
            "/a",
            "ftp://a.io/",
            "data:x",
            "https://u@a.io/",
            "https://a.io/?b",
            "https://a.io/#b",
            "https://a.io//b",
            "https://a.io/%2e%2e%2fb",
        ] {
            assert!(WorkflowBase::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(WorkflowBase::parse("http://10.0.0.1:9").unwrap().resolve("/a").unwrap().path(), "/a");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn accepted_urls_stay_below_the_base(
            pieces in prop::collection::vec(
                prop_oneof![
                    Just("/"), Just("."), Just(".."), Just("%2e"), Just("%2F"), Just("%25"), Just("2e"), Just("\\"),
                    Just("@"), Just(":"), Just("?"), Just("#"), Just(";"), Just("a"), Just("%5c"), Just("\t"),
                    Just("http:"), Just("evil.example"), Just("％"), Just("。"), Just("%c0%ae"), Just("[::1]"),
                ],
                0..12,
            ),
        ) {
            let relative = format!("/{}", pieces.concat());
            if let Ok(url) = base().resolve(&relative) {
                prop_assert_eq!(url.origin(), base().url.origin());
                prop_assert!(url.path().starts_with("/kinetic-task/"));
                prop_assert!(url.username().is_empty() && url.password().is_none());
                // Resolving is stable: another parser reads the URL that was checked.
                let again = Url::parse(url.as_str()).unwrap();
                prop_assert_eq!(again.path(), url.path());
                let mut decoded = url.path().to_owned();
                for _ in 0..6 {
                    prop_assert!(!decoded.split('/').any(|part| part == "." || part == ".."), "{}", decoded);
                    decoded = decoded.replace("%2e", ".").replace("%2E", ".").replace("%2F", "/").replace("%25", "%");
                }
            }
        }
    }
}
