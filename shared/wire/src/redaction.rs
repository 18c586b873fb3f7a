//! Taking out of an event what no receiver should see, such as the hash of a password.
//!
//! An event that holds none of it is the same bytes as before. Of one that does, only those members go; every other
//! byte stays, and nothing is rendered again. One pass finds all cuts, one more makes the text.

use std::ops::Range;

use hookrail_domain::event::{Body, TooLarge};

use crate::event_json::{self, InvalidJson, Reader, Token};

/// The field of an event's payload.
const DATA: &str = "data";
/// The field of the differences of an edit, by paths into the payload: `/name/names`.
const DIFF: &str = "diff";
/// Members of an entry of `diff` that say which field has changed.
const PATH_MEMBERS: [&str; 2] = ["path", "field"];

/// The reason why an event could not be redacted. It must not be sent then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedactionFault {
    #[error("the event {0}")]
    Unreadable(#[from] InvalidJson),
    #[error("the event {0}")]
    TooLarge(#[from] TooLarge),
}

/// The body without these fields: members of these names anywhere in `data`, and what `diff` says of them. Names are
/// compared without regard to ASCII case.
pub fn redact(body: &Body, fields: &[&str]) -> Result<Body, RedactionFault> {
    let text = body.as_str();
    let cuts = Cuts::find(text, fields)?;
    if cuts.is_empty() {
        return Ok(body.clone());
    }
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    for cut in cuts {
        kept.push_str(text.get(at..cut.start).unwrap_or_default());
        at = cut.end;
    }
    kept.push_str(text.get(at..).unwrap_or_default());
    Ok(Body::new(kept)?)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// The members of the event itself.
    Event,
    Data,
    Diff,
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    Array,
}

/// An object or array that is open, and its member or entry that is being read.
struct Frame {
    kind: Kind,
    /// Of the elements, or of the value of the member that is being read.
    scope: Scope,
    value_scope: Scope,
    /// The begin of a cut of the element.
    cut_from: usize,
    /// The end of the last element.
    end: usize,
    /// Elements that stay, so far.
    kept_count: usize,
    /// True if the element is to be removed.
    is_cut: bool,
    /// True if the value is a path of a changed field.
    is_path: bool,
    /// True if this object describes a field that is to be removed.
    is_about_field: bool,
}

/// A search for what is to be cut out.
struct Cuts<'a> {
    fields: &'a [&'a str],
    frames: Vec<Frame>,
    found: Vec<Range<usize>>,
}

