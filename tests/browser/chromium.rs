//! A headless Chromium for one test.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::page::Page;
use crate::process::Directory;
use crate::protocol::Protocol;
use crate::wait::{PATIENCE, eventually};

/// Its names on the systems where it is installed.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// The browser. Ends with the test.
#[derive(Debug)]
pub(crate) struct Chromium {
    child: Child,
    protocol: Protocol,
    _profile: Directory,
}

impl Chromium {
    pub(crate) async fn start() -> Self {
        let profile = Directory::new();
        let child = spawn(&profile);
        let port_file = profile.path().join("DevToolsActivePort");
        let address = eventually("Chromium is ready", PATIENCE, async || {
            // Its own log has the reason if it does not start.
            let log = || fs::read_to_string(profile.path().join("chromium.log")).unwrap_or_default();
            let text = fs::read_to_string(&port_file).map_err(|error| format!("{error}; {}", log()))?;
            match text.split_once('\n') {
                Some((port, path)) if !path.is_empty() => Ok(format!("ws://127.0.0.1:{port}{path}")),
                _ => Err(text),
            }
        })
        .await;
        Self { child, protocol: Protocol::connect(&address).await, _profile: profile }
    }

    /// Opens a new tab, in a window of its own with a store of its own.
    pub(crate) async fn page(&self) -> Page {
        let context = self.protocol.call(None, "Target.createBrowserContext", json!({})).await;
        let target = json!({ "url": "about:blank", "browserContextId": context["browserContextId"] });
        let target = self.protocol.call(None, "Target.createTarget", target).await;
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = self.protocol.call(None, "Target.attachToTarget", target).await;
        Page::open(self.protocol.clone(), attached["sessionId"].as_str().unwrap()).await
    }
}

fn spawn(profile: &Directory) -> Child {
    let log = File::create(profile.path().join("chromium.log")).unwrap();
    let start = |name: &str| {
        Command::new(name)
            .args(["--headless=new", "--remote-debugging-port=0", "--no-first-run", "--disable-gpu"])
            // Without them it looks for updates and services at every start, which takes time on a busy
            // machine.
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            // It runs as root in containers too, and opens only our own page.
            .args(["--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", "--lang=en-GB"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.try_clone().unwrap())
            .spawn()
            .ok()
    };
    NAMES.into_iter().find_map(start).unwrap_or_else(|| panic!("install one of {NAMES:?}"))
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().unwrap_or(());
        self.child.wait().map(|_status| ()).unwrap_or(());
    }
}
