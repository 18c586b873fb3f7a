//! Faults of an expression, at save and at an event.

use std::fmt;

use crate::limits::{DURATION_MS_MAX, MEMORY_BYTES_MAX};

/// A position in the text as its author wrote it, from line 1 and column 1, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}, column {}", self.line, self.column)
    }
}

/// The reason why a text is not a filter or template. Nothing of it was run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{position}: {problem}")]
pub struct SyntaxFault {
    pub position: Position,
    pub problem: SyntaxProblem,
}

/// The kinds of [`SyntaxFault`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxProblem {
    /// As the engine's parser words it.
    #[error("{message}")]
    Unparsable { message: String },
    #[error("the expression ends too early")]
    EndsEarly,
    #[error("must be one expression, whose brackets are its own")]
    NotOneExpression,
    #[error("must not use `{name}`, which only a function has")]
    NoFunction { name: &'static str },
    #[error("must be at most {max} characters")]
    TooLong { max: usize },
    #[error("is nested too deeply, or needs too much memory to parse")]
    TooComplex,
    #[error("must not hold control characters")]
    ControlCharacter,
    /// Also inside of a text: see `expression`.
    #[error("must not hold whole numbers of any size, such as 1n")]
    BigInteger,
    #[error("`${{` has no `}}`")]
    Unclosed,
    #[error("must hold at most {max} values")]
    TooManyValues { max: usize },
    #[error("must not hold spaces, control characters or backslashes outside of `${{…}}`")]
    NotUrl,
    #[error("must not hold a fragment")]
    Fragment,
    #[error("must begin with https://, http:// or one /")]
    NeitherAbsoluteNorRelative,
    #[error("values may stand in path and query only")]
    ValueBeforePath,
    #[error("must not hold dot segments, encoded control characters or encoded backslashes")]
    UnsafePath,
}

impl SyntaxProblem {
    /// Returns the kind of syntax fault, for programs. It never changes.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unparsable { .. } => "unparsable",
            Self::EndsEarly => "ends_early",
            Self::NotOneExpression => "not_one_expression",
            Self::NoFunction { .. } => "no_function",
            Self::TooLong { .. } => "too_long",
            Self::TooComplex => "too_complex",
            Self::ControlCharacter => "control_character",
            Self::BigInteger => "big_integer",
            Self::Unclosed => "unclosed",
            Self::TooManyValues { .. } => "too_many_values",
            Self::NotUrl => "not_url",
            Self::Fragment => "fragment",
            Self::NeitherAbsoluteNorRelative => "neither_absolute_nor_relative",
            Self::ValueBeforePath => "value_before_path",
            Self::UnsafePath => "unsafe_path",
        }
    }
}

/// The reason why an evaluation has no result. The webhook's owner sees it; a log shows the code only, as the
/// message may quote the event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationFault {
    #[error("threw {message}{}", at(*position))]
    Threw {
        /// Cut to `MESSAGE_CHARS_MAX`.
        message: String,
        /// None if the thrown value is not an error, or has no position.
        position: Option<Position>,
    },
    #[error("did more than an expression may, or took longer than {DURATION_MS_MAX} ms")]
    TookTooLong,
    #[error("needed more than {MEMORY_BYTES_MAX} bytes")]
    TookTooMuchMemory,
    #[error("called itself too deeply")]
    TooDeep,
    /// An `async` function's answer comes after the evaluation.
    #[error("gave a promise instead of a value")]
    Promise,
    /// Twice, in two processes.
    #[error("ended the process that evaluates it")]
    Crashed,
    /// Nothing of the script was run: the engine had no memory for an empty realm, or no process could be started.
    #[error("could not be evaluated")]
    Engine,
}

impl EvaluationFault {
    /// Returns the kind of evaluation fault, for programs. It never changes.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Threw { .. } => "threw",
            Self::TookTooLong => "took_too_long",
            Self::TookTooMuchMemory => "took_too_much_memory",
            Self::TooDeep => "too_deep",
            Self::Promise => "promise",
            Self::Crashed => "crashed",
            Self::Engine => "engine",
        }
    }
}

fn at(position: Option<Position>) -> String {
    position.map_or_else(String::new, |position| format!(" at {position}"))
}
