//! One HTTP/1.1 connection to a receiver, closed when it is dropped.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Longest wait for a kept connection to be ready: it is ready at once, unless its last response was not read
/// to its end.
const READY_TIMEOUT: Duration = Duration::from_millis(100);

/// Bytes that are read before the head of a response is complete.
///
/// hyper bounds a head by itself (about 400 KiB), but not the provisional ones before it: a receiver could
/// send those without end and use up the processor.
const HEAD_BYTES_MAX: usize = 512 * 1024;

/// A stream to a receiver, with TLS or without.
pub(super) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// A connection, in use or kept.
#[derive(Debug)]
pub(super) struct Connection {
    requests: http1::SendRequest<Full<Bytes>>,
    read: Arc<BytesRead>,
    /// Drives the connection, in a task of its own: a receiver that sends without end takes no turn of other
    /// requests.
    /// The task ends when this is dropped.
    _driver: JoinSet<hyper::Result<()>>,
}

/// Bytes that were read since the newest request.
#[derive(Debug)]
struct BytesRead {
    count: AtomicUsize,
    /// The allowed number.
    max: AtomicUsize,
}

/// The error of a receiver that sends more than the head of a response may have.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the head of the response is too long")]
pub(super) struct HeadTooLong;

/// A request without a complete head of a response.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) error: hyper::Error,
    /// The connection ended before anything of a response was read.
    /// On a connection that was used before, the receiver may have closed it before it knew of the request.
    pub(super) is_before_response: bool,
}

impl Connection {
    /// Opens HTTP/1.1 over a stream. The head of a response has bounds: 100 headers, and 400 KiB in all.
    pub(super) async fn over(stream: Stream) -> hyper::Result<Self> {
        let read = Arc::new(BytesRead { count: AtomicUsize::new(0), max: AtomicUsize::new(usize::MAX) });
        let watched = Watched { stream: TokioIo::new(stream), read: Arc::clone(&read) };
        let (requests, driver) = http1::Builder::new()
            // A receiver that responds 200 has accepted, however odd its other headers.
            .allow_obsolete_multiline_headers_in_responses(true)
            .allow_spaces_after_header_name_in_responses(true)
            .ignore_invalid_headers_in_responses(true)
            .handshake(TokioIo::new(watched))
            .await?;
        let mut driving = JoinSet::new();
        driving.spawn(driver);
        Ok(Self { requests, read, _driver: driving })
    }

    /// Sends a request, and reads the head of its response.
    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Broken> {
        self.read.count.store(0, Ordering::Relaxed);
        self.read.max.store(HEAD_BYTES_MAX, Ordering::Relaxed);
        let sent = self.requests.try_send_request(request).await;
        // The body is read on demand.
        self.read.max.store(usize::MAX, Ordering::Relaxed);
        sent.map_err(|mut error| Broken {
            // A request that is returned was not even begun, regardless of what the receiver sent before.
            is_before_response: error.take_message().is_some()
                || self.read.count.load(Ordering::Relaxed) == 0,
            error: error.into_error(),
        })
    }

    /// Returns whether the connection can take another request, by everything received so far.
    pub(super) async fn is_open(&mut self) -> bool {
        matches!(timeout(READY_TIMEOUT, self.requests.ready()).await, Ok(Ok(())))
    }
}

/// A stream that counts the bytes read from it.
#[derive(Debug)]
struct Watched {
    /// Above TLS: its own messages, such as `close_notify`, are not a response.
    stream: TokioIo<Stream>,
    read: Arc<BytesRead>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let new = buffer.filled().len() - before;
        let count = self.read.count.fetch_add(new, Ordering::Relaxed) + new;
        if self.read.max.load(Ordering::Relaxed) < count {
            return Poll::Ready(Err(io::Error::other(HeadTooLong)));
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
