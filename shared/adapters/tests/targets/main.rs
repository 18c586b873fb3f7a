//! Forbidden targets: URLs and names that lead to forbidden addresses, as data, tried against a scripted name
//! server and a receiver that counts its connections.
//!
//! The verdict at save and at test is the one at delivery.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what went wrong, and how much was tried"
)]

use std::net::IpAddr;

use hickory_resolver::proto::rr::RecordType;
use hookrail_adapters::sender::http::HttpSender;
use hookrail_adapters::sender::names::NameServers;
use hookrail_domain::attempt::{ErrorClass, Outcome};
use hookrail_domain::event::Body;
use hookrail_domain::request::DeliveryRequest;
use hookrail_domain::target::{InvalidTarget, Ports, TargetPolicy, TargetUrl};
use hookrail_pipeline::sender::{Sender as _, Vetted};

use crate::dns::{Answer, NameServer, Question, Reply};
use crate::receiver::Receiver;

mod dns;
mod receiver;

/// The least number of targets that this table promises to hold.
const HOSTILE_TARGETS_MIN: usize = 200;
/// A public address of each kind. No request is sent there: each name that has it has a forbidden one as
/// well.
const PUBLIC: [&str; 2] = ["1.1.1.1", "2606:4700::1111"];

fn request(url: &TargetUrl) -> DeliveryRequest {
    let body = Body::new("{}").unwrap();
    DeliveryRequest { url: url.clone(), headers: Vec::new(), body, timeout_seconds: 5 }
}

/// Returns the policy that a row of the tables is about.
fn policy(name: &str) -> TargetPolicy {
    let every = Ports::Only((0..=u16::MAX).collect());
    let opened = TargetPolicy { allow_http: true, ports: every, ..TargetPolicy::default() };
    match name {
        "never" => TargetPolicy {
            ranges: ["0.0.0.0/0", "::/0"].map(|range| range.parse().unwrap()).into(),
            ..opened
        },
        "private" => opened,
        "default" => TargetPolicy::default(),
        other => panic!("no policy {other}"),
    }
}

fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let rows = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.map(|line| line.split_whitespace().collect())
}

/// Returns each URL with its policy's name and the reason why it is refused.
fn urls(port: u16) -> Vec<(&'static str, &'static str, String)> {
    let url = |row: Vec<&'static str>| (row[0], row[1], row[2].replace("{port}", &port.to_string()));
    rows(include_str!("urls.txt")).map(url).collect()
}

/// Returns each address with its policy's name.
fn addresses() -> Vec<(&'static str, IpAddr)> {
    rows(include_str!("addresses.txt")).map(|row| (row[0], row[1].parse().unwrap())).collect()
}

/// The ways in which a name has a forbidden address.
const SHAPES: [&str; 7] = ["plain", "mixed", "last", "crossed", "chained", "many", "rebound"];

/// Returns the answer to a question about `<shape>-<number of the address>.hostile.test`.
fn hostile_zone(question: &Question) -> Reply {
    let label = question.name.strip_suffix(".hostile.test").unwrap();
    let (shape, number) = label.split_once('-').unwrap();
    let (_, forbidden) = addresses()[number.parse::<usize>().unwrap()];
    let public: IpAddr = PUBLIC[usize::from(forbidden.is_ipv6())].parse().unwrap();
    let (own, other) = if forbidden.is_ipv4() {
        (RecordType::A, RecordType::AAAA)
    } else {
        (RecordType::AAAA, RecordType::A)
    };
    let (bad, good) = (Answer::Address(forbidden), Answer::Address(public));
    let records = match shape {
        "crossed" if question.kind == other => {
            vec![Answer::Address(PUBLIC[usize::from(forbidden.is_ipv4())].parse().unwrap())]
        }
        _ if question.kind != own => Vec::new(),
        "plain" | "crossed" => vec![bad],
        "mixed" => vec![bad, good],
        "last" => vec![good, bad],
        "chained" => vec![Answer::Alias("a.chain.test".into()), Answer::Alias("b.chain.test".into()), bad],
        "many" => {
            let mut many = vec![good; 30];
            many.push(bad);
            many
        }
        "rebound" if question.earlier == 0 => vec![good],
        "rebound" => vec![bad],
        other => panic!("no shape {other}"),
    };
    Reply::Records(0, records)
}

fn sender(server: &NameServer, policy: TargetPolicy) -> HttpSender {
    HttpSender::asking(NameServers::Only(vec![server.address]), policy).unwrap()
}

#[track_caller]
fn refused(outcome: &Outcome, about: &str) {
    let Outcome::NotSent { error: ErrorClass::ForbiddenTarget, reason } = outcome else {
        panic!("{about}: {outcome:?}");
    };
    assert!(!reason.contains(|letter: char| letter.is_ascii_digit()), "{about} shows an address: {reason}");
}

