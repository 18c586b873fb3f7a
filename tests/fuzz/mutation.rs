//! Inputs that differ from the seeds at a few positions, where parsers fail most often.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::sample::{Index, select};

/// An input, shown as text as far as it is text.
#[derive(Clone)]
pub(crate) struct Input(pub(crate) Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "b\"{}\"", self.0.escape_ascii())
    }
}

/// An edit of an input. `Index` is a position in the input.
#[derive(Debug, Clone)]
enum Edit {
    Put(Index, Vec<u8>),
    Overwrite(Index, u8),
    Cut(Index, usize),
    Repeat(Index, usize, usize),
    /// Takes a piece of another seed.
    Graft(Index, Index, usize),
}

/// Words with a meaning in JSON, URLs and headers, and words that have misled parsers before.
const WORDS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b":",
    b",",
    b"null",
    b"true",
    b"0",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"\"\"",
    b"\\u0000",
    b"\\ud800",
    b"\\",
    b"\x00",
    b"\xff",
    b"\xef\xbf\xbf",
    b"\xef\xbb\xbf",
    b"\xc3\xa9",
    b" ",
    b"\t",
    b"\r\n",
    b"\n\n",
    b"/",
    b"//",
    b"?",
    b"#",
    b"@",
    b"%",
    b"%00",
    b"%2e",
    b"..",
    b".",
    b"-",
    b"_",
    b"127.0.0.1",
    b"0x7f.1",
    b"[::1]",
    b"[::ffff:10.0.0.1]",
    b"localhost",
    b":443",
    b":0",
    b"https://",
    b"http://",
    b"xn--",
    b"\xe3\x80\x82",
    b"\xc2\xad",
    b"Bearer ",
    b"limit=",
    b"cursor=",
    b"a",
    b"=",
    b"+",
    b"\"company\":\"acme\",",
    b"\"data\":{},",
    b"\"type\":\"COTTask\",",
    b"\"event\":\"edit\"",
];

/// Makes a seed after up to eight edits.
pub(crate) fn inputs(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Input> {
    let word = prop_oneof![
        3 => select(WORDS).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 1..4),
    ];
    let edit = prop_oneof![
        4 => (any::<Index>(), word).prop_map(|(at, word)| Edit::Put(at, word)),
        3 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Edit::Overwrite(at, byte)),
        3 => (any::<Index>(), 1..20_usize).prop_map(|(at, len)| Edit::Cut(at, len)),
        1 => (any::<Index>(), 1..20_usize, 1..200_usize).prop_map(|(at, len, times)| Edit::Repeat(at, len, times)),
        2 => (any::<Index>(), any::<Index>(), 1..60_usize).prop_map(|(at, from, len)| Edit::Graft(at, from, len)),
    ];
    (select(seeds.clone()), select(seeds), vec(edit, 0..8)).prop_map(|(mut input, other, edits)| {
        for edit in &edits {
            apply(edit, &mut input, &other);
        }
        Input(input)
    })
}

fn apply(edit: &Edit, input: &mut Vec<u8>, other: &[u8]) {
    let place = |at: &Index| at.index(input.len() + 1);
    match edit {
        Edit::Put(at, word) => {
            let at = place(at);
            input.splice(at..at, word.iter().copied());
        }
        Edit::Overwrite(at, byte) => {
            let at = place(at);
            let end = input.len().min(at + 1);
            input.splice(at..end, [*byte]);
        }
        Edit::Cut(at, len) => {
            let at = place(at);
            let end = input.len().min(at + len);
            input.drain(at..end);
        }
        Edit::Repeat(at, len, times) => {
            let at = place(at);
            let end = input.len().min(at + len);
            let piece = input.get(at..end).unwrap_or_default().repeat(*times);
            input.splice(at..at, piece);
        }
        Edit::Graft(at, from, len) => {
            let (at, from) = (place(at), from.index(other.len() + 1));
            let end = other.len().min(from + len);
            input.splice(at..at, other.get(from..end).unwrap_or_default().iter().copied());
        }
    }
}
