//! The handle that one receive gives out for one message.

use std::fmt;
use std::str::FromStr;

use crate::message::SequenceNumber;

/// A reference to a message and to the one receive it belongs to.
///
/// Every receive makes a new one; the queue tells an older one from the current one by its receive count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReceiptHandle {
    /// The queue it came from, so that another queue's handle is never mistaken for one of ours.
    pub(crate) queue_tag: u32,
    pub(crate) sequence: SequenceNumber,
    pub(crate) receive_count: u32,
}

/// The text is not a receipt handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a receipt handle")]
pub struct InvalidReceiptHandle;

/// Prefix of real handles; kept, so that ours are recognised as handles in logs.
const PREFIX: &str = "AQEB";

impl fmt::Display for ReceiptHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{:08x}{:016x}{:08x}", self.queue_tag, self.sequence.0, self.receive_count)
    }
}

impl FromStr for ReceiptHandle {
    type Err = InvalidReceiptHandle;

    fn from_str(text: &str) -> Result<Self, InvalidReceiptHandle> {
        let digits =
            text.strip_prefix(PREFIX).filter(|digits| digits.len() == 32).ok_or(InvalidReceiptHandle)?;
        let number = |from: usize, to: usize| {
            let part =
                digits.get(from..to).filter(|part| !part.starts_with('+')).ok_or(InvalidReceiptHandle)?;
            u64::from_str_radix(part, 16).map_err(|_not_hex| InvalidReceiptHandle)
        };
        let half = |from, to| u32::try_from(number(from, to)?).map_err(|_too_large| InvalidReceiptHandle);
        Ok(Self {
            queue_tag: half(0, 8)?,
            sequence: SequenceNumber(number(8, 24)?),
            receive_count: half(24, 32)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipt_handles_round_trip() {
        let handle =
            ReceiptHandle { queue_tag: 0xfeed, sequence: SequenceNumber(u64::MAX), receive_count: 3 };
        assert_eq!(handle.to_string().parse(), Ok(handle));
    }

    #[test]
    fn rejects_malformed_receipt_handles() {
        let good = ReceiptHandle { queue_tag: 1, sequence: SequenceNumber(2), receive_count: 3 }.to_string();
        let signed = good.replacen("AQEB0", "AQEB+", 1);
        for bad in [
            "",
            "not-a-handle",
            good.trim_start_matches('A'),
            good.trim_end_matches('3'),
            &format!("{good}0"),
            &signed,
            "AQEBéééééééééééééééé",
        ] {
            assert_eq!(bad.parse::<ReceiptHandle>(), Err(InvalidReceiptHandle), "{bad}");
        }
    }
}
