//! The frames between a process that evaluates and its parent: a length of four bytes, the highest first,
//! then JSON of that length.

use std::io::{self, Read};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::limits::FRAME_BYTES_MAX;

/// Bytes of a frame's length.
pub const HEADER_BYTES: usize = 4;

/// Bytes that are not a frame, or a value that does not fit in one.
#[derive(Debug, thiserror::Error)]
pub enum InvalidFrame {
    #[error("a frame is longer than {FRAME_BYTES_MAX} bytes")]
    TooLong,
    #[error("a frame does not hold the expected value")]
    Unreadable(#[source] serde_json::Error),
}

impl From<InvalidFrame> for io::Error {
    fn from(invalid: InvalidFrame) -> Self {
        Self::new(io::ErrorKind::InvalidData, invalid)
    }
}

/// Returns the frame of a value, its length included.
pub fn encode(value: &impl Serialize) -> Result<Vec<u8>, InvalidFrame> {
    let body = serde_json::to_vec(value).map_err(InvalidFrame::Unreadable)?;
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
    body_bytes(length)?;
    Ok([length.as_slice(), &body].concat())
}

/// Returns the number of bytes that follow a header.
pub fn body_bytes(header: [u8; HEADER_BYTES]) -> Result<usize, InvalidFrame> {
    let length = usize::try_from(u32::from_be_bytes(header)).unwrap_or(usize::MAX);
    if length <= FRAME_BYTES_MAX { Ok(length) } else { Err(InvalidFrame::TooLong) }
}

/// Returns the value of a frame, without its length.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, InvalidFrame> {
    serde_json::from_slice(body).map_err(InvalidFrame::Unreadable)
}

/// Reads one frame; none if the input has ended.
pub(crate) fn read<T: DeserializeOwned>(input: &mut impl Read) -> io::Result<Option<T>> {
    let mut header = [0; HEADER_BYTES];
    match input.read_exact(&mut header) {
        Ok(()) => {}
        // In the middle of a header too: the writer was killed then.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut body = vec![0; body_bytes(header)?];
    input.read_exact(&mut body)?;
    Ok(Some(decode(&body)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_round_trip() {
        let frame = [encode(&"a\n\"ü").unwrap(), encode(&7).unwrap()].concat();
        let mut input = frame.as_slice();
        assert_eq!(read::<String>(&mut input).unwrap().unwrap(), "a\n\"ü");
        assert_eq!(read::<u8>(&mut input).unwrap(), Some(7));
        assert_eq!(read::<u8>(&mut input).unwrap(), None);
    }

    #[test]
    fn checks_the_size_of_a_frame_before_reading_it() {
        let most = "x".repeat(FRAME_BYTES_MAX - 2);
        assert_eq!(encode(&most).unwrap().len(), HEADER_BYTES + FRAME_BYTES_MAX);
        assert!(matches!(encode(&format!("{most}x")), Err(InvalidFrame::TooLong)));
        let header = u32::try_from(FRAME_BYTES_MAX + 1).unwrap().to_be_bytes();
        assert!(matches!(body_bytes(header), Err(InvalidFrame::TooLong)));
    }
}
