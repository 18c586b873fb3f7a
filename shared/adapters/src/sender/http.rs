//! Requests over HTTP(S): one try, no redirects, no proxies, a capped response, one total time-out.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hookrail_domain::attempt::{ErrorClass, Outcome, ResponseText};
use hookrail_domain::limits::RESPONSE_BYTES_MAX;
use hookrail_domain::request::DeliveryRequest;
use hookrail_domain::target::{TargetPolicy, TargetUrl};
use hookrail_pipeline::clock::Clock as _;
use http::header::{ACCEPT, HOST, HeaderValue};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use tokio::time::{Instant, timeout, timeout_at};
use tower::ServiceExt as _;
use url::Url;

use super::connection::{Connection, Stream};
use super::failure::{Failure, judge};
use super::guard::{Guard, log_openings};
use super::names::{LOOKUP_TIMEOUT, NameServers, Names};
use super::pool::{KeptConnections, Pool};
use super::retry_after::asked_seconds;
use crate::clock::SystemClock;
use crate::metrics::{self, Metric};
use hookrail_pipeline::sender::{Sender, Vetted};

/// Longest wait for a connection, name lookup and TLS included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest wait for the body after the head: the status has decided by then, and the next event waits.
const BODY_TIMEOUT: Duration = Duration::from_secs(1);

const _: () = assert!(LOOKUP_TIMEOUT.as_millis() < CONNECT_TIMEOUT.as_millis());

/// The only protocol that is spoken, as TLS names it.
const ALPN: &[u8] = b"http/1.1";

/// A sender over HTTP(S), under the operator's target policy.
#[derive(Debug, Clone)]
pub struct HttpSender {
    connector: HttpsConnector<HttpConnector<Guard>>,
    guard: Guard,
    pool: Arc<Pool>,
}

