//! Questions about an event as plain values, and the loop of a process that answers them.
//!
//! Not every step of a script can be counted ([`crate::limits`]).
//! A process can be killed whatever its script does, so a caller that needs an answer in time asks a process
//! and keeps the clock.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Display;
use std::io::{self, Read, Write};
use std::rc::Rc;

use hookrail_domain::limits::EVENT_BYTES_MAX;
use serde::{Deserialize, Serialize};

use crate::bindings::Bindings;
use crate::catalogue::EventType;
use crate::fault::{EvaluationFault, SyntaxFault};
use crate::filter::Filter;
use crate::frame;
use crate::limits::{COMPILED_BYTES_MAX, COMPILED_OVERHEAD_BYTES};
use crate::template::{ResolvedUrl, Template, TemplateFault};

/// A question of one webhook about an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Question {
    /// The question whether the webhook with this filter is for the event.
    Filter {
        source: String,
        #[serde(with = "kind_name")]
        kind: EventType,
    },
    /// The URL of the event for the webhook with this URL template.
    Url {
        template: String,
        #[serde(with = "kind_name")]
        kind: EventType,
    },
}

/// The answer to the question of the same name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    Filter(Result<bool, Fault>),
    Url(Result<ResolvedUrl, Fault>),
}

/// The reason why a question has no other answer. The webhook's owner sees it; a log shows the code only, as
/// the message may quote the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Code of a syntax fault, of an evaluation's, of a template's, or `unreadable_event`. It never changes.
    pub code: String,
    pub message: String,
}

/// A message of the parent.
#[derive(Debug, Serialize, Deserialize)]
pub enum Request<'a> {
    /// The event of the following questions.
    Payload(Cow<'a, str>),
    Question(Cow<'a, Question>),
}

/// A message of the child: one for each request, in their order.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// The event was received. The answers show whether it can be used.
    Taken,
    Answer(Answer),
}

impl Fault {
    #[must_use]
    pub fn new(code: &str, message: &impl Display) -> Self {
        Self { code: code.to_owned(), message: message.to_string() }
    }

    /// Returns the fault of an evaluation that could not be made.
    #[must_use]
    pub fn engine() -> Self {
        Self::from(&EvaluationFault::Engine)
    }

    /// Returns whether the script used up its time.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.code == EvaluationFault::TookTooLong.code()
    }

    /// Returns whether the reason is ours, so that the same question can have another answer. No effect of a
    /// script is.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.code == EvaluationFault::Engine.code()
    }
}

impl From<&SyntaxFault> for Fault {
    fn from(fault: &SyntaxFault) -> Self {
        Self::new(fault.problem.code(), fault)
    }
}

impl From<&EvaluationFault> for Fault {
    fn from(fault: &EvaluationFault) -> Self {
        Self::new(fault.code(), fault)
    }
}

impl From<&TemplateFault> for Fault {
    fn from(fault: &TemplateFault) -> Self {
        Self::new(fault.code(), fault)
    }
}

impl Question {
    /// Returns the answer to this question with the fault.
    #[must_use]
    pub const fn failed(&self, fault: Fault) -> Answer {
        match self {
            Self::Filter { .. } => Answer::Filter(Err(fault)),
            Self::Url { .. } => Answer::Url(Err(fault)),
        }
    }

    /// Returns whether the answer is one to such a question.
    #[must_use]
    pub const fn is_answered_by(&self, answer: &Answer) -> bool {
        matches!(
            (self, answer),
            (Self::Filter { .. }, Answer::Filter(_)) | (Self::Url { .. }, Answer::Url(_))
        )
    }

    const fn text(&self) -> &str {
        match self {
            Self::Filter { source, .. } => source.as_str(),
            Self::Url { template, .. } => template.as_str(),
        }
    }
}

/// Reads the event's records, or returns the fault that answers each question about it.
pub fn records(payload: &str) -> Result<Bindings, Fault> {
    let unreadable = |why: &dyn Display| Fault::new("unreadable_event", &why);
    if EVENT_BYTES_MAX < payload.len() {
        return Err(unreadable(&format_args!("the event must be at most {EVENT_BYTES_MAX} bytes")));
    }
    Bindings::read(payload.as_bytes()).map_err(|why| unreadable(&why))
}

/// Answers in this process, without a bound but the evaluation's own.
#[must_use]
pub fn answer(bindings: &Bindings, question: &Question) -> Answer {
    Compiled::default().answer(bindings, question)
}

