//! A tab: the content of its page, and the actions of a person's hands.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookrail_adapters::config::{Environment, ProcessEnvironment};
use serde_json::{Value, json};

use crate::protocol::Protocol;
use crate::wait::{PATIENCE, eventually};

/// Finds an element by the name that a person would use: in the open dialog, if there is one.
const BY_NAME: &str = r#"(name) => {
  const root = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document;
  const named = (each) => (each.getAttribute("aria-label") ?? each.textContent).trim() === name;
  return [...root.querySelectorAll("button, a, summary, label, input")].find((each) => named(each) && each.checkVisibility());
}"#;
/// Reports violations of the policy.
const REPORT: &str = "window.violations = []; addEventListener('securitypolicyviolation', (event) => \
                      violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));";

#[derive(Debug, Clone)]
pub(crate) struct Page {
    protocol: Protocol,
    session: String,
}

impl Page {
    pub(crate) async fn open(protocol: Protocol, session: &str) -> Self {
        let page = Self { protocol, session: session.to_owned() };
        for domain in ["Page", "Runtime", "Network"] {
            page.call(&format!("{domain}.enable"), json!({})).await;
        }
        page.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": REPORT })).await;
        page.size(1280, 900).await;
        let slower = ProcessEnvironment.get("HOOKRAIL_BROWSER_TIMES_SLOWER");
        if let Some(times) = slower {
            let rate = json!({ "rate": times.parse::<f64>().unwrap() });
            page.call("Emulation.setCPUThrottlingRate", rate).await;
        }
        page
    }

    pub(crate) async fn call(&self, method: &str, parameters: Value) -> Value {
        self.protocol.call(Some(&self.session), method, parameters).await
    }

    pub(crate) async fn size(&self, width: u32, height: u32) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.call("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Sets light or dark, as the system does.
    pub(crate) async fn scheme(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Loads an address again.
    pub(crate) async fn goto(&self, url: &str) {
        // Another fragment alone would load nothing.
        self.call("Page.navigate", json!({ "url": "about:blank" })).await;
        self.until("location.href === 'about:blank'").await;
        self.call("Page.navigate", json!({ "url": url })).await;
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'").await;
    }

    /// Reloads the page.
    pub(crate) async fn reload(&self) {
        self.js("void (window.isOld = true)").await;
        self.call("Page.reload", json!({})).await;
        self.until("window.isOld === undefined && document.readyState === 'complete'").await;
    }

    /// Goes to another screen of the panel, as a link does.
    pub(crate) async fn place(&self, hash: &str) {
        self.js(&format!("void (location.hash = {})", json!(hash))).await;
    }

    pub(crate) async fn try_js(&self, expression: &str) -> Result<Value, String> {
        let call = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.protocol.try_call(Some(&self.session), "Runtime.evaluate", call).await?;
        match answer.get("exceptionDetails") {
            Some(exception) => Err(format!("{expression}: {exception}")),
            None => Ok(answer["result"]["value"].clone()),
        }
    }

    pub(crate) async fn js(&self, expression: &str) -> Value {
        self.try_js(expression).await.unwrap()
    }

    /// Waits until the expression is true (or anything like it), and returns it.
    pub(crate) async fn until(&self, expression: &str) -> Value {
        eventually(expression, PATIENCE, async || {
            let found = self.try_js(expression).await?;
            let is_nothing = matches!(found, Value::Null | Value::Bool(false)) || found == "" || found == 0;
            if is_nothing {
                Err(self.try_js("document.body.innerText").await?.to_string())
            } else {
                Ok(found)
            }
        })
        .await
    }

    /// Waits until the expression has this value: a page shows many results a moment later.
    pub(crate) async fn is(&self, expression: &str, expected: impl Into<Value>) {
        let expected = expected.into();
        eventually(expression, PATIENCE, async || {
            let found = self.try_js(expression).await?;
            if found == expected { Ok(()) } else { Err(format!("{found} instead of {expected}")) }
        })
        .await;
    }

    /// Waits until the page shows this text.
    pub(crate) async fn sees(&self, text: &str) {
        self.until(&format!("document.body.innerText.includes({})", json!(text))).await;
    }

    /// Waits until the page no longer shows this text.
    pub(crate) async fn misses(&self, text: &str) {
        self.until(&format!("!document.body.innerText.includes({})", json!(text))).await;
    }

    /// Returns the texts of the elements of this selector, once there are this many.
    pub(crate) async fn texts(&self, selector: &str, count: usize) -> Vec<String> {
        let all = format!(
            "((all) => all.length === {count} && all)([...document.querySelectorAll({})].map((each) => each.innerText.trim()))",
            json!(selector)
        );
        serde_json::from_value(self.until(&all).await).unwrap()
    }

    /// Clicks in the middle of the element, once it exists, does not move and can be clicked.
    /// A click that met another element, because the page moved under it, is made again.
    async fn click_on(&self, found: &str) {
        let middle = format!(
            "(async (each) => {{ if (!each || each.disabled || each.ariaDisabled === 'true') return null; \
             each.scrollIntoView({{ block: 'center', behavior: 'instant' }}); \
             const frame = () => new Promise(requestAnimationFrame); \
             await frame(); const before = each.getBoundingClientRect(); \
             await frame(); await frame(); const box = each.getBoundingClientRect(); \
             if (before.x !== box.x || before.y !== box.y) return null; \
             const [x, y] = [box.x + box.width / 2, box.y + box.height / 2]; \
             if (!box.width || !each.contains(document.elementFromPoint(x, y))) return null; \
             window.isHit = false; \
             each.addEventListener('click', () => {{ window.isHit = true; }}, {{ once: true, capture: true }}); \
             return {{ x, y }}; }})({found})"
        );
        loop {
            let middle = self.until(&middle).await;
            for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
                let press = json!({ "type": kind, "x": middle["x"], "y": middle["y"], "button": "left", "clickCount": 1 });
                self.call("Input.dispatchMouseEvent", press).await;
            }
            // A page that was left for another knows of no click, and one that is being left reports nothing.
            if self.try_js("window.isHit").await != Ok(Value::Bool(false)) {
                return;
            }
        }
    }

    pub(crate) async fn click(&self, selector: &str) {
        self.click_on(&format!("document.querySelector({})", json!(selector))).await;
    }

    /// Clicks the element of this name.
    pub(crate) async fn press(&self, name: &str) {
        self.click_on(&format!("({BY_NAME})({})", json!(name))).await;
    }

    /// Replaces the text of a field.
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        self.click(selector).await;
        self.js(&format!("document.querySelector({}).select()", json!(selector))).await;
        if text.is_empty() {
            self.key("Delete").await;
        } else {
            self.call("Input.insertText", json!({ "text": text })).await;
        }
    }

