//! The characters that an SQS message can carry, and JSON that keeps to them.
//!
//! SQS refuses a message with any other character for good, so every body of ours is rendered here. The texts in it
//! come from webhooks and events, and may hold anything.

use serde::Serialize;

use crate::json;

/// The characters that SQS refuses and that JSON does not escape by itself, with their escapes.
const ESCAPES: [(char, &str); 2] = [('\u{FFFE}', "\\ufffe"), ('\u{FFFF}', "\\uffff")];

/// Returns whether SQS accepts a message with this character: tab, line feed, carriage return, U+0020 to
/// U+D7FF, U+E000 to U+FFFD, and U+10000 to U+10FFFF.
#[must_use]
pub fn is_allowed(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => false,
        '\u{20}'.. => true,
    }
}

/// One line of JSON that SQS takes, and that reads back as the same value.
pub(crate) fn render(value: &impl Serialize) -> String {
    // Control characters are escaped in any JSON. The two others stand in strings only, where an escape is the same.
    let mut text = json::text(value);
    for (character, escape) in ESCAPES {
        if text.contains(character) {
            text = text.replace(character, escape);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_character_round_trips_through_queue_text() {
        for character in '\0'..=char::MAX {
            let text = render(&character);
            assert!(text.chars().all(|one| is_allowed(one) && one != '\n'), "{character:?}: {text:?}");
            assert_eq!(serde_json::from_str::<char>(&text).unwrap(), character);
        }
    }

    #[test]
    fn recognises_characters_that_sqs_rejects() {
        let refused: Vec<_> = ('\0'..=char::MAX).filter(|one| !is_allowed(*one)).collect();
        let controls = ('\0'..' ').filter(|one| !matches!(one, '\t' | '\n' | '\r'));
        assert_eq!(refused, controls.chain(['\u{FFFE}', '\u{FFFF}']).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn any_text_round_trips_in_any_position(pairs in vec((any::<String>(), any::<String>()), 0..4)) {
            let text = render(&pairs);
            prop_assert!(text.chars().all(is_allowed));
            prop_assert_eq!(serde_json::from_str::<Vec<(String, String)>>(&text).unwrap(), pairs);
        }
    }
}
