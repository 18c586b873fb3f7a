//! Requests over HTTP(S) with reqwest: one try, no redirects, no proxies, a capped answer, one total time-out.

use std::io;
use std::time::Duration;

use hookrail_domain::attempt::{ErrorClass, Outcome, ResponseText};
use hookrail_domain::limits::RESPONSE_BYTES_MAX;
use hookrail_domain::request::DeliveryRequest;
use hookrail_domain::target::{TargetPolicy, TargetUrl};
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, redirect, retry, tls};

use super::failure::judge;
use super::guard::{Guard, log_openings};
use super::names::{LOOKUP_TIMEOUT, NameServers, Names};
use super::{Sender, Vetted};

/// Longest wait for a connection, name lookup and TLS included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Connections are kept between the attempts of one invocation; a sandbox that slept finds its peers gone, and a
/// request on such a connection would burn an attempt.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(5);

const _: () = assert!(LOOKUP_TIMEOUT.as_millis() < CONNECT_TIMEOUT.as_millis());

/// Sends over HTTP(S), under the operator's target policy.
#[derive(Debug, Clone)]
pub struct HttpSender {
    client: Client,
    guard: Guard,
}

/// The sender cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    /// Nothing is sent rather than every name taken for one that does not exist.
    #[error("the system's name servers cannot be read")]
    NameServers(#[source] io::Error),
    #[error("the HTTP client cannot be made")]
    Client(#[source] reqwest::Error),
}

impl HttpSender {
    /// The sender of a function: asks the system's name servers, and logs what the operator has opened.
    pub fn new(policy: TargetPolicy) -> Result<Self, SenderError> {
        log_openings(&policy);
        Self::asking(NameServers::OfSystem, policy)
    }

    /// Asks these name servers.
    pub fn asking(servers: NameServers, policy: TargetPolicy) -> Result<Self, SenderError> {
        let names = match Names::new(servers, policy.allow_loopback) {
            // A machine that is off line has a local stack all the same.
            Err(_unreadable) if policy.allow_loopback => Names::new(NameServers::Only(Vec::new()), true),
            made => made,
        };
        let guard = Guard::new(policy, names.map_err(SenderError::NameServers)?);
        // The headers of an answer have a bound of their own: hyper reads 100 of them, in 400 KiB.
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .referer(false)
            .http1_only()
            .tls_version_min(tls::Version::TLS_1_2)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .tcp_nodelay(true)
            .dns_resolver(guard.clone())
            .build()
            .map_err(SenderError::Client)?;
        Ok(Self { client, guard })
    }

    async fn exchange(&self, request: &DeliveryRequest) -> Result<Outcome, reqwest::Error> {
        let mut builder = self
            .client
            .post(request.url.url().clone())
            .timeout(Duration::from_secs(request.timeout_seconds))
            .body(request.body.as_str().to_owned());
        for (name, value) in &request.headers {
            builder = builder.header(name.as_ref(), value);
        }
        let mut response = builder.send().await?;
        let retry_after_seconds = retry_after(&response);
        let status = response.status().as_u16();
        let response = ResponseText::keep(&beginning(&mut response).await?);
        Ok(Outcome::Answered { status, response, retry_after_seconds })
    }
}

impl Sender for HttpSender {
    async fn send(&self, request: &DeliveryRequest) -> Outcome {
        // The policy may have changed since the webhook was saved; names are vetted when they are dialled.
        if let Err(refused) = self.guard.check(&request.url) {
            return Outcome::NotSent { error: ErrorClass::ForbiddenTarget, reason: format!("url {refused}") };
        }
        match self.exchange(request).await {
            Ok(outcome) => outcome,
            Err(error) => judge(&error, request.timeout_seconds),
        }
    }

    async fn vet(&self, url: &TargetUrl) -> Vetted {
        self.guard.vet(url).await
    }
}

/// What is kept of the answer's body, and one byte more if there is any: it tells that the body was cut. The connection
/// is dropped then, not read to its end.
async fn beginning(response: &mut Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut read = Vec::new();
    while read.len() <= RESPONSE_BYTES_MAX
        && let Some(chunk) = response.chunk().await?
    {
        let room = RESPONSE_BYTES_MAX + 1 - read.len();
        read.extend(chunk.into_iter().take(room));
    }
    Ok(read)
}

/// Only whole seconds are understood; a date would need a clock.
fn retry_after(response: &Response) -> Option<u64> {
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}
