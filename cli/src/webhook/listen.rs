//! `hookrail webhook listen`: a receiver on this machine that tells whether what it gets is genuine.
//!
//! It is for looking and trying, and for the stack of `hookrail dev`: a deployed one sends to public addresses only.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use clap::Args;
use hookrail_adapters::clock::{Clock as _, SystemClock};
use hookrail_domain::limits::EVENT_BYTES_MAX;
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::time::Millis;
use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{Sender, channel};

use super::named::Named;
use crate::call::CallOptions;
use crate::client::{CallError, Client};
use crate::show::{self, printable, shortened};

/// How old, or how far ahead of this clock, a genuine request may be.
const AGE_MS_MAX: u64 = 300_000;
/// Requests that were answered and are not yet printed.
const UNPRINTED_MAX: usize = 16;
/// Time for the answers that are on their way when the command ends.
const ANSWERS_TIMEOUT: Duration = Duration::from_secs(1);

/// Receive what is sent to a webhook on this machine, and tell whether it is genuine.
///
/// Looks the webhook's signing secret up (scope `secrets:read`), answers 204 to what is signed with it and 401 to
/// everything else. The webhook's url must lead here: `http://127.0.0.1:9000/`, unless another port is said.
#[derive(Debug, Clone, Args)]
pub(super) struct ListenOptions {
    #[command(flatten)]
    webhook: Named,
    /// The port on 127.0.0.1.
    #[arg(long, value_name = "PORT", default_value_t = 9000)]
    port: u16,
    /// End after so many requests; else with Ctrl-C.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

/// The API's answer about the secret.
#[derive(Deserialize)]
struct Revealed {
    secret: String,
    retired: Vec<Retired>,
}

#[derive(Deserialize)]
struct Retired {
    secret: String,
}

/// What is looked at of a request.
#[derive(Debug)]
struct Received {
    id: String,
    timestamp: String,
    signatures: String,
    attempt: String,
    body: Bytes,
}

/// Why a request is not what the webhook sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Forged {
    #[error("webhook-timestamp is no time")]
    NoTime,
    #[error("signed too long ago, or ahead of this clock")]
    Stale,
    #[error("the body is not UTF-8")]
    NotText,
    #[error("no signature of this secret, id, time and body")]
    NotSigned,
}

/// Why there is no receiver.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("nothing can be received at {address}")]
    Address { address: SocketAddr, source: io::Error },
    #[error("the webhook's secret is none that can be read")]
    Secret,
}

type Judged = (Received, Result<(), Forged>);

/// What every request shares.
struct Ears {
    secrets: Vec<SigningSecret>,
    heard: Sender<Judged>,
}

pub(super) async fn act(
    call: &CallOptions,
    options: &ListenOptions,
    client: &Client,
) -> Result<(), CallError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
    let failed = |source| ListenError::Address { address, source };
    // First: what comes meanwhile waits for the secret instead of being turned away.
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
            let is_read = show_one(call, &received, judged).map_err(CallError::Output)?;
            if !is_read || left == 0 {
                break;
            }
        }
        Ok(())
    };
    let result = tokio::select! {
        printed = printing => printed,
        stopped = tokio::signal::ctrl_c() => stopped.map_err(CallError::Runtime),
    };
    drop(end);
    // A connection that is kept open must not keep the command from its end.
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
    // Nobody listens any more when the command ends.
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
        // Compared in no constant time: whoever can measure it here can read the secret as well.
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
    fn only_what_the_webhook_signed_just_now_is_genuine() {
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
