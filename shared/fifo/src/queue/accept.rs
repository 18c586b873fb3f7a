//! The checks of one message before a queue accepts it.

use std::sync::Arc;

use crate::digest;
use crate::message::{AttributeValue, MessageAttributes, NewMessage};
use crate::settings::{DELAY_S_MAX, Settings};

const GROUP_CHARS_MAX: usize = 128;
const DEDUPLICATION_ID_CHARS_MAX: usize = 128;
/// User attributes one message may have.
pub const ATTRIBUTES_MAX: usize = 10;

/// The reason why a queue refuses a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    #[error("the message body is missing")]
    BodyMissing,
    #[error("the message body has characters outside the allowed set")]
    BodyCharacters,
    #[error("one or more parameters are invalid, message must be shorter than {bytes_max} bytes")]
    TooLong { bytes_max: u32 },
    #[error("the request must contain the parameter MessageGroupId")]
    GroupMissing,
    #[error("a MessageGroupId has 1 to 128 letters, digits and punctuation")]
    GroupInvalid,
    #[error(
        "the queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
    )]
    DeduplicationIdMissing,
    #[error("a MessageDeduplicationId has 1 to 128 letters, digits and punctuation")]
    DeduplicationIdInvalid,
    #[error("a MessageDeduplicationId is not valid for this queue type")]
    DeduplicationIdOnStandard,
    #[error("DelaySeconds of a message is not valid for this queue type")]
    DelayOnFifo,
    #[error("DelaySeconds must be between 0 and 900")]
    DelayInvalid,
    #[error("a message has at most 10 attributes, each with a name, a type and a value of that type")]
    AttributesInvalid,
}

impl NewMessage {
    /// Returns the size that counts towards the limits: the body and every attribute's name, type and value.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let attributes = self.attributes.iter().map(|(name, attribute)| {
            let value = match &attribute.value {
                AttributeValue::Text(text) => text.len(),
                AttributeValue::Binary(bytes) => bytes.len(),
            };
            name.len() + attribute.data_type.len() + value
        });
        self.body.len() + attributes.sum::<usize>()
    }
}

/// Returns the message with its deduplication id, if a queue with these settings accepts it.
pub(super) fn check(settings: &Settings, mut message: NewMessage) -> Result<NewMessage, SendError> {
    if message.body.is_empty() {
        return Err(SendError::BodyMissing);
    }
    if (settings.message_bytes_max as usize) < message.size_bytes() {
        return Err(SendError::TooLong { bytes_max: settings.message_bytes_max });
    }
    if !has_allowed_characters(&message.body) {
        return Err(SendError::BodyCharacters);
    }
    check_attributes(&message.attributes)?;
    if message.group.as_deref().is_some_and(|group| !is_token(group, GROUP_CHARS_MAX)) {
        return Err(SendError::GroupInvalid);
    }
    if settings.is_fifo() {
        check_fifo(settings, &mut message)?;
    } else {
        check_standard(&message)?;
    }
    Ok(message)
}

fn check_fifo(settings: &Settings, message: &mut NewMessage) -> Result<(), SendError> {
    if message.group.is_none() {
        return Err(SendError::GroupMissing);
    }
    // An explicit 0 asks for nothing that a FIFO queue does not do.
    if message.delay_s.is_some_and(|delay| delay != 0) {
        return Err(SendError::DelayOnFifo);
    }
    match &message.deduplication_id {
        Some(id) if is_token(id, DEDUPLICATION_ID_CHARS_MAX) => {}
        Some(_) => return Err(SendError::DeduplicationIdInvalid),
        None if settings.content_based_deduplication => {
            message.deduplication_id = Some(Arc::from(digest::sha256_of_body(&message.body)));
        }
        None => return Err(SendError::DeduplicationIdMissing),
    }
    Ok(())
}

fn check_standard(message: &NewMessage) -> Result<(), SendError> {
    if message.deduplication_id.is_some() {
        return Err(SendError::DeduplicationIdOnStandard);
    }
    if message.delay_s.is_some_and(|delay| DELAY_S_MAX < delay) {
        return Err(SendError::DelayInvalid);
    }
    Ok(())
}

fn check_attributes(attributes: &MessageAttributes) -> Result<(), SendError> {
    let is_valid = attributes.iter().all(|(name, attribute)| {
        let base_type = attribute.data_type.split('.').next();
        let value_fits = match &attribute.value {
            AttributeValue::Text(text) => {
                matches!(base_type, Some("String" | "Number"))
                    && !text.is_empty()
                    && has_allowed_characters(text)
            }
            AttributeValue::Binary(bytes) => base_type == Some("Binary") && !bytes.is_empty(),
        };
        !name.is_empty() && value_fits
    });
    if is_valid && attributes.len() <= ATTRIBUTES_MAX { Ok(()) } else { Err(SendError::AttributesInvalid) }
}

