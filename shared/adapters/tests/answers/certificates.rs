//! Certificates that are not valid.
//!
//! The authority that signs them is made known as an operator's own is, by the file that `SSL_CERT_FILE`
//! names: the sender has no switch that a test, or anyone else, could use.

use std::env;
use std::process::Stdio;
use std::sync::Arc;

use hookrail_pipeline::sender::Sender as _;
use hookrail_receivers::Logged;
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::{request, sender};

/// The receivers that the test, run again with the authority known, sends to: URLs with spaces between.
const TARGETS: &str = "HOOKRAIL_TEST_TARGETS";
/// Requests to each of them; connections are kept between them.
const REQUESTS: usize = 2;

fn authority() -> (Certificate, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    (certificate, Issuer::new(params, key))
}

/// Runs a TLS receiver that accepts the first request of each connection, with this certificate, and returns
/// its port.
async fn serve(certificate: &Certificate, key: &KeyPair) -> u16 {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A refused certificate ends the handshake.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut read = [0; 4096];
            if stream.read(&mut read).await.is_ok() {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                // The next request gets no response: TLS sends close_notify, which is not a byte of a
                // response.
                let _read = stream.read(&mut read).await.unwrap_or(0);
                stream.shutdown().await.unwrap_or(());
            }
        }
    });
    port
}

#[expect(clippy::disallowed_methods, reason = "the test calls itself")]
#[tokio::test]
async fn certificates_are_verified() {
    if let Ok(targets) = env::var(TARGETS) {
        let sender = sender();
        let _connections = sender.keep_connections();
        for url in targets.split(' ').flat_map(|url| [url; REQUESTS]) {
            let outcome = sender.send(&request(url, 100, 10)).await;
            println!("found {:?} {}", Logged::of(&outcome), outcome.response());
        }
        return;
    }
    let (root, issuer) = authority();
    let (_, stranger) = authority();
    let valid = || CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let mut expired = valid();
    (expired.not_before, expired.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
    let mut early = valid();
    (early.not_before, early.not_after) = (date_time_ymd(2998, 1, 1), date_time_ymd(2999, 1, 1));
    let misnamed = CertificateParams::new(vec!["www.server.com".to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificates = [
        valid().signed_by(&key, &issuer).unwrap(),
        expired.signed_by(&key, &issuer).unwrap(),
        early.signed_by(&key, &issuer).unwrap(),
        misnamed.signed_by(&key, &issuer).unwrap(),
        valid().signed_by(&key, &stranger).unwrap(),
        valid().self_signed(&key).unwrap(),
    ];
    let mut urls = Vec::new();
    for certificate in &certificates {
        urls.push(format!("https://localhost:{}/", serve(certificate, &key).await));
    }
    let folder = env::temp_dir().join(format!("hookrail-certificates-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("root.pem"), root.pem()).unwrap();
    let again = Command::new(env::current_exe().unwrap())
        .args(["certificates::certificates_are_verified", "--exact", "--nocapture"])
        .env("SSL_CERT_FILE", folder.join("root.pem"))
        .env(TARGETS, urls.join(" "))
        .stderr(Stdio::inherit())
        .output()
        .await
        .unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let output = String::from_utf8(again.stdout).unwrap();
    let found: Vec<_> = output.lines().filter_map(|line| line.strip_prefix("found ")).collect();
    let expected = [
        "Whole ",
        "No(Tls) the certificate has expired",
        "No(Tls) the certificate is not valid yet",
        "No(Tls) the certificate is for another host name",
        "No(Tls) the certificate is self-signed or its authority is unknown",
        "No(Tls) the certificate is self-signed or its authority is unknown",
    ];
    assert_eq!(found.len(), expected.len() * REQUESTS, "{output}");
    for (found, expected) in found.iter().zip(expected.iter().flat_map(|expected| [*expected; REQUESTS])) {
        assert!(found.starts_with(expected), "{found:?} instead of {expected:?}");
    }
}
