//! The Rust receiver of `docs/RECEIVING.md`: the rest of this file stands there word for word, as `check.py` checks.

#![expect(
    clippy::disallowed_methods,
    reason = "a program of another project, with an environment of its own"
)]

use std::env;
use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use standardwebhooks::Webhook;
use tokio::net::TcpListener;

type Keys = Arc<Vec<Webhook>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let secrets = env::var("HOOKRAIL_SECRETS")?;
    let keys = secrets.split_whitespace().map(Webhook::new).collect::<Result<Vec<_>, _>>()?;
    let port: u16 = env::var("PORT")?.parse()?;
    let router = Router::new().fallback(post(receive)).with_state(Arc::new(keys));
    Ok(axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await?)
}

/// `Bytes` is the body as it arrived, and refuses one of more than 2 MB.
async fn receive(State(keys): State<Keys>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if !keys.iter().any(|key| key.verify(&body, &headers).is_ok()) {
        return StatusCode::UNAUTHORIZED;
    }
    match headers.get("webhook-id").and_then(|id| id.to_str().ok()) {
        Some(id) if keep(id, &body).await => StatusCode::NO_CONTENT,
        Some(_) | None => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Inserts into your inbox, with `webhook_id` as its primary key: a repeat changes nothing. Says whether that worked.
async fn keep(_webhook_id: &str, _body: &[u8]) -> bool {
    true
}
