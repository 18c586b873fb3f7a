//! A receiver on every address of this machine, which counts its connections and responds as the path asks.

use std::net::Ipv6Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// The receiver. Ends when dropped.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) port: u16,
    connections: Arc<AtomicUsize>,
    serving: AbortHandle,
}

/// The head of a response to the request with this path.
type Script = dyn Fn(&str) -> String + Send + Sync;

impl Receiver {
    pub(crate) async fn start(script: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        // Accepts IPv4 connections as well.
        let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let serving =
            tokio::spawn(serve(listener, Arc::clone(&connections), Arc::new(script))).abort_handle();
        Self { port, connections, serving }
    }

    /// Runs a receiver that accepts everything.
    pub(crate) async fn accepting() -> Self {
        Self::start(|_| "HTTP/1.1 200 OK\r\n".to_owned()).await
    }

    /// Returns the connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, connections: Arc<AtomicUsize>, script: Arc<Script>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.fetch_add(1, Ordering::SeqCst);
        let script = Arc::clone(&script);
        tokio::spawn(async move { answer_all(stream, &*script).await });
    }
}

/// Responds until the sender is gone.
async fn answer_all(stream: TcpStream, script: &Script) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut path, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            if let Some(target) = line.strip_prefix("POST ") {
                target.split_whitespace().next()?.clone_into(&mut path);
            }
            if let Some(bytes) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = bytes.trim().parse().ok()?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let answer = format!("{}content-length: 0\r\n\r\n", script(&path));
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}
