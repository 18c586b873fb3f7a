//! Webhooks by name: one of a name in a scope, renamed and deleted as a whole.

use hookrail_domain::id::{KappSlug, WebhookId};
use hookrail_domain::platform::EventType;
use hookrail_domain::platform::webhook::{PlatformWebhook, Stamp, WebhookScope};
use hookrail_domain::secrets::Secrets;
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, Token, TokenHash};
use hookrail_domain::webhook::{Name, Webhook, WebhookKind};
use hookrail_pipeline::store::platform::{NamedStore, Renaming};
use hookrail_pipeline::store::{ConfigStore, Replacement, Replacing, WebhookCreation};

use super::sample_webhook;

/// Makes a webhook of this name on submissions, in the space or one of its kapps.
#[must_use]
pub fn named(company: &str, number: u8, scope: WebhookScope, name: &str) -> Webhook {
    let stamp = Stamp { at: Millis(7), by: "ana".to_owned() };
    let face = PlatformWebhook {
        scope,
        kind: EventType::Submission,
        event: "Submitted",
        filter: String::new(),
        url: format!("https://receiver.example/{number}"),
        key: None,
        created: stamp.clone(),
        updated: stamp,
    };
    let name = Name::parse(name).expect("a name");
    Webhook { face: WebhookKind::Platform(Box::new(face)), name, ..sample_webhook(company, number) }
}

pub(super) async fn names(store: &(impl ConfigStore + NamedStore), prefix: &str) {
    let company = format!("{prefix}-names");
    let kapp = || WebhookScope::Kapp(KappSlug::parse("services").expect("a slug"));
    let one = named(&company, 1, WebhookScope::Space, "One");
    let id = &one.company;
    let token = TokenHash::of(&company);
    store
        .create_company(id, &Token::first(token, Grant::company(id.clone()), Millis(0)))
        .await
        .expect("write");
    let secrets = Secrets::new(SigningSecret::from_random([1; 32]));
    let make = async |made: &Webhook| store.create_webhook(made, &secrets).await.expect("write");
    assert_eq!(make(&one).await, WebhookCreation::Made);
    let twin = named(&company, 2, WebhookScope::Space, "One");
    assert_eq!(make(&twin).await, WebhookCreation::CodeTaken);
    let of_kapp = named(&company, 3, kapp(), "One");
    assert_eq!(make(&of_kapp).await, WebhookCreation::Made, "each scope has its own names");
    let two = named(&company, 4, WebhookScope::Space, "Two / 2 é");
    assert_eq!(make(&two).await, WebhookCreation::Made);

    let stamp = Stamp { at: Millis(7), by: "ana".to_owned() };
    let implicit = Webhook::implicit(id, &kapp(), &secrets, stamp);
    assert_eq!(make(&implicit).await, WebhookCreation::Made);
    assert_eq!(make(&implicit).await, WebhookCreation::CodeTaken);
    let found = store.find_webhook(id, implicit.id).await.expect("read");
    assert_eq!(
        found.as_ref(),
        Some(&implicit),
        "it reads back; otherwise no event of its company would be sent"
    );

    let find = async |scope: &WebhookScope, name: &str| {
        store.find_named(id, scope, name).await.expect("read").map(|found| found.id)
    };
    assert_eq!(find(&WebhookScope::Space, "One").await, Some(one.id));
    assert_eq!(find(&kapp(), "One").await, Some(of_kapp.id));
    assert_eq!(find(&kapp(), "Two / 2 é").await, None);
    assert_eq!(find(&WebhookScope::Space, "one").await, None);

    let call = |name: &str, version| {
        let name = Name::parse(name).expect("a name");
        Webhook { name, version, ..one.clone() }
    };
    let rename =
        async |to: &Webhook, from: &Webhook| store.rename(Replacing::from(to), from).await.expect("write");
    assert_eq!(rename(&call("Two / 2 é", 1), &one).await, Renaming::NameTaken);
    assert_eq!(rename(&call("Three", 3), &one).await, Renaming::Lost);
    assert_eq!(rename(&call("Three", 1), &one).await, Renaming::Done);
    assert_eq!(find(&WebhookScope::Space, "One").await, None);
    assert_eq!(find(&WebhookScope::Space, "Three").await, Some(one.id));
    assert_eq!(make(&twin).await, WebhookCreation::Made, "a former name is free");

    let versions = async || store.config_versions(std::slice::from_ref(id)).await.expect("read");
    let before = versions().await;
    assert_eq!(store.delete(&one).await.expect("write"), Replacement::Lost);
    assert_eq!(store.delete(&call("Three", 1)).await.expect("write"), Replacement::Done);
    assert!(before < versions().await, "a deletion raises the company's version");
    assert_eq!(find(&WebhookScope::Space, "Three").await, None);
    assert_eq!(store.find_webhook(id, one.id).await.expect("read"), None);
    assert!(store.find_secrets(id, one.id).await.expect("read").is_none());
    let ids: Vec<WebhookId> =
        store.list_webhooks(id).await.expect("read").into_iter().map(|one| one.id).collect();
    assert_eq!(ids, [twin.id, of_kapp.id, two.id, implicit.id]);
}