/// Answers one request after the other until the input ends. A frame that is not a request ends it too, with
/// an error.
pub fn serve(mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut compiled = Compiled::default();
    // Before the first event there is none, which reads as an empty one.
    let mut event = records("");
    while let Some(request) = frame::read(&mut input)? {
        let reply = match request {
            Request::Payload(payload) => {
                event = records(&payload);
                Reply::Taken
            }
            Request::Question(question) => Reply::Answer(match &event {
                Ok(bindings) => compiled.answer(bindings, &question),
                Err(fault) => question.failed(fault.clone()),
            }),
        };
        output.write_all(&frame::encode(&reply)?)?;
        output.flush()?;
    }
    Ok(())
}

/// Filters and templates of earlier questions: a webhook's are the same for every event.
#[derive(Debug, Default)]
struct Compiled {
    filters: Kept<Filter>,
    templates: Kept<Template>,
}

#[derive(Debug)]
struct Kept<T> {
    by_question: HashMap<Question, Rc<T>>,
    bytes: usize,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { by_question: HashMap::new(), bytes: 0 }
    }
}

impl Compiled {
    fn answer(&mut self, bindings: &Bindings, question: &Question) -> Answer {
        match question {
            Question::Filter { source, kind } => {
                let filter = self.filters.find(question, || Filter::compile(source, *kind));
                Answer::Filter(
                    filter.and_then(|filter| filter.matches(bindings).map_err(|fault| Fault::from(&fault))),
                )
            }
            Question::Url { template, kind } => {
                let template = self.templates.find(question, || Template::parse(template, *kind));
                Answer::Url(
                    template
                        .and_then(|template| template.resolve(bindings).map_err(|fault| Fault::from(&fault))),
                )
            }
        }
    }
}

impl<T> Kept<T> {
    /// Returns the compiled form of a text. A refused text is not kept: it may be of any length.
    fn find(
        &mut self,
        question: &Question,
        compile: impl FnOnce() -> Result<T, SyntaxFault>,
    ) -> Result<Rc<T>, Fault> {
        if let Some(kept) = self.by_question.get(question) {
            return Ok(Rc::clone(kept));
        }
        let compiled = compile().map(Rc::new).map_err(|fault| Fault::from(&fault))?;
        let bytes = question.text().len() + COMPILED_OVERHEAD_BYTES;
        // All at once: a company's own fit many times over, and the next company is not known.
        if COMPILED_BYTES_MAX < self.bytes + bytes {
            *self = Self::default();
        }
        self.bytes += bytes;
        self.by_question.insert(question.clone(), Rc::clone(&compiled));
        Ok(compiled)
    }
}

/// A type goes over the pipe by its name.
mod kind_name {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use crate::catalogue::EventType;

