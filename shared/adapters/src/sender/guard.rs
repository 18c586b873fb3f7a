//! The only step from a URL to addresses: at save, at test and at delivery.
//! A name is refused if any of its addresses is forbidden, and only vetted addresses are dialled.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

use hookrail_domain::target::{InvalidTarget, Ports, TargetPolicy, TargetUrl};
use hyper_util::client::legacy::connect::dns::Name;
use tower::Service;

use super::names::{Names, NoAddress};
use hookrail_pipeline::sender::Vetted;

/// The most addresses of one name that are dialled; they share the time for a connection.
const DIALLED_MAX: usize = 4;

/// The reason why a name cannot be connected to. Recognised by type where the request's outcome is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    #[error("the host name does not resolve")]
    NoAddress,
    #[error("no name server responded")]
    Unanswered,
    #[error("the host name resolves to an address that webhooks may not reach")]
    Forbidden,
}

impl From<NoAddress> for Unreachable {
    fn from(reason: NoAddress) -> Self {
        match reason {
            NoAddress::Absent => Self::NoAddress,
            NoAddress::Unanswered => Self::Unanswered,
        }
    }
}

/// The targets that requests may go to, under the operator's policy.
#[derive(Debug, Clone)]
pub struct Guard {
    policy: TargetPolicy,
    names: Names,
}

impl Guard {
    #[must_use]
    pub fn new(policy: TargetPolicy, names: Names) -> Self {
        Self { policy, names }
    }

    /// Checks the URL itself. A literal address meets no other check: HTTP clients dial it without a lookup.
    pub fn check(&self, url: &TargetUrl) -> Result<(), InvalidTarget> {
        url.check(&self.policy)
    }

    /// Applies all checks, without a connection.
    pub async fn vet(&self, url: &TargetUrl) -> Vetted {
        if let Err(refused) = self.check(url) {
            return Vetted::Forbidden(refused);
        }
        let Some(name) = url.url().domain() else { return Vetted::Allowed };
        match self.addresses(name).await {
            Ok(_vetted) => Vetted::Allowed,
            Err(Unreachable::Forbidden) => Vetted::Forbidden(InvalidTarget::ForbiddenAddress),
            Err(Unreachable::NoAddress | Unreachable::Unanswered) => Vetted::Unresolved,
        }
    }

    /// Returns the addresses to dial for a name.
    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, Unreachable> {
        vetted(self.names.addresses(name).await?, &self.policy)
    }
}

/// As the resolver of the connector: every name that is dialled passes here.
impl Service<Name> for Guard {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = Unreachable;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Unreachable>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Unreachable>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let guard = self.clone();
        Box::pin(async move {
            let vetted = guard.addresses(name.as_str()).await?;
            // Port 0 is replaced by the URL's.
            let sockets: Vec<_> = vetted.into_iter().map(|address| SocketAddr::new(address, 0)).collect();
            Ok(sockets.into_iter())
        })
    }
}

/// Returns the first addresses, if every one is allowed.
fn vetted(mut found: Vec<IpAddr>, policy: &TargetPolicy) -> Result<Vec<IpAddr>, Unreachable> {
    if !found.iter().all(|address| policy.allows(*address)) {
        return Err(Unreachable::Forbidden);
    }
    found.truncate(DIALLED_MAX);
    if found.is_empty() { Err(Unreachable::NoAddress) } else { Ok(found) }
}

/// Logs once, at the start of a function, which targets the operator has opened. The local stack is open by
/// design.
pub fn log_openings(policy: &TargetPolicy) {
    let ports = match &policy.ports {
        Ports::Any => "any".to_owned(),
        Ports::Only(ports) => ports.iter().map(u16::to_string).collect::<Vec<_>>().join(","),
    };
    let is_open = policy.allow_http || ports != "443" || !policy.ranges.is_empty();
    if is_open && !policy.allow_loopback {
        let ranges = policy.ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        tracing::warn!(
            targets.http = policy.allow_http,
            targets.ports = ports,
            targets.ranges = ranges,
            "targets.widened"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Lines that were logged.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(policy: &TargetPolicy) -> String {
        let lines = Lines::default();
        let written = lines.clone();
        let subscriber = tracing_subscriber::fmt().json().with_writer(move || written.clone()).finish();
        tracing::subscriber::with_default(subscriber, || log_openings(policy));
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn logs_a_widened_target_policy_only() {
        assert_eq!(logged(&TargetPolicy::default()), "");
        assert_eq!(logged(&TargetPolicy::local()), "");
        let ranges = vec!["10.1.0.0/16".parse().unwrap(), "fd12::/16".parse().unwrap()];
        let ports = Ports::Only(vec![443, 8443]);
        let line = logged(&TargetPolicy { ports, ranges, ..TargetPolicy::default() });
        for part in ["targets.widened", "WARN", "\"443,8443\"", "\"10.1.0.0/16,fd12::/16\""] {
            assert!(line.contains(part), "{line}");
        }
    }

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn one_forbidden_address_refuses_the_name() {
        let policy = TargetPolicy::default();
        let public = addresses(&["1.1.1.1", "2606:4700::1111"]);
        assert_eq!(vetted(public.clone(), &policy), Ok(public));
        assert_eq!(vetted(addresses(&["1.1.1.1", "10.0.0.1"]), &policy), Err(Unreachable::Forbidden));
        assert_eq!(vetted(Vec::new(), &policy), Err(Unreachable::NoAddress));
    }

    #[test]
    fn one_forbidden_address_beyond_the_dialled_ones_refuses_the_name() {
        let public = ["1.1.1.1"; 2 * DIALLED_MAX];
        let vetted_of = |found: &[&str]| vetted(addresses(found), &TargetPolicy::default());
        assert_eq!(vetted_of(&public).map(|dialled| dialled.len()), Ok(DIALLED_MAX));
        assert_eq!(vetted_of(&[public.as_slice(), &["::1"]].concat()), Err(Unreachable::Forbidden));
    }
}
