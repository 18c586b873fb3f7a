//! Rejected events: kept once, each by its owner, listed from the newest.

use hookrail_domain::id::{CompanyId, EventId};
use hookrail_domain::rejected::{Pushed, RejectedEvent};
use hookrail_domain::time::Millis;
use hookrail_domain::token::Owner;
use hookrail_pipeline::store::rejected::RejectedStore;

pub(super) async fn check(store: &impl RejectedStore, prefix: &str) {
    let owner =
        |name: &str| Owner::Company(CompanyId::parse(&format!("{prefix}-{name}")).expect("a company id"));
    let (own, other) = (owner("rejects"), owner("other-rejects"));
    let event = |at: u64, text: &str| RejectedEvent::new(Millis(at), &format!("message-{at}"), text);
    // One more digit sorts behind: ids are compared as bytes, not as text of numbers.
    let events = [event(9, "not json"), event(10, "[1]"), event(1000, &"long ".repeat(1000))];
    for one in &events {
        store.keep_rejected(&own, one).await.expect("write");
    }
    let list = async |of: &Owner, before: Option<&RejectedEvent>, limit| {
        store.list_rejected(of, before.map(|one| one.id), limit).await.expect("read")
    };
    let [first, second, third] = events;
    assert_eq!(list(&own, None, 10).await, [third.clone(), second.clone(), first.clone()]);
    assert_eq!(list(&own, None, 2).await, [third.clone(), second.clone()]);
    assert_eq!(list(&own, Some(&second), 2).await, std::slice::from_ref(&first));
    assert_eq!(list(&other, None, 10).await, []);
    assert_eq!(store.find_rejected(&own, second.id).await.expect("read"), Some(second.clone()));
    assert_eq!(store.find_rejected(&other, second.id).await.expect("read"), None);
    assert_eq!(store.find_rejected(&Owner::Operator, second.id).await.expect("read"), None);

    let pushed = second.after_push(Pushed { at: Millis(2000), event: EventId::of_message("again") });
    store.replace_rejected(&own, &pushed).await.expect("write");
    store.keep_rejected(&own, &second).await.expect("write");
    let kept = store.find_rejected(&own, second.id).await.expect("read");
    assert_eq!(kept, Some(pushed), "a repeat of the dead letter does not undo the push");

    let large = event(5000, &"\u{e9}{}".repeat(250_000));
    assert!(1 < large.parts_count, "larger than an event may be, and than an item");
    store.keep_rejected(&own, &large).await.expect("write");
    assert_eq!(store.find_rejected(&own, large.id).await.expect("read"), Some(large.clone()));
    assert_eq!(list(&own, None, 1).await, [large.begin()]);
}