/// The reason why the sender cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    /// The function fails here instead of taking every name for one that does not exist.
    #[error("the system's name servers cannot be read")]
    NameServers(#[source] io::Error),
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

impl HttpSender {
    /// Makes the sender of a function: it asks the system's name servers, and logs which targets the operator
    /// has opened.
    pub fn new(policy: TargetPolicy) -> Result<Self, SenderError> {
        log_openings(&policy);
        Self::asking(NameServers::OfSystem, policy)
    }

    /// Makes a sender that asks these name servers.
    pub fn asking(servers: NameServers, policy: TargetPolicy) -> Result<Self, SenderError> {
        let names = match Names::new(servers, policy.allow_loopback) {
            // A machine that is offline has a local stack all the same.
            Err(_unreadable) if policy.allow_loopback => Names::new(NameServers::Only(Vec::new()), true),
            made => made,
        };
        let guard = Guard::new(policy, names.map_err(SenderError::NameServers)?);
        let mut http = HttpConnector::new_with_resolver(guard.clone());
        // The scheme is checked elsewhere.
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnector::from((http, tls().map_err(SenderError::Tls)?));
        Ok(Self { connector, guard, pool: Arc::default() })
    }

    /// Keeps connections for the requests of an invocation, until the returned value is dropped.
    /// No connection outlives it: while a sandbox is frozen its peers end, and a request on such a connection
    /// would cost the whole time-out.
    pub fn keep_connections(&self) -> KeptConnections<'_> {
        KeptConnections::begin(&self.pool)
    }

    /// Returns the outcome of a request whose time may be over first.
    async fn exchange(&self, request: &DeliveryRequest) -> Result<Outcome, Failure> {
        let deadline = Instant::now() + Duration::from_secs(request.timeout_seconds);
        let sending = timeout_at(deadline, self.send_over_any(request));
        let (connection, response) = sending.await.unwrap_or(Err(Failure::Timeout))?;
        let retry_after_seconds = asked_seconds(response.headers(), SystemClock.now());
        let status = response.status().as_u16();
        let mut body = response.into_body();
        let body_deadline = deadline.min(Instant::now() + BODY_TIMEOUT);
        let mut read = Vec::new();
        let reading = timeout_at(body_deadline, beginning(&mut body, &mut read));
        let is_whole = matches!(reading.await, Ok(Ok(())));
        if is_whole && read.len() <= RESPONSE_BYTES_MAX {
            self.pool.keep(request.url.url(), connection);
        }
        let mut response = ResponseText::keep(&read);
        response.truncated |= !is_whole;
        Ok(Outcome::Responded { status, response, retry_after_seconds })
    }

    /// Sends a request over a connection that was kept, or over a fresh one.
    /// A receiver may close a kept connection while the request is on its way: then no part of a response
    /// comes, and the request is sent again at once.
    async fn send_over_any(
        &self,
        request: &DeliveryRequest,
    ) -> Result<(Connection, Response<Incoming>), Failure> {
        let url = request.url.url();
        let prepared = prepare(request)?;
        if let Some(mut kept) = self.pool.take(url).await {
            match kept.send(prepared.clone()).await {
                Ok(response) => return Ok((kept, response)),
                Err(broken) if broken.is_before_response => {
                    metrics::record(Metric::StaleConnections, 1);
                }
                Err(broken) => return Err(Failure::Broken(broken.error)),
            }
            drop(kept);
            return self.send_over_fresh(url, prepared).await.map_err(Failure::after_a_request);
        }
        self.send_over_fresh(url, prepared).await
    }

    async fn send_over_fresh(
        &self,
        url: &Url,
        prepared: Request<Full<Bytes>>,
    ) -> Result<(Connection, Response<Incoming>), Failure> {
        let uri = Uri::try_from(url.as_str()).map_err(|error| Failure::Request(error.into()))?;
        let connecting = timeout(CONNECT_TIMEOUT, self.connector.clone().oneshot(uri));
        let stream: Stream = match connecting.await {
            Ok(connected) => connected.map_err(Failure::Connect)?,
            Err(_elapsed) => return Err(Failure::ConnectTimeout),
        };
        let mut connection = Connection::over(stream).await.map_err(Failure::Broken)?;
        let response = connection.send(prepared).await.map_err(|broken| Failure::Broken(broken.error))?;
        Ok((connection, response))
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
            Err(failure) => judge(&failure, request.timeout_seconds),
        }
    }

    async fn vet(&self, url: &TargetUrl) -> Vetted {
        self.guard.vet(url).await
    }
}

/// Makes the TLS configuration. Certificates are verified as the system does it. TLS 1.2 is the oldest
/// version that the library knows.
fn tls() -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .try_with_platform_verifier()?
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

/// Returns the request as it is written to a connection.
fn prepare(request: &DeliveryRequest) -> Result<Request<Full<Bytes>>, Failure> {
    let url = request.url.url();
    let mut builder = Request::post(&url[url::Position::BeforePath..url::Position::AfterQuery]);
    for (name, value) in &request.headers {
        builder = builder.header(name.as_ref(), value);
    }
    let body = Full::new(Bytes::from(request.body.as_str().to_owned()));
    let mut prepared = builder.body(body).map_err(Failure::Request)?;
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let host = HeaderValue::from_str(authority).map_err(|error| Failure::Request(error.into()))?;
    let headers = prepared.headers_mut();
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    headers.insert(HOST, host);
    Ok(prepared)
}

/// Reads the kept part of a response's body.
/// The head has decided: a body that is too long, stalls or breaks off is cut and marked so. The connection
/// is then dropped, not read to its end.
async fn beginning(body: &mut Incoming, read: &mut Vec<u8>) -> hyper::Result<()> {
    while read.len() <= RESPONSE_BYTES_MAX
        && let Some(frame) = body.frame().await
    {
        // Trailers are ignored.
        let Ok(piece) = frame?.into_data() else { continue };
        // One byte more than is kept shows that there was more.
        let room = RESPONSE_BYTES_MAX + 1 - read.len();
        read.extend(piece.into_iter().take(room));
    }
    Ok(())
}
