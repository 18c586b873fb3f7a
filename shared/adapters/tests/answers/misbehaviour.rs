//! Receivers that misbehave, each on a port of its own.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::AbortHandle;

/// Between two pieces of what comes slowly: often enough that no limit on silence would help.
const DRIP: Duration = Duration::from_millis(20);
/// What a receiver's system takes of a request that the receiver does not read.
const RECEIVE_BUFFER_BYTES: u32 = 4 * 1024;

/// One thing that a receiver does with a connection; after the last one it closes it.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Reads the request to its end.
    Read,
    /// Reads the request's beginning.
    Glance,
    Say(Vec<u8>),
    /// Says this again and again, as fast as it is taken.
    Forever(Vec<u8>),
    /// Says this again and again, a piece at a time.
    Drip(Vec<u8>),
    /// Does nothing until the sender is gone; does not read either.
    Hang,
    /// Ends the connection without its farewell.
    Reset,
}

/// Ends when dropped.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) port: u16,
    connections: Arc<AtomicUsize>,
    serving: AbortHandle,
}

impl Receiver {
    pub(crate) fn start(steps: Vec<Step>) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(16).unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                let steps = steps.clone();
                tokio::spawn(async move { act(stream, steps).await });
            }
        });
        Self { port, connections, serving: serving.abort_handle() }
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// An error is the sender's having gone.
async fn act(mut stream: TcpStream, steps: Vec<Step>) -> io::Result<()> {
    for step in steps {
        match step {
            Step::Read => read_request(&mut stream).await?,
            Step::Glance => drop(stream.read(&mut [0; 1024]).await?),
            Step::Say(bytes) => stream.write_all(&bytes).await?,
            Step::Forever(bytes) => loop {
                stream.write_all(&bytes).await?;
            },
            Step::Drip(bytes) => loop {
                stream.write_all(&bytes).await?;
                tokio::time::sleep(DRIP).await;
            },
            Step::Hang => std::future::pending().await,
            Step::Reset => stream.set_zero_linger()?,
        }
    }
    Ok(())
}

async fn read_request(stream: &mut TcpStream) -> io::Result<()> {
    let mut read = Vec::new();
    loop {
        let mut piece = [0; 4 * 1024];
        match stream.read(&mut piece).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => read.extend_from_slice(&piece[..length]),
        }
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if length.and_then(|length| length.parse().ok()) == Some(body.len()) {
            return Ok(());
        }
    }
}
