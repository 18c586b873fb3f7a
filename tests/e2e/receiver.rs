//! A scripted receiver, which records every request and responds as its script says.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{LOCATION, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use crate::event::number_of;
use crate::wait::eventually;

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Hit {
    pub(crate) at: Instant,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Number of earlier requests with the same event to the same path.
    pub(crate) earlier: usize,
    /// The response of the script.
    pub(crate) status: u16,
}

impl Hit {
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers));
        value.to_str().unwrap()
    }

    pub(crate) fn webhook_id(&self) -> &str {
        self.header("webhook-id")
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.header("hookrail-sequence").parse().unwrap()
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.header("hookrail-attempt").parse().unwrap()
    }

    /// Returns the number of the event.
    pub(crate) fn number(&self) -> u64 {
        number_of(std::str::from_utf8(&self.body).unwrap())
    }

    /// Returns sequence, attempt and status, as in a row.
    pub(crate) fn brief(&self) -> (u64, u32, u16) {
        (self.sequence(), self.attempt(), self.status)
    }
}

/// The response to a request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// This status, with its name as the body.
    Answer(u16),
    /// This status and body.
    Say(u16, String),
    /// This status, after a delay.
    Late(Duration, u16),
    /// This status, once the gate is open.
    Gated(watch::Receiver<bool>, u16),
    /// This status, with `Retry-After` in seconds.
    NotBefore(u64, u16),
    Redirect(String),
    /// Status 200 and a body that never ends.
    Stall,
    /// No response: the connection is closed.
    HangUp,
}

impl Act {
    fn status(&self) -> u16 {
        match self {
            Self::Answer(status) | Self::Say(status, _) | Self::Late(_, status) => *status,
            Self::Gated(_, status) | Self::NotBefore(_, status) => *status,
            Self::Redirect(_) => 302,
            Self::Stall => 200,
            Self::HangUp => 0,
        }
    }
}

#[derive(Debug, Default)]
struct Record {
    hits: Mutex<Vec<Hit>>,
    connections: Mutex<usize>,
    /// Notified to close idle connections.
    close: Notify,
}

/// A receiver on loopback. Ends when dropped.
#[derive(Debug)]
pub(crate) struct Receiver {
    base: String,
    record: Arc<Record>,
    serving: AbortHandle,
}

impl Receiver {
    /// Starts a receiver that responds by `script`.
    pub(crate) async fn start(script: impl Fn(&Hit) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let record = Arc::new(Record::default());
        let serving = tokio::spawn(serve(listener, Arc::clone(&record), Arc::new(script))).abort_handle();
        Self { base, record, serving }
    }

    /// Starts a receiver that accepts everything.
    pub(crate) async fn accepting() -> Self {
        Self::start(|_| Act::Answer(200)).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Returns the number of accepted connections.
    pub(crate) fn connections(&self) -> usize {
        *self.record.connections.lock().unwrap()
    }

    /// Closes all idle connections, as a receiver does after its idle time-out.
    pub(crate) fn close_idle(&self) {
        self.record.close.notify_waiters();
    }

    fn hits(&self) -> MutexGuard<'_, Vec<Hit>> {
        self.record.hits.lock().unwrap()
    }

    /// Returns the requests to a path, in order of arrival.
    pub(crate) fn hits_at(&self, path: &str) -> Vec<Hit> {
        self.hits().iter().filter(|hit| hit.path == path).cloned().collect()
    }

    /// Returns the numbers of a path's events, each once, in order of first arrival.
    pub(crate) fn numbers_at(&self, path: &str) -> Vec<u64> {
        self.hits().iter().filter(|hit| hit.path == path && hit.earlier == 0).map(Hit::number).collect()
    }

    /// Waits for a number of requests to a path, and returns them.
    pub(crate) async fn wait_for(&self, path: &str, hits: usize, within: Duration) -> Vec<Hit> {
        eventually(&format!("{hits} requests to {path}"), within, async || {
            let found = self.hits_at(path);
            let seen = || format!("{:?}", found.iter().map(Hit::brief).collect::<Vec<_>>());
            if hits <= found.len() { Ok(found) } else { Err(seen()) }
        })
        .await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

type Script = dyn Fn(&Hit) -> Act + Send + Sync;

async fn serve(listener: TcpListener, record: Arc<Record>, script: Arc<Script>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        *record.connections.lock().unwrap() += 1;
        connections.spawn(serve_connection(stream, Arc::clone(&record), Arc::clone(&script)));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve_connection(stream: TcpStream, record: Arc<Record>, script: Arc<Script>) {
    stream.set_nodelay(true).unwrap();
    let told = Arc::clone(&record);
    let service = service_fn(move |request| answer(request, Arc::clone(&record), Arc::clone(&script)));
    let server = hyper::server::conn::http1::Builder::new();
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told.close.notified() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // Senders are killed, and scripts close connections.
    ended.unwrap_or(());
}

/// The script closes the connection.
#[derive(Debug, thiserror::Error)]
#[error("the script hangs up")]
struct HangUp;

async fn answer(
    request: Request<Incoming>,
    record: Arc<Record>,
    script: Arc<Script>,
) -> Result<Response<Text>, HangUp> {
    let at = Instant::now();
    let (head, body) = request.into_parts();
    // A request that is cut off because its sender was killed counts as not received.
    let body = body.collect().await.map_err(|_cut_off| HangUp)?.to_bytes();
    let act = {
        let mut hits = record.hits.lock().unwrap();
        let path = head.uri.path().to_owned();
        let same = |hit: &&Hit| hit.path == path && hit.body == body;
        let earlier = hits.iter().filter(same).count();
        let mut hit = Hit { at, method: head.method, path, headers: head.headers, body, earlier, status: 0 };
        let act = script(&hit);
        hit.status = act.status();
        hits.push(hit);
        act
    };
    let (status, text) = (act.status(), act.status().to_string());
    match act {
        Act::Answer(_) => Ok(respond(status, Text::Whole(text.into()))),
        Act::Say(_, text) => Ok(respond(status, Text::Whole(text.into()))),
        Act::Late(time, _) => {
            tokio::time::sleep(time).await;
            Ok(respond(status, Text::Whole(text.into())))
        }
        Act::Gated(mut gate, _) => {
            // A gate whose test has ended stays shut.
            gate.wait_for(|is_open| *is_open).await.map_err(|_ended| HangUp)?;
            Ok(respond(status, Text::Whole(text.into())))
        }
        Act::NotBefore(seconds, _) => {
            let mut response = respond(status, Text::Whole(text.into()));
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
            Ok(response)
        }
        Act::Redirect(url) => {
            let mut response = respond(status, Text::Whole(text.into()));
            response.headers_mut().insert(LOCATION, url.parse().unwrap());
            Ok(response)
        }
        Act::Stall => Ok(respond(status, Text::Endless)),
        Act::HangUp => Err(HangUp),
    }
}

fn respond(status: u16, text: Text) -> Response<Text> {
    let mut response = Response::new(text);
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap();
    response
}

/// A body that is sent at once, or never sent and never complete.
#[derive(Debug)]
enum Text {
    Whole(Bytes),
    Endless,
}

impl Body for Text {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            // Never woken: it ends with the connection.
            Self::Endless => Poll::Pending,
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
        }
    }
}
