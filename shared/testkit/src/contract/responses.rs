//! Stored responses: found by their idempotency key until they expire.

use hookrail_domain::id::CompanyId;
use hookrail_domain::time::Millis;
use hookrail_pipeline::store::{ConfigStore, StoredResponse};

pub(super) async fn check(store: &impl ConfigStore, prefix: &str) {
    let company = CompanyId::parse(&format!("{prefix}-responses")).expect("a company id");
    let response = StoredResponse {
        request: "hash".to_owned(),
        status: 202,
        body: Some("{}".to_owned()),
        expires_at: Millis(10_000),
    };
    assert_eq!(store.find_response(&company, "key", Millis(0)).await.expect("read"), None);
    store.store_response(&company, "key", &response).await.expect("write");
    assert_eq!(
        store.find_response(&company, "key", Millis(9_999)).await.expect("read"),
        Some(response.clone())
    );
    assert_eq!(store.find_response(&company, "key", Millis(10_000)).await.expect("read"), None);
    let without = StoredResponse { body: None, ..response };
    store.store_response(&company, "large", &without).await.expect("write");
    assert_eq!(store.find_response(&company, "large", Millis(0)).await.expect("read"), Some(without));
}
