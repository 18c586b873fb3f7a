//! Callers of the API: tokens, found by their hash, and the scopes they carry.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use crate::id::{CompanyId, TokenId, hex, unhex};
use crate::limits::{SESSIONS_MAX, TOKENS_MAX};
use crate::time::Millis;
use crate::webhook::Name;

/// A permission of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    WebhooksRead,
    WebhooksWrite,
    SecretsRead,
    LogsRead,
    DeliveriesWrite,
    EventsWrite,
    TokensWrite,
    /// May create companies and act for any of them.
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

    /// Returns the scope of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::COMPANY.into_iter().chain([Self::Operator]).find(|scope| scope.name() == name)
    }
}

/// SHA-256 of a token.
/// Tokens carry 256 random bits and are looked up by this hash, so that neither the table nor a log can
/// disclose one.
#[derive(Debug, Clone, Copy, Eq)]
pub struct TokenHash([u8; 32]);

/// In constant time: the duration of a comparison does not show how many bytes were right.
impl PartialEq for TokenHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Hash for TokenHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl TokenHash {
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A text is not a SHA-256.
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

/// The company and scopes of a valid token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub owner: Owner,
    pub scopes: Vec<Scope>,
    pub expires_at: Option<Millis>,
}

/// The owner of a token: a company or the operator.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    Company(CompanyId),
    Operator,
}

/// A token as it is stored: everything but the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub hash: TokenHash,
    pub name: Name,
    pub kind: TokenKind,
    pub grant: Grant,
    /// The token that made it; none for a company's first, and for one made by a configured operator or a
    /// JWT.
    pub maker: Option<TokenRef>,
    pub made_at: Millis,
    /// To within [`LAST_USED_EVERY_MS`].
    pub last_used_at: Option<Millis>,
}

/// The purpose of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Programs call the API with it.
    Api,
    /// A person uses the panel with it. It ends with its maker.
    Session,
}

/// The room for one more token in addition to the existing ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Room {
    Free,
    /// This session is the oldest of too many, and ends first: a person who signs in now must get in.
    Instead(TokenRef),
    Full,
}

/// A reference to a token, without the token.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenRef {
    pub owner: Owner,
    pub id: TokenId,
}

/// The precision of a token's last use, in milliseconds: a write for each call would cost more than the call.
pub const LAST_USED_EVERY_MS: u64 = 10 * 60 * 1000;

impl Token {
    /// Returns the first token of a company: every permission of a company, for ever.
    #[must_use]
    pub fn first(hash: TokenHash, grant: Grant, now: Millis) -> Self {
        Self {
            hash,
            name: Name::first_token(),
            kind: TokenKind::Api,
            grant,
            maker: None,
            made_at: now,
            last_used_at: None,
        }
    }

    /// Returns the room for this token among the tokens of its owner. Sessions never take that of programs.
    #[must_use]
    pub fn room(&self, there: &[Self]) -> Room {
        let alive =
            || there.iter().filter(|one| one.kind == self.kind && !one.grant.is_expired(self.made_at));
        match self.kind {
            TokenKind::Api if TOKENS_MAX <= alive().count() => Room::Full,
            TokenKind::Session if SESSIONS_MAX <= alive().count() => {
                alive().min_by_key(|one| one.made_at).map_or(Room::Free, |one| Room::Instead(one.reference()))
            }
            TokenKind::Api | TokenKind::Session => Room::Free,
        }
    }

    #[must_use]
    pub fn reference(&self) -> TokenRef {
        TokenRef { owner: self.grant.owner.clone(), id: TokenId::of(self.hash) }
    }

    /// Returns whether its use at `now` is worth a write.
    #[must_use]
    pub fn is_use_news(&self, now: Millis) -> bool {
        self.last_used_at.is_none_or(|last| LAST_USED_EVERY_MS <= now.since(last))
    }
}

/// A link into the panel: a code that is exchanged once, and soon, for a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PanelLink {
    /// The permissions of the session. Its end is the latest that its maker allows.
    pub grant: Grant,
    pub session_seconds: u64,
    pub maker: Option<TokenRef>,
    /// The time from which the code is not valid.
    pub expires_at: Millis,
}

/// Time in which a panel link's code can be exchanged, in seconds.
pub const PANEL_LINK_SECONDS: u64 = 5 * 60;
/// The longest session, in seconds: a working day. Also the default.
pub const SESSION_SECONDS_MAX: u64 = 8 * 60 * 60;

impl PanelLink {
    /// Returns the end of a session that begins at `now`: never later than its maker's own.
    #[must_use]
    pub fn session_ends_at(&self, now: Millis) -> Millis {
        let end = now.plus_seconds(self.session_seconds.min(SESSION_SECONDS_MAX));
        self.grant.expires_at.map_or(end, |latest| latest.min(end))
    }
}

/// The reason why a token cannot make another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotYours {
    #[error("holds {}, which your own token lacks", .0.name())]
    Scope(Scope),
    #[error("holds {}, which is not a scope of this owner", .0.name())]
    Misplaced(Scope),
    #[error("is later than the end of your own token")]
    End,
    #[error("is another company than your token's")]
    Company,
}