    /// Chooses a value of a select, or sets a field that no keys reach, and fires its events.
    pub(crate) async fn choose(&self, selector: &str, value: &str) {
        self.until(&format!("document.querySelector({}) !== null", json!(selector))).await;
        let (selector, value) = (json!(selector), json!(value));
        self.js(&format!(
            "((each) => {{ each.value = {value}; for (const kind of ['input', 'change']) \
             each.dispatchEvent(new Event(kind, {{ bubbles: true }})); }})(document.querySelector({selector}))"
        ))
        .await;
    }

    /// Presses a key.
    pub(crate) async fn key(&self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            "Space" => (32, " "),
            "Delete" => (46, ""),
            "ArrowDown" => (40, ""),
            _ => panic!("no such key: {key}"),
        };
        let name = if key == "Space" { " " } else { key };
        for kind in ["keyDown", "keyUp"] {
            let press = json!({ "type": kind, "key": name, "code": key, "windowsVirtualKeyCode": code, "text": text });
            self.call("Input.dispatchKeyEvent", press).await;
        }
    }

    /// Waits for the browser's question whether to leave the page, the one of this number, and answers it.
    pub(crate) async fn is_asked_to_leave(&self, count: usize, leaves: bool) {
        eventually("the browser asks", PATIENCE, async || {
            let asked = self.events("Page.javascriptDialogOpening");
            if asked.len() == count { Ok(()) } else { Err(format!("{asked:?}")) }
        })
        .await;
        let asked = self.events("Page.javascriptDialogOpening");
        assert!(asked.iter().all(|each| each["type"] == "beforeunload"), "{asked:?}");
        self.call("Page.handleJavaScriptDialog", json!({ "accept": leaves })).await;
    }

    /// Holds the page's timers from the next load on: periodic work is done only by [`Self::time_passes`].
    pub(crate) async fn hold_time(&self) {
        let source = "window.every = []; window.setInterval = (work) => window.every.push(work); window.clearInterval = () => {};";
        self.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await;
    }

    /// Does the periodic work once, to its end.
    pub(crate) async fn time_passes(&self) {
        self.js("Promise.all(every.map((work) => work())).then(() => every.length)").await;
    }

    /// Returns a picture of the page, as a PNG.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        let shot = self.call("Page.captureScreenshot", json!({ "captureBeyondViewport": false })).await;
        STANDARD.decode(shot["data"].as_str().unwrap()).unwrap()
    }

    /// Returns the events of the protocol so far.
    pub(crate) fn events(&self, method: &str) -> Vec<Value> {
        self.protocol.events(method)
    }

    /// Checks that no script failed, and that the policy stopped nothing.
    pub(crate) async fn is_clean(&self) {
        assert_eq!(self.js("window.violations").await, json!([]));
        assert_eq!(self.events("Runtime.exceptionThrown"), Vec::<Value>::new());
    }
}
