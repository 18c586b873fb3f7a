//! Requests over HTTP(S) with reqwest: one try, no redirects, no proxies, a capped answer, one total time-out.

use std::error::Error;
use std::time::Duration;

use hookrail_domain::attempt::{ErrorClass, Outcome, ResponseText};
use hookrail_domain::limits::RESPONSE_BYTES_MAX;
use hookrail_domain::request::DeliveryRequest;
use hookrail_domain::target::TargetPolicy;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, redirect, retry};

use super::Sender;
use super::guard::{GuardedResolver, Unreachable};

/// Longest wait for a connection, TLS included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Connections are kept between the attempts of one invocation; a sandbox that slept finds its peers gone, and a
/// request on such a connection would burn an attempt.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends over HTTP(S), under the operator's target policy.
#[derive(Debug, Clone)]
pub struct HttpSender {
    client: Client,
    policy: TargetPolicy,
}

impl HttpSender {
    pub fn new(policy: TargetPolicy) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .tcp_nodelay(true)
            .dns_resolver(GuardedResolver::new(policy.clone()))
            .build()?;
        Ok(Self { client, policy })
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
        let mut kept = Vec::new();
        // One byte past the limit tells that the answer was cut; the connection is dropped then, not read to its end.
        while kept.len() <= RESPONSE_BYTES_MAX
            && let Some(chunk) = response.chunk().await?
        {
            kept.extend_from_slice(&chunk);
        }
        Ok(Outcome::Answered { status, response: ResponseText::keep(&kept), retry_after_seconds })
    }
}

impl Sender for HttpSender {
    async fn send(&self, request: &DeliveryRequest) -> Outcome {
        // A literal address never meets the resolver, and the policy may have changed since the webhook was saved.
        if let Err(refused) = request.url.check(&self.policy) {
            return Outcome::NotSent { error: ErrorClass::ForbiddenTarget, reason: format!("url {refused}") };
        }
        match self.exchange(request).await {
            Ok(outcome) => outcome,
            Err(error) => judge(&error, request.timeout_seconds),
        }
    }
}

/// Only whole seconds are understood; a date would need a clock.
fn retry_after(response: &Response) -> Option<u64> {
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

/// What a failed exchange was. The texts are ours: a library's may name an internal address.
fn judge(error: &reqwest::Error, timeout_seconds: u64) -> Outcome {
    match find::<Unreachable>(error) {
        Some(Unreachable::NoAddress) => {
            return not_sent(ErrorClass::Dns, "the host name does not resolve");
        }
        Some(Unreachable::Forbidden) => {
            return not_sent(ErrorClass::ForbiddenTarget, "the host name resolves to a forbidden address");
        }
        None => {}
    }
    if error.is_connect() {
        if find::<rustls::Error>(error).is_some() {
            return not_sent(ErrorClass::Tls, "the TLS handshake failed or the certificate is not valid");
        }
        return match find::<std::io::Error>(error).map(std::io::Error::kind) {
            Some(std::io::ErrorKind::ConnectionRefused) => {
                not_sent(ErrorClass::Connect, "the connection was refused")
            }
            _ if error.is_timeout() => not_sent(ErrorClass::Connect, "no connection within the time allowed"),
            _ => not_sent(ErrorClass::Connect, "no connection could be made"),
        };
    }
    if error.is_timeout() {
        let reason = format!("no complete answer within {timeout_seconds} s");
        return Outcome::NoAnswer { error: ErrorClass::Timeout, reason };
    }
    let reason = "the connection broke or the answer was not HTTP".to_owned();
    Outcome::NoAnswer { error: ErrorClass::Protocol, reason }
}

fn not_sent(error: ErrorClass, reason: &str) -> Outcome {
    Outcome::NotSent { error, reason: reason.to_owned() }
}

/// The first cause of this type. An I/O error hides what it wraps from `source`.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut cause: Option<&'a (dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