#[tokio::test]
async fn hostile_targets_get_no_request_and_save_test_and_delivery_agree() {
    let server = NameServer::start(hostile_zone).await;
    let receiver = Receiver::accepting().await;
    let senders = ["never", "private", "default"].map(|widest| (widest, sender(&server, policy(widest))));
    let under = |widest| senders.iter().find(|(name, _)| *name == widest).map(|(_, sender)| sender).unwrap();
    let mut wrong = Vec::new();
    let table = urls(receiver.port);
    let spelled = table.len();
    let mut targets = spelled;
    for (widest, expected, text) in table {
        let saved =
            TargetUrl::parse(&text, &policy(widest)).map(|_| ()).map_err(|reason| format!("{reason:?}"));
        if saved != Err(expected.to_owned()) {
            wrong.push(format!("{text}: {saved:?} instead of {expected}"));
        }
        // A text that cannot be read as a URL can neither be saved nor be read back to be delivered to.
        if let Ok(url) = TargetUrl::parse_unchecked(&text) {
            let sender = under(widest);
            let vetted = sender.vet(&url).await;
            if !matches!(vetted, Vetted::Forbidden(reason) if Err(format!("{reason:?}")) == saved) {
                wrong.push(format!("{text}: {vetted:?} instead of {saved:?}"));
                continue;
            }
            refused(&sender.send(&request(&url)).await, &text);
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    for (number, (widest, address)) in addresses().into_iter().enumerate() {
        let sender = under(widest);
        for shape in SHAPES {
            targets += 1;
            let text = format!("http://{shape}-{number}.hostile.test:{}/", receiver.port);
            let url = TargetUrl::parse(&text, &policy(widest)).unwrap();
            let about = format!("{text} ({address})");
            if shape == "rebound" {
                assert_eq!(sender.vet(&url).await, Vetted::Allowed, "{about}");
            }
            let verdict = Vetted::Forbidden(InvalidTarget::ForbiddenAddress);
            assert_eq!(sender.vet(&url).await, verdict, "{about}");
            refused(&sender.send(&request(&url)).await, &about);
        }
    }
    assert_eq!(receiver.connections(), 0);
    assert!(HOSTILE_TARGETS_MIN <= spelled, "{spelled} URLs");
    println!("{targets} hostile targets, {spelled} of them URLs, {} connections", receiver.connections());
}

#[tokio::test]
async fn localhost_names_resolve_in_the_local_stack_only() {
    let server = NameServer::start(|_| Reply::NoSuchName).await;
    let receiver = Receiver::accepting().await;
    for host in ["localhost", "localhost.", "LOCALHOST", "a.localhost", "ⓛocalhost"] {
        let url = TargetUrl::parse_unchecked(&format!("http://{host}:{}/", receiver.port)).unwrap();
        let deployed = sender(&server, policy("never"));
        assert_eq!(deployed.vet(&url).await, Vetted::Forbidden(InvalidTarget::ForbiddenAddress), "{host}");
        refused(&deployed.send(&request(&url)).await, host);
    }
    assert_eq!(receiver.connections(), 0);
    let url = TargetUrl::parse_unchecked(&format!("http://localhost:{}/", receiver.port)).unwrap();
    let local = sender(&server, TargetPolicy::local());
    assert_eq!(local.vet(&url).await, Vetted::Allowed);
    assert!(local.send(&request(&url)).await.is_success());
    assert!(server.asked().is_empty(), "{:?}", server.asked());
}

#[tokio::test]
async fn redirects_to_hostile_targets_fail_and_are_not_followed() {
    let server = NameServer::start(hostile_zone).await;
    let elsewhere = Receiver::accepting().await;
    let mut targets: Vec<String> = urls(elsewhere.port).into_iter().map(|(_, _, url)| url).collect();
    for number in 0..addresses().len() {
        targets.push(format!("http://plain-{number}.hostile.test:{}/", elsewhere.port));
    }
    let locations = targets.clone();
    let redirecting = Receiver::start(move |path| {
        let (status, number) = path.trim_start_matches('/').split_once('/').unwrap();
        let header = if status == "200" { "refresh: 0; url=" } else { "location: " };
        format!("HTTP/1.1 {status} Elsewhere\r\n{header}{}\r\n", locations[number.parse::<usize>().unwrap()])
    })
    .await;
    let sender = sender(&server, TargetPolicy::local());
    for (number, target) in targets.iter().enumerate() {
        for status in [200, 201, 301, 302, 303, 307, 308] {
            let url = format!("http://127.0.0.1:{}/{status}/{number}", redirecting.port);
            let outcome = sender.send(&request(&TargetUrl::parse_unchecked(&url).unwrap())).await;
            let Outcome::Responded { status: answered, .. } = outcome else {
                panic!("{target}: {outcome:?}")
            };
            assert_eq!((answered, outcome.is_success()), (status, status < 300), "{target}");
        }
    }
    assert_eq!(elsewhere.connections(), 0);
    assert!(server.asked().is_empty(), "{:?}", server.asked());
    println!("{} redirects, {} connections", targets.len() * 7, elsewhere.connections());
}

#[tokio::test]
async fn dials_the_checked_addresses_without_a_second_lookup() {
    // Ours at the first question and another address at each later one.
    let server = NameServer::start(|question| match (question.kind, question.earlier) {
        (RecordType::A, 0) => Reply::Records(0, vec![Answer::Address("127.0.0.1".parse().unwrap())]),
        (RecordType::A, _) => Reply::Records(0, vec![Answer::Address("10.0.0.1".parse().unwrap())]),
        _ => Reply::Records(0, Vec::new()),
    })
    .await;
    let receiver = Receiver::accepting().await;
    let sender = sender(&server, TargetPolicy::local());
    let _connections = sender.keep_connections();
    let url = format!("http://rebinding.test:{}/", receiver.port);
    let url = TargetUrl::parse_unchecked(&url).unwrap();
    assert!(sender.send(&request(&url)).await.is_success());
    assert_eq!((receiver.connections(), server.count("rebinding.test", RecordType::A)), (1, 1));
    assert_eq!(sender.vet(&url).await, Vetted::Forbidden(InvalidTarget::ForbiddenAddress));
    // The connection that is still open leads to the address that was vetted.
    assert!(sender.send(&request(&url)).await.is_success());
    assert_eq!((receiver.connections(), server.count("rebinding.test", RecordType::A)), (1, 2));
}

#[tokio::test]
async fn looks_up_names_as_absolute_for_both_address_families() {
    let server = NameServer::start(|_| Reply::NoSuchName).await;
    let sender = sender(&server, TargetPolicy::default());
    for host in ["intranet", "intranet.corp", "intranet.dot."] {
        let url = TargetUrl::parse_unchecked(&format!("https://{host}/")).unwrap();
        assert_eq!(sender.vet(&url).await, Vetted::Unresolved);
        let outcome = sender.send(&request(&url)).await;
        assert_eq!(outcome.error(), Some(ErrorClass::Dns), "{outcome:?}");
    }
    for question in server.asked() {
        assert!(
            ["intranet", "intranet.corp", "intranet.dot"].contains(&question.name.as_str()),
            "{question:?}"
        );
    }
    for kind in [RecordType::A, RecordType::AAAA] {
        assert!(1 <= server.count("intranet", kind), "{kind}");
    }
}

#[tokio::test]
async fn caches_dns_responses() {
    let server = NameServer::start(|question| match question.kind {
        RecordType::A => Reply::Records(3600, vec![Answer::Address("1.1.1.1".parse().unwrap())]),
        _ => Reply::Records(3600, Vec::new()),
    })
    .await;
    let sender = sender(&server, TargetPolicy::default());
    let url = TargetUrl::parse_unchecked("https://kept.test/").unwrap();
    for _ in 0..50 {
        assert_eq!(sender.vet(&url).await, Vetted::Allowed);
    }
    assert_eq!(server.count("kept.test", RecordType::A), 1);
}

#[tokio::test]
async fn a_failing_name_server_costs_seconds_and_gives_no_verdict() {
    let server = NameServer::start(|question| match (question.name.as_str(), question.kind) {
        ("failing.test", _) => Reply::Failure,
        // Networks that lose every question for IPv6 exist.
        ("half.test", RecordType::A) => Reply::Records(60, vec![Answer::Address("1.1.1.1".parse().unwrap())]),
        _ => Reply::Silence,
    })
    .await;
    let sender = sender(&server, TargetPolicy::default());
    let verdict = async |host: &str| {
        let url = TargetUrl::parse_unchecked(&format!("https://{host}/")).unwrap();
        let begun = tokio::time::Instant::now();
        let verdict = sender.vet(&url).await;
        assert!(begun.elapsed().as_millis() < 2_900, "{host}: {:?}", begun.elapsed());
        verdict
    };
    let verdicts = tokio::join!(verdict("failing.test"), verdict("silent.test"), verdict("half.test"));
    assert_eq!(verdicts, (Vetted::Unresolved, Vetted::Unresolved, Vetted::Allowed));
    for kind in [RecordType::A, RecordType::AAAA] {
        assert!(
            (1..=4).contains(&server.count("silent.test", kind)),
            "{}",
            server.count("silent.test", kind)
        );
        assert_eq!(server.count("failing.test", kind), 1);
    }
    let url = TargetUrl::parse_unchecked("https://silent.test/").unwrap();
    let outcome = sender.send(&request(&url)).await;
    assert_eq!(outcome.error(), Some(ErrorClass::Dns), "{outcome:?}");
}

#[tokio::test]
async fn accepts_every_legitimate_url() {
    let server = NameServer::start(|question| match question.kind {
        RecordType::A => Reply::Records(60, vec![Answer::Address("1.1.1.1".parse().unwrap())]),
        _ => Reply::Records(60, vec![Answer::Address("2606:4700::1111".parse().unwrap())]),
    })
    .await;
    let sender = sender(&server, TargetPolicy::default());
    for row in rows(include_str!("legitimate.txt")) {
        let url = TargetUrl::parse(row[0], &TargetPolicy::default()).unwrap();
        assert_eq!(sender.vet(&url).await, Vetted::Allowed, "{}", row[0]);
    }
}
