//! The short texts that identify callers, companies and secrets.

use hookrail_domain::id::{CompanyId, ContextId, WebhookId};
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Scope, TokenHash};

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    assert_eq!(TokenHash::of(text).to_string().parse(), Ok(TokenHash::of(text)));
    if let Ok(hash) = text.parse::<TokenHash>() {
        assert_eq!(hash.to_string(), text.to_ascii_lowercase());
    }
    if let Ok(id) = WebhookId::parse(text) {
        assert_eq!(id.to_string(), text.to_ascii_lowercase());
    }
    if let Some(scope) = Scope::find(text) {
        assert_eq!(scope.name(), text);
    }
    let is_safe =
        !text.is_empty() && !text.contains(|letter: char| !letter.is_ascii_graphic() || letter == '#');
    if let Ok(company) = CompanyId::parse(text) {
        assert!(is_safe && company.as_str() == text, "it is a part of keys, groups and URLs");
    }
    assert_eq!(ContextId::parse(text).is_ok(), CompanyId::parse(text).is_ok());
    if let Ok(secret) = SigningSecret::parse(text) {
        let shown = secret.reveal();
        assert_eq!(SigningSecret::parse(&shown), Ok(secret.clone()), "what is shown is the same secret");
        assert!(!format!("{secret:?}").contains(&shown));
        secret.sign("msg", Millis(1), text).expect("any secret signs");
    }
}
