//! An identity provider over HTTP: the documents that are read, and those that are refused.

#![expect(clippy::unwrap_used, reason = "a test's set-up fails loudly")]

use hookrail_adapters::issuer::{HttpIssuer, IssuerError, KeySource};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Runs a provider that answers each path with the result of `answer`, given its own address. Returns the
/// address.
async fn provider(answer: impl Fn(&str, &str) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let own = address.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            let text = String::from_utf8_lossy(request.get(..read).unwrap()).into_owned();
            let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
            stream.write_all(answer(&path, &own).as_bytes()).await.unwrap();
        }
    });
    address
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn discovery(issuer: &str, keys: &str) -> String {
    ok(&format!(r#"{{"issuer":"{issuer}","jwks_uri":"{keys}","other":[1]}}"#))
}

async fn keys_of(issuer: &str) -> Result<Vec<u8>, IssuerError> {
    HttpIssuer::new(issuer).unwrap().keys().await
}

#[tokio::test]
async fn discovers_keys_with_and_without_a_trailing_slash() {
    let address = provider(|path, own| match path {
        "/.well-known/openid-configuration" => discovery(own, &format!("{own}/keys")),
        "/tenant/.well-known/openid-configuration" => {
            discovery(&format!("{own}/tenant/"), &format!("{own}/keys"))
        }
        "/keys" => ok(r#"{"keys":[]}"#),
        _ => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
    })
    .await;
    assert_eq!(keys_of(&address).await.unwrap(), br#"{"keys":[]}"#);
    assert_eq!(keys_of(&format!("{address}/tenant/")).await.unwrap(), br#"{"keys":[]}"#);
    assert!(matches!(keys_of(&format!("{address}/unknown")).await, Err(IssuerError::Refused(404))));
    // The name in the document is the name in the tokens, to the letter.
    assert!(matches!(keys_of(&format!("{address}/")).await, Err(IssuerError::Foreign)));
}

#[tokio::test]
async fn does_not_follow_redirects_or_foreign_key_addresses() {
    for keys in ["file:///etc/passwd", "https://keys.example/", "keys", ""] {
        let address = provider(move |_, own| discovery(own, keys)).await;
        assert!(matches!(keys_of(&address).await, Err(IssuerError::Foreign)), "{keys}");
    }
    let redirect = "HTTP/1.1 302 Found\r\nlocation: /keys\r\ncontent-length: 0\r\n\r\n";
    let address = provider(move |_, _| redirect.to_owned()).await;
    assert!(matches!(keys_of(&address).await, Err(IssuerError::Refused(302))));
}

#[tokio::test]
async fn rejects_unreadable_and_oversized_documents() {
    let address = provider(|_, _| ok("<html>")).await;
    assert!(matches!(keys_of(&address).await, Err(IssuerError::Unreadable(_))));
    let address = provider(|_, _| ok(&" ".repeat(256 * 1024 + 1))).await;
    assert!(matches!(keys_of(&address).await, Err(IssuerError::TooLarge)));
    assert!(matches!(keys_of("http://127.0.0.1:1").await, Err(IssuerError::Unreachable(_))));
    assert!(matches!(HttpIssuer::new("not a url"), Err(IssuerError::Foreign)));
}
