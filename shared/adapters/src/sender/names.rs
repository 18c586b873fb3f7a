//! The resolver of host names, which asks name servers itself.
//! Every name is absolute, both kinds of addresses count, and neither the machine's hosts file nor its search
//! domains apply (ADR 8).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, Resolver, TokioResolver, system_conf};

/// Longest wait for the addresses of a name: the connection has the rest of its own three seconds.
pub const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);
/// Time that a question waits for its answer. A lost question is asked again in the meantime, three times at
/// most.
const QUERY_TIMEOUT: Duration = Duration::from_millis(1_800);

const _: () = assert!(QUERY_TIMEOUT.as_millis() < LOOKUP_TIMEOUT.as_millis());

/// Time that answers are kept at most, so that a receiver that moves is found.
/// AWS takes 1,024 questions a second from a network interface and far fewer from a function's sandbox, so
/// answers are kept.
const CACHED_AT_MOST: Duration = Duration::from_secs(30);
/// Time that the absence of a name is kept: the next attempt must find a name that was just created.
const ABSENCE_CACHED_AT_MOST: Duration = Duration::from_secs(1);
/// Answers kept at once.
const CACHED_ANSWERS_MAX: u64 = 128;

/// The name servers whose answers count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameServers {
    /// The system's name servers.
    OfSystem,
    Only(Vec<SocketAddr>),
}

/// The reason why a name has no known address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAddress {
    /// It has no address.
    Absent,
    /// No name server answered in time with a usable answer.
    Unanswered,
}

/// The addresses of names.
#[derive(Clone)]
pub struct Names {
    resolver: TokioResolver,
    hosts: Option<Arc<Hosts>>,
}

impl std::fmt::Debug for Names {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Names").finish_non_exhaustive()
    }
}

impl Names {
    /// Makes the resolver. With `hosts_file`, names in the machine's hosts file are known from there.
    pub fn new(servers: NameServers, hosts_file: bool) -> io::Result<Self> {
        let servers = match servers {
            NameServers::OfSystem => {
                let (system, _search_domains_among_them) =
                    system_conf::read_system_conf().map_err(io::Error::other)?;
                system.name_servers
            }
            NameServers::Only(addresses) => addresses.into_iter().map(server_at).collect(),
        };
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options();
        let hosts = hosts_file.then(|| Arc::new(Hosts::from_system().unwrap_or_default()));
        Ok(Self { resolver: builder.build().map_err(io::Error::other)?, hosts })
    }

    /// Returns all addresses of the name, IPv4 first. The name is absolute, with or without a dot at its end.
    ///
    /// A kind of address that no server returns in time counts as absent: many networks lose questions for
    /// IPv6.
    pub async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, NoAddress> {
        let Ok(mut name) = Name::from_ascii(name) else { return Err(NoAddress::Absent) };
        name.set_fqdn(true);
        let known = self.in_hosts_file(&name);
        if !known.is_empty() {
            return Ok(known);
        }
        let (v4, v6) = join(self.ask(&name, RecordType::A), self.ask(&name, RecordType::AAAA)).await;
        match (v4, v6) {
            (Err(NoAddress::Absent), Err(NoAddress::Absent)) => Err(NoAddress::Absent),
            (Err(_), Err(_)) => Err(NoAddress::Unanswered),
            (v4, v6) => Ok(v4.into_iter().chain(v6).flatten().collect()),
        }
    }

    async fn ask(&self, name: &Name, kind: RecordType) -> Result<Vec<IpAddr>, NoAddress> {
        let asked = tokio::time::timeout(LOOKUP_TIMEOUT, self.resolver.lookup(name.clone(), kind)).await;
        match asked {
            Ok(Ok(found)) => {
                Some(addresses_in(&found)).filter(|found| !found.is_empty()).ok_or(NoAddress::Absent)
            }
            Ok(Err(NetError::Dns(DnsError::NoRecordsFound(_)))) => Err(NoAddress::Absent),
            Ok(Err(_)) | Err(_) => Err(NoAddress::Unanswered),
        }
    }

    fn in_hosts_file(&self, name: &Name) -> Vec<IpAddr> {
        let kinds = [RecordType::A, RecordType::AAAA];
        let known = |hosts: &Arc<Hosts>| {
            kinds
                .into_iter()
                .filter_map(|kind| hosts.lookup_static_host(&Query::query(name.clone(), kind)))
                .flat_map(|found| addresses_in(&found))
                .collect()
        };
        self.hosts.as_ref().map(known).unwrap_or_default()
    }
}

/// Returns every address of the answer, for any name of a chain.
fn addresses_in(found: &Lookup) -> Vec<IpAddr> {
    found.answers().iter().filter_map(|record| record.data.ip_addr()).collect()
}

fn server_at(address: SocketAddr) -> NameServerConfig {
    let at_port = |mut connection: ConnectionConfig| {
        connection.port = address.port();
        connection
    };
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(at_port);
    NameServerConfig::new(address.ip(), true, connections.into())
}

fn options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = QUERY_TIMEOUT;
    // These are in addition to those of a lost question, and ask a server again that has failed to answer.
    options.attempts = 0;
    options.cache_size = CACHED_ANSWERS_MAX;
    options.positive_max_ttl = Some(CACHED_AT_MOST);
    options.negative_max_ttl = Some(ABSENCE_CACHED_AT_MOST);
    // The library's own hosts file would be read in a deployed stack too.
    options.use_hosts_file = ResolveHosts::Never;
    options
}
