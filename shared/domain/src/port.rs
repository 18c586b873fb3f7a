//! Ports that are never open to webhooks, regardless of the operator's settings. The local stack has no
//! operator.
//!
//! A request to a service that is not a web server can still be a command to it: the body is a stranger's,
//! line by line.

/// The "bad ports" of the WHATWG Fetch standard as of 2026-10, without 0, which is not a port: browsers do
/// not connect to them.
const BROWSERS_REFUSE: &[u16] = &[
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104,
    109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515,
    526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049,
    3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

/// Data stores, and services that command machines: they trust every caller that reaches them.
const COMMAND_OR_STORE: &[u16] = &[
    445,   // file shares
    873,   // rsync
    1433,  // SQL Server
    1521,  // Oracle
    2181,  // ZooKeeper
    2375,  // Docker
    2376,  // Docker
    2379,  // etcd
    2380,  // etcd
    3306,  // MySQL
    3389,  // remote desktops
    5432,  // PostgreSQL
    5439,  // Redshift
    5672,  // AMQP
    5900,  // VNC
    5985,  // Windows Remote Management
    5986,  // Windows Remote Management
    6379,  // Redis
    6380,  // Redis
    9042,  // Cassandra
    9092,  // Kafka
    9200,  // Elasticsearch
    9300,  // Elasticsearch
    10250, // Kubernetes nodes
    11211, // memcached
    27017, // MongoDB
    27018, // MongoDB
    27019, // MongoDB
];

/// Returns whether a webhook may never have this port.
#[must_use]
pub fn is_never_open(port: u16) -> bool {
    port == 0 || BROWSERS_REFUSE.contains(&port) || COMMAND_OR_STORE.contains(&port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_other_services_cannot_be_opened() {
        for port in [0, 22, 23, 25, 53, 465, 587, 3306, 5432, 6379, 6667, 9200, 11211, 27017] {
            assert!(is_never_open(port), "{port}");
        }
    }

    #[test]
    fn web_server_ports_can_be_opened() {
        for port in [80, 443, 3000, 8000, 8080, 8443, 9443] {
            assert!(!is_never_open(port), "{port}");
        }
    }

    #[test]
    fn port_tables_are_sorted_without_duplicates() {
        for table in [BROWSERS_REFUSE, COMMAND_OR_STORE] {
            assert!(table.is_sorted_by(|one, next| one < next));
        }
        assert!(BROWSERS_REFUSE.iter().all(|port| !COMMAND_OR_STORE.contains(port)));
    }
}
