//! The sender port: requests to receivers.

use std::future::Future;

use hookrail_domain::attempt::Outcome;
use hookrail_domain::request::DeliveryRequest;
use hookrail_domain::target::{InvalidTarget, TargetUrl};

/// The sender of requests, each sent once. Every request has an outcome; there is no error.
pub trait Sender: Send + Sync {
    fn send(&self, request: &DeliveryRequest) -> impl Future<Output = Outcome> + Send;

    /// Returns the verdict that `send` would reach on the URL, without a connection: the same checks,
    /// the same name servers, in seconds.
    fn vet(&self, url: &TargetUrl) -> impl Future<Output = Vetted> + Send;
}

/// The verdict on a URL, as names resolve now. A verdict on an address itself stays true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vetted {
    Allowed,
    /// No request is sent there.
    Forbidden(InvalidTarget),
    /// The name has no address, or none was received in time. It may have one later.
    Unresolved,
}
