//! Who may call the API: tokens, found by their hash, and the scopes they carry.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::id::{CompanyId, hex, unhex};
use crate::time::Millis;

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    WebhooksRead,
    WebhooksWrite,
    SecretsRead,
    LogsRead,
    DeliveriesWrite,
    EventsWrite,
    TokensWrite,
    /// May make companies and act for any of them.
    Operator,
}

impl Scope {
    /// Every scope of a company's own; the operator's is not one of them.
    pub const COMPANY: [Self; 7] = [
        Self::WebhooksRead,
        Self::WebhooksWrite,
        Self::SecretsRead,
        Self::LogsRead,
        Self::DeliveriesWrite,
        Self::EventsWrite,
        Self::TokensWrite,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::WebhooksRead => "webhooks:read",
            Self::WebhooksWrite => "webhooks:write",
            Self::SecretsRead => "secrets:read",
            Self::LogsRead => "logs:read",
            Self::DeliveriesWrite => "deliveries:write",
            Self::EventsWrite => "events:write",
            Self::TokensWrite => "tokens:write",
            Self::Operator => "operator",
        }
    }

    /// The scope of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::COMPANY.into_iter().chain([Self::Operator]).find(|scope| scope.name() == name)
    }
}

/// SHA-256 of a token. Tokens carry 256 random bits and are looked up by this hash, so that neither the table nor a
/// log can give one away and no comparison needs constant time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

/// A text is no SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 64 hexadecimal characters")]
pub struct InvalidTokenHash;

impl FromStr for TokenHash {
    type Err = InvalidTokenHash;

    fn from_str(text: &str) -> Result<Self, InvalidTokenHash> {
        unhex(text).map(Self).ok_or(InvalidTokenHash)
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hex(&self.0))
    }
}

/// What a valid token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub holder: Holder,
    pub scopes: Vec<Scope>,
    pub expires_at: Option<Millis>,
}

/// On whose behalf a token acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    Company(CompanyId),
    Operator,
}

impl Grant {
    /// A grant of everything a company can do in its own house.
    #[must_use]
    pub fn company(company: CompanyId) -> Self {
        Self { holder: Holder::Company(company), scopes: Scope::COMPANY.to_vec(), expires_at: None }
    }

    /// The operator's grant.
    #[must_use]
    pub fn operator() -> Self {
        Self { holder: Holder::Operator, scopes: vec![Scope::Operator], expires_at: None }
    }

    #[must_use]
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    #[must_use]
    pub fn is_expired(&self, now: Millis) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn scope_names_round_trip() {
        for scope in Scope::COMPANY.into_iter().chain([Scope::Operator]) {
            assert_eq!(Scope::find(scope.name()), Some(scope));
        }
        assert_eq!(Scope::find("everything"), None);
    }

    #[test]
    fn a_company_grant_is_never_an_operators() {
        let grant = Grant::company(CompanyId::parse("acme").unwrap());
        assert!(grant.allows(Scope::EventsWrite));
        assert!(!grant.allows(Scope::Operator));
        assert!(!Grant::operator().allows(Scope::WebhooksRead));
    }

    #[test]
    fn a_grant_ends_at_its_expiry() {
        let grant = Grant { expires_at: Some(Millis(1000)), ..Grant::operator() };
        assert!(!grant.is_expired(Millis(999)));
        assert!(grant.is_expired(Millis(1000)));
        assert!(!Grant::operator().is_expired(Millis(u64::MAX)));
    }

    #[test]
    fn a_token_is_known_by_its_sha_256() {
        assert_eq!(
            TokenHash::of("abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(TokenHash::of("abc").to_string().parse(), Ok(TokenHash::of("abc")));
        assert_eq!("ba78".parse::<TokenHash>(), Err(InvalidTokenHash));
    }

    proptest! {
        #[test]
        fn a_hash_comes_back_from_its_text_and_two_tokens_have_two(one: String, other: String) {
            let hash = TokenHash::of(&one);
            prop_assert_eq!(hash.to_string().parse(), Ok(hash));
            prop_assert_eq!(hash == TokenHash::of(&other), one == other);
        }
    }
}
