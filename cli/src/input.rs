//! Files that a command reads, or standard input instead.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;

/// Stands for standard input.
const STANDARD_INPUT: &str = "-";

const BYTE_ORDER_MARK: char = '\u{feff}';

/// A file to read.
#[derive(Debug, Clone, Args)]
pub struct Input {
    /// The file to read, or - for standard input.
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    #[error("{path} cannot be read")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{path} is larger than {bytes_max} bytes")]
    TooLarge { path: PathBuf, bytes_max: usize },
}

impl Input {
    /// Reads the whole file, at most `bytes_max` bytes.
    pub fn read(&self, bytes_max: usize) -> Result<Vec<u8>, InputError> {
        let path = &self.file;
        let bytes = if path == Path::new(STANDARD_INPUT) {
            limited(io::stdin().lock(), bytes_max)
        } else {
            File::open(path).and_then(|file| limited(file, bytes_max))
        };
        let bytes = bytes.map_err(|source| InputError::Unreadable { path: path.clone(), source })?;
        if bytes_max < bytes.len() {
            return Err(InputError::TooLarge { path: path.clone(), bytes_max });
        }
        Ok(bytes)
    }
}

/// A file that is not text in UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotText {
    #[error("is UTF-16; save it as UTF-8")]
    Utf16,
    #[error("is not UTF-8: byte {0} is not part of a character")]
    Bytes(usize),
}

/// Decodes a file that a person wrote. A byte order mark, which editors on Windows write, is left out.
pub fn text_of(bytes: Vec<u8>) -> Result<String, NotText> {
    // Without a mark: in UTF-16 every other byte of such files is zero.
    if matches!(bytes.as_slice(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..]) {
        return Err(NotText::Utf16);
    }
    let text = String::from_utf8(bytes).map_err(|error| NotText::Bytes(error.utf8_error().valid_up_to()))?;
    Ok(text.strip_prefix(BYTE_ORDER_MARK).map(str::to_owned).unwrap_or(text))
}

/// Reads one byte more than allowed, to detect a longer file.
fn limited(source: impl Read, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let bytes_read_max = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    source.take(bytes_read_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_file_completely_or_fails() {
        let input = Input { file: concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml").into() };
        let bytes = input.read(usize::MAX).unwrap();
        assert_eq!(bytes, std::fs::read(&input.file).unwrap());
        assert_eq!(input.read(bytes.len()).unwrap(), bytes);
        let refused = input.read(bytes.len() - 1).unwrap_err();
        assert!(matches!(refused, InputError::TooLarge { bytes_max, .. } if bytes_max == bytes.len() - 1));
        let refused = Input { file: "nowhere".into() }.read(1).unwrap_err();
        assert_eq!(refused.to_string(), "nowhere cannot be read");
    }

    #[test]
    fn a_byte_order_mark_is_left_out_and_utf_16_is_named() {
        let utf_16 = |to_bytes: fn(u16) -> [u8; 2], text: &str| -> Vec<u8> {
            text.encode_utf16().flat_map(to_bytes).collect()
        };
        assert_eq!(text_of(b"\xef\xbb\xbfcode: a\n".to_vec()), Ok("code: a\n".to_owned()));
        assert_eq!(text_of("é\u{feff}".into()), Ok("é\u{feff}".to_owned()), "it stays inside of a text");
        assert_eq!(text_of(Vec::new()), Ok(String::new()));
        for text in ["\u{feff}code: a", "code: a", "\u{feff}", "---\n"] {
            assert_eq!(text_of(utf_16(u16::to_le_bytes, text)), Err(NotText::Utf16), "{text:?}");
            assert_eq!(text_of(utf_16(u16::to_be_bytes, text)), Err(NotText::Utf16), "{text:?}");
        }
        let refused = text_of(b"code: \xe9".to_vec()).unwrap_err();
        assert_eq!(refused.to_string(), "is not UTF-8: byte 6 is not part of a character");
    }
}
