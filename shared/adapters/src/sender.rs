//! Sending requests to receivers. A port with an HTTP side and scripted ones.

use std::future::Future;

use hookrail_domain::attempt::Outcome;
use hookrail_domain::request::DeliveryRequest;
use hookrail_domain::target::{InvalidTarget, TargetUrl};

pub mod names;
pub mod guard;
pub mod failure;
pub mod http;

/// Sends one request, once. Every request has an outcome; there is no error.
pub trait Sender: Send + Sync {
    fn send(&self, request: &DeliveryRequest) -> impl Future<Output = Outcome> + Send;

    /// What `send` would find of the URL, without a connection: the same checks, the same name servers, in seconds.
    fn vet(&self, url: &TargetUrl) -> impl Future<Output = Vetted> + Send;
}

/// Whether a request may go to a URL, as names resolve now. What it says of an address as such stays true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vetted {
    Allowed,
    /// No request goes there.
    Forbidden(InvalidTarget),
    /// The name has no address, or none that was told in time. It may have one later.
    Unresolved,
}
