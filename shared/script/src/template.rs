//! A webhook's URL template: a URL with `${…}` in its path and query.

use hookrail_domain::limits::URL_CHARS_MAX;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::bindings::Bindings;
use crate::catalogue::EventType;
use crate::expression;
use crate::fault::{EvaluationFault, Position, SyntaxFault, SyntaxProblem};
use crate::limits::{PLACEHOLDERS_MAX, TRIES_MAX};
use crate::path::{self, UnsafePath};
use crate::realm::{self, Piece};

/// A template that parses, and whose values cannot touch scheme, host or port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    kind: EventType,
    parts: Vec<Part>,
    is_relative: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// An expression, and its position in the template.
    Value {
        source: String,
        position: Position,
        place: Place,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Path,
    Query,
}

/// The URL of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResolvedUrl {
    /// For the target guard, as any webhook's URL.
    Absolute(String),
    /// Begins with `/`: for [`crate::workflow::WorkflowBase::resolve`].
    Relative(String),
}

/// The reason why an event has no URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateFault {
    #[error("the value at {position} {fault}")]
    Evaluation { position: Position, fault: EvaluationFault },
    /// Null, undefined, an empty list; in a path an empty text too.
    #[error("the value at {position} is missing")]
    Missing { position: Position },
    #[error("the value at {position} is not a text")]
    NotText { position: Position },
    #[error("the path {0}")]
    Path(UnsafePath),
    #[error("the URL is longer than {URL_CHARS_MAX} characters")]
    TooLong,
    /// The template's own scheme, host and port are not those of the result.
    #[error("the URL leads elsewhere than its template")]
    LeadsElsewhere,
}

impl TemplateFault {
    /// Returns the kind of fault of a template, for programs. It never changes.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Evaluation { fault, .. } => fault.code(),
            Self::Missing { .. } => "missing",
            Self::NotText { .. } => "not_text",
            Self::Path(path) => path.code(),
            Self::TooLong => "url_too_long",
            Self::LeadsElsewhere => "leads_elsewhere",
        }
    }
}

impl Template {
    /// Checks a template for webhooks on records of this kind.
    pub fn parse(text: &str, kind: EventType) -> Result<Self, SyntaxFault> {
        let parts = split(text)?;
        let is_relative = shape(text, &parts)?;
        Ok(Self { kind, parts, is_relative })
    }

    /// Returns the URL of a template without values: the same for every event, so that no script has to run
    /// for it.
    /// None for a template with values, or one that is not valid.
    #[must_use]
    pub fn fixed_url(text: &str, kind: EventType) -> Option<ResolvedUrl> {
        if text.contains("${") {
            return None;
        }
        Self::parse(text, kind).ok()?.checked(text.to_owned()).ok()
    }

    /// Returns whether the result goes to the workflow engine.
    #[must_use]
    pub const fn is_relative(&self) -> bool {
        self.is_relative
    }

    /// Returns the template with `x` for each value: the URL that the target guard can judge at save.
    #[must_use]
    pub fn sample(&self) -> String {
        sample(&self.parts)
    }

    /// Returns the URL for an event. Each value becomes (a part of) one path segment, or of one query value.
    pub fn resolve(&self, bindings: &Bindings) -> Result<ResolvedUrl, TemplateFault> {
        let mut url = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => url.push_str(text),
                Part::Value { source, position, place } => {
                    let text = self.value(source, *position, bindings)?;
                    if text.is_empty() && *place == Place::Path {
                        return Err(TemplateFault::Missing { position: *position });
                    }
                    path::encode(&text, &mut url);
                }
            }
            if URL_CHARS_MAX < url.len() {
                return Err(TemplateFault::TooLong);
            }
        }
        self.checked(url)
    }

    /// Evaluates a value in a realm of its own: values do not see each other's effects.
    fn value(&self, source: &str, position: Position, bindings: &Bindings) -> Result<String, TemplateFault> {
        match realm::evaluate(source, self.kind, bindings, realm::piece) {
            Ok(Piece::Text(text)) => Ok(text),
            Ok(Piece::Missing) => Err(TemplateFault::Missing { position }),
            Ok(Piece::NotText) => Err(TemplateFault::NotText { position }),
            Err(fault) => Err(TemplateFault::Evaluation { position, fault }),
        }
    }

    fn checked(&self, url: String) -> Result<ResolvedUrl, TemplateFault> {
        if self.is_relative {
            check_path(&url, false).map_err(TemplateFault::Path)?;
            return Ok(ResolvedUrl::Relative(url));
        }
        if self.parts.iter().any(|part| matches!(part, Part::Value { .. })) {
            check_path(authority_and_rest(&url).1, true).map_err(TemplateFault::Path)?;
        }
        match (Url::parse(&url), Url::parse(&self.sample())) {
            (Ok(resolved), Ok(sample)) if resolved.origin() == sample.origin() => {
                Ok(ResolvedUrl::Absolute(url))
            }
            _ => Err(TemplateFault::LeadsElsewhere),
        }
    }
}

