//! The JSON that an event may hold, and the one reader that decides it.
//!
//! JSON's grammar allows text that many programs cannot read: half a surrogate pair in a string, numbers without an
//! end, values nested without an end. Such an event is refused when it is pushed, so that everything behind that reads
//! the same event: routing, redaction, scripts, views and receivers. What is accepted is never rendered again.
//!
//! The reader passes over the text once and does not recurse.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde_json::Number;

use crate::queue_text;

/// Arrays and objects that may be open at the same time, the event itself included.
pub const DEPTH_MAX: usize = 100;
/// Characters of a number. Jackson reads as many by default; Python reads integers of up to 4,300 digits.
pub const NUMBER_CHARS_MAX: usize = 1_000;

/// Levels of a path that an error shows.
const PATH_LEVELS_MAX: usize = 8;
/// Characters of a field name that an error shows.
const PATH_NAME_CHARS_MAX: usize = 64;
/// Characters of a number without an exponent that is certainly finite.
const FINITE_CHARS: usize = 300;

/// The reason why a text is not the JSON of an event. It may hold names of fields, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidJson {
    #[error("is not JSON (line {line}, column {column})")]
    Syntax { line: usize, column: usize },
    #[error("{path} {rule}")]
    Refused { path: String, rule: Rule },
}

/// A rule for the values of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    #[error("contains half a surrogate pair, which is not Unicode text; send both halves or neither")]
    Unicode,
    #[error(
        "has a field name with half a surrogate pair, which is not Unicode text; send both halves or neither"
    )]
    UnicodeName,
    #[error(
        "contains the character U+FFFE or U+FFFF, which SQS does not carry; write it as \\ufffe or \\uffff"
    )]
    Character,
    #[error("is nested more than {DEPTH_MAX} levels deep")]
    Depth,
    #[error("is a number of more than {NUMBER_CHARS_MAX} characters; send it as a string")]
    NumberLength,
    #[error("is a number beyond the range of a double (about 1.8e308); send it as a string")]
    NumberRange,
}

/// A part of a JSON text, as it stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    BeginObject,
    BeginArray,
    /// The end of an object or an array.
    End,
    Comma,
    /// A member's name with its quotes and escapes.
    Name(&'a str),
    /// A string value with its quotes and escapes.
    Text(&'a str),
    /// A number, `true`, `false` or `null`.
    Other,
}

/// Checks a whole text.
pub fn check(text: &str) -> Result<(), InvalidJson> {
    let mut reader = Reader::new(text);
    while reader.next()?.is_some() {}
    Ok(())
}

/// The text of a string token.
pub(crate) fn decode(token: &str) -> Result<Cow<'_, str>, InvalidJson> {
    /// Borrows a string that has no escapes; `Cow` alone would always copy.
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

    serde_json::from_str(token)
        .map(|Text(text)| text)
        .map_err(|error| InvalidJson::Syntax { line: error.line(), column: error.column() })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Value,
    ValueOrEnd,
    Name,
    NameOrEnd,
    CommaOrEnd,
    Nothing,
}

/// An array or object that is open, and where the reader is in it.
struct Level<'a> {
    is_object: bool,
    name: &'a str,
    index: usize,
}