impl Grant {
    /// Returns a grant of every permission of a company.
    #[must_use]
    pub fn company(company: CompanyId) -> Self {
        Self { owner: Owner::Company(company), scopes: Scope::COMPANY.to_vec(), expires_at: None }
    }

    /// Returns the operator's grant.
    #[must_use]
    pub fn operator() -> Self {
        Self { owner: Owner::Operator, scopes: vec![Scope::Operator], expires_at: None }
    }

    #[must_use]
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    #[must_use]
    pub fn is_expired(&self, now: Millis) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Checks whether the owner of this grant may give that one: no more than it has itself.
    /// An operator may give a company every permission of a company.
    pub fn may_give(&self, other: &Self) -> Result<(), NotYours> {
        let misplaced = |scope: &&Scope| (**scope == Scope::Operator) != (other.owner == Owner::Operator);
        if let Some(scope) = other.scopes.iter().find(misplaced) {
            return Err(NotYours::Misplaced(*scope));
        }
        if self.owner != Owner::Operator {
            if self.owner != other.owner {
                return Err(NotYours::Company);
            }
            if let Some(scope) = other.scopes.iter().find(|scope| !self.allows(**scope)) {
                return Err(NotYours::Scope(*scope));
            }
        }
        match (self.expires_at, other.expires_at) {
            (Some(_), None) => Err(NotYours::End),
            (Some(own), Some(end)) if own < end => Err(NotYours::End),
            _ => Ok(()),
        }
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
    fn a_company_grant_never_allows_operator_scopes() {
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
    fn a_grant_cannot_give_more_than_it_has() {
        let acme = CompanyId::parse("acme").unwrap();
        let own = Grant {
            scopes: vec![Scope::TokensWrite, Scope::LogsRead],
            expires_at: Some(Millis(10)),
            ..Grant::company(acme.clone())
        };
        let given = Grant { scopes: vec![Scope::LogsRead], ..own.clone() };
        assert_eq!(own.may_give(&given), Ok(()));
        let check = |other: Grant, refusal| assert_eq!(own.may_give(&other), Err(refusal));
        check(
            Grant { scopes: vec![Scope::SecretsRead], ..given.clone() },
            NotYours::Scope(Scope::SecretsRead),
        );
        check(Grant { scopes: vec![Scope::Operator], ..given.clone() }, NotYours::Misplaced(Scope::Operator));
        check(Grant { expires_at: Some(Millis(11)), ..given.clone() }, NotYours::End);
        check(Grant { expires_at: None, ..given.clone() }, NotYours::End);
        let other = Owner::Company(CompanyId::parse("other").unwrap());
        check(Grant { owner: other, ..given.clone() }, NotYours::Company);
        check(Grant { expires_at: Some(Millis(9)), ..Grant::operator() }, NotYours::Company);
    }

    #[test]
    fn an_operator_can_grant_all_company_scopes_and_operator_scopes() {
        let company = Grant::company(CompanyId::parse("acme").unwrap());
        assert_eq!(Grant::operator().may_give(&company), Ok(()));
        assert_eq!(Grant::operator().may_give(&Grant::operator()), Ok(()));
        let mixed = Grant { scopes: vec![Scope::LogsRead], ..Grant::operator() };
        assert_eq!(Grant::operator().may_give(&mixed), Err(NotYours::Misplaced(Scope::LogsRead)));
    }

    #[test]
    fn a_session_ends_after_eight_hours_and_before_its_parent_token() {
        let link = |session_seconds, expires_at| PanelLink {
            grant: Grant { expires_at, ..Grant::company(CompanyId::parse("acme").unwrap()) },
            session_seconds,
            maker: None,
            expires_at: Millis(0),
        };
        assert_eq!(link(60, None).session_ends_at(Millis(1)), Millis(60_001));
        assert_eq!(link(60, Some(Millis(5))).session_ends_at(Millis(1)), Millis(5));
        assert_eq!(link(u64::MAX, None).session_ends_at(Millis(0)), Millis(8 * 3_600_000));
    }

    #[test]
    fn records_token_use_every_ten_minutes() {
        let grant = Grant::company(CompanyId::parse("acme").unwrap());
        let token = Token::first(TokenHash::of("a"), grant, Millis(0));
        assert!(token.is_use_news(Millis(0)));
        let used = Token { last_used_at: Some(Millis(1000)), ..token };
        assert!(!used.is_use_news(Millis(600_999)));
        assert!(used.is_use_news(Millis(601_000)));
    }

    #[test]
    fn a_token_is_identified_by_its_sha_256() {
        assert_eq!(
            TokenHash::of("abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(TokenHash::of("abc").to_string().parse(), Ok(TokenHash::of("abc")));
        assert_eq!("ba78".parse::<TokenHash>(), Err(InvalidTokenHash));
    }

    proptest! {
        #[test]
        fn token_hashes_round_trip_and_differ(one: String, other: String) {
            let hash = TokenHash::of(&one);
            prop_assert_eq!(hash.to_string().parse(), Ok(hash));
            prop_assert_eq!(hash == TokenHash::of(&other), one == other);
        }
    }
}
