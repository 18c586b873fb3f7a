//! Serving HTTP on loopback: the common part of all local fronts.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Pause after a failure to accept, for example for lack of file descriptors: an immediate retry would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The response of a front.
pub type Reply = Response<Full<Bytes>>;

/// Serves connections until dropped, which ends them all.
pub async fn serve<F, A>(listener: TcpListener, answer: F)
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Reply> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, answer.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "front.accept_failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection<F, A>(stream: TcpStream, answer: F)
where
    F: Fn(Request<Incoming>) -> A + Send,
    A: Future<Output = Reply> + Send,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "front.nodelay_failed");
    }
    let service = service_fn(move |request| {
        let reply = answer(request);
        async move { Ok::<_, Infallible>(reply.await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .pipeline_flush(true)
        .serve_connection(TokioIo::new(stream), service);
    // A client may go away at any time, most often in the middle of a long poll.
    if let Err(error) = connection.await {
        tracing::debug!(%error, "front.connection_ended");
    }
}

/// Reads the whole body. Returns nothing if it is cut off or larger than allowed.
pub async fn body_of(body: Incoming, bytes_max: usize) -> Option<Bytes> {
    Limited::new(body, bytes_max).collect().await.ok().map(http_body_util::Collected::to_bytes)
}

/// Makes a reply of this content type.
#[must_use]
pub fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

/// Makes a reply in plain text.
#[must_use]
pub fn plain(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    reply(status, "text/plain; charset=utf-8", text)
}
