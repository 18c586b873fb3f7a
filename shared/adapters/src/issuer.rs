//! The operator's identity provider, if there is one: the source of the keys that its tokens are signed with.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use reqwest::{Client, redirect};
use serde::Deserialize;
use url::Url;

/// Longest wait for one document of the provider's.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The largest document that is read, in bytes.
const DOCUMENT_BYTES_MAX: usize = 256 * 1024;
const DISCOVERY_PATH: &str = ".well-known/openid-configuration";

/// The reason why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    #[error("the identity provider cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    #[error("the identity provider responded with status {0}")]
    Refused(u16),
    #[error("a document of the identity provider is larger than {DOCUMENT_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the identity provider's discovery document cannot be read")]
    Unreadable(#[source] serde_json::Error),
    #[error("the discovery document is of another issuer, or names no https address for its keys")]
    Foreign,
}

/// A future that a trait object can return.
pub type Fetched<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, IssuerError>> + Send + 'a>>;

/// The source of keys: the provider, or a test's table.
pub trait KeySource: Send + Sync + fmt::Debug {
    /// Returns the provider's current keys, as a JWK set.
    fn keys(&self) -> Fetched<'_>;
}

/// A provider that is found by `OpenID` discovery.
#[derive(Debug)]
pub struct HttpIssuer {
    client: Client,
    issuer: String,
    discovery: Url,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl HttpIssuer {
    /// Makes the provider with the name `issuer`.
    pub fn new(issuer: &str) -> Result<Self, IssuerError> {
        // The name may or may not end with a slash, and is part of every token unchanged.
        let base = format!("{}/", issuer.trim_end_matches('/'));
        let discovery = Url::parse(&base).and_then(|base| base.join(DISCOVERY_PATH));
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(TIMEOUT)
            .build()
            .map_err(IssuerError::Unreachable)?;
        match discovery {
            Ok(discovery) => Ok(Self { client, issuer: issuer.to_owned(), discovery }),
            Err(_no_url) => Err(IssuerError::Foreign),
        }
    }

    async fn fetch(&self, url: &Url) -> Result<Vec<u8>, IssuerError> {
        let mut answer = self.client.get(url.clone()).send().await.map_err(IssuerError::Unreachable)?;
        if !answer.status().is_success() {
            return Err(IssuerError::Refused(answer.status().as_u16()));
        }
        let mut document = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(IssuerError::Unreachable)? {
            if DOCUMENT_BYTES_MAX < document.len() + chunk.len() {
                return Err(IssuerError::TooLarge);
            }
            document.extend_from_slice(&chunk);
        }
        Ok(document)
    }
}

impl KeySource for HttpIssuer {
    fn keys(&self) -> Fetched<'_> {
        Box::pin(async {
            let document = self.fetch(&self.discovery).await?;
            let found: Discovery = serde_json::from_slice(&document).map_err(IssuerError::Unreadable)?;
            // Keys must be as safe as the discovery: over https, except for a provider on a laptop.
            match Url::parse(&found.jwks_uri) {
                Ok(keys) if found.issuer == self.issuer && keys.scheme() == self.discovery.scheme() => {
                    self.fetch(&keys).await
                }
                Ok(_) | Err(_) => Err(IssuerError::Foreign),
            }
        })
    }
}
