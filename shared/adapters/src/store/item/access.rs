//! Items of the Config table about callers and their actions.

use hookrail_domain::audit::{AUDIT_SECONDS, Actor, AuditAction, AuditEntry, AuditPosition};
use hookrail_domain::id::{CompanyId, TokenId};
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, Owner, PanelLink, Scope, Token, TokenHash, TokenKind, TokenRef};
use hookrail_domain::webhook::Name;
use hookrail_pipeline::store::StoreError;
use serde::{Deserialize, Serialize};

use super::{AUDIT_PREFIX, Item, Key, SCHEMA, decode, encode};

const API: &str = "api";
const SESSION: &str = "session";
/// Time that an expired token is still listed, in seconds.
const EXPIRED_SHOWN_SECONDS: u64 = 7 * 24 * 60 * 60;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GrantAttributes {
    /// None for the operator.
    company: Option<String>,
    scopes: Vec<String>,
    /// Milliseconds; the table's own expiry attribute is in seconds and may lag by days.
    ends_at: Option<u64>,
}

impl GrantAttributes {
    fn of(grant: &Grant) -> Self {
        Self {
            company: company_of(&grant.owner),
            scopes: grant.scopes.iter().map(|scope| scope.name().to_owned()).collect(),
            ends_at: grant.expires_at.map(|at| at.0),
        }
    }

