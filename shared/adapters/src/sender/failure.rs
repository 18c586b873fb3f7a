//! The classification of a failed exchange. Every text is ours: a library's may name an internal address.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::iter;

use hookrail_domain::attempt::{ErrorClass, Outcome};
use rustls::{AlertDescription, CertificateError};

use super::connection::HeadTooLong;
use super::guard::Unreachable;

const NO_CONNECTION_IN_TIME: &str = "no connection within the time allowed";

/// An exchange without a complete head of a response.
#[derive(Debug)]
pub(super) enum Failure {
    /// The URL or a header cannot be written as HTTP.
    Request(http::Error),
    /// No connection was made, TLS included.
    Connect(Box<dyn Error + Send + Sync>),
    ConnectTimeout,
    /// The time of the whole attempt ran out.
    Timeout,
    /// The connection broke, or the response is not HTTP/1.1.
    Broken(hyper::Error),
    /// The same, of the fresh connection for a request that may have reached the receiver over another one.
    AfterRequest(Box<Self>),
}

impl Failure {
    pub(super) fn after_a_request(self) -> Self {
        Self::AfterRequest(Box::new(self))
    }
}

/// Returns the outcome of a request without a complete head of a response.
#[must_use]
pub(super) fn judge(failure: &Failure, timeout_seconds: u64) -> Outcome {
    match failure {
        Failure::Request(_unusable) => {
            not_sent(ErrorClass::Connect, "the URL or a header cannot be written as HTTP: check the webhook")
        }
        Failure::ConnectTimeout => not_sent(ErrorClass::Connect, NO_CONNECTION_IN_TIME),
        Failure::Connect(error) => not_connected(error.as_ref()),
        Failure::Timeout => {
            let reason = format!("no complete response within {timeout_seconds} s");
            Outcome::NoResponse { error: ErrorClass::Timeout, reason }
        }
        Failure::Broken(cause) if cause.is_parse_too_large() || find::<HeadTooLong>(cause).is_some() => {
            no_answer(ErrorClass::BodyTooLarge, "the response's headers are too many or too long")
        }
        Failure::Broken(cause) if cause.is_parse() => {
            no_answer(ErrorClass::Protocol, "the response is not HTTP/1.1")
        }
        Failure::Broken(_) => {
            no_answer(ErrorClass::Protocol, "the connection broke before the response was complete")
        }
        Failure::AfterRequest(failure) => match judge(failure, timeout_seconds) {
            Outcome::NotSent { error, reason } => Outcome::NoResponse { error, reason },
            outcome => outcome,
        },
    }
}

fn not_reached(unreachable: Unreachable) -> Outcome {
    match unreachable {
        Unreachable::NoAddress => not_sent(ErrorClass::Dns, "the host name does not resolve"),
        Unreachable::Unanswered => {
            not_sent(ErrorClass::Dns, "the host name's addresses could not be determined")
        }
        Unreachable::Forbidden => not_sent(
            ErrorClass::ForbiddenTarget,
            "the host name resolves to an address that webhooks may not reach",
        ),
    }
}

fn not_connected(error: &(dyn Error + 'static)) -> Outcome {
    if let Some(unreachable) = find::<Unreachable>(error) {
        return not_reached(*unreachable);
    }
    if let Some(cause) = find::<rustls::Error>(error) {
        return not_sent(ErrorClass::Tls, handshake(cause));
    }
    let kinds = || causes(error).filter_map(|cause| cause.downcast_ref()).map(io::Error::kind);
    // A connection that is not made is refused or times out; these errors come after it was made.
    let broke = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    if kinds().any(|kind| kind == ErrorKind::ConnectionRefused) {
        not_sent(ErrorClass::Connect, "the connection was refused")
    } else if kinds().any(|kind| broke.contains(&kind)) {
        not_sent(ErrorClass::Tls, "the connection broke in the TLS handshake")
    } else if kinds().any(|kind| kind == ErrorKind::TimedOut) {
        not_sent(ErrorClass::Connect, NO_CONNECTION_IN_TIME)
    } else {
        not_sent(ErrorClass::Connect, "no connection could be made")
    }
}

/// Returns the reason why a TLS handshake failed, and what the receiver's operator can do.
fn handshake(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(fault) => certificate(fault),
        rustls::Error::NoCertificatesPresented => "the receiver shows no certificate: install one",
        rustls::Error::PeerIncompatible(_)
        | rustls::Error::AlertReceived(
            AlertDescription::HandshakeFailure
            | AlertDescription::ProtocolVersion
            | AlertDescription::InsufficientSecurity,
        ) => {
            "no TLS version or cipher suite in common: the receiver has to allow TLS 1.2 or 1.3 with a current suite"
        }
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the receiver asks for a client certificate, which webhooks do not have: it must not require one"
        }
        rustls::Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            "the receiver does not know the host name: check the URL and the names that the receiver serves"
        }
        rustls::Error::InvalidMessage(_) => "the receiver does not speak TLS on this port: check the port",
        _ => "the TLS handshake failed",
    }
}

fn certificate(fault: &CertificateError) -> &'static str {
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the certificate has expired: renew it"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet: check its dates"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate is for another host name: install one that names the URL's host"
        }
        // The second is an authority of a known name with another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the certificate is self-signed or its authority is unknown: use one of a public authority, and send its \
             intermediate certificates too"
        }
        CertificateError::Revoked => "the certificate is revoked: replace it",
        _ => "the certificate cannot be a server's (it may be self-signed): use one of a public authority",
    }
}

fn not_sent(error: ErrorClass, reason: &str) -> Outcome {
    Outcome::NotSent { error, reason: reason.to_owned() }
}

fn no_answer(error: ErrorClass, reason: &str) -> Outcome {
    Outcome::NoResponse { error, reason: reason.to_owned() }
}

/// Returns the first cause of this type.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// Returns the error and its causes. An I/O error hides the error that it wraps from `source`.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        let error = *error;
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}