impl<'a> Cuts<'a> {
    /// The ranges to cut out, in their order and apart from each other.
    fn find(text: &str, fields: &'a [&'a str]) -> Result<Vec<Range<usize>>, InvalidJson> {
        let mut cuts = Self { fields, frames: Vec::new(), found: Vec::new() };
        let mut reader = Reader::new(text);
        while let Some((token, place)) = reader.next()? {
            match token {
                Token::BeginObject => cuts.enter(Kind::Object, place.end),
                Token::BeginArray => cuts.enter(Kind::Array, place.end),
                Token::End => cuts.leave(place.end),
                Token::Comma => cuts.comma(place.end),
                Token::Name(name) => cuts.name(&event_json::decode(name)?),
                Token::Text(text) => {
                    cuts.text(text)?;
                    cuts.end_element(place.end);
                }
                Token::Other => cuts.end_element(place.end),
            }
        }
        Ok(cuts.found)
    }

    fn enter(&mut self, kind: Kind, at: usize) {
        let scope = match self.frames.last() {
            Some(outer) => outer.value_scope,
            None if kind == Kind::Object => Scope::Event,
            None => Scope::Other,
        };
        let is_path = kind == Kind::Array && self.frames.last().is_some_and(|outer| outer.is_path);
        self.frames.push(Frame {
            kind,
            scope,
            value_scope: scope,
            cut_from: at,
            end: at,
            kept_count: 0,
            is_cut: false,
            is_path,
            is_about_field: false,
        });
    }

    fn name(&mut self, name: &str) {
        let is_field = self.is_field(name);
        let leads_to_field = self.leads_to_field(name);
        let Some(frame) = self.frames.last_mut() else { return };
        match frame.scope {
            Scope::Event => {
                frame.value_scope = match name {
                    DATA => Scope::Data,
                    DIFF => Scope::Diff,
                    _ => Scope::Other,
                };
            }
            Scope::Data => frame.is_cut = is_field,
            Scope::Diff => {
                frame.is_cut = leads_to_field;
                frame.is_path = PATH_MEMBERS.contains(&name);
            }
            Scope::Other => {}
        }
    }

    fn text(&mut self, token: &str) -> Result<(), InvalidJson> {
        let is_path = self.frames.last().is_some_and(|frame| frame.is_path);
        if is_path && self.leads_to_field(&event_json::decode(token)?) {
            // A path may be a list of its segments.
            if let Some(frame) = self.frames.iter_mut().rev().find(|frame| frame.kind == Kind::Object) {
                frame.is_about_field = true;
            }
        }
        Ok(())
    }

    fn leave(&mut self, end: usize) {
        let is_about_field = self.frames.pop().is_some_and(|frame| frame.is_about_field);
        if let Some(outer) = self.frames.last_mut() {
            outer.is_cut |= is_about_field;
        }
        self.end_element(end);
    }

    /// An element ends. It is removed with one of the commas next to it.
    fn end_element(&mut self, end: usize) {
        let Some(frame) = self.frames.last_mut() else { return };
        if frame.is_cut {
            // What was found inside goes with it.
            while self.found.last().is_some_and(|inner| frame.cut_from <= inner.start) {
                self.found.pop();
            }
            self.found.push(frame.cut_from..end);
        } else {
            frame.kept_count += 1;
        }
        frame.end = end;
    }

    fn comma(&mut self, end: usize) {
        let Some(frame) = self.frames.last_mut() else { return };
        frame.cut_from = frame.end;
        // With nothing kept before it, a cut takes the comma behind it.
        if frame.is_cut && frame.kept_count == 0 {
            if let Some(cut) = self.found.last_mut() {
                cut.end = end;
            }
            frame.cut_from = end;
        }
        frame.is_cut = false;
        // The entries of a list of segments are segments all.
        frame.is_path &= frame.kind == Kind::Array;
    }

    fn is_field(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.eq_ignore_ascii_case(name))
    }

    /// Returns true if a path of a difference leads to a field, or into it.
    fn leads_to_field(&self, path: &str) -> bool {
        path.split(['/', '.']).any(|segment| self.is_field(segment))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const USER: &str = include_str!("../fixtures/cot_event_user_edit.json");

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let body = Body::new(text).unwrap();
        assert_eq!(redact(&body, &["password"]).unwrap().as_str(), expected);
    }

    #[test]
    fn removes_only_the_password_of_the_published_user() {
        let redacted = redact(&Body::new(USER).unwrap(), &["password"]).unwrap();
        let line = USER.lines().find(|line| line.contains("\"password\"")).unwrap();
        let without = USER.replacen(&format!("\n{line}"), "", 1);
        let mut expected: Value = serde_json::from_str(USER).unwrap();
        expected["data"].as_object_mut().unwrap().remove("password");
        assert_eq!(serde_json::from_str::<Value>(redacted.as_str()).unwrap(), expected);
        assert_eq!(redacted.as_str().len(), without.len());
    }

    #[test]
    fn a_body_without_a_password_keeps_its_bytes() {
        for text in [
            r#"{ "data" : { "name" : "password" } , "password":1}"#,
            r#"{"data":["password"],"diff":null}"#,
            r#"{"data":{"passwordModifiedAt":1},"diff":["/password"],"extraData":{"password":1}}"#,
            "[]",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn removes_the_password_at_every_position_with_one_comma() {
        check(r#"{"data":{"password":"x"}}"#, r#"{"data":{}}"#);
        check(r#"{"data":{ "password" : "x" , "a":1}}"#, r#"{"data":{ "a":1}}"#);
        check(r#"{"data":{"a":1 , "password":{"b":[1,2]} , "c":3}}"#, r#"{"data":{"a":1 , "c":3}}"#);
        check(r#"{"data":{"a":1,"password":null}}"#, r#"{"data":{"a":1}}"#);
        check(r#"{"data":{"password":1,"password":2,"a":3,"password":4}}"#, r#"{"data":{"a":3}}"#);
        check(r#"{"data":{"password":1},"data":{"password":2}}"#, r#"{"data":{},"data":{}}"#);
        check(r#"{"data":{"p\u0061ssword":"x","é":"{,}"}}"#, r#"{"data":{"é":"{,}"}}"#);
    }

    #[test]
    fn removes_the_password_from_the_diff() {
        check(
            r#"{"diff":{"/password":{"previous":"a","changedTo":"b"},"/passwordModifiedAt":1,"/password/x":2,"/name":3}}"#,
            r#"{"diff":{"/passwordModifiedAt":1,"/name":3}}"#,
        );
    }

    #[test]
    fn removes_passwords_at_any_depth_in_any_case() {
        check(r#"{"data":[{"password":1,"a":2},{"a":1,"Password":2}]}"#, r#"{"data":[{"a":2},{"a":1}]}"#);
        check(r#"{"data":{"user":{"PASSWORD":{"password":1}},"b":1}}"#, r#"{"data":{"user":{},"b":1}}"#);
        check(r#"{"data":{"password":[{"password":1}],"b":1}}"#, r#"{"data":{"b":1}}"#);
    }

    #[test]
    fn removes_passwords_from_a_diff_of_any_shape() {
        check(r#"{"diff":{"password":1,"/user/Password":2,"user.password":3,"a":4}}"#, r#"{"diff":{"a":4}}"#);
        check(
            r#"{"diff":[{"op":"replace","path":"/password","value":1} , {"path":"/name","value":2}]}"#,
            r#"{"diff":[ {"path":"/name","value":2}]}"#,
        );
        check(
            r#"{"diff":[{"field":"name"},{"kind":"E","path":["user",0,"password"],"lhs":1}]}"#,
            r#"{"diff":[{"field":"name"}]}"#,
        );
        check(r#"{"diff":{"/user":{"previous":{"password":1}}}}"#, r#"{"diff":{"/user":{"previous":{}}}}"#);
        check(r#"{"a":1,"diff":{"path":"/password","previous":2}}"#, r#"{"a":1}"#);
    }

    #[test]
    fn does_not_pass_on_an_unreadable_event() {
        let half = r#"{"data":{"\ud800":1,"password":"HASH"}}"#;
        let deep = format!(r#"{{"data":{{"password":{}1{}}}}}"#, "[".repeat(200), "]".repeat(200));
        for text in ["not json", half, r#"{"data":{"x":1e999,"password":1}}"#, &deep] {
            redact(&Body::new(text).unwrap(), &["password"]).unwrap_err();
        }
    }

    #[test]
    fn reads_an_event_full_of_passwords_only_once() {
        let many = |member: &str, count: usize| vec![member; count].join(",");
        let paths: Vec<_> = (0..10_000).map(|number| format!(r#""/password/{number}":0"#)).collect();
        for (members, place) in [(many(r#""password":0"#, 19_000), DATA), (paths.join(","), DIFF)] {
            let text = format!(r#"{{"{place}":{{{members}}}}}"#);
            check(&text, &format!(r#"{{"{place}":{{}}}}"#));
        }
    }

    /// A value as text, and the same without what is to go.
    fn value() -> impl Strategy<Value = (String, String)> {
        let scalar = prop_oneof![
            Just("null".to_owned()),
            "-?[1-9][0-9]{0,3}",
            "\"([a-z,{}\\[\\] :é]|\\\\\"|\\\\u0070){0,5}\"",
        ];
        let leaf = scalar.prop_map(|text| (text.clone(), text));
        let name = prop_oneof![
            Just("\"password\""),
            Just("\"PassWord\""),
            Just("\"\\u0070assword\""),
            Just("\"passwords\""),
            Just("\"pass\\/word\""),
            Just("\"a\\\"b\""),
            Just("\"\\ud83d\\ude00,{\""),
        ];
        leaf.prop_recursive(5, 60, 5, move |inner| {
            let entries = prop::collection::vec(inner.clone(), 0..4).prop_map(|entries| {
                let (with, without): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
                (format!("[{}]", with.join(" , ")), format!("[{}]", without.join(" , ")))
            });
            let members = prop::collection::vec((name.clone(), "[ \n\t]{0,2}", inner), 0..5);
            let members = members.prop_map(|members| {
                let (mut with, mut without) = (Vec::new(), Vec::new());
                for (name, blank, (full, short)) in members {
                    with.push(format!("{blank}{name}{blank}:{blank}{full}{blank}"));
                    let decoded: String = serde_json::from_str(name).unwrap();
                    if !decoded.eq_ignore_ascii_case("password") {
                        without.push(format!("{name}:{short}"));
                    }
                }
                (format!("{{{}}}", with.join(",")), format!("{{{}}}", without.join(",")))
            });
            prop_oneof![entries, members]
        })
    }

    /// Every token as it is written, with its commas, without the blanks between them.
    fn tokens(text: &str) -> Vec<&str> {
        let mut reader = Reader::new(text);
        let mut tokens = Vec::new();
        while let Some((_, place)) = reader.next().unwrap() {
            tokens.push(text.get(place).unwrap());
        }
        tokens
    }

    proptest! {
        #[test]
        fn keeps_everything_around_the_password(
            before in "[ \n\t]{0,3}", key in "[a-z\"\\\\é{}:,]{0,6}", number: i32, at in 0..3_usize,
        ) {
            let key = serde_json::to_string(&format!("x{key}")).unwrap();
            let mut members = vec![format!("{key}{before}:{before}{number}"), format!("\"y\":{before}[{key}]")];
            let without = format!("{{\"data\":{before}{{{}}}}}", members.join(","));
            members.insert(at, format!("{before}\"password\":{before}{{{key}:1}}{before}"));
            let with = format!("{{\"data\":{before}{{{}}}}}", members.join(","));
            let redacted = redact(&Body::new(with).unwrap(), &["password"]).unwrap();
            let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            prop_assert_eq!(read(redacted.as_str()), read(&without));
            let again = redact(&redacted, &["password"]).unwrap();
            prop_assert_eq!(again.as_str(), redacted.as_str());
        }

        #[test]
        fn removes_every_password_member_and_keeps_every_other_token((full, short) in value()) {
            let around = |value: &str| format!(r#"{{"password":1, "data":{value}, "diff":{value},"x":{value}}}"#);
            let text = around(&full);
            let expected = format!(r#"{{"password":1, "data":{short}, "diff":{short},"x":{full}}}"#);
            let redacted = redact(&Body::new(text).unwrap(), &["password"]).unwrap();
            prop_assert_eq!(tokens(redacted.as_str()), tokens(&expected));
        }
    }
}