/// A reader of one JSON text, token by token.
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    open: Vec<Level<'a>>,
    expected: Expected,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, open: Vec::new(), expected: Expected::Value }
    }

    /// The next token with its place in the text; none at the end of a complete text.
    pub(crate) fn next(&mut self) -> Result<Option<(Token<'a>, Range<usize>)>, InvalidJson> {
        use Expected::{CommaOrEnd, Name, NameOrEnd, Nothing, Value, ValueOrEnd};
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        let begin = self.at;
        let Some(byte) = self.peek() else {
            return if self.expected == Nothing { Ok(None) } else { Err(self.syntax()) };
        };
        let is_object = self.open.last().is_some_and(|level| level.is_object);
        let token = match (self.expected, byte) {
            (Value | ValueOrEnd, b'{' | b'[') => self.enter(byte == b'{')?,
            (Value | ValueOrEnd, _) if byte != b']' => self.scalar(byte)?,
            (ValueOrEnd | CommaOrEnd, b']') if !is_object && !self.open.is_empty() => self.leave(),
            (NameOrEnd | CommaOrEnd, b'}') if is_object => self.leave(),
            (Name | NameOrEnd, b'"') => self.name()?,
            (CommaOrEnd, b',') => self.comma(),
            _ => return Err(self.syntax()),
        };
        Ok(Some((token, begin..self.at_token_end(token, begin))))
    }

    /// A name's token ends before its colon, which is read with it.
    fn at_token_end(&self, token: Token<'_>, begin: usize) -> usize {
        if let Token::Name(name) = token { begin + name.len() } else { self.at }
    }

    fn enter(&mut self, is_object: bool) -> Result<Token<'a>, InvalidJson> {
        if DEPTH_MAX <= self.open.len() {
            return Err(self.refused(Rule::Depth));
        }
        self.at += 1;
        self.open.push(Level { is_object, name: "", index: 0 });
        self.expected = if is_object { Expected::NameOrEnd } else { Expected::ValueOrEnd };
        Ok(if is_object { Token::BeginObject } else { Token::BeginArray })
    }

    fn leave(&mut self) -> Token<'a> {
        self.at += 1;
        self.open.pop();
        self.end_value();
        Token::End
    }

    fn comma(&mut self) -> Token<'a> {
        self.at += 1;
        self.expected = Expected::Value;
        if let Some(level) = self.open.last_mut() {
            level.index += 1;
            if level.is_object {
                level.name = "";
                self.expected = Expected::Name;
            }
        }
        Token::Comma
    }

    fn end_value(&mut self) {
        self.expected = if self.open.is_empty() { Expected::Nothing } else { Expected::CommaOrEnd };
    }

    fn name(&mut self) -> Result<Token<'a>, InvalidJson> {
        if let Some(level) = self.open.last_mut() {
            level.name = "";
        }
        let name = self.string(Rule::UnicodeName)?;
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        if self.peek() != Some(b':') {
            return Err(self.syntax());
        }
        self.at += 1;
        if let Some(level) = self.open.last_mut() {
            level.name = name;
        }
        self.expected = Expected::Value;
        Ok(Token::Name(name))
    }

    fn scalar(&mut self, first: u8) -> Result<Token<'a>, InvalidJson> {
        let token = match first {
            b'"' => Token::Text(self.string(Rule::Unicode)?),
            b'-' | b'0'..=b'9' => self.number()?,
            _ => self.word()?,
        };
        self.end_value();
        Ok(token)
    }

    fn word(&mut self) -> Result<Token<'a>, InvalidJson> {
        let words: [&[u8]; 3] = [b"true", b"false", b"null"];
        let word = words.into_iter().find(|word| word.first().copied() == self.peek());
        for letter in word.ok_or_else(|| self.syntax())? {
            if !self.skip(&[*letter]) {
                return Err(self.syntax());
            }
        }
        Ok(Token::Other)
    }

    fn number(&mut self) -> Result<Token<'a>, InvalidJson> {
        let begin = self.at;
        self.skip(b"-");
        if !self.skip(b"0") {
            self.digits()?;
        }
        if self.skip(b".") {
            self.digits()?;
        }
        let has_exponent = self.skip(b"eE");
        if has_exponent {
            self.skip(b"+-");
            self.digits()?;
        }
        let text = self.text.get(begin..self.at).unwrap_or_default();
        if NUMBER_CHARS_MAX < text.len() {
            return Err(self.refused(Rule::NumberLength));
        }
        // What reads scripts' records rounds in its own way: both must find it finite.
        let is_finite = (!has_exponent && text.len() <= FINITE_CHARS)
            || (text.parse().is_ok_and(f64::is_finite) && serde_json::from_str::<Number>(text).is_ok());
        if is_finite { Ok(Token::Other) } else { Err(self.refused(Rule::NumberRange)) }
    }

    fn digits(&mut self) -> Result<(), InvalidJson> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.syntax());
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn string(&mut self, rule: Rule) -> Result<&'a str, InvalidJson> {
        let begin = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                None | Some(0..=0x1F) => return Err(self.syntax()),
                Some(b'"') => break,
                Some(b'\\') => self.escape(rule)?,
                // The first byte of U+F000 to U+FFFF.
                Some(0xEF) if self.is_refused_character() => return Err(self.refused(Rule::Character)),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        self.text.get(begin..self.at).ok_or_else(|| self.syntax())
    }

    fn is_refused_character(&self) -> bool {
        let character = self.text.get(self.at..).and_then(|rest| rest.chars().next());
        character.is_some_and(|character| !queue_text::is_allowed(character))
    }

    fn escape(&mut self, rule: Rule) -> Result<(), InvalidJson> {
        self.at += 1;
        if self.skip(b"\"\\/bfnrt") {
            return Ok(());
        }
        match self.unit()? {
            0xD800..=0xDBFF if self.skip(b"\\") => {
                let is_low = self.peek() == Some(b'u') && matches!(self.unit()?, 0xDC00..=0xDFFF);
                if is_low { Ok(()) } else { Err(self.refused(rule)) }
            }
            0xD800..=0xDFFF => Err(self.refused(rule)),
            _ => Ok(()),
        }
    }

    /// The UTF-16 unit of `uXXXX`.
    fn unit(&mut self) -> Result<u16, InvalidJson> {
        if !self.skip(b"u") {
            return Err(self.syntax());
        }
        let digits = self.text.get(self.at..self.at + 4).unwrap_or_default();
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(self.syntax());
        }
        self.at += digits.len();
        u16::from_str_radix(digits, 16).map_err(|_none| self.syntax())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Steps over one of these bytes if it comes next.
    fn skip(&mut self, any: &[u8]) -> bool {
        let is_next = self.peek().is_some_and(|byte| any.contains(&byte));
        self.at += usize::from(is_next);
        is_next
    }

    fn syntax(&self) -> InvalidJson {
        let read = self.text.as_bytes().get(..=self.at).unwrap_or(self.text.as_bytes());
        let line = 1 + read.iter().filter(|byte| **byte == b'\n').count();
        let column = read.iter().rev().take_while(|byte| **byte != b'\n').count();
        InvalidJson::Syntax { line, column }
    }

    fn refused(&self, rule: Rule) -> InvalidJson {
        let mut path = String::new();
        for level in self.open.iter().take(PATH_LEVELS_MAX) {
            path.push_str(&level.step(path.is_empty()));
        }
        if PATH_LEVELS_MAX < self.open.len() {
            path.push('…');
        }
        InvalidJson::Refused { path, rule }
    }
}

