//! Traces of calls for later ones: responses, found by their idempotency key, and the count of pushed events.

use hookrail_domain::id::CompanyId;
use hookrail_domain::ingest::Pushed;
use hookrail_domain::time::Millis;
use hookrail_pipeline::store::{Change, ConfigStore, StoredResponse};

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
    pushed(store, &company).await;
}

async fn pushed(store: &impl ConfigStore, company: &CompanyId) {
    let replace = async |from, to| store.replace_pushed(company, from, to).await.expect("write");
    let none = Pushed::default();
    let (first, second) = (Pushed { window: 7, events: 60 }, Pushed { window: 7, events: 61 });
    assert_eq!(store.find_pushed(company).await.expect("read"), none);
    assert_eq!(replace(none, first).await, Change::Done);
    assert_eq!(replace(none, second).await, Change::Lost, "another call was first");
    assert_eq!(replace(second, second).await, Change::Lost);
    assert_eq!(replace(first, second).await, Change::Done);
    assert_eq!(store.find_pushed(company).await.expect("read"), second);
}
