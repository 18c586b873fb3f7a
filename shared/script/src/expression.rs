//! The check that a text is one JavaScript expression. Nothing of it is run.

use crate::fault::{Position, SyntaxFault, SyntaxProblem};
use crate::limits::SOURCE_CHARS_MAX;
use crate::realm::{self, Unparsable};

/// A word that only a function has, as the engine words its refusal.
const ARGUMENTS: &str = "arguments";
const NEW_TARGET: &str = "new.target";

/// Refuses a text that is not an expression, that would break out of its brackets, or that the realm could
/// not bound.
pub(crate) fn check(source: &str) -> Result<(), SyntaxFault> {
    if SOURCE_CHARS_MAX < source.chars().count() {
        return Err(fault(source, source.len(), SyntaxProblem::TooLong { max: SOURCE_CHARS_MAX }));
    }
    let control = |character: char| character.is_control() && !matches!(character, '\t' | '\n' | '\r');
    if let Some(at) = source.find(control) {
        return Err(fault(source, at, SyntaxProblem::ControlCharacter));
    }
    if let Some(at) = big_integer(source) {
        return Err(fault(source, at, SyntaxProblem::BigInteger));
    }
    // Neither `await` nor `import` of a module nor a statement can stand in either place, and no function is
    // around them: a word that only a function has is refused.
    // The first has no `new.target` and no `super`, the second no `arguments`.
    // A text that parses between round *and* square brackets opens and closes its own only.
    // `1); f(); (2` breaks out of the first kind, `1]; f(); [2` out of the second.
    realm::parse(&format!("(() => {{ \"use strict\"; return (\n{source}\n); }})"))
        .map_err(|unparsable| described(source, unparsable))?;
    realm::parse(&format!("(class {{ static value = [\n{source}\n]; }})")).map_err(|unparsable| {
        match unparsable {
            Unparsable::At { message, .. } if message.contains(ARGUMENTS) => {
                fault(source, 0, SyntaxProblem::NoFunction { name: ARGUMENTS })
            }
            Unparsable::At { .. } | Unparsable::TooComplex => {
                fault(source, 0, SyntaxProblem::NotOneExpression)
            }
        }
    })
}

fn described(source: &str, unparsable: Unparsable) -> SyntaxFault {
    let (message, position) = match unparsable {
        Unparsable::TooComplex => return fault(source, 0, SyntaxProblem::TooComplex),
        Unparsable::At { message, .. } if message.contains(NEW_TARGET) => {
            return fault(source, 0, SyntaxProblem::NoFunction { name: NEW_TARGET });
        }
        Unparsable::At { message, position } => (message, position),
    };
    let position = position.map(realm::position_in_source);
    let lines = source.split('\n').count();
    match position {
        Some(position) if usize::try_from(position.line).is_ok_and(|line| line <= lines) => {
            SyntaxFault { position, problem: SyntaxProblem::Unparsable { message } }
        }
        Some(_) | None => fault(source, source.len(), SyntaxProblem::EndsEarly),
    }
}

/// Returns the position of the first `BigInt` literal, or of a text that looks like one.
///
/// One multiplication of large ones can take seconds in which the engine does not poll, so they are refused.
/// A scanner that tells texts and regular expressions from the rest could be misled.
fn big_integer(source: &str) -> Option<usize> {
    let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '$');
    let mut word = None;
    for (at, character) in source.char_indices().chain([(source.len(), ' ')]) {
        match word {
            None if is_part(character) => word = Some(at),
            Some(start) if !is_part(character) => {
                if source.get(start..at).is_some_and(is_big_integer) {
                    return Some(start);
                }
                word = None;
            }
            None | Some(_) => {}
        }
    }
    None
}

fn is_big_integer(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_digit())
        && word.strip_suffix('n').is_some_and(|digits| {
            let prefixed =
                ["0x", "0X", "0o", "0O", "0b", "0B"].iter().any(|prefix| digits.starts_with(prefix));
            prefixed || digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
        })
}

fn fault(source: &str, at: usize, problem: SyntaxProblem) -> SyntaxFault {
    SyntaxFault { position: position(source, at), problem }
}

/// Returns the position of a byte of the text.
pub(crate) fn position(source: &str, at: usize) -> Position {
    let before = source.get(..at).unwrap_or(source);
    let line = before.rsplit('\n').next().unwrap_or_default();
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
    Position { line: count(before.matches('\n').count()), column: count(line.chars().count()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(source: &str, code: &str, line: u32, column: u32) {
        let fault = check(source).unwrap_err();
        let found = (fault.problem.code(), fault.position.line, fault.position.column);
        assert_eq!(found, (code, line, column), "{source}: {fault}");
    }

    #[test]
    fn accepts_expressions_of_published_exports() {
        for source in [
            "form('type') === 'Service' && !submission('closedAt')",
            "space('attribute:Events').indexOf(\"Submitted\") > -1",
            "team('name').startsWith('Role::')",
            "user('invitedBy') === null",
            "false && form('slug') === 'x'",
            "values('Boxes').some(box => /^a/i.test(box)) // as agreed",
            "((a, b) => a < b)(1, 2)",
            "`${form('slug')}` == '}' || ')'",
        ] {
            assert_eq!(check(source), Ok(()), "{source}");
        }
    }

    #[test]
    fn a_syntax_error_has_its_position() {
        refused("form('slug' === 'x'", "ends_early", 1, 20);
        refused("a &&\n  ) b", "unparsable", 2, 3);
        refused("let a = 1", "unparsable", 1, 1);
        refused("", "ends_early", 1, 1);
        refused("a /* b", "unparsable", 1, 3);
        refused("a\u{0}", "control_character", 1, 2);
        refused(&"a".repeat(SOURCE_CHARS_MAX + 1), "too_long", 1, 2_002);
        refused(&"[".repeat(SOURCE_CHARS_MAX), "too_complex", 1, 1);
    }

    #[test]
    fn rejects_brackets_that_leave_the_expression() {
        refused("1); f(); (2", "not_one_expression", 1, 1);
        refused("1]; f(); [2", "unparsable", 1, 2);
        refused("1); } f(); { (2", "unparsable", 1, 7);
        refused("return 1", "unparsable", 1, 1);
        refused("await 1", "unparsable", 1, 1);
    }

    #[test]
    fn what_only_a_function_has_is_refused_outside_of_one() {
        for source in ["new.target", "arguments", "true || arguments[0]", "(() => arguments.length)()"] {
            refused(source, "no_function", 1, 1);
        }
        for source in
            ["(function () { return arguments.length + (new.target ? 1 : 0) })()", "values('arguments')"]
        {
            assert_eq!(check(source), Ok(()), "{source}");
        }
    }

    #[test]
    fn rejects_big_integers_everywhere() {
        for source in ["2n", "a + 0xFFn", "1_000n*2", "/'/ && 3n ** 9n && /'/", "'2n'", "0b1n", "1.5n"] {
            assert_eq!(check(source).unwrap_err().problem, SyntaxProblem::BigInteger, "{source}");
        }
        for source in ["a2n", "'2nd'", "'10min'", "0xFn1", "n", "'in 2 n'", "$2n", "'7en'"] {
            assert_ne!(
                check(source).map_err(|fault| fault.problem),
                Err(SyntaxProblem::BigInteger),
                "{source}"
            );
        }
    }
}
