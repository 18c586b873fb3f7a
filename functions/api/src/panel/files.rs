//! The panel's own files: embedded as they are written, named by a version of them all, and kept by browsers for good.

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

use crate::error::{ApiError, no_such_path};

const PAGE: &str = include_str!("../../panel/index.html");
/// Stands in the page where the version of its files comes.
const VERSION_MARK: &str = "VERSION";
/// Bytes of a hash that tell versions apart.
const VERSION_BYTES: usize = 8;

/// Our own scripts and styles, calls to our own API, and nothing else; and no script may write markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";
/// The version in the path changes with the files.
const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A file as it is written.
struct Source {
    name: &'static str,
    text: &'static str,
}

macro_rules! sources {
    ($($name:literal),* $(,)?) => {
        &[$(Source { name: $name, text: include_str!(concat!("../../panel/", $name)) }),*]
    };
}

const SOURCES: &[Source] = sources![
    "api.js",
    "badges.js",
    "chart.js",
    "credentials.js",
    "deactivate.js",
    "dialog.js",
    "dom.js",
    "english.js",
    "english_records.js",
    "facts.js",
    "fields.js",
    "icon.svg",
    "job_detail.js",
    "jobs.js",
    "json.js",
    "log_detail.js",
    "log_group.js",
    "logs.js",
    "main.js",
    "pager.js",
    "queue.js",
    "record_editors.js",
    "record_form.js",
    "record_list.js",
    "record_sample.js",
    "records.js",
    "replay.js",
    "route.js",
    "script_field.js",
    "secret.js",
    "settings.js",
    "settings_form.js",
    "side.js",
    "signature.js",
    "signin.js",
    "spanish.js",
    "spanish_records.js",
    "style.css",
    "test_send.js",
    "text.js",
    "time.js",
    "trial.js",
    "triggers.js",
    "webhook.js",
    "webhook_row.js",
    "webhooks.js",
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
        // Memory takes everything; what could not be zipped would be sent as it is.
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
        // A string takes everything.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
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
    use std::collections::BTreeSet;
    use std::{fs, path};

    use super::*;

    #[test]
    fn every_file_of_the_folder_is_served_and_loaded_with_the_page() {
        let folder = path::Path::new(env!("CARGO_MANIFEST_DIR")).join("panel");
        let written: BTreeSet<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "index.html")
            .collect();
        let served: BTreeSet<_> = SOURCES.iter().map(|source| source.name.to_owned()).collect();
        assert_eq!(served, written);
        for name in served {
            assert!(PAGE.contains(&format!("/panel/{VERSION_MARK}/{name}\"")), "{name}");
        }
    }

    #[test]
    fn files_are_small_and_write_no_markup() {
        for Source { name, text } in SOURCES {
            assert!(text.lines().count() <= 300, "{name}");
            for word in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "style=\""]
            {
                assert!(!text.contains(word), "{name}: {word}");
            }
        }
    }

    #[test]
    fn the_first_load_is_less_than_a_hundred_kilobytes() {
        let zipped: usize = FILES.iter().filter_map(|file| file.zipped.as_ref()).map(Bytes::len).sum();
        assert!(PAGE.len() + zipped < 100_000, "{zipped}");
    }
}
