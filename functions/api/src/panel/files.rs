//! The panel's files: embedded in the program, named by a hash of them all, and cached by browsers for good.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::LazyLock;

use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, REFERRER_POLICY, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

use crate::auth::Access;
use crate::error::{ApiError, no_such_path};
use crate::route::{Served, get};
use crate::{PANEL_PATH, Ports};

const PAGE: &str = include_str!("../../panel/index.html");
/// The text in the page that stands for the version of its files.
const VERSION_MARK: &str = "VERSION";
/// Bytes of a hash that identify a version.
const VERSION_BYTES: usize = 8;

/// Our own scripts and styles, calls to our own API, and nothing else; and no script may write markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";
/// The version in the path changes with the files.
const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A file before it is compressed.
struct Source {
    name: &'static str,
    text: &'static str,
}

/// The files that a browser loads with the page. `build.rs` joins the modules of `panel` into the script.
const SOURCES: [Source; 3] = [
    Source { name: "icon.svg", text: include_str!("../../panel/icon.svg") },
    Source { name: "panel.js", text: include_str!(concat!(env!("OUT_DIR"), "/panel.js")) },
    Source { name: "style.css", text: include_str!("../../panel/style.css") },
];

/// A file as it is sent.
struct File {
    name: &'static str,
    text: &'static str,
    zipped: Option<Bytes>,
    tag: HeaderValue,
}

static FILES: LazyLock<Vec<File>> = LazyLock::new(|| SOURCES.iter().map(File::of).collect());
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let hash = SOURCES.iter().fold(Sha256::new(), |hash, source| hash.chain_update(source.text));
    hex(&hash.finalize())
});

impl File {
    fn of(source: &Source) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        // Memory accepts everything; a text that could not be compressed would be sent as it is.
        let zipped = encoder.write_all(source.text.as_bytes()).and_then(|()| encoder.finish()).ok();
        let tag = format!("\"{}\"", hex(&Sha256::digest(source.text)));
        Self {
            name: source.name,
            text: source.text,
            zipped: zipped.map(Bytes::from),
            tag: HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\"")),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(VERSION_BYTES).fold(String::new(), |mut text, byte| {
        // A string accepts everything.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

pub fn routes<P: Ports>() -> Vec<Served<P>> {
    vec![
        get(PANEL_PATH, Access::Anyone).to(index),
        get(format!("{PANEL_PATH}/"), Access::Anyone).to(index),
        get(format!("{PANEL_PATH}/{{*file}}"), Access::Anyone).to(file),
    ]
}

/// `GET /panel`
pub async fn index() -> Response {
    let headers = [
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, Html(PAGE.replace(VERSION_MARK, &VERSION))).into_response()
}

/// `GET /panel/{version}/{name}`
pub async fn file(Path(path): Path<String>, headers: HeaderMap) -> Result<Response, ApiError> {
    let name = path.strip_prefix(VERSION.as_str()).and_then(|rest| rest.strip_prefix('/'));
    let Some(file) = FILES.iter().find(|file| Some(file.name) == name) else {
        return Err(no_such_path().await);
    };
    let lists = |header, wanted: &str| {
        let value = headers.get(header).and_then(|value: &HeaderValue| value.to_str().ok());
        value.is_some_and(|value| value.split(',').any(|one| one.trim().starts_with(wanted)))
    };
    let mut answer = match &file.zipped {
        _ if file.tag.to_str().is_ok_and(|tag| lists(IF_NONE_MATCH, tag)) => {
            StatusCode::NOT_MODIFIED.into_response()
        }
        Some(zipped) if lists(ACCEPT_ENCODING, "gzip") => {
            ([(CONTENT_ENCODING, "gzip")], zipped.clone()).into_response()
        }
        Some(_) | None => file.text.into_response(),
    };
    let found = answer.headers_mut();
    found.insert(CONTENT_TYPE, HeaderValue::from_static(media_type(file.name)));
    found.insert(ETAG, file.tag.clone());
    found.insert(CACHE_CONTROL, FOR_GOOD);
    found.insert(VARY, HeaderValue::from_static("accept-encoding"));
    Ok(answer)
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/javascript; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests of the first load: the page, and these.
    const REQUESTS_MAX: usize = 4;
    const FIRST_LOAD_BYTES_MAX: usize = 100_000;

    #[test]
    fn the_page_loads_every_file_and_no_other() {
        for Source { name, .. } in &SOURCES {
            assert_eq!(PAGE.matches(&format!("/panel/{VERSION_MARK}/{name}\"")).count(), 1, "{name}");
        }
        assert_eq!(PAGE.matches(VERSION_MARK).count(), SOURCES.len());
    }

    #[test]
    fn the_first_load_is_small() {
        let zipped: usize = FILES.iter().filter_map(|file| file.zipped.as_ref()).map(Bytes::len).sum();
        let bytes = PAGE.len() + zipped;
        assert!(bytes < FIRST_LOAD_BYTES_MAX, "{bytes} bytes");
        assert!(SOURCES.len() < REQUESTS_MAX);
    }
}
