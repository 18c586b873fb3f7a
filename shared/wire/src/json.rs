//! Our own documents as JSON.
//!
//! JSON refuses only maps whose keys are not texts, and values that fail to serialize themselves. Our documents hold
//! neither: they are structs of texts, numbers, flags, lists and maps by text. So nothing here can fail; if it ever did,
//! a panic fails the one call, while a default would send an empty body as if it were the document.

use serde::Serialize;
use serde_json::Value;

const IMPOSSIBLE: &str = "a document of ours is JSON";

/// The JSON of a document.
#[must_use]
pub fn render(document: &(impl Serialize + ?Sized)) -> Vec<u8> {
    text(document).into_bytes()
}

/// The JSON of a document, as a text.
#[must_use]
#[expect(clippy::expect_used, reason = "see the module's comment")]
pub fn text(document: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(document).expect(IMPOSSIBLE)
}

/// A document as a value, to be looked through.
#[must_use]
#[expect(clippy::expect_used, reason = "see the module's comment")]
pub fn value(document: &(impl Serialize + ?Sized)) -> Value {
    serde_json::to_value(document).expect(IMPOSSIBLE)
}
