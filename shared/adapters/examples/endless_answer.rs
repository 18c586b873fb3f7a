//! Memory of the sender while receivers respond without end: peak resident memory, before and after.
//!
//! `cargo run -p hookrail-adapters --example endless_answer -- [REQUESTS]`, on Linux.
//! The receivers run in the same process and send one buffer again and again, so both figures include their
//! memory.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a measurement is printed, and fails loudly")]

use std::error::Error;
use std::fs;

use futures_util::future::join_all;
use hookrail_adapters::sender::http::HttpSender;
use hookrail_domain::event::Body;
use hookrail_domain::request::DeliveryRequest;
use hookrail_domain::target::{TargetPolicy, TargetUrl};
use hookrail_pipeline::sender::Sender as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Requests at once, as the groups of a batch are, by default.
const REQUESTS: usize = 10;
/// Bytes that are sent again and again.
static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// Returns the peak resident memory of this process, in KiB.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Responds with this head, then, if asked to, without end.
async fn answer(mut stream: TcpStream, head: &'static str, is_endless: bool) -> std::io::Result<()> {
    let mut request = [0; 4096];
    let _read = stream.read(&mut request).await?;
    stream.write_all(head.as_bytes()).await?;
    if is_endless {
        loop {
            stream.write_all(&PIECE).await?;
        }
    }
    Ok(())
}

async fn serve(head: &'static str, is_endless: bool) -> Result<String, Box<dyn Error>> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // The sender disconnects when it has read enough.
            tokio::spawn(async move { answer(stream, head, is_endless).await.unwrap_or(()) });
        }
    });
    Ok(url)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let requests = std::env::args().nth(1).map_or(Ok(REQUESTS), |number| number.parse())?;
    let sender = HttpSender::new(TargetPolicy::local())?;
    let empty = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let body = "HTTP/1.1 200 OK\r\n\r\n";
    let header = "HTTP/1.1 200 OK\r\nx-a: ";
    let rows =
        [("empty answers", empty, false), ("endless bodies", body, true), ("endless headers", header, true)];
    for (name, head, is_endless) in rows {
        let url = TargetUrl::parse_unchecked(&serve(head, is_endless).await?)?;
        let request =
            DeliveryRequest { url, headers: Vec::new(), body: Body::new("{}")?, timeout_seconds: 10 };
        let outcomes = join_all((0..requests).map(|_| sender.send(&request))).await;
        let kept = outcomes.iter().map(|outcome| outcome.response().len()).max().unwrap_or_default();
        let errors = outcomes.iter().filter(|outcome| outcome.error().is_some()).count();
        println!(
            "{requests} {name} at once: peak {} KiB, kept at most {kept} bytes, {errors} failed",
            peak_kib()
        );
    }
    Ok(())
}