impl Level<'_> {
    fn step(&self, is_first: bool) -> Cow<'_, str> {
        let dot = if is_first { "" } else { "." };
        let name = self.name.trim_matches('"');
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-$/ ".contains(letter);
        match (self.is_object, name) {
            (false, _) => format!("[{}]", self.index).into(),
            (true, "") => "".into(),
            (true, name) if name.len() <= PATH_NAME_CHARS_MAX && name.chars().all(is_plain) => {
                format!("{dot}{name}").into()
            }
            (true, _) => format!("{dot}*").into(),
        }
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Reader(at {} of {})", self.at, self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        assert_eq!(check(text).unwrap_err().to_string(), expected, "{text}");
    }

    #[test]
    fn rejects_unpaired_surrogates_in_names_and_strings() {
        let half = Rule::Unicode;
        for text in [r"\ud83d", r"cut \udc00 x", r"\ud83d\ud83d", r"\ud83dx", r"\ud83d\n"] {
            refused(&format!(r#"{{"values":{{"Note":"{text}"}}}}"#), &format!("values.Note {half}"));
            let name = format!(r#"{{"data":[1,{{"a":1,"{text}":1}}]}}"#);
            refused(&name, &format!("data[1] {}", Rule::UnicodeName));
        }
        check(r#"{"\ud83d\ude00":"\uD83D\uDE00\u0000\uffff"}"#).unwrap();
    }

    #[test]
    fn rejects_characters_that_sqs_cannot_carry_and_accepts_their_escapes() {
        for character in ['\u{FFFE}', '\u{FFFF}'] {
            let rule = Rule::Character;
            refused(
                &format!(r#"{{"values":{{"Note":"pasted {character}"}}}}"#),
                &format!("values.Note {rule}"),
            );
            refused(&format!(r#"{{"values":{{"{character}":1}}}}"#), &format!("values {rule}"));
        }
        check("{\"\\ufffe\":\"\\uffff \u{EFFF}\u{F000}\u{FFFD}\u{FEFF}\u{1FFFF}\u{10FFFF}\u{7F}\u{2028}\"}")
            .unwrap();
    }

    #[test]
    fn rejects_more_than_100_levels_without_recursion() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        check(&nested(DEPTH_MAX)).unwrap();
        let path = "[0]".repeat(PATH_LEVELS_MAX);
        for text in [nested(DEPTH_MAX + 1), nested(100_000), "[".repeat(260_000)] {
            refused(&text, &format!("{path}… is nested more than 100 levels deep"));
        }
    }

    #[test]
    fn rejects_infinite_and_overlong_numbers() {
        for number in ["1e400", "-1e999", "1.8e308", &"9".repeat(400)] {
            refused(&format!(r#"{{"n":{number}}}"#), &format!("n {}", Rule::NumberRange));
        }
        for number in ["1".repeat(100_000), format!("0.{}", "1".repeat(NUMBER_CHARS_MAX - 1))] {
            refused(&format!("[{number}]"), &format!("[0] {}", Rule::NumberLength));
        }
        let longest = format!("0.{}", "1".repeat(NUMBER_CHARS_MAX - 2));
        for number in ["1e308", "-0", "0e999999999999", "1e-999", "12345678901234567891", &longest] {
            check(number).unwrap();
        }
    }

    #[test]
    fn hides_long_and_escaped_names() {
        let long = "n".repeat(PATH_NAME_CHARS_MAX + 1);
        for name in [long.as_str(), r"caf\u00e9", "a.b"] {
            refused(&format!(r#"{{"a":{{"{name}":1e999}}}}"#), &format!("a.* {}", Rule::NumberRange));
        }
    }

    fn json() -> impl Strategy<Value = String> {
        let scalar = prop_oneof![
            Just("null".to_owned()),
            "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?",
            "\"([ -!#-\\[\\]-~é😀]|\\\\u[0-9a-f]{4}|\\\\ud83d\\\\ude0[0-9]|\\\\n){0,6}\"",
        ];
        scalar.prop_recursive(5, 40, 4, |inner| {
            let entries = prop::collection::vec(inner, 0..4);
            prop_oneof![
                entries.clone().prop_map(|entries| format!("[{}]", entries.join(" ,"))),
                entries.prop_map(|entries| {
                    let members: Vec<_> =
                        entries.iter().map(|entry| format!("\"\\u006b\" : {entry}")).collect();
                    format!("{{{}}}", members.join(","))
                }),
            ]
        })
    }

    /// Serde's own values have a depth of 127.
    #[track_caller]
    fn check_agrees(text: &str) {
        let read = serde_json::from_str::<Value>(text);
        match check(text) {
            Ok(()) => assert!(read.is_ok(), "{text}"),
            Err(InvalidJson::Syntax { line, column }) => {
                let error = read.expect_err(text);
                if error.is_eof() && !text.contains('\\') {
                    assert_eq!((error.line(), error.column()), (line, column), "{text}");
                }
            }
            Err(InvalidJson::Refused { .. }) => assert!(read.is_err(), "{text}"),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_serde_on_valid_text(text in json()) {
            check_agrees(&text);
        }

        #[test]
        fn agrees_with_serde_on_broken_text(
            text in json(), at: prop::sample::Index, inserted in "[\\[\\]{}\",:0-9eE.+\\\\ut -]{0,2}",
        ) {
            let mut text = text;
            let at = at.index(text.len() + 1);
            if text.is_char_boundary(at) {
                text.insert_str(at, &inserted);
                check_agrees(&text);
                text.truncate(at);
                check_agrees(&text);
            }
        }
    }
}
