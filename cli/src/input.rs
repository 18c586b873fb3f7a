//! Files that a command reads, and standard input in their place.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;

/// Stands for standard input, as everywhere.
const STANDARD_INPUT: &str = "-";

/// A file to read.
#[derive(Debug, Clone, Args)]
pub struct Input {
    /// The file, or - for standard input.
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
}

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    #[error("{path} cannot be read")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{path} is larger than {bytes_max} bytes")]
    TooLarge { path: PathBuf, bytes_max: usize },
}

impl Input {
    /// Everything in it, if that is not more than `bytes_max`.
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

/// One byte more tells that there is more.
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
    fn a_file_is_read_whole_or_not_at_all() {
        let input = Input { file: concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml").into() };
        let bytes = input.read(usize::MAX).unwrap();
        assert_eq!(bytes, std::fs::read(&input.file).unwrap());
        assert_eq!(input.read(bytes.len()).unwrap(), bytes);
        let refused = input.read(bytes.len() - 1).unwrap_err();
        assert!(matches!(refused, InputError::TooLarge { bytes_max, .. } if bytes_max == bytes.len() - 1));
        let refused = Input { file: "nowhere".into() }.read(1).unwrap_err();
        assert_eq!(refused.to_string(), "nowhere cannot be read");
    }
}
