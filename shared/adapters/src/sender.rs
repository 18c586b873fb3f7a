//! Sending requests to receivers. A port with an HTTP side and scripted ones.

use std::future::Future;

use hookrail_domain::attempt::Outcome;
use hookrail_domain::request::DeliveryRequest;

pub mod guard;
pub mod http;

/// Sends one request, once. Every request has an outcome; there is no error.
pub trait Sender: Send + Sync {
    fn send(&self, request: &DeliveryRequest) -> impl Future<Output = Outcome> + Send;
}
