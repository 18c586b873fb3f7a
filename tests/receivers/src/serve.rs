//! A receiver on a port of its own.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use crate::Step;

/// Interval between two pieces of a slow response: so short that no limit on silence would help.
const DRIP: Duration = Duration::from_millis(20);
/// Bytes of a request that the system of a receiver buffers although the receiver does not read it.
const RECEIVE_BUFFER_BYTES: u32 = 4 * 1024;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 16;

#[derive(Debug, Default)]
struct Seen {
    connections: AtomicUsize,
    requests: AtomicUsize,
}

/// A receiver on loopback that does the same steps with each connection. Ends when dropped, with its connections.
#[derive(Debug)]
pub struct Receiver {
    pub port: u16,
    seen: Arc<Seen>,
    serving: AbortHandle,
}

impl Receiver {
    /// Starts one, inside a Tokio runtime.
    #[must_use]
    pub fn start(steps: Vec<Step>) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(BACKLOG).unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Seen::default());
        let (counted, steps) = (Arc::clone(&seen), Arc::new(steps));
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.connections.fetch_add(1, Ordering::SeqCst);
                let (steps, counted) = (Arc::clone(&steps), Arc::clone(&counted));
                connections.spawn(async move { act(stream, &steps, &counted).await });
                while connections.try_join_next().is_some() {}
            }
        });
        Self { port, seen, serving: serving.abort_handle() }
    }

    #[must_use]
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}/", self.port)
    }

    /// Returns the connections accepted so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// Returns the requests read to their end so far.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Takes the steps. An error means that the sender has disconnected.
async fn act(mut stream: TcpStream, steps: &[Step], seen: &Seen) -> io::Result<()> {
    stream.set_nodelay(true)?;
    for step in steps {
        match step {
            Step::Read => {
                read_request(&mut stream).await?;
                seen.requests.fetch_add(1, Ordering::SeqCst);
            }
            Step::Glance => drop(stream.read(&mut [0; 1024]).await?),
            Step::Say(bytes) => stream.write_all(bytes).await?,
            Step::Forever(bytes) => loop {
                stream.write_all(bytes).await?;
            },
            Step::Drip(bytes) => loop {
                stream.write_all(bytes).await?;
                tokio::time::sleep(DRIP).await;
            },
            Step::Wait(time) => tokio::time::sleep(*time).await,
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