    pub(super) fn serialize<S: Serializer>(kind: &EventType, serializer: S) -> Result<S::Ok, S::Error> {
        kind.name().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<EventType, D::Error> {
        let name = String::deserialize(deserializer)?;
        EventType::parse(&name).ok_or_else(|| D::Error::custom("no event type"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::SOURCE_CHARS_MAX;

    const EVENT: &str = r#"{"form":{"slug":"laptop"},"space":{"slug":"acme"}}"#;

    fn filter(source: &str) -> Question {
        Question::Filter { source: source.to_owned(), kind: EventType::Form }
    }

    fn url(template: &str) -> Question {
        Question::Url { template: template.to_owned(), kind: EventType::Form }
    }

    /// Returns the replies to requests, as a child gives them.
    fn served(requests: &[Request<'_>]) -> Vec<Reply> {
        let input: Vec<_> = requests.iter().flat_map(|request| frame::encode(request).unwrap()).collect();
        let mut output = Vec::new();
        serve(input.as_slice(), &mut output).unwrap();
        let mut output = output.as_slice();
        std::iter::from_fn(|| frame::read(&mut output).unwrap()).collect()
    }

    #[track_caller]
    fn check(question: &Question, expected: Result<&str, &str>) {
        let answer = answer(&records(EVENT).unwrap(), question);
        let found = match &answer {
            Answer::Filter(result) => result.as_ref().map(ToString::to_string),
            Answer::Url(result) => result.as_ref().map(|url| format!("{url:?}")),
        };
        let found = found.map_err(|fault| fault.code.as_str());
        assert_eq!(found.as_deref().map_err(|code| *code), expected, "{question:?}");
        let requests = [Request::Payload(Cow::Borrowed(EVENT)), Request::Question(Cow::Borrowed(question))];
        assert_eq!(served(&requests), [Reply::Taken, Reply::Answer(answer)]);
    }

    #[test]
    fn a_separate_process_gives_the_same_results() {
        check(&filter("form('slug') === 'laptop'"), Ok("true"));
        check(&filter(" "), Ok("true"));
        check(&filter("form('slug') === 'phone'"), Ok("false"));
        check(&filter("form('slug' ==="), Err("ends_early"));
        check(&filter("user('username')"), Err("threw"));
        check(&filter("(() => { for (;;); })()"), Err("took_too_long"));
        check(&filter(&"x".repeat(SOURCE_CHARS_MAX + 1)), Err("too_long"));
        check(&url("/run/${form('slug')}"), Ok(r#"Relative("/run/laptop")"#));
        check(&url("https://a.io/?q=${space('slug')}"), Ok(r#"Absolute("https://a.io/?q=acme")"#));
        check(&url("https://${form('slug')}/"), Err("value_before_path"));
        check(&url("/run/${form('name')}"), Err("missing"));
        check(&url("/run/${user('username')}"), Err("threw"));
    }

    #[test]
    fn a_fault_has_the_message_of_the_evaluation() {
        let Answer::Filter(Err(fault)) = answer(&records(EVENT).unwrap(), &filter("true &&\n  user")) else {
            panic!("no fault");
        };
        assert_eq!(fault.message, "threw ReferenceError: user is not defined at line 2, column 3");
    }

    #[test]
    fn an_unreadable_event_fails_every_question_until_the_next_event() {
        let plain = filter("form('slug') === 'laptop'");
        let question = || Request::Question(Cow::Borrowed(&plain));
        let long = format!(r#"{{"values":{{"a":"{}"}}}}"#, "x".repeat(EVENT_BYTES_MAX));
        let replies = served(&[
            question(),
            Request::Payload(Cow::Borrowed("[]")),
            question(),
            question(),
            Request::Payload(Cow::Borrowed(&long)),
            question(),
            Request::Payload(Cow::Borrowed(EVENT)),
            question(),
        ]);
        let code = |reply: &Reply| match reply {
            Reply::Taken => "taken".to_owned(),
            Reply::Answer(Answer::Filter(Ok(matches))) => matches.to_string(),
            Reply::Answer(Answer::Filter(Err(fault)) | Answer::Url(Err(fault))) => fault.code.clone(),
            Reply::Answer(Answer::Url(Ok(_))) => "url".to_owned(),
        };
        let codes: Vec<_> = replies.iter().map(code).collect();
        let unreadable = "unreadable_event";
        assert_eq!(
            codes,
            [unreadable, "taken", unreadable, unreadable, "taken", unreadable, "taken", "true"]
        );
    }

    #[test]
    fn an_invalid_request_ends_the_service() {
        for input in [&b"\0\0\0\x02{}"[..], b"\0\0\0\x09garbage", b"\xff\xff\xff\xff", b"\0\0\0\0"] {
            serve(input, Vec::new()).unwrap_err();
        }
        let cut = frame::encode(&Request::Payload(Cow::Borrowed(EVENT))).unwrap();
        serve(&cut[..cut.len() - 1], Vec::new()).unwrap_err();
        serve(&b""[..], Vec::new()).unwrap();
    }

    #[test]
    fn the_cache_is_bounded_and_skips_rejected_scripts() {
        let bindings = records(EVENT).unwrap();
        let mut compiled = Compiled::default();
        for number in 0..3_000 {
            let source = format!("'{}{number:04}' && form('slug') === 'laptop'", "x".repeat(1_900));
            assert_eq!(compiled.answer(&bindings, &filter(&source)), Answer::Filter(Ok(true)));
            assert!(compiled.filters.bytes <= COMPILED_BYTES_MAX);
        }
        assert!(compiled.filters.by_question.len() < 3_000);
        let before = compiled.filters.by_question.len();
        compiled.answer(&bindings, &filter("("));
        compiled.answer(&bindings, &filter("true"));
        compiled.answer(&bindings, &filter("true"));
        assert_eq!(compiled.filters.by_question.len(), before + 1);
    }
}
