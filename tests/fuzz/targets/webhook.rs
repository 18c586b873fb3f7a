//! What the API is told of webhooks and companies.

use hookrail_domain::id::{CompanyId, SubscriptionId};
use hookrail_domain::subscription::Subscription;
use hookrail_domain::target::TargetPolicy;
use hookrail_wire::company;
use hookrail_wire::cot_webhook::{parse_new, parse_patch, render};
use serde_json::Value;

pub(crate) fn run(bytes: &[u8]) {
    let policy = TargetPolicy::default();
    match parse_new(bytes, &policy) {
        Ok(new) => {
            let made = new.clone().into_subscription(SubscriptionId::from_bytes([1; 12]), acme());
            made.url.check(&policy).expect("what is saved may be sent to");
            assert_eq!(parse_new(&render(&made), &policy).expect("what is shown can be sent back"), new);
            changed(bytes, &made);
        }
        Err(problems) => assert!(!problems.is_empty()),
    }
    let known = br#"{"name":"n","code":"c","url":"https://a.io","trigger":"create-edit-delete-task"}"#;
    let known = parse_new(known, &policy).expect("a webhook");
    changed(bytes, &known.into_subscription(SubscriptionId::from_bytes([2; 12]), acme()));
    if let Ok(Some(named)) = company::parse(bytes) {
        let fields: Value = serde_json::from_slice(bytes).expect("only JSON is accepted");
        assert_eq!(fields["company"], named.as_str());
    }
}

fn acme() -> CompanyId {
    CompanyId::parse("acme").expect("a company id")
}

fn changed(bytes: &[u8], current: &Subscription) {
    let policy = TargetPolicy::default();
    let Ok(patch) = parse_patch(bytes, &policy) else { return };
    let Ok(next) = patch.apply(current) else { return };
    assert_eq!(
        (next.id, &next.company, &next.code, next.version),
        (current.id, &current.company, &current.code, current.version + 1),
        "no change touches these"
    );
    next.url.check(&policy).expect("what is saved may be sent to");
    let again = parse_patch(&render(&next), &policy).expect("what is shown can be sent back");
    let same = again.apply(&next).expect("what is shown can be sent back");
    assert_eq!(same, Subscription { version: next.version + 1, ..next });
}
