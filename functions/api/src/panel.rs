//! Sign-in to the panel: by a code that works once and for a short time, never by a lasting token in a URL.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hookrail_adapters::random;
use hookrail_domain::audit::{Actor, AuditAction, AuditEntry, AuditFinding, AuditPosition};
use hookrail_domain::limits::CONFIG_BYTES_MAX;
use hookrail_domain::time::Millis;
use hookrail_domain::token::{
    Grant, Owner, PANEL_LINK_SECONDS, PanelLink, Scope, Token, TokenHash, TokenKind,
};
use hookrail_domain::webhook::Name;
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::store::access::AccessStore;
use hookrail_wire::panel_link;
use hookrail_wire::problem::FieldProblem;
use http::StatusCode;

use crate::audit::{AuditDetail, with_audit};
use crate::auth::{Access, Caller};
use crate::error::ApiError;
use crate::request::JsonBody;
use crate::route::{Served, Shape, Tag, Throttle, delete, post, refusal};
use crate::{App, Ports, answer, tokens};

pub mod files;
#[cfg(test)]
mod join;
#[cfg(test)]
mod sources;

/// The default scopes of a session: everything that people do in the panel.
const SESSION_SCOPES: [Scope; 5] =
    [Scope::WebhooksRead, Scope::WebhooksWrite, Scope::SecretsRead, Scope::LogsRead, Scope::DeliveriesWrite];
const SESSION: &str = "panel session";

/// The path of the panel.
pub const PANEL_PATH: &str = "/panel";
/// The path to which new links into the panel are posted.
pub const LINKS_PATH: &str = "/api/v3/panel/link";
/// The path at which a link's code is exchanged for a session.
pub const SESSION_PATH: &str = "/api/v3/panel/session";

pub fn routes<P: Ports>() -> Vec<Served<P>> {
    vec![
        post(LINKS_PATH, Access::CompanyOrOperator(Scope::TokensWrite))
            .titled(Tag::Access, "createPanelLink", "Create a panel link that works once")
            .may_have_body("NewPanelLink")
            .responds(201, "The link's code and path.", Shape::One("PanelLink"))
            .audited(AuditAction::LinkCreate)
            .throttled(Throttle::SIGN_IN)
            .to(create_link::<P>),
        post(SESSION_PATH, Access::Anyone)
            .titled(Tag::Access, "startPanelSession", "Exchange a link's code for a session")
            .needs_body("PanelCode")
            .responds(201, "The session. Its token is shown this once.", Shape::One("PanelSession"))
            .refuses([(401, "The code was used, or has expired."), refusal::TOKENS_FULL])
            .throttled(Throttle::SIGN_IN)
            .to(start_session::<P>),
        delete(SESSION_PATH, Access::AnyToken)
            .titled(Tag::Access, "endPanelSession", "Sign out of the panel")
            .responds(204, "The session has ended.", Shape::Nothing)
            .audited(AuditAction::SessionEnd)
            .to(end_session::<P>),
    ]
}

/// `POST /api/v3/panel/link`
pub async fn create_link<P: Ports>(
    State(app): State<Arc<App<P>>>,
    caller: Caller,
    JsonBody(body): JsonBody<CONFIG_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let new = panel_link::parse_new(&body)?;
    let owner = app.owner(&caller, new.company).await?;
    let scopes = match new.scopes {
        Some(scopes) => scopes,
        None => default_scopes(&caller.grant),
    };
    // The latest end of the session is that of its maker.
    let grant = Grant { owner, scopes, expires_at: caller.grant.expires_at };
    if grant.owner == Owner::Operator {
        return Err(FieldProblem::new("company", "is missing: name the company whose panel is opened").into());
    }
    caller.grant.may_give(&grant).map_err(|error| FieldProblem::new(tokens::field_of(&error), error))?;
    let code = random::code()?;
    let link = PanelLink {
        grant,
        session_seconds: new.session_seconds,
        maker: caller.token.clone(),
        expires_at: app.clock.now().plus_seconds(PANEL_LINK_SECONDS),
    };
    app.store.keep_link(TokenHash::of(&code), &link).await?;
    let document = panel_link::render(PANEL_PATH, &code, &link.grant, link.expires_at);
    let told = AuditDetail { log: Some(link.grant.owner), ..AuditDetail::default() };
    Ok(with_audit(answer::json(StatusCode::CREATED, document), told))
}

/// Returns the scopes that the panel needs, as far as the creator of the link has them.
fn default_scopes(grant: &Grant) -> Vec<Scope> {
    let is_given = |scope: &Scope| grant.allows(Scope::Operator) || grant.allows(*scope);
    SESSION_SCOPES.into_iter().filter(is_given).collect()
}

/// `POST /api/v3/panel/session`: the code is not valid afterwards, with or without a session.
pub async fn start_session<P: Ports>(
    State(app): State<Arc<App<P>>>,
    JsonBody(body): JsonBody<CONFIG_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let spent = || ApiError::unauthorized("the link was used, or has expired; ask for a new one");
    let code = panel_link::parse_exchange(&body)?;
    let now = app.clock.now();
    let link = app.store.take_link(TokenHash::of(&code), now).await?.ok_or_else(spent)?;
    if let Some(maker) = &link.maker
        && !app.is_alive(maker).await?
    {
        return Err(spent());
    }
    let ends_at = link.session_ends_at(now);
    let text = random::token()?;
    let session = Token {
        kind: TokenKind::Session,
        name: Name::parse(SESSION).map_err(ApiError::failed)?,
        maker: link.maker,
        ..Token::first(TokenHash::of(&text), Grant { expires_at: Some(ends_at), ..link.grant }, now)
    };
    app.write_session_start(&session, now).await?;
    app.make(&session).await?;
    Ok(answer::json(StatusCode::CREATED, panel_link::render_session(&text, &session.grant, ends_at)))
}

/// `DELETE /api/v3/panel/session`
pub async fn end_session<P: Ports>(
    State(app): State<Arc<App<P>>>,
    caller: Caller,
) -> Result<Response, ApiError> {
    let not_a_session = || ApiError::forbidden("the token is not a panel session's; revoke it by its id");
    let token = caller.token.filter(|_| caller.kind == TokenKind::Session).ok_or_else(not_a_session)?;
    app.revoke(&token, not_a_session).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

impl<P: Ports> App<P> {
    /// Writes the audit entry of a session. The caller is not known before the exchange, so the route cannot
    /// do it.
    async fn write_session_start(&self, session: &Token, now: Millis) -> Result<(), ApiError> {
        let reference = session.reference();
        let entry = AuditEntry {
            place: AuditPosition { at: now, chance: u32::from_be_bytes(random::bytes()?) },
            actor: Actor::new(Some(reference.id), session.name.as_str()),
            action: AuditAction::SessionStart,
            subject: session.maker.as_ref().map(|maker| maker.id.to_string()),
            fields: Vec::new(),
            status: None,
        };
        let ended = entry.ended(AuditFinding::default(), StatusCode::CREATED.as_u16());
        Ok(self.store.put_audit(&reference.owner, &ended).await?)
    }
}
