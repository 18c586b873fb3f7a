//! `hookrail webhook listen`: a receiver on this machine that verifies the requests it receives.
//!
//! It is for trials with the stack of `hookrail dev`: a deployed stack sends to public addresses only.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use clap::Args;
use hookrail_adapters::clock::SystemClock;
use hookrail_domain::limits::EVENT_BYTES_MAX;
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::time::Millis;
use hookrail_pipeline::clock::Clock as _;
use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{Sender, channel};

use super::named::Named;
use crate::call::CallOptions;
use crate::client::Client;
use crate::failure::Failure;
use crate::show::{self, printable, shortened};

/// Largest difference between the time of a genuine request and this clock.
const AGE_MS_MAX: u64 = 300_000;
/// Most requests that were responded to and are not yet printed.
const UNPRINTED_MAX: usize = 16;
/// Time for open responses when the command ends.
const ANSWERS_TIMEOUT: Duration = Duration::from_secs(1);

/// Receive the requests of a webhook on this machine, and verify their signatures.
///
/// Reads the webhook's signing secret (scope `secrets:read`). Responds 204 to requests that are signed with it, and 401
/// to all others. The url of the webhook must be `http://127.0.0.1:9000/`, with the port of `--port`.
#[derive(Debug, Clone, Args)]
pub(super) struct ListenOptions {
    #[command(flatten)]
    webhook: Named,
    /// The port on 127.0.0.1.
    #[arg(long, value_name = "PORT", default_value_t = 9000)]
    port: u16,
    /// End after this number of requests. The default is to run until Ctrl-C.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

/// The API's response with the signing secrets.
#[derive(Deserialize)]
struct Revealed {
    secret: String,
    retired: Vec<Retired>,
}

#[derive(Deserialize)]
struct Retired {
    secret: String,
}

/// The parts of a request that are verified and printed.
#[derive(Debug)]
struct Received {
    id: String,
    timestamp: String,
    signatures: String,
    attempt: String,
    body: Bytes,
}

/// A request that the webhook did not send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Forged {
    #[error("webhook-timestamp is not a time")]
    NoTime,
    #[error("the signature is more than five minutes old, or ahead of this clock")]
    Stale,
    #[error("the body is not UTF-8")]
    NotText,
    #[error("no signature matches secret, id, time and body")]
    NotSigned,
}

/// A receiver that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("cannot listen on {address}; give another port with --port")]
    Address { address: SocketAddr, source: io::Error },
    #[error("the signing secret of the webhook cannot be read; use the newest version of this command")]
    Secret,
}

impl From<ListenError> for Failure {
    fn from(error: ListenError) -> Self {
        Self::Local(Box::new(error))
    }
}

type Judged = (Received, Result<(), Forged>);

/// State that all requests share.
struct Ears {
    secrets: Vec<SigningSecret>,
    heard: Sender<Judged>,
}

pub(super) async fn act(call: &CallOptions, options: &ListenOptions, client: &Client) -> Result<(), Failure> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
    let failed = |source| ListenError::Address { address, source };
    // First, so that early requests wait for the secret and are not refused.
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let answer = client.call(Method::GET, &format!("{}/secret", options.webhook.path(client).await?)).await?;
    let secrets = secrets(answer.read()?)?;
    show::tell(&format!("receiving at http://{}/", listener.local_addr().map_err(failed)?));
    let (heard, mut told) = channel(UNPRINTED_MAX);
    let router = Router::new()
        .fallback(receive)
        .layer(DefaultBodyLimit::max(EVENT_BYTES_MAX))
        .with_state(Arc::new(Ears { secrets, heard }));
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let serving = axum::serve(listener, router).with_graceful_shutdown(async {
        // The sender is dropped to end it.
        ended.await.unwrap_or(());
    });
    let serving = tokio::spawn(serving.into_future());
    let printing = async {
        let mut left = options.count.unwrap_or(u64::MAX);
        while let Some((received, judged)) = told.recv().await {
            left -= 1;
            let is_read = show_one(call, &received, judged).map_err(Failure::Output)?;
            if !is_read || left == 0 {
                break;
            }
        }
        Ok(())
    };
    let result = tokio::select! {
        printed = printing => printed,
        stopped = tokio::signal::ctrl_c() => stopped.map_err(Failure::Runtime),
    };
    drop(end);
    // A connection that is kept open must not keep the command running.
    drop(tokio::time::timeout(ANSWERS_TIMEOUT, serving).await);
    result
}

