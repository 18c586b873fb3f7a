//! Name resolution that refuses forbidden addresses, so that the addresses checked are the addresses dialled.

use std::net::SocketAddr;

use hookrail_domain::target::TargetPolicy;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Why a name cannot be connected to. Recognised by type where the request's outcome is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    #[error("the host name does not resolve")]
    NoAddress,
    #[error("the host name resolves to an address that webhooks may not reach")]
    Forbidden,
}

/// Resolves by the system, and refuses the whole name if any of its addresses is forbidden.
#[derive(Debug, Clone)]
pub struct GuardedResolver {
    policy: TargetPolicy,
}

impl GuardedResolver {
    #[must_use]
    pub fn new(policy: TargetPolicy) -> Self {
        Self { policy }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.policy.clone();
        Box::pin(async move {
            // Port 0 is replaced by the URL's.
            let found: Vec<SocketAddr> = match tokio::net::lookup_host((absolute(name.as_str()), 0)).await {
                Ok(found) => found.collect(),
                Err(_not_found) => Vec::new(),
            };
            let vetted = vet(found, &policy)?;
            Ok(Box::new(vetted.into_iter()) as Addrs)
        })
    }
}

/// The name with a trailing dot, which keeps search domains out. Names without any dot are the machine's own.
fn absolute(name: &str) -> String {
    if name.contains('.') && !name.ends_with('.') { format!("{name}.") } else { name.to_owned() }
}

/// The addresses, if there are any and every one of them is allowed.
fn vet(found: Vec<SocketAddr>, policy: &TargetPolicy) -> Result<Vec<SocketAddr>, Unreachable> {
    if found.is_empty() {
        return Err(Unreachable::NoAddress);
    }
    if found.iter().all(|address| policy.allows(address.ip())) {
        Ok(found)
    } else {
        Err(Unreachable::Forbidden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn one_forbidden_address_refuses_the_name() {
        let policy = TargetPolicy::default();
        let public = addresses(&["1.1.1.1:0", "[2606:4700::1111]:0"]);
        assert_eq!(vet(public.clone(), &policy), Ok(public));
        assert_eq!(vet(addresses(&["1.1.1.1:0", "10.0.0.1:0"]), &policy), Err(Unreachable::Forbidden));
        assert_eq!(vet(Vec::new(), &policy), Err(Unreachable::NoAddress));
    }
}