    fn into_grant(self) -> Option<Grant> {
        let scopes: Option<Vec<Scope>> = self.scopes.iter().map(|name| Scope::find(name)).collect();
        Some(Grant { owner: owner_of(self.company)?, scopes: scopes?, expires_at: self.ends_at.map(Millis) })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MakerAttributes {
    company: Option<String>,
    id: String,
}

impl MakerAttributes {
    fn of(maker: &TokenRef) -> Self {
        Self { company: company_of(&maker.owner), id: maker.id.to_string() }
    }

    fn into_reference(self) -> Option<TokenRef> {
        Some(TokenRef { owner: owner_of(self.company)?, id: TokenId::parse(&self.id).ok()? })
    }
}

fn company_of(owner: &Owner) -> Option<String> {
    match owner {
        Owner::Company(company) => Some(company.as_str().to_owned()),
        Owner::Operator => None,
    }
}

fn owner_of(company: Option<String>) -> Option<Owner> {
    match company {
        Some(company) => CompanyId::parse(&company).ok().map(Owner::Company),
        None => Some(Owner::Operator),
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenAttributes {
    schema: u32,
    hash: String,
    name: String,
    kind: String,
    grant: GrantAttributes,
    maker: Option<MakerAttributes>,
    made_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<u64>,
    /// Seconds: DynamoDB's own expiry.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
}

/// Returns the items of a token: one is found by its hash, the other in its owner's list.
pub fn encode_token(token: &Token) -> Result<[Item; 2], StoreError> {
    let attributes = TokenAttributes {
        schema: SCHEMA,
        hash: token.hash.to_string(),
        name: token.name.as_str().to_owned(),
        kind: match token.kind {
            TokenKind::Api => API.to_owned(),
            TokenKind::Session => SESSION.to_owned(),
        },
        grant: GrantAttributes::of(&token.grant),
        maker: token.maker.as_ref().map(MakerAttributes::of),
        made_at: token.made_at.0,
        last_used_at: token.last_used_at.map(|at| at.0),
        expires_at: token.grant.expires_at.map(|at| at.plus_seconds(EXPIRED_SHOWN_SECONDS).unix_seconds()),
    };
    Ok([
        encode(Key::token(token.hash), &attributes)?,
        encode(Key::token_of(&token.reference()), &attributes)?,
    ])
}

/// Returns the token of either item.
pub fn decode_token(item: Item) -> Result<Token, StoreError> {
    const WHAT: StoreError = StoreError::Corrupt { what: "token" };
    let attributes: TokenAttributes = decode(item, "token")?;
    Ok(Token {
        hash: attributes.hash.parse::<TokenHash>().map_err(|_refused| WHAT)?,
        name: Name::parse(&attributes.name).map_err(|_refused| WHAT)?,
        kind: match attributes.kind.as_str() {
            API => TokenKind::Api,
            SESSION => TokenKind::Session,
            _ => return Err(WHAT),
        },
        grant: attributes.grant.into_grant().ok_or(WHAT)?,
        maker: match attributes.maker {
            Some(maker) => Some(maker.into_reference().ok_or(WHAT)?),
            None => None,
        },
        made_at: Millis(attributes.made_at),
        last_used_at: attributes.last_used_at.map(Millis),
    })
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LinkAttributes {
    schema: u32,
    grant: GrantAttributes,
    session_seconds: u64,
    maker: Option<MakerAttributes>,
    /// Milliseconds.
    ends_at: u64,
    /// Seconds: DynamoDB's own expiry.
    expires_at: u64,
}

/// Returns the item of a panel link.
pub fn encode_link(code: TokenHash, link: &PanelLink) -> Result<Item, StoreError> {
    encode(
        Key::link(code),
        &LinkAttributes {
            schema: SCHEMA,
            grant: GrantAttributes::of(&link.grant),
            session_seconds: link.session_seconds,
            maker: link.maker.as_ref().map(MakerAttributes::of),
            ends_at: link.expires_at.0,
            expires_at: link.expires_at.unix_seconds(),
        },
    )
}

/// Returns the panel link of an item.
pub fn decode_link(item: Item) -> Result<PanelLink, StoreError> {
    const WHAT: StoreError = StoreError::Corrupt { what: "panel link" };
    let attributes: LinkAttributes = decode(item, "panel link")?;
    Ok(PanelLink {
        grant: attributes.grant.into_grant().ok_or(WHAT)?,
        session_seconds: attributes.session_seconds,
        maker: match attributes.maker {
            Some(maker) => Some(maker.into_reference().ok_or(WHAT)?),
            None => None,
        },
        expires_at: Millis(attributes.ends_at),
    })
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuditAttributes {
    schema: u32,
    action: String,
    actor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// Absent if a change named none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fields: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// Seconds: DynamoDB's own expiry.
    expires_at: u64,
}

/// Returns the item of an audit entry.
pub fn encode_audit(log: &Owner, entry: &AuditEntry) -> Result<Item, StoreError> {
    encode(
        Key::audit(log, entry.place),
        &AuditAttributes {
            schema: SCHEMA,
            action: entry.action.name().to_owned(),
            actor: entry.actor.name.clone(),
            actor_token: entry.actor.token.map(|id| id.to_string()),
            subject: entry.subject.clone(),
            fields: entry.fields.clone(),
            status: entry.status,
            expires_at: entry.place.at.plus_seconds(AUDIT_SECONDS).unix_seconds(),
        },
    )
}

/// Returns the audit entry of an item.
pub fn decode_audit(item: Item) -> Result<AuditEntry, StoreError> {
    const WHAT: StoreError = StoreError::Corrupt { what: "audit entry" };
    let key = Key::of(&item)?;
    let attributes: AuditAttributes = decode(item, "audit entry")?;
    let place = key.sort.strip_prefix(AUDIT_PREFIX).and_then(|text| {
        let (at, chance) = text.split_once('#')?;
        Some(AuditPosition { at: Millis(at.parse().ok()?), chance: chance.parse().ok()? })
    });
    let token = attributes.actor_token.map(|id| TokenId::parse(&id)).transpose();
    Ok(AuditEntry {
        place: place.ok_or(WHAT)?,
        actor: Actor { token: token.map_err(|_refused| WHAT)?, name: attributes.actor },
        action: AuditAction::find(&attributes.action).ok_or(WHAT)?,
        subject: attributes.subject,
        fields: attributes.fields,
        status: attributes.status,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(owner: Owner) -> Token {
        let grant = Grant { owner, scopes: vec![Scope::LogsRead], expires_at: Some(Millis(5_000)) };
        Token {
            maker: Some(TokenRef { owner: Owner::Operator, id: TokenId::from_bytes([3; 12]) }),
            last_used_at: Some(Millis(4)),
            kind: TokenKind::Session,
            ..Token::first(TokenHash::of("t"), grant, Millis(3))
        }
    }

    #[test]
    fn a_token_is_decoded_from_both_of_its_items() {
        let acme = Owner::Company(CompanyId::parse("acme").unwrap());
        for token in [token(acme), token(Owner::Operator)] {
            for item in encode_token(&token).unwrap() {
                assert_eq!(decode_token(item).unwrap(), token);
            }
        }
    }

    #[test]
    fn links_and_audit_entries_round_trip() {
        let link = PanelLink {
            grant: token(Owner::Company(CompanyId::parse("acme").unwrap())).grant,
            session_seconds: 60,
            maker: None,
            expires_at: Millis(7),
        };
        assert_eq!(decode_link(encode_link(TokenHash::of("c"), &link).unwrap()).unwrap(), link);
        let entry = AuditEntry {
            place: AuditPosition { at: Millis(u64::MAX), chance: u32::MAX },
            actor: Actor::new(Some(TokenId::from_bytes([1; 12])), "name"),
            action: AuditAction::SecretReveal,
            subject: Some("w".to_owned()),
            fields: vec!["url".to_owned()],
            status: Some(200),
        };
        assert_eq!(decode_audit(encode_audit(&Owner::Operator, &entry).unwrap()).unwrap(), entry);
    }

    #[test]
    fn names_the_item_that_does_not_decode() {
        let key = Key::token(TokenHash::of("t")).into_item();
        assert_eq!(decode_token(key).unwrap_err().to_string(), "an item does not read back: token");
    }
}
