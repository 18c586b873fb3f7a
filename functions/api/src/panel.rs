//! How people get into the panel: by a code that works once and soon, never by a lasting token in a URL.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hookrail_adapters::clock::Clock;
use hookrail_adapters::random;
use hookrail_adapters::store::access::AccessStore;
use hookrail_domain::audit::{Actor, AuditAction, AuditEntry, AuditPlace, Finding};
use hookrail_domain::limits::CONFIG_BYTES_MAX;
use hookrail_domain::subscription::Name;
use hookrail_domain::time::Millis;
use hookrail_domain::token::{
    Grant, Holder, PANEL_LINK_SECONDS, PanelLink, Scope, Token, TokenHash, TokenKind,
};
use hookrail_wire::panel_link;
use hookrail_wire::problem::FieldProblem;
use http::StatusCode;

use crate::audit::{Told, telling};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::request::JsonBody;
use crate::{App, PANEL_PATH, Ports, answer, tokens};

pub mod files;

/// What a session may do if the link does not say: everything that people do in the panel.
const SESSION_SCOPES: [Scope; 5] =
    [Scope::WebhooksRead, Scope::WebhooksWrite, Scope::SecretsRead, Scope::LogsRead, Scope::DeliveriesWrite];
const SESSION: &str = "panel session";

/// `POST /api/v3/panel/link`
pub async fn create_link<P: Ports>(
    State(app): State<Arc<App<P>>>,
    caller: Caller,
    JsonBody(body): JsonBody<CONFIG_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let new = panel_link::parse_new(&body)?;
    let holder = app.holder(&caller, new.company).await?;
    let scopes = match new.scopes {
        Some(scopes) => scopes,
        None => default_scopes(&caller.grant),
    };
    // The latest end of the session is that of its maker.
    let grant = Grant { holder, scopes, expires_at: caller.grant.expires_at };
    if grant.holder == Holder::Operator {
        return Err(FieldProblem::new("company", "is missing: whose panel is it?").into());
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
    let told = Told { log: Some(link.grant.holder), ..Told::default() };
    Ok(telling(answer::json(StatusCode::CREATED, document), told))
}

/// What the panel needs, as far as the maker of the link has it.
fn default_scopes(grant: &Grant) -> Vec<Scope> {
    let is_given = |scope: &Scope| grant.allows(Scope::Operator) || grant.allows(*scope);
    SESSION_SCOPES.into_iter().filter(is_given).collect()
}

/// `POST /api/v3/panel/session`: the code is worth nothing afterwards, whatever becomes of the session.
pub async fn start_session<P: Ports>(
    State(app): State<Arc<App<P>>>,
    JsonBody(body): JsonBody<CONFIG_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let spent = || ApiError::unauthorized("the link was used, or is too old; ask for a new one");
    let code = panel_link::parse_exchange(&body)?;
    let now = app.clock.now();
    let link = app.store.take_link(TokenHash::of(&code), now).await?.ok_or_else(spent)?;
    if let Some(maker) = &link.maker
        && app.store.token_of(maker).await?.is_none()
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
    /// Nobody is known before the exchange, so that the route cannot write this down itself.
    async fn write_session_start(&self, session: &Token, now: Millis) -> Result<(), ApiError> {
        let reference = session.reference();
        let entry = AuditEntry {
            place: AuditPlace { at: now, chance: u32::from_be_bytes(random::bytes()?) },
            actor: Actor::new(Some(reference.id), session.name.as_str()),
            action: AuditAction::SessionStart,
            subject: session.maker.as_ref().map(|maker| maker.id.to_string()),
            fields: Vec::new(),
            status: None,
        };
        let ended = entry.ended(Finding::default(), StatusCode::CREATED.as_u16());
        Ok(self.store.put_audit(&reference.holder, &ended).await?)
    }
}
