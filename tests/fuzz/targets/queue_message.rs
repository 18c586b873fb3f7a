//! A message of the delivery queue.

use hookrail_wire::queue_message::{decode, encode};

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match decode(text) {
        Ok(delivery) => {
            assert!(
                text.ends_with(&format!("\n{}", delivery.body.as_str())),
                "the body is what follows the header"
            );
            assert_eq!(decode(&encode(&delivery)).expect("our own message"), delivery);
        }
        Err(poison) => assert!(!poison.to_string().is_empty(), "the dead-letter queue carries a reason"),
    }
}