fn secrets(revealed: Revealed) -> Result<Vec<SigningSecret>, ListenError> {
    let texts = std::iter::once(revealed.secret).chain(revealed.retired.into_iter().map(|one| one.secret));
    let read = |text: String| SigningSecret::parse(&text).map_err(|_unreadable| ListenError::Secret);
    texts.map(read).collect()
}

async fn receive(State(ears): State<Arc<Ears>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let received = Received {
        id: text("webhook-id"),
        timestamp: text("webhook-timestamp"),
        signatures: text("webhook-signature"),
        attempt: text("hookrail-attempt"),
        body,
    };
    let judged = received.judge(&ears.secrets, SystemClock.now());
    let status = if judged.is_ok() { StatusCode::NO_CONTENT } else { StatusCode::UNAUTHORIZED };
    // The channel is closed when the command ends.
    ears.heard.send((received, judged)).await.unwrap_or(());
    status
}

impl Received {
    fn judge(&self, secrets: &[SigningSecret], now: Millis) -> Result<(), Forged> {
        let at = self.timestamp.parse::<u64>().ok().and_then(|seconds| seconds.checked_mul(1000));
        let at = Millis(at.ok_or(Forged::NoTime)?);
        if AGE_MS_MAX < now.0.abs_diff(at.0) {
            return Err(Forged::Stale);
        }
        let body = std::str::from_utf8(&self.body).map_err(|_not_text| Forged::NotText)?;
        // Not in constant time: a process that can measure the time here can also read the secret.
        let is_of = |secret: &SigningSecret| {
            let signature = secret.sign(&self.id, at, body);
            signature.is_ok_and(|signature| self.signatures.split(' ').any(|one| one == signature))
        };
        if secrets.iter().any(is_of) { Ok(()) } else { Err(Forged::NotSigned) }
    }
}

fn show_one(call: &CallOptions, received: &Received, judged: Result<(), Forged>) -> io::Result<bool> {
    let Received { id, attempt, body, .. } = received;
    let body = String::from_utf8_lossy(body);
    if call.is_json() {
        let forged = judged.err().map(|forged| forged.to_string());
        let document = json!({ "webhookId": id, "attempt": attempt, "genuine": forged.is_none(),
            "forged": forged, "body": body });
        return show::print_as_it_is(&format!("{document}\n"));
    }
    let verdict = match judged {
        Ok(()) => show::painted("genuine"),
        Err(forged) => format!("{}: {forged}", show::painted("FORGED")),
    };
    let (id, attempt) = (printable(id), printable(attempt));
    show::print(&format!("{verdict}  {id}  attempt {attempt}  {}\n", printable(&shortened(&body))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_700_000_000_000);

    fn secret(byte: u8) -> SigningSecret {
        SigningSecret::from_random([byte; 32])
    }

    fn received() -> Received {
        let body = "{\"a\" : 1}";
        let [old, new] = [1, 2].map(|byte| secret(byte).sign("d_7", NOW, body).unwrap());
        Received {
            id: "d_7".into(),
            timestamp: NOW.unix_seconds().to_string(),
            signatures: format!("{new} {old}"),
            attempt: "1".into(),
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Received), expected: Result<(), Forged>) {
        let mut received = received();
        change(&mut received);
        assert_eq!(received.judge(&[secret(1)], NOW), expected, "{received:?}");
    }

    #[test]
    fn only_a_recent_delivery_signed_by_the_webhook_is_genuine() {
        check(|_| {}, Ok(()));
        check(|received| received.body = Bytes::from_static(b"{\"a\": 1}"), Err(Forged::NotSigned));
        check(|received| received.body = Bytes::from_static(b"\xff"), Err(Forged::NotText));
        check(|received| received.id = "d_8".into(), Err(Forged::NotSigned));
        check(|received| received.timestamp = "1700000001".into(), Err(Forged::NotSigned));
        check(|received| received.timestamp = "1700000301".into(), Err(Forged::Stale));
        check(|received| received.timestamp = "1699999699".into(), Err(Forged::Stale));
        check(|received| received.timestamp = "soon".into(), Err(Forged::NoTime));
        check(|received| received.timestamp = u64::MAX.to_string(), Err(Forged::NoTime));
        check(|received| received.signatures = String::new(), Err(Forged::NotSigned));
        assert_eq!(received().judge(&[secret(3)], NOW), Err(Forged::NotSigned));
        assert_eq!(received().judge(&[secret(3), secret(2)], NOW), Ok(()), "an old secret still signs");
    }
}
