//! The second face: webhooks on the platform's records.

use hookrail_api::{KAPPS_PATH, NAMED_PATH};
use serde_json::{Value, json};

use crate::world::{Answer, Call, World};

mod webhooks;
mod lists;
mod scripts;
mod jobs;
mod posted;
mod keys;
mod refusals;
mod meta;
mod trials;

/// A webhook that is made as it is, in a space or in a kapp.
pub(crate) fn named_webhook(name: &str) -> String {
    json!({"name": name, "type": "Submission", "event": "Submitted", "url": "https://www.server.com/${form('slug')}"})
        .to_string()
}

/// The path of the webhooks of a kapp.
fn kapp(slug: &str) -> String {
    format!("{KAPPS_PATH}/{slug}/webhooks")
}

/// The webhook of this name, made there.
async fn made(world: &World, path: &str, name: &str) -> Value {
    webhook_of(&world.send(Call::post(path, named_webhook(name))).await)
}

/// A name as it stands in a path.
fn encoded(name: &str) -> String {
    name.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The answer to a change of the space's webhook of this name.
async fn put(world: &World, name: &str, body: Value) -> Answer {
    world.send(Call::put(&format!("{NAMED_PATH}/{}", encoded(name)), body.to_string())).await
}

/// The one webhook of an answer.
#[track_caller]
fn webhook_of(answer: &Answer) -> Value {
    let document = answer.json();
    assert_eq!((answer.status, document.as_object().unwrap().len()), (200, 1), "{document}");
    document["webhook"].clone()
}

async fn names(world: &World, path: &str) -> Vec<String> {
    let list = world.send(Call::get(path)).await.json();
    let webhooks = list["webhooks"].as_array().unwrap();
    webhooks.iter().map(|webhook| webhook["name"].as_str().unwrap().to_owned()).collect()
}

impl Answer {
    /// Asserts an error of the platform's shape, of this status, that says this.
    #[track_caller]
    fn errs(&self, status: u16, text: &str) {
        let document = self.json();
        assert_eq!(self.status, status, "{document}");
        assert_eq!(document["statusCode"], status);
        assert!(document["error"].as_str().unwrap().contains(text), "{document}");
        assert!(!document["correlationId"].as_str().unwrap().is_empty());
        assert_eq!(self.header("content-type"), Some("application/json; charset=utf-8"));
        let known = ["statusCode", "error", "errorKey", "errors", "correlationId"];
        assert!(document.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())), "{document}");
    }
}