fn check_path(rest: &str, double_slashes: bool) -> Result<(), UnsafePath> {
    path::check(rest.split('?').next().unwrap_or_default(), double_slashes)
}

/// Splits a template into literals and values. A value ends at the first `}` before which an expression is
/// complete.
fn split(text: &str) -> Result<Vec<Part>, SyntaxFault> {
    let mut parts = Vec::new();
    let mut tries = 0;
    let mut values = 0;
    let mut place = Place::Path;
    let mut rest = text;
    while let Some((literal, after)) = rest.split_once("${") {
        if literal.contains('?') {
            place = Place::Query;
        }
        let start = text.len() - after.len();
        values += 1;
        if PLACEHOLDERS_MAX < values {
            return Err(fault(text, start, SyntaxProblem::TooManyValues { max: PLACEHOLDERS_MAX }));
        }
        let length = expression_length(text, start, after, &mut tries)?;
        let (source, closed) = after.split_at(length);
        parts.push(Part::Literal(literal.to_owned()));
        let position = expression::position(text, start);
        parts.push(Part::Value { source: source.to_owned(), position, place });
        rest = closed.strip_prefix('}').unwrap_or_default();
    }
    parts.push(Part::Literal(rest.to_owned()));
    Ok(parts)
}

fn expression_length(text: &str, start: usize, after: &str, tries: &mut usize) -> Result<usize, SyntaxFault> {
    let mut first = None;
    for (end, _) in after.match_indices('}') {
        *tries += 1;
        if TRIES_MAX < *tries {
            break;
        }
        let source = after.get(..end).unwrap_or_default();
        match expression::check(source) {
            Ok(()) => return Ok(end),
            Err(refused) => first.get_or_insert(refused),
        };
    }
    let Some(refused) = first else { return Err(fault(text, start, SyntaxProblem::Unclosed)) };
    let begin = expression::position(text, start);
    let Position { line, column } = refused.position;
    let position = Position {
        line: begin.line + line - 1,
        column: if line == 1 { begin.column + column - 1 } else { column },
    };
    Err(SyntaxFault { position, problem: refused.problem })
}

/// Checks the template's own part, and returns whether it is relative.
fn shape(text: &str, parts: &[Part]) -> Result<bool, SyntaxFault> {
    let refuse = |problem| Err(fault(text, 0, problem));
    let sample = sample(parts);
    if URL_CHARS_MAX < sample.chars().count() {
        return refuse(SyntaxProblem::TooLong { max: URL_CHARS_MAX });
    }
    if sample.chars().any(|found| found.is_whitespace() || found.is_control() || found == '\\') {
        return refuse(SyntaxProblem::NotUrl);
    }
    if sample.contains('#') {
        return refuse(SyntaxProblem::Fragment);
    }
    let first = match parts.first() {
        Some(Part::Literal(first)) => first.as_str(),
        Some(Part::Value { .. }) | None => "",
    };
    if sample.starts_with('/') {
        if !first.starts_with('/') || sample.starts_with("//") {
            return refuse(SyntaxProblem::NeitherAbsoluteNorRelative);
        }
        return match check_path(&sample, false) {
            Ok(()) => Ok(true),
            Err(_unsafe) => refuse(SyntaxProblem::UnsafePath),
        };
    }
    let (authority, rest) = authority_and_rest(first);
    let has_values = 1 < parts.len();
    if has_values && (authority.is_empty() || rest.is_empty()) {
        return refuse(SyntaxProblem::ValueBeforePath);
    }
    let is_http =
        Url::parse(&sample).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if authority_and_rest(&sample).0.is_empty() || !is_http {
        return refuse(SyntaxProblem::NeitherAbsoluteNorRelative);
    }
    match check_path(authority_and_rest(&sample).1, true) {
        Err(_unsafe) if has_values => refuse(SyntaxProblem::UnsafePath),
        Ok(()) | Err(_) => Ok(false),
    }
}

