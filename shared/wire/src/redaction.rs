//! Taking out of an event what no receiver should see, such as the hash of a password.
//!
//! An event that holds none of it is the same bytes as before. Of one that does, only those members go; every other
//! byte stays, and nothing is rendered again.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use hookrail_domain::event::Body;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Where an event's payload lies.
const DATA: &str = "data";
/// Where an edit tells what has changed, by paths into the payload: `/name/names`.
const DIFF: &str = "diff";

/// The body without these fields of its payload, and without what an edit tells of them.
///
/// A body that does not read as JSON is left as it is: it is no event.
#[must_use]
pub fn redact(body: &Body, fields: &[&str]) -> Body {
    let mut text = Cow::Borrowed(body.as_str());
    while let Some(cut) = next_cut(&text, fields) {
        text.to_mut().replace_range(cut, "");
    }
    match text {
        Cow::Borrowed(_) => body.clone(),
        // It has become shorter.
        Cow::Owned(text) => Body::new(text).unwrap_or_else(|_too_large| body.clone()),
    }
}

/// What is to be cut out first, if anything is.
fn next_cut(text: &str, fields: &[&str]) -> Option<Range<usize>> {
    let event = Members::of(text)?;
    event.0.iter().find_map(|(name, value)| {
        let is_wanted = |key: &str| match name.as_ref() {
            DATA => fields.contains(&key),
            DIFF => fields.iter().any(|field| is_path_to(key, field)),
            _ => false,
        };
        if name != DATA && name != DIFF {
            return None;
        }
        let object = value.get();
        let members = Members::of(object)?;
        let index = members.0.iter().position(|(key, _)| is_wanted(key))?;
        let begin = offset(text, object);
        members.cut(object, index).map(|cut| begin + cut.start..begin + cut.end)
    })
}

/// Whether a path of a difference leads to the field, or into it.
fn is_path_to(path: &str, field: &str) -> bool {
    let rest = path.strip_prefix('/').and_then(|path| path.strip_prefix(field));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The members of a JSON object, in their order, as they stand in its text.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// None of a text that is no object.
    fn of(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The member of this index with one of the commas beside it.
    fn cut(&self, object: &str, index: usize) -> Option<Range<usize>> {
        let end_of = |index: usize| {
            let (_, value) = self.0.get(index)?;
            Some(offset(object, value.get()) + value.get().len())
        };
        let end = end_of(index)?;
        if let Some(before) = index.checked_sub(1) {
            return Some(end_of(before)?..end);
        }
        let begin = object.find('{')? + 1;
        let behind = object.get(end..)?;
        // Between a value and the next member stands nothing but blanks and a comma.
        let comma = self.0.get(1).and_then(|_| behind.find(','));
        Some(begin..comma.map_or(end, |comma| end + comma + 1))
    }
}

/// Where a part of a text begins in it.
fn offset(text: &str, part: &str) -> usize {
    part.as_ptr().addr().saturating_sub(text.as_ptr().addr())
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((Key(key), value)) = map.next_entry()? {
                    members.push((key, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

/// A key, whether or not it is written with escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const USER: &str = include_str!("../fixtures/cot_event_user_edit.json");

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let body = Body::new(text).unwrap();
        assert_eq!(redact(&body, &["password"]).as_str(), expected);
    }

    #[test]
    fn the_published_user_loses_its_password_and_not_a_byte_more() {
        let redacted = redact(&Body::new(USER).unwrap(), &["password"]);
        let line = USER.lines().find(|line| line.contains("\"password\"")).unwrap();
        let without = USER.replacen(&format!("\n{line}"), "", 1);
        let mut expected: Value = serde_json::from_str(USER).unwrap();
        expected["data"].as_object_mut().unwrap().remove("password");
        assert_eq!(serde_json::from_str::<Value>(redacted.as_str()).unwrap(), expected);
        assert_eq!(redacted.as_str().len(), without.len());
    }

    #[test]
    fn a_body_without_it_is_the_same_bytes() {
        for text in [
            r#"{ "data" : { "name" : "password" } , "password":1}"#,
            r#"{"data":{"x":{"password":1}}}"#,
            r#"{"data":["password"],"diff":null}"#,
            "not json",
            "[]",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn it_goes_from_every_place_with_one_comma() {
        check(r#"{"data":{"password":"x"}}"#, r#"{"data":{}}"#);
        check(r#"{"data":{ "password" : "x" , "a":1}}"#, r#"{"data":{ "a":1}}"#);
        check(r#"{"data":{"a":1 , "password":{"b":[1,2]} , "c":3}}"#, r#"{"data":{"a":1 , "c":3}}"#);
        check(r#"{"data":{"a":1,"password":null}}"#, r#"{"data":{"a":1}}"#);
        check(r#"{"data":{"password":1,"password":2,"a":3,"password":4}}"#, r#"{"data":{"a":3}}"#);
        check(r#"{"data":{"password":1},"data":{"password":2}}"#, r#"{"data":{},"data":{}}"#);
        check(r#"{"data":{"p\u0061ssword":"x","é":"{,}"}}"#, r#"{"data":{"é":"{,}"}}"#);
    }

    #[test]
    fn what_an_edit_tells_of_it_goes_as_well() {
        check(
            r#"{"diff":{"/password":{"previous":"a","changedTo":"b"},"/passwordModifiedAt":1,"/password/x":2,"/name":3}}"#,
            r#"{"diff":{"/passwordModifiedAt":1,"/name":3}}"#,
        );
    }

    proptest! {
        #[test]
        fn whatever_stands_around_it_stays(
            before in "[ \n\t]{0,3}", key in "[a-z\"\\\\é{}:,]{0,6}", number: i32, at in 0..3_usize,
        ) {
            let key = serde_json::to_string(&format!("x{key}")).unwrap();
            let mut members = vec![format!("{key}{before}:{before}{number}"), format!("\"y\":{before}[{key}]")];
            let without = format!("{{\"data\":{before}{{{}}}}}", members.join(","));
            members.insert(at, format!("{before}\"password\":{before}{{{key}:1}}{before}"));
            let with = format!("{{\"data\":{before}{{{}}}}}", members.join(","));
            let redacted = redact(&Body::new(with).unwrap(), &["password"]);
            let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            prop_assert_eq!(read(redacted.as_str()), read(&without));
            let again = redact(&redacted, &["password"]);
            prop_assert_eq!(again.as_str(), redacted.as_str());
        }
    }
}
