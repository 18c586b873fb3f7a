//! A running stack of a test: its addresses, its processes, and calls to it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method, RequestBuilder};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::process::{Process, signal};
use crate::wait::{PATIENCE, eventually};

/// The stack of tests without special flags: a short delay, and time-outs above that of a slow response.
pub(crate) static COMMON: Shared = Shared::new("--retry-delay 1 --timeout 5");
/// Bytes of the log that are shown when a test fails.
const LOG_BYTES_SHOWN: usize = 8_000;

/// The contents of the ready file.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ready {
    pub(crate) api: String,
    pub(crate) panel: String,
    pub(crate) token: String,
    pub(crate) operator_token: String,
    pub(crate) company: String,
    pub(crate) sqs: String,
    pub(crate) dynamodb: String,
    pub(crate) events_queue_url: String,
    pub(crate) deliveries_queue_urls: Vec<String>,
    pub(crate) pids: Pids,
}

/// The running sandboxes, by function.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pids {
    pub(crate) api: Vec<u32>,
    pub(crate) fan_out: Vec<u32>,
    pub(crate) deliver: Vec<u32>,
    pub(crate) recover: Vec<u32>,
}

impl Pids {
    pub(crate) fn all(&self) -> Vec<u32> {
        [&self.api, &self.fan_out, &self.deliver, &self.recover].into_iter().flatten().copied().collect()
    }
}

/// A stack that the tests of one binary share while any of them runs.
#[derive(Debug)]
pub(crate) struct Shared {
    flags: &'static str,
    process: Mutex<Weak<Process>>,
}

impl Shared {
    pub(crate) const fn new(flags: &'static str) -> Self {
        Self { flags, process: Mutex::const_new(Weak::new()) }
    }

    /// Returns the running stack, or starts one.
    pub(crate) async fn get(&self) -> Stack {
        let mut shared = self.process.lock().await;
        let process = shared.upgrade().filter(|process| process.exit_status().is_none());
        let process = process.unwrap_or_else(|| Arc::new(Process::start(self.flags)));
        *shared = Arc::downgrade(&process);
        Stack::of(process).await
    }
}

/// A running stack. Shows its log when the test fails.
#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) process: Arc<Process>,
    pub(crate) ready: Ready,
    pub(crate) http: Client,
}

impl Stack {
    /// Starts one with these flags and waits until it is ready.
    pub(crate) async fn start(flags: &str) -> Self {
        Self::of(Arc::new(Process::start(flags))).await
    }

    /// Waits until the stack of a process is ready.
    pub(crate) async fn of(process: Arc<Process>) -> Self {
        let ready = eventually("the stack is ready", PATIENCE, async || match process.exit_status() {
            Some(status) => panic!("the stack ended: {status}\n{}", process.output()),
            None if process.ready_file.exists() => Ok(read(&process)),
            None => Err(process.output()),
        })
        .await;
        Self { process, ready, http: Client::builder().no_proxy().build().unwrap() }
    }

    /// Reads the ready file.
    pub(crate) fn read_ready(&self) -> Ready {
        read(&self.process)
    }

    /// Kills every sandbox of a function, and waits until the stack has noticed. Returns their number.
    pub(crate) async fn kill_all(&self, pids_of: fn(&Pids) -> &Vec<u32>) -> usize {
        let killed = pids_of(&self.read_ready().pids).clone();
        signal("KILL", &killed);
        eventually("killed processes are forgotten", PATIENCE, async || {
            let pids = self.read_ready().pids;
            let left: Vec<_> = pids_of(&pids).iter().filter(|pid| killed.contains(pid)).collect();
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        })
        .await;
        killed.len()
    }

    /// Makes a call to the API.
    pub(crate) fn request(&self, method: Method, path: &str, token: Option<&str>) -> RequestBuilder {
        let call = self.http.request(method, format!("{}{path}", self.ready.api)).timeout(PATIENCE);
        match token {
            Some(token) => call.bearer_auth(token),
            None => call,
        }
    }

    /// Posts JSON.
    pub(crate) async fn post(&self, path: &str, token: &str, body: impl Into<String>) -> Answer {
        let call = self.request(Method::POST, path, Some(token));
        Answer::to(call.header(CONTENT_TYPE, "application/json").body(body.into())).await
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let output = self.process.output();
            let start = output.len().saturating_sub(LOG_BYTES_SHOWN);
            let end = output.get(output.ceil_char_boundary(start)..).unwrap_or_default();
            eprintln!("log of the stack ({}):\n{end}", self.process.ready_file.display());
        }
    }
}

/// Reads the ready file, which is whole at any time, since it is replaced in one step.
pub(crate) fn read(process: &Process) -> Ready {
    let text = std::fs::read_to_string(&process.ready_file).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("the ready file is not whole: {error}\n{text}"))
}

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// Sends the call.
    pub(crate) async fn to(call: RequestBuilder) -> Self {
        let answer = call.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Self { status, headers, text: answer.text().await.unwrap() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text))
    }

    /// Fails the test unless the response has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// Returns the path of the next page, if there is one.
    pub(crate) fn next_page(&self) -> Option<String> {
        let link = self.header("link")?.strip_prefix('<')?;
        Some(link.strip_suffix(">; rel=\"next\"")?.to_owned())
    }
}

/// Makes a duration in seconds.
pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