/// Returns host and port, then everything from the path or query on. Empty if the text has no `//` in its
/// place.
fn authority_and_rest(url: &str) -> (&str, &str) {
    let after = url.split_once("://").map_or("", |(_, after)| after);
    after.split_at(after.find(['/', '?']).unwrap_or(after.len()))
}

fn sample(parts: &[Part]) -> String {
    parts
        .iter()
        .map(|part| match part {
            Part::Literal(text) => text.as_str(),
            Part::Value { .. } => "x",
        })
        .collect()
}

fn fault(text: &str, at: usize, problem: SyntaxProblem) -> SyntaxFault {
    SyntaxFault { position: expression::position(text, at), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{
        "space": {"slug": "acme", "attributesMap": {"Source": ["Kinetic Request"], "Two": ["a", "b"], "None": []}},
        "kapp": {"slug": "catalog"}, "form": {"slug": "laptop"}, "submission": {"id": "7f"},
        "values": {"Slash": "a/b", "Up": "..", "Encoded": "%2e%2e", "Dots": ".", "Back": "a\\b", "Line": "a\nb",
                   "Empty": "", "Query": "a&b=c d", "Number": 3, "Fraction": 0.5, "Yes": true, "Object": {},
                   "Long": "LONG"}
    }"#;

    fn resolve(template: &str) -> Result<ResolvedUrl, TemplateFault> {
        let event = EVENT.replace("LONG", &"x".repeat(URL_CHARS_MAX));
        let template = Template::parse(template, EventType::Submission).unwrap();
        template.resolve(&Bindings::read(event.as_bytes()).unwrap())
    }

    #[track_caller]
    fn absolute(template: &str, expected: &str) {
        assert_eq!(resolve(template), Ok(ResolvedUrl::Absolute(expected.to_owned())), "{template}");
    }

    #[track_caller]
    fn fails(template: &str, code: &str) {
        assert_eq!(resolve(template).unwrap_err().code(), code, "{template}");
    }

    #[track_caller]
    fn refused(template: &str, code: &str, column: u32) {
        let fault = Template::parse(template, EventType::Submission).unwrap_err();
        assert_eq!((fault.problem.code(), fault.position.column), (code, column), "{template}: {fault}");
    }

    #[test]
    fn resolves_the_usual_relative_template() {
        let template = "/app/api/v1/run-tree/${space('attribute:Source')}/\
            Submissions%20%3E%20${kapp('slug')}%20%3E%20${form('slug')}/Submitted";
        let expected =
            "/app/api/v1/run-tree/Kinetic%20Request/Submissions%20%3E%20catalog%20%3E%20laptop/Submitted";
        assert_eq!(resolve(template), Ok(ResolvedUrl::Relative(expected.to_owned())));
    }

    #[test]
    fn values_stay_within_their_segment_or_parameter() {
        absolute("https://a.io/x/${values('Slash')}", "https://a.io/x/a%2Fb");
        absolute("https://a.io?q=${values('Query')}&r=1", "https://a.io?q=a%26b%3Dc%20d&r=1");
        absolute("https://a.io/?q=${values('Up')}${values('Empty')}", "https://a.io/?q=..");
        absolute(
            "https://a.io/${values('Number')}/${values('Fraction')}/${values('Yes')}",
            "https://a.io/3/0.5/true",
        );
        absolute("https://a.io/${'}' + {a: 1}.a}/b}", "https://a.io/%7D1/b}");
        absolute("https://a.io//plain/%2e%2e/", "https://a.io//plain/%2e%2e/");
    }

    #[test]
    fn a_url_without_values_is_fixed_and_equals_its_resolved_form() {
        let fixed = |text: &str| Template::fixed_url(text, EventType::Submission);
        for text in ["https://a.io//plain/%2e%2e/", "https://a.io/?q=$1{}", "/app/x?y"] {
            assert_eq!(fixed(text), resolve(text).ok(), "{text}");
            assert!(fixed(text).is_some(), "{text}");
        }
        for text in ["https://a.io/${form('slug')}", "https://a.io/${", "/a/../b", "ftp://a.io/", ""] {
            assert_eq!(fixed(text), None, "{text}");
        }
    }

    #[test]
    fn missing_values_and_values_that_change_the_path_fail() {
        fails("https://a.io/${values('None')}", "missing");
        fails("https://a.io/?q=${values('None')}", "missing");
        fails("https://a.io/${space('attribute:None')}", "missing");
        fails("https://a.io/${values('Empty')}", "missing");
        fails("https://a.io/${space('attribute:Two')}", "not_text");
        fails("https://a.io/${values('Object')}", "not_text");
        fails("https://a.io/${values('Up')}/x", "dot_segment");
        fails("https://a.io/.${values('Dots')}", "dot_segment");
        fails("/a/${values('Encoded')}", "dot_segment");
        fails("https://a.io/${values('Back')}", "backslash");
        fails("https://a.io/${values('Line')}", "control_character");
        fails("/a/${values('Slash')}${values('Slash').slice(1, 2)}/", "double_slash");
        fails("https://a.io/${values('Long')}", "url_too_long");
        fails("https://a.io/${user('username')}", "threw");
        fails("https://a.io/${(() => { for (;;); })()}", "took_too_long");
        // Code of the script runs when its value is read.
        let getter =
            |body: &str| format!("https://a.io/${{new (class extends Array {{ get 0() {{ {body} }} }})(1)}}");
        fails(&getter("throw 1"), "threw");
        fails(&getter("throw null"), "threw");
        fails(&getter("for (;;);"), "took_too_long");
        fails(&getter("return this[0]"), "too_deep");
        fails(&getter("const a = []; for (;;) a.push({})"), "took_too_much_memory");
        fails(&getter("return '\\ud83d'"), "not_text");
        fails("https://a.io/${'\\ud83d'}", "not_text");
    }

    #[test]
    fn the_host_of_a_template_cannot_come_from_values() {
        refused("https://a.io/${values('x}", "unparsable", 23);
        refused("https://a.io/${values('x'", "unclosed", 16);
        refused("https://a.io/${a +}", "ends_early", 19);
        refused("https://${values('Host')}/", "value_before_path", 1);
        refused("https://a.io${values('Host')}/", "value_before_path", 1);
        refused("https://a.io:${values('Port')}/", "value_before_path", 1);
        refused("https:///${values('Host')}/", "value_before_path", 1);
        refused("${values('Scheme')}://a.io/", "value_before_path", 1);
        refused("${'/'}a", "value_before_path", 1);
        refused("https://${'a'}@b.io/?", "value_before_path", 1);
        refused("https://a.io/b c", "not_url", 1);
        refused("https://a.io\\${1}", "not_url", 1);
        refused("https://a.io/#${1}", "fragment", 1);
        refused("//a.io/", "neither_absolute_nor_relative", 1);
        refused("ftp://a.io/", "neither_absolute_nor_relative", 1);
        refused("a", "neither_absolute_nor_relative", 1);
        refused("", "neither_absolute_nor_relative", 1);
        refused("/a/../b", "unsafe_path", 1);
        refused(&"/${1}".repeat(PLACEHOLDERS_MAX + 1), "too_many_values", 84);
        refused(&format!("/{}", "x".repeat(URL_CHARS_MAX)), "too_long", 1);
    }

    #[test]
    fn published_tree_names_are_valid_templates() {
        for tree in crate::catalogue::TREE_NAMES {
            let template =
                Template::parse(&format!("/run-tree/s/{}", tree.url_template()), tree.kind).unwrap();
            assert!(template.is_relative());
            let url = template.resolve(&Bindings::read(EVENT.as_bytes()).unwrap()).unwrap();
            assert!(matches!(url, ResolvedUrl::Relative(url) if url.ends_with(tree.name)));
        }
    }
}
