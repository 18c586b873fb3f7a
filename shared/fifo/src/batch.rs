//! The rules for a batch as a whole; those for one entry are the queue's.

use std::collections::BTreeSet;

use crate::message::NewMessage;
use crate::settings::MESSAGE_BYTES_MAX;

/// Entries a batch may have.
pub const BATCH_ENTRIES_MAX: usize = 10;
const ENTRY_ID_CHARS_MAX: usize = 80;

/// The reason why a batch is refused as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    #[error("there should be at least one entry in the batch")]
    Empty,
    #[error("maximum number of entries per request is 10")]
    TooManyEntries,
    #[error("an id of a batch entry has 1 to 80 letters, digits, hyphens or underscores")]
    InvalidEntryId,
    #[error("two or more batch entries have the same id")]
    EntryIdsNotDistinct,
    #[error("the batch is longer than 1048576 bytes")]
    TooLong,
}

/// Checks the entries' ids: 1 to 10 of them, well formed, no two alike.
///
/// # Errors
/// The first rule that does not hold.
pub fn check_ids(ids: &[&str]) -> Result<(), BatchError> {
    if ids.is_empty() {
        return Err(BatchError::Empty);
    }
    if BATCH_ENTRIES_MAX < ids.len() {
        return Err(BatchError::TooManyEntries);
    }
    let mut seen = BTreeSet::new();
    for id in ids {
        if id.is_empty() || ENTRY_ID_CHARS_MAX < id.len() || !id.bytes().all(is_entry_id_byte) {
            return Err(BatchError::InvalidEntryId);
        }
        if !seen.insert(id) {
            return Err(BatchError::EntryIdsNotDistinct);
        }
    }
    Ok(())
}

/// Checks that the messages of a batch fit together: the limit of one message holds for all of them.
///
/// # Errors
/// [`BatchError::TooLong`].
pub fn check_size<'a, M: IntoIterator<Item = &'a NewMessage>>(messages: M) -> Result<(), BatchError> {
    let bytes: usize = messages.into_iter().map(NewMessage::size_bytes).sum();
    if (MESSAGE_BYTES_MAX as usize) < bytes { Err(BatchError::TooLong) } else { Ok(()) }
}

const fn is_entry_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ids: &[&str], expected: Result<(), BatchError>) {
        assert_eq!(check_ids(ids), expected, "{ids:?}");
    }

    #[test]
    fn batch_entry_ids_are_distinct_and_well_formed() {
        check(&["a"], Ok(()));
        check(&["a", "b_-9"], Ok(()));
        check(&[], Err(BatchError::Empty));
        check(&["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"], Err(BatchError::TooManyEntries));
        check(&["a", "b", "a"], Err(BatchError::EntryIdsNotDistinct));
        check(&["a b"], Err(BatchError::InvalidEntryId));
        check(&[""], Err(BatchError::InvalidEntryId));
        check(&["x".repeat(81).as_str()], Err(BatchError::InvalidEntryId));
    }

    #[test]
    fn a_batch_has_the_size_limit_of_one_message() {
        let half = NewMessage { body: "x".repeat(512 * 1024).into(), ..NewMessage::default() };
        let one = NewMessage { body: "x".into(), ..NewMessage::default() };
        assert_eq!(check_size(&[half.clone(), half.clone()]), Ok(()));
        assert_eq!(check_size(&[half.clone(), half, one]), Err(BatchError::TooLong));
    }
}