/// Returns whether the text has only characters of XML 1.0: tab, line feed, carriage return and everything
/// from the space on but two non-characters.
fn has_allowed_characters(text: &str) -> bool {
    let has_control = text.bytes().any(|byte| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r'));
    // Both are encoded EF BF BE/BF: most text is done after looking for the first byte.
    let has_non_character =
        || text.bytes().any(|byte| byte == 0xEF) && text.contains(['\u{FFFE}', '\u{FFFF}']);
    !has_control && !has_non_character()
}

fn is_token(text: &str, chars_max: usize) -> bool {
    !text.is_empty() && text.len() <= chars_max && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MessageAttribute;
    use crate::settings::MESSAGE_BYTES_MAX;

    fn message() -> NewMessage {
        let (group, id) = (Some(Arc::from("g")), Some(Arc::from("d")));
        NewMessage { body: "x".into(), group, deduplication_id: id, ..NewMessage::default() }
    }

    #[track_caller]
    fn check_is(settings: &Settings, message: NewMessage, expected: Result<(), SendError>) {
        let shown = format!("{message:?}");
        let shown = shown.get(..200).unwrap_or(&shown).to_owned();
        assert_eq!(check(settings, message).map(drop), expected, "{shown}");
    }

    #[test]
    fn limits_the_length_and_characters_of_a_body() {
        let limit = MESSAGE_BYTES_MAX as usize;
        for (body, expected) in [
            ("é\t\n\r\u{FFFD}\u{10FFFF}".to_owned(), Ok(())),
            (String::new(), Err(SendError::BodyMissing)),
            ("x".repeat(limit), Ok(())),
            ("x".repeat(limit + 1), Err(SendError::TooLong { bytes_max: MESSAGE_BYTES_MAX })),
            ("a\u{2}b".to_owned(), Err(SendError::BodyCharacters)),
            ("\u{FFFE}".to_owned(), Err(SendError::BodyCharacters)),
            ("\u{FFFF}".to_owned(), Err(SendError::BodyCharacters)),
        ] {
            check_is(&Settings::fifo(), NewMessage { body: body.into(), ..message() }, expected);
        }
    }

    #[test]
    fn a_fifo_message_needs_a_group_and_a_deduplication_id() {
        let fifo = Settings::fifo();
        check_is(&fifo, message(), Ok(()));
        check_is(&fifo, NewMessage { group: None, ..message() }, Err(SendError::GroupMissing));
        let no_id = NewMessage { deduplication_id: None, ..message() };
        check_is(&fifo, no_id.clone(), Err(SendError::DeduplicationIdMissing));
        check_is(&Settings { content_based_deduplication: true, ..fifo.clone() }, no_id, Ok(()));
        check_is(&fifo, NewMessage { delay_s: Some(5), ..message() }, Err(SendError::DelayOnFifo));
        check_is(&fifo, NewMessage { delay_s: Some(0), ..message() }, Ok(()));
        for bad in [String::new(), "x".repeat(129), "a b".to_owned(), "é".to_owned()] {
            let text = Some(Arc::from(bad));
            check_is(&fifo, NewMessage { group: text.clone(), ..message() }, Err(SendError::GroupInvalid));
            let message = NewMessage { deduplication_id: text, ..message() };
            check_is(&fifo, message, Err(SendError::DeduplicationIdInvalid));
        }
        check_is(&fifo, NewMessage { group: Some("!~".repeat(64).into()), ..message() }, Ok(()));
    }

    #[test]
    fn a_standard_message_takes_a_delay_and_no_deduplication_id() {
        let standard = Settings::standard();
        let plain = NewMessage { deduplication_id: None, ..message() };
        check_is(&standard, message(), Err(SendError::DeduplicationIdOnStandard));
        check_is(&standard, NewMessage { delay_s: Some(900), ..plain.clone() }, Ok(()));
        check_is(&standard, NewMessage { delay_s: Some(901), ..plain }, Err(SendError::DelayInvalid));
    }

    #[test]
    fn attributes_need_a_value_of_their_type() {
        let with = |data_type: &str, value| {
            let attribute = MessageAttribute { data_type: data_type.into(), value };
            NewMessage { attributes: MessageAttributes::from([("a".into(), attribute)]), ..message() }
        };
        let text = |text: &str| AttributeValue::Text(text.into());
        let bytes = |bytes: &[u8]| AttributeValue::Binary(bytes.into());
        for (data_type, value, is_accepted) in [
            ("String", text("v"), true),
            ("Number.int", text("1"), true),
            ("Binary.png", bytes(b"\x00"), true),
            ("String", text(""), false),
            ("String", bytes(b"v"), false),
            ("Binary", text("v"), false),
            ("Color", text("red"), false),
        ] {
            let expected = if is_accepted { Ok(()) } else { Err(SendError::AttributesInvalid) };
            check_is(&Settings::fifo(), with(data_type, value), expected);
        }
    }

    #[test]
    fn attributes_count_towards_the_size() {
        let attribute =
            MessageAttribute { data_type: "String".into(), value: AttributeValue::Text("four".into()) };
        let attributes = MessageAttributes::from([("name".into(), attribute)]);
        assert_eq!(NewMessage { attributes, ..message() }.size_bytes(), 1 + 4 + 6 + 4);
    }
}
