//! The ready file: addresses, tokens and process ids for other tools. It is replaced in one step, and readable for its
//! owner only.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// The contents of the ready file.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ready {
    pub api: String,
    pub panel: String,
    pub token: String,
    pub operator_token: String,
    pub company: String,
    pub sqs: String,
    pub dynamodb: String,
    pub events_queue_url: String,
    pub deliveries_queue_urls: Vec<String>,
    pub pids: Pids,
}

/// The processes of each function, one per running sandbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pids {
    pub api: Vec<u32>,
    pub fan_out: Vec<u32>,
    pub deliver: Vec<u32>,
    pub recover: Vec<u32>,
}

/// Writes the ready file, readable for its owner only: it holds tokens.
pub fn write(path: &Path, ready: &Ready) -> std::io::Result<()> {
    let text = serde_json::to_vec_pretty(ready)?;
    write_private(path, &text)
}

/// Replaces a file in one step, readable for its owner only. If that fails the file is as it was.
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    write_new(&part, bytes).and_then(|()| fs::rename(&part, path)).inspect_err(|_| {
        // On a full disk every byte counts. It is replaced by the next write if it cannot be removed.
        fs::remove_file(&part).unwrap_or(());
    })
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
