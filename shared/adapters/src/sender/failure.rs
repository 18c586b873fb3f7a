//! What a failed exchange was. Every text is ours: a library's may name an internal address.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::iter;

use hookrail_domain::attempt::{ErrorClass, Outcome};

use super::guard::Unreachable;

/// The outcome of a request whose answer did not come whole.
#[must_use]
pub fn judge(error: &reqwest::Error, timeout_seconds: u64) -> Outcome {
    if let Some(unreachable) = find::<Unreachable>(error) {
        return not_reached(*unreachable);
    }
    if error.is_connect() {
        return not_connected(error);
    }
    if error.is_timeout() {
        let reason = format!("no complete answer within {timeout_seconds} s");
        return Outcome::NoAnswer { error: ErrorClass::Timeout, reason };
    }
    match find::<hyper::Error>(error) {
        Some(cause) if cause.is_parse_too_large() => {
            no_answer(ErrorClass::BodyTooLarge, "the answer's headers are too many or too long")
        }
        Some(cause) if cause.is_parse() => no_answer(ErrorClass::Protocol, "the answer is not HTTP/1.1"),
        _ => no_answer(ErrorClass::Protocol, "the connection broke before the answer was complete"),
    }
}

fn not_reached(unreachable: Unreachable) -> Outcome {
    match unreachable {
        Unreachable::NoAddress => not_sent(ErrorClass::Dns, "the host name does not resolve"),
        Unreachable::Unanswered => {
            not_sent(ErrorClass::Dns, "the host name's addresses could not be found out")
        }
        Unreachable::Forbidden => not_sent(
            ErrorClass::ForbiddenTarget,
            "the host name resolves to an address that webhooks may not reach",
        ),
    }
}

fn not_connected(error: &reqwest::Error) -> Outcome {
    if find::<rustls::Error>(error).is_some() {
        return not_sent(ErrorClass::Tls, "the TLS handshake failed or the certificate is not valid");
    }
    let kinds = || causes(error).filter_map(|cause| cause.downcast_ref()).map(io::Error::kind);
    // A connection that is not made is refused or times out; these come after it was made.
    let broke = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    if kinds().any(|kind| kind == ErrorKind::ConnectionRefused) {
        not_sent(ErrorClass::Connect, "the connection was refused")
    } else if kinds().any(|kind| broke.contains(&kind)) {
        not_sent(ErrorClass::Tls, "the connection broke in the TLS handshake")
    } else if error.is_timeout() {
        not_sent(ErrorClass::Connect, "no connection within the time allowed")
    } else {
        not_sent(ErrorClass::Connect, "no connection could be made")
    }
}

fn not_sent(error: ErrorClass, reason: &str) -> Outcome {
    Outcome::NotSent { error, reason: reason.to_owned() }
}

fn no_answer(error: ErrorClass, reason: &str) -> Outcome {
    Outcome::NoAnswer { error, reason: reason.to_owned() }
}

/// The first cause of this type.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// The error and what is behind it. An I/O error hides what it wraps from `source`.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        let error = *error;
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}
