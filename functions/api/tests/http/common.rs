//! Rules of every path: unknown ones, wrong methods, headers, the panel.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use hookrail_api::{COMPANIES_PATH, EVENTS_PATH, PANEL_PATH, WEBHOOKS_PATH};

use crate::world::{Call, World, event, webhook};

#[tokio::test]
async fn an_unknown_path_returns_404() {
    let world = World::new().await;
    for path in ["/", "/api/v3", "/api/v3/webhook", "/api/v3/webhook/subscription/", "/api/v2/event"] {
        world.send(Call::get(path)).await.refuses(404, &[]);
        world.send(Call::post(path, "{}")).await.refuses(404, &[]);
    }
}

#[tokio::test]
async fn a_405_response_lists_the_allowed_methods() {
    let world = World::new().await;
    for (call, allowed) in [
        (Call::delete(WEBHOOKS_PATH), "GET,HEAD,POST"),
        (Call::get(EVENTS_PATH), "POST"),
        (Call::get(COMPANIES_PATH), "POST"),
        (Call::post(PANEL_PATH, ""), "GET,HEAD"),
    ] {
        let answer = world.send(call).await;
        answer.refuses(405, &[]);
        assert_eq!(answer.header("allow"), Some(allowed));
    }
}

#[tokio::test]
async fn the_admin_header_of_the_reference_system_has_no_effect() {
    let world = World::new().await;
    for admin in ["true", "false", "x"] {
        let made =
            world.send(Call::post(WEBHOOKS_PATH, webhook(&format!("a_{admin}"))).header("admin", admin));
        assert_eq!(made.await.status, 201, "{admin}");
        let none = Call::get(WEBHOOKS_PATH).header("admin", admin).without("authorization");
        world.send(none).await.refuses(401, &[]);
    }
}

#[tokio::test]
async fn responses_forbid_caching_and_content_sniffing() {
    let world = World::new().await;
    for call in [
        Call::get(WEBHOOKS_PATH),
        Call::get(WEBHOOKS_PATH).without("authorization"),
        Call::push(event("acme")),
        Call::push("{"),
        Call::get("/nowhere"),
        Call::delete(WEBHOOKS_PATH),
        Call::get(PANEL_PATH),
        Call::push(event("acme")).header("origin", "https://evil.example.com"),
    ] {
        let answer = world.send(call).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{answer:?}");
    }
}

/// The log of a test.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Takes what this thread logs, until the guard is dropped.
    pub(crate) fn subscribe(&self) -> tracing::subscriber::DefaultGuard {
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
        tracing::subscriber::set_default(subscriber)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_failed_call_is_logged_once_with_its_cause_and_without_its_content() {
    let (lines, world) = (Lines::default(), World::new().await);
    world.tables.fail_at("find_answer");
    let logging = lines.subscribe();
    let call = Call::post("/api/v3/event?debug=in-query", event("acme")).key("key-in-header");
    world.send(call).await.refuses(503, &[]);
    world.send(Call::get("/nowhere")).await.refuses(404, &[]);
    drop(logging);
    let log = lines.text();
    assert_eq!(log.lines().count(), 1, "{log}");
    let line: serde_json::Value = serde_json::from_str(&log).unwrap();
    assert_eq!(line["fields"]["message"], "request.failed");
    assert_eq!(line["fields"]["path"], "/api/v3/event");
    assert_eq!(line["fields"]["cause"], "the table is not available: made to fail");
    for secret in ["in-query", "in-header", "acme"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test]
async fn documents_are_json_in_utf_8() {
    let world = World::new().await;
    for call in [Call::get(WEBHOOKS_PATH), Call::push(event("acme"))] {
        assert_eq!(world.send(call).await.header("content-type"), Some("application/json; charset=utf-8"));
    }
}

#[tokio::test]
async fn the_panel_runs_its_own_files_only() {
    let world = World::new().await;
    for path in ["/panel", "/panel/"] {
        let answer = world.send(Call::get(path).without("authorization")).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
        let policy = answer.header("content-security-policy").unwrap();
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.contains(rule), "{policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        let page = String::from_utf8(answer.body).unwrap();
        assert!(page.starts_with("<!doctype html>"));
        for forbidden in ["<style", "style=", " onclick", "<script>"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
    }
}

/// The address of the panel's main script, from its page.
async fn main_script(world: &World) -> String {
    let page = world.send(Call::get(PANEL_PATH)).await;
    let page = String::from_utf8(page.body).unwrap();
    page.split('"').find(|text| text.ends_with("/panel.js")).unwrap().to_owned()
}

#[tokio::test]
async fn browsers_cache_panel_files_until_they_change() {
    let world = World::new().await;
    let path = main_script(&world).await;
    let file = world.send(Call::get(&path).without("authorization")).await;
    assert_eq!((file.status, file.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
    assert_eq!(file.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
    let tag = file.header("etag").unwrap().to_owned();
    let again = world.send(Call::get(&path).header("if-none-match", &tag)).await;
    assert_eq!((again.status, again.header("etag"), again.body.len()), (304, Some(tag.as_str()), 0));
    let zipped = world.send(Call::get(&path).header("accept-encoding", "br, gzip")).await;
    assert_eq!((zipped.status, zipped.header("content-encoding")), (200, Some("gzip")));
    assert!(zipped.body.len() < file.body.len());
}

#[tokio::test]
async fn the_panel_serves_no_other_files() {
    let world = World::new().await;
    let path = main_script(&world).await;
    let folder = path.strip_suffix("panel.js").unwrap();
    for name in ["", "index.html", "nothing.js", "../panel.js", "%2e%2e/panel.js", "panel.js/", "./panel.js"]
    {
        let answer = world.send(Call::get(&format!("{folder}{name}"))).await;
        answer.refuses(404, &[]);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    world.send(Call::get("/panel/0000000000000000/panel.js")).await.refuses(404, &[]);
    world.send(Call::get("/panel/panel.js")).await.refuses(404, &[]);
    world.send(Call::post(&path, "{}")).await.refuses(405, &[]);
}
