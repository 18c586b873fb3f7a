//! Randomness from the operating system, for ids, secrets and tokens.

use hookrail_domain::id::{WebhookId, hex};
use hookrail_domain::signature::{SECRET_BYTES, SigningSecret};
use hookrail_domain::time::Millis;

/// Prefix of every token of ours, so that secret scanners can recognise one.
pub const TOKEN_PREFIX: &str = "hkr_";
/// Prefix of every code of a link into the panel.
pub const CODE_PREFIX: &str = "hkl_";
const TOKEN_BYTES: usize = 32;

/// The failure of the operating system to give random bytes.
#[derive(Debug, thiserror::Error)]
#[error("no random bytes")]
pub struct NoRandomness(#[from] getrandom::Error);

/// Returns random bytes.
pub fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Returns a new token: 256 random bits.
pub fn token() -> Result<String, NoRandomness> {
    Ok(format!("{TOKEN_PREFIX}{}", hex(&bytes::<TOKEN_BYTES>()?)))
}

/// Returns a new code of a link into the panel: 256 random bits.
pub fn code() -> Result<String, NoRandomness> {
    Ok(format!("{CODE_PREFIX}{}", hex(&bytes::<TOKEN_BYTES>()?)))
}

/// Returns the id of a webhook that is made now: ids sort by their time, and so do lists of webhooks.
pub fn webhook_id(now: Millis) -> Result<WebhookId, NoRandomness> {
    bytes().map(|chance| WebhookId::made_at(now, chance))
}

/// Returns a new signing secret.
pub fn signing_secret() -> Result<SigningSecret, NoRandomness> {
    bytes::<SECRET_BYTES>().map(SigningSecret::from_random)
}
