//! The contract of every store of tokens, links and the audit log.

use hookrail_domain::audit::{Actor, AuditAction, AuditEntry, AuditPosition};
use hookrail_domain::id::{CompanyId, TokenId};
use hookrail_domain::limits::{SESSIONS_MAX, TOKENS_MAX};
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, Owner, PanelLink, Token, TokenHash, TokenKind, TokenRef};
use hookrail_pipeline::store::access::{AccessStore, TokenCreation};

pub(super) async fn check(store: &impl AccessStore, prefix: &str) {
    tokens(store, prefix).await;
    full(store, prefix).await;
    links(store, prefix).await;
    audit(store, prefix).await;
}

fn company(name: &str) -> CompanyId {
    CompanyId::parse(name).expect("a company id")
}

fn token(prefix: &str, number: usize, grant: &Grant) -> Token {
    let hash = TokenHash::of(&format!("{prefix} {number} of {:?}", grant.owner));
    Token::first(hash, grant.clone(), Millis(1_000))
}

async fn tokens(store: &impl AccessStore, prefix: &str) {
    let acme = Grant::company(company(&format!("{prefix}-access")));
    let other = Grant::company(company(&format!("{prefix}-other")));
    let (one, two) = (token(prefix, 1, &acme), token(prefix, 2, &acme));
    let strangers = token(prefix, 3, &other);
    for token in [&one, &two, &strangers] {
        assert_eq!(store.make_token(token).await.expect("write"), TokenCreation::Made);
    }
    assert_eq!(store.find_token(one.hash).await.expect("read"), Some(one.clone()));
    assert_eq!(store.token_of(&one.reference()).await.expect("read"), Some(one.clone()));
    let listed = async |owner: &Owner| {
        let mut tokens = store.list_tokens(owner).await.expect("read");
        tokens.sort_by_key(|token| token.hash.to_string());
        tokens
    };
    let mut both = vec![one.clone(), two.clone()];
    both.sort_by_key(|token| token.hash.to_string());
    assert_eq!(listed(&acme.owner).await, both);
    assert_eq!(listed(&other.owner).await, std::slice::from_ref(&strangers));

    store.mark_used(&one, Millis(9_000)).await.expect("write");
    let used = Token { last_used_at: Some(Millis(9_000)), ..one.clone() };
    assert_eq!(store.find_token(one.hash).await.expect("read"), Some(used.clone()));
    assert_eq!(store.token_of(&one.reference()).await.expect("read"), Some(used));

    let foreign = TokenRef { owner: other.owner.clone(), id: TokenId::of(one.hash) };
    assert!(!store.revoke_token(&foreign).await.expect("write"), "another company's is not found");
    assert!(store.revoke_token(&one.reference()).await.expect("write"));
    assert!(!store.revoke_token(&one.reference()).await.expect("write"));
    assert_eq!(store.find_token(one.hash).await.expect("read"), None);
    assert_eq!(listed(&acme.owner).await, std::slice::from_ref(&two));
    store.mark_used(&one, Millis(10_000)).await.expect("write");
    assert_eq!(store.find_token(one.hash).await.expect("read"), None, "a use does not restore a token");
}

async fn full(store: &impl AccessStore, prefix: &str) {
    let grant = Grant::company(company(&format!("{prefix}-many")));
    let brief = Grant { expires_at: Some(Millis(1_500)), ..grant.clone() };
    for number in 0..TOKENS_MAX {
        let grant = if number == 0 { &brief } else { &grant };
        let made = store.make_token(&token(prefix, number, grant)).await.expect("write");
        assert_eq!(made, TokenCreation::Made);
    }
    let next = token(prefix, TOKENS_MAX, &grant);
    assert_eq!(store.make_token(&next).await.expect("write"), TokenCreation::Full);
    let later = Token { made_at: Millis(1_500), ..next };
    assert_eq!(store.make_token(&later).await.expect("write"), TokenCreation::Made, "one has expired");
    sessions_beside_them(store, prefix, &grant).await;
}

/// Checks sessions while the tokens of programs are at their limit: sessions have room all the same, and the
/// oldest is ended.
async fn sessions_beside_them(store: &impl AccessStore, prefix: &str, grant: &Grant) {
    let session = |number: usize| {
        let made_at = Millis(2_000 + number as u64);
        Token { kind: TokenKind::Session, made_at, ..token(prefix, 10_000 + number, grant) }
    };
    for number in 0..=SESSIONS_MAX {
        let made = store.make_token(&session(number)).await.expect("write");
        assert_eq!(made, TokenCreation::Made, "session {number}");
    }
    for (number, is_there) in [(0, false), (1, true), (SESSIONS_MAX, true)] {
        let found = store.find_token(session(number).hash).await.expect("read");
        assert_eq!(found.is_some(), is_there, "session {number}");
    }
    let program = store.find_token(token(prefix, 1, grant).hash).await.expect("read");
    assert!(program.is_some(), "no session ends a program's token");
}

async fn links(store: &impl AccessStore, prefix: &str) {
    let code = TokenHash::of(&format!("{prefix} code"));
    let link = PanelLink {
        grant: Grant::company(company(&format!("{prefix}-access"))),
        session_seconds: 60,
        maker: None,
        expires_at: Millis(5_000),
    };
    assert_eq!(store.take_link(code, Millis(0)).await.expect("read"), None);
    store.keep_link(code, &link).await.expect("write");
    assert_eq!(store.take_link(code, Millis(5_000)).await.expect("read"), None, "too late");
    assert_eq!(store.take_link(code, Millis(4_999)).await.expect("read"), Some(link));
    assert_eq!(store.take_link(code, Millis(4_999)).await.expect("read"), None, "only once");
}

async fn audit(store: &impl AccessStore, prefix: &str) {
    let log = Owner::Company(company(&format!("{prefix}-access")));
    let entry = |at, chance| AuditEntry {
        place: AuditPosition { at: Millis(at), chance },
        actor: Actor::new(None, "a person"),
        action: AuditAction::SecretRotate,
        subject: Some("webhook".to_owned()),
        fields: vec!["url".to_owned()],
        status: None,
    };
    for (at, chance) in [(1, 1), (20, 4), (3, 2), (3, u32::MAX)] {
        store.put_audit(&log, &entry(at, chance)).await.expect("write");
    }
    let done = entry(3, 2).ended(hookrail_domain::audit::AuditFinding::default(), 200);
    store.put_audit(&log, &done).await.expect("write");
    let stranger = Owner::Company(company(&format!("{prefix}-other")));
    store.put_audit(&stranger, &entry(2, 9)).await.expect("write");
    let list = async |before, limit| store.list_audit(&log, before, limit).await.expect("read");
    let page = list(None, 2).await;
    assert_eq!(page, [entry(20, 4), entry(3, u32::MAX)], "the newest first");
    let rest = list(page.last().map(|entry| entry.place), 9).await;
    let expected = AuditEntry { fields: Vec::new(), ..done };
    assert_eq!(rest, [expected, entry(1, 1)]);
}
