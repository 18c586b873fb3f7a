//! Calls to the API about webhooks and companies.

use hookrail_domain::id::{CompanyId, WebhookId};
use hookrail_domain::secrets::Secrets;
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::target::TargetPolicy;
use hookrail_domain::webhook::{CotWebhook, Webhook};
use hookrail_wire::company;
use hookrail_wire::cot_webhook::{parse_new, parse_patch, render};
use serde_json::Value;

pub(crate) fn run(bytes: &[u8]) {
    let policy = TargetPolicy::default();
    let key = SigningSecret::from_random([7; 32]);
    match parse_new(bytes, &policy) {
        Ok(new) => {
            let Ok(secrets) = new.secrets(key.clone()) else { return };
            let made = new.into_webhook(WebhookId::from_bytes([1; 12]), acme(), &secrets);
            cot(&made).url.check(&policy).expect("what is saved may be sent to");
            let again = parse_new(&render(&made), &policy).expect("what is shown can be sent back");
            let again = again.into_webhook(made.id, acme(), &secrets);
            assert_eq!(again, made);
            changed(bytes, &made, &secrets);
        }
        Err(problems) => assert!(!problems.is_empty()),
    }
    let known = br#"{"name":"n","code":"c","url":"https://a.io","trigger":"create-edit-delete-task",
        "headers":{"x-key":"k"},"basicAuth":{"username":"u","password":"p"}}"#;
    let known = parse_new(known, &policy).expect("a webhook");
    let secrets = known.secrets(key).expect("few headers");
    changed(bytes, &known.into_webhook(WebhookId::from_bytes([2; 12]), acme(), &secrets), &secrets);
    if let Ok(Some(named)) = company::parse(bytes) {
        let fields: Value = serde_json::from_slice(bytes).expect("only JSON is accepted");
        assert_eq!(fields["company"], named.as_str());
    }
}

fn acme() -> CompanyId {
    CompanyId::parse("acme").expect("a company id")
}

fn cot(webhook: &Webhook) -> &CotWebhook {
    webhook.cot().expect("made of a trigger and a context")
}

fn changed(bytes: &[u8], current: &Webhook, secrets: &Secrets) {
    let policy = TargetPolicy::default();
    let Ok(patch) = parse_patch(bytes, &policy) else { return };
    let Ok(new) = patch.apply_to_secrets(current, secrets) else { return };
    let is_concerned = patch.concerns_secrets(current);
    assert!(is_concerned || new == *secrets, "secrets change only when they are named");
    let Ok(next) = patch.apply(current) else { return };
    assert_eq!(
        (next.id, &next.company, &cot(&next).code, next.version),
        (current.id, &current.company, &cot(current).code, current.version + 1),
        "no change touches these"
    );
    let is_same_host = cot(&next).url.is_same_origin(&cot(current).url);
    let kept = new.headers.iter().any(|(name, value)| secrets.headers.get(name) == Some(value));
    let is_said = String::from_utf8_lossy(bytes).contains("headers");
    assert!(is_same_host || !kept || is_said, "credentials of one host are not sent to another");
    cot(&next).url.check(&policy).expect("what is saved may be sent to");
    let next = Webhook { credentials: new.credentials(next.version), ..next };
    let again = parse_patch(&render(&next), &policy).expect("what is shown can be sent back");
    assert_eq!(again.apply_to_secrets(&next, &new).as_ref(), Ok(&new), "with its headers");
    let same = again.apply(&next).expect("what is shown can be sent back");
    assert_eq!(same, Webhook { version: next.version + 1, ..next });
}
