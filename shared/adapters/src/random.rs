//! Randomness from the operating system, for ids, secrets and tokens.

use hookrail_domain::id::{SubscriptionId, hex};
use hookrail_domain::signature::{SECRET_BYTES, SigningSecret};
use hookrail_domain::time::Millis;

/// Begins every token of ours, so that secret scanners can tell one.
pub const TOKEN_PREFIX: &str = "hkr_";
/// Begins every code of a link into the panel.
pub const CODE_PREFIX: &str = "hkl_";
const TOKEN_BYTES: usize = 32;

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("no random bytes")]
pub struct NoRandomness(#[from] getrandom::Error);

/// Random bytes.
pub fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// A new token: 256 random bits.
pub fn token() -> Result<String, NoRandomness> {
    Ok(format!("{TOKEN_PREFIX}{}", hex(&bytes::<TOKEN_BYTES>()?)))
}

/// A new code of a link into the panel: 256 random bits.
pub fn code() -> Result<String, NoRandomness> {
    Ok(format!("{CODE_PREFIX}{}", hex(&bytes::<TOKEN_BYTES>()?)))
}

/// The id of a webhook that is made now: ids sort by the time they were made at, and so do lists of webhooks.
pub fn subscription_id(now: Millis) -> Result<SubscriptionId, NoRandomness> {
    bytes().map(|chance| SubscriptionId::made_at(now, chance))
}

/// A new signing secret.
pub fn signing_secret() -> Result<SigningSecret, NoRandomness> {
    bytes::<SECRET_BYTES>().map(SigningSecret::from_random)
}
