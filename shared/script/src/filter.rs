//! A webhook's filter: it selects among the events of its type.

use crate::bindings::Bindings;
use crate::catalogue::EventType;
use crate::expression;
use crate::fault::{EvaluationFault, SyntaxFault};
use crate::realm;

/// A filter that parses. Cheap to keep between events, and to share between threads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    kind: EventType,
    /// None accepts every event.
    source: Option<String>,
}

impl Filter {
    /// Checks a filter for webhooks on records of this kind. A blank one accepts every event.
    pub fn compile(source: &str, kind: EventType) -> Result<Self, SyntaxFault> {
        if source.trim().is_empty() {
            return Ok(Self { kind, source: None });
        }
        expression::check(source)?;
        Ok(Self { kind, source: Some(source.to_owned()) })
    }

    /// Returns whether the webhook is for the event: the truth of the expression's value, as JavaScript
    /// defines it.
    pub fn matches(&self, bindings: &Bindings) -> Result<bool, EvaluationFault> {
        let Some(source) = &self.source else { return Ok(true) };
        realm::evaluate(source, self.kind, bindings, realm::truth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBMITTED: &str = r#"{
        "space": {"slug": "acme", "attributesMap": {"Events": ["Created", "Submitted"]}},
        "kapp": {"slug": "catalog"},
        "form": {"slug": "laptop", "type": "Service", "attributes": [{"name": "Owner", "values": ["it"]}]},
        "submission": {"id": "7f", "coreState": "Submitted", "closedAt": null},
        "values": {"Priority": "High", "Count": 3, "Boxes": ["a", "b"], "Note": "ü \"q\""}
    }"#;

    #[track_caller]
    fn check(source: &str, expected: bool) {
        let filter = Filter::compile(source, EventType::Submission).unwrap();
        let bindings = Bindings::read(SUBMITTED.as_bytes()).unwrap();
        assert_eq!(filter.matches(&bindings), Ok(expected), "{source}");
    }

    #[track_caller]
    fn fails(source: &str, kind: EventType, expected: &str) {
        let filter = Filter::compile(source, kind).unwrap();
        let bindings = Bindings::read(SUBMITTED.as_bytes()).unwrap();
        let fault = filter.matches(&bindings).unwrap_err();
        assert_eq!(fault.to_string(), expected, "{source}");
    }

    #[test]
    fn evaluates_filters_of_published_exports() {
        check("", true);
        check(" \n", true);
        check("true", true);
        check("false && form('slug') === 'laptop'", false);
        check("form('type') === 'Service'", true);
        check("form('slug') !== \"laptop\"", false);
        check("space('attribute:Events').indexOf('Submitted') > -1", true);
        check("space('attribute:Events').indexOf('Deleted') === -1", true);
        check("space('attribute:Missing').indexOf('x') > -1", false);
        check("form('attribute:Owner').indexOf('it') > -1", true);
        check("kapp('slug').startsWith('cat')", true);
        check("submission('closedAt') === null", true);
        check("submission('unknown') === null", true);
        check("!submission('closedAt') || false", true);
        check("values('Count') > 2 && values('Count') < 4", true);
        check("values('Boxes').some(box => /^B$/i.test(box))", true);
        check("values('Note') === 'ü \"q\"'", true);
        check("values('Priority') === 'High' ? true : false // as agreed", true);
        check("submission('id').toUpperCase() == '7F' && `${kapp('slug')}`.length === 7", true);
    }

    #[test]
    fn texts_can_be_encoded_for_a_url_and_decoded() {
        check("encodeURIComponent('a b/ü&') === 'a%20b%2F%C3%BC%26'", true);
        check("encodeURI('https://a.io/a b?c=ü') === 'https://a.io/a%20b?c=%C3%BC'", true);
        check("decodeURIComponent('a%20b%2F') === 'a b/' && decodeURI('%2F%20') === '%2F '", true);
        fails(
            "decodeURIComponent('%')",
            EventType::Form,
            "threw URIError: expecting hex digit at line 1, column 1",
        );
        fails("encodeURIComponent({})", EventType::Form, "threw TypeError: takes a text at line 1, column 1");
    }

    #[test]
    fn any_value_is_true_or_false() {
        check("0", false);
        check("''", false);
        check("values('Missing')", false);
        check("values('Boxes')", true);
        check("[]", true);
    }

    #[test]
    fn a_failure_has_its_cause_and_position() {
        fails(
            "true &&\n  user('username') === 'x'",
            EventType::Submission,
            "threw ReferenceError: user is not defined at line 2, column 3",
        );
        fails(
            "submission('id') === '7f'",
            EventType::Form,
            "threw ReferenceError: submission is not defined at line 1, column 1",
        );
        fails("(() => { throw 'a text' })()", EventType::Form, "threw a text");
        fails("(() => { throw null })()", EventType::Form, "threw null");
        fails("(() => { throw { toString: null } })()", EventType::Form, "threw object");
        fails("(async () => true)()", EventType::Form, "gave a promise instead of a value");
    }

    #[test]
    fn an_evaluation_leaves_no_state_behind() {
        check("(Array.prototype.seen = true, String.seen = true, this.seen = true)", true);
        check("[].seen || String.seen || this.seen", false);
    }

    #[test]
    fn filters_can_be_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Filter>();
        shared::<Bindings>();
    }
}
