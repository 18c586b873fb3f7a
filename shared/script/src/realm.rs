//! The engine: a fresh realm for each evaluation, with its bounds.
//!
//! Each evaluation has a runtime of its own: the script's values are freed with it, and nothing is shared.
//! Its compiled form is not kept: reading that back is unsafe (`rquickjs::Module::load`), and parsing a
//! filter takes a small part of the time of its realm.

use std::rc::Rc;

use rquickjs::context::{EvalOptions, intrinsic};
use rquickjs::{
    Array, Coerced, Context, Ctx, Error, Exception, Function, Module, Object, Runtime, String as Text, Value,
};

use crate::bindings::{Answer, Bindings};
use crate::catalogue::EventType;
use crate::fault::{EvaluationFault, Position};
use crate::limits::{DESCRIPTION_BYTES_MAX, MEMORY_BYTES_MAX, MESSAGE_CHARS_MAX, STACK_BYTES_MAX};
use crate::meter::Meter;

/// The intrinsics of a script: no `Date`, no `Proxy`, no typed arrays, no weak references.
///
/// `Promise` is included, or the engine would abort the process on an `async` function; its later work is
/// never done. `realm.js` removes more.
type Intrinsics =
    (intrinsic::Eval, intrinsic::RegExpCompiler, intrinsic::RegExp, intrinsic::Json, intrinsic::Promise);

/// The fewest intrinsics that parse.
type Parser = (intrinsic::Eval, intrinsic::RegExpCompiler);

const SMALL_REALM: &str = include_str!("realm.js");

/// The text's name in the engine's positions.
const FILE: &str = "filter";

/// As the engine words them; the tests check that.
const OUT_OF_MEMORY: &str = "out of memory";
const STACK_OVERFLOW: &str = "Maximum call stack size exceeded";

/// The statement that throws, and the description of a thrown null.
const THROW: &str = "throw";
const NULL: &str = "null";

/// The reason why the parser refused a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unparsable {
    TooComplex,
    /// The position is the engine's: see [`position_in_source`].
    At {
        message: String,
        position: Option<Position>,
    },
}

/// The reason why the value of a script is not accepted.
pub(crate) enum Unread {
    Promise,
    Failed(Error),
}

impl From<Error> for Unread {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A value that a script threw, with the engine's positions.
struct Thrown {
    message: String,
    position: Option<Position>,
}

/// Parses a module and forgets it.
pub(crate) fn parse(module: &str) -> Result<(), Unparsable> {
    let (runtime, context) = realm::<Parser>().map_err(|_no_memory| Unparsable::TooComplex)?;
    runtime.set_memory_limit(MEMORY_BYTES_MAX);
    let parsed = context.with(|ctx| Module::declare(ctx, FILE, module).map(|_declared| ()));
    let Err(_unparsed) = parsed else { return Ok(()) };
    runtime.set_memory_limit(MEMORY_BYTES_MAX + DESCRIPTION_BYTES_MAX);
    let Thrown { message, position } = context.with(|ctx| describe(&ctx.catch()));
    if message.ends_with(OUT_OF_MEMORY) || message.ends_with(STACK_OVERFLOW) {
        return Err(Unparsable::TooComplex);
    }
    let message = message.strip_prefix("SyntaxError: ").map_or(message.clone(), str::to_owned);
    Err(Unparsable::At { message, position })
}

/// Returns the position in the author's text: the source begins on the second line of the text that is parsed
/// or run.
pub(crate) fn position_in_source(position: Position) -> Position {
    Position { line: position.line.saturating_sub(1).max(1), ..position }
}

/// Evaluates one expression in a fresh realm.
pub(crate) fn evaluate<T>(
    source: &str,
    kind: EventType,
    bindings: &Bindings,
    read: fn(&Value<'_>) -> Result<T, Unread>,
) -> Result<T, EvaluationFault> {
    let meter = Rc::new(Meter::start());
    let (runtime, context) = realm::<Intrinsics>().map_err(|_no_memory| EvaluationFault::Engine)?;
    let furnished = context.with(|ctx| furnish(&ctx, kind, bindings, &meter));
    furnished.map_err(|_no_memory| EvaluationFault::Engine)?;
    // From here on the script's: an earlier limit would meet the engine's set-up, which does not expect one.
    runtime.set_memory_limit(MEMORY_BYTES_MAX);
    let asked = Rc::clone(&meter);
    runtime.set_interrupt_handler(Some(Box::new(move || asked.poll())));
    let ended = context.with(|ctx| read(&run(&ctx, source)?));
    if meter.is_spent() {
        return Err(EvaluationFault::TookTooLong);
    }
    match ended {
        Ok(result) => Ok(result),
        Err(Unread::Promise) => Err(EvaluationFault::Promise),
        // Also values that the engine's binding does not accept, such as a text of the script that is not
        // Unicode: from here on everything is the script's.
        Err(Unread::Failed(_threw)) => {
            runtime.set_memory_limit(MEMORY_BYTES_MAX + DESCRIPTION_BYTES_MAX);
            let fault = context.with(|ctx| fault(source, describe(&ctx.catch())));
            if meter.is_spent() { Err(EvaluationFault::TookTooLong) } else { Err(fault) }
        }
    }
}

fn realm<I: rquickjs::context::Intrinsic>() -> Result<(Runtime, Context), Error> {
    let runtime = Runtime::new()?;
    runtime.set_max_stack_size(STACK_BYTES_MAX);
    let context = Context::custom::<I>(&runtime)?;
    Ok((runtime, context))
}

/// Removes everything that a filter does not need, then adds the bindings of the webhook's type.
fn furnish<'js>(
    ctx: &Ctx<'js>,
    kind: EventType,
    bindings: &Bindings,
    meter: &Rc<Meter>,
) -> Result<(), Error> {
    let meter = Rc::clone(meter);
    let paid = Rc::clone(&meter);
    let spend = Function::new(ctx.clone(), move |work: f64| paid.spend(whole(work)))?;
    let make_small: Function<'js> = ctx.eval(SMALL_REALM)?;
    make_small.call::<_, ()>((spend,))?;
    for &binding in kind.bindings() {
        let bindings = bindings.clone();
        let paid = Rc::clone(&meter);
        let look_up = move |ctx: Ctx<'js>, key: Text<'js>| {
            let key = key.to_string()?;
            let answer = bindings.answer(binding, &key);
            answered(&ctx, answer, &paid)
        };
        ctx.globals().set(binding.name(), Function::new(ctx.clone(), look_up)?.with_name(binding.name())?)?;
    }
    Ok(())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and NaN is nothing"
)]
fn whole(work: f64) -> u64 {
    work as u64
}

fn answered<'js>(ctx: &Ctx<'js>, answer: Answer<'_>, meter: &Meter) -> Result<Value<'js>, Error> {
    match answer {
        Answer::Null => Ok(Value::new_null(ctx.clone())),
        Answer::Value(value) => converted(ctx, value, meter),
        Answer::List(values) => list(ctx, values, meter),
    }
}

/// Converts a JSON value. The depth is bounded by the reader of the payload (128).
fn converted<'js>(ctx: &Ctx<'js>, value: &serde_json::Value, meter: &Meter) -> Result<Value<'js>, Error> {
    match value {
        serde_json::Value::Null => Ok(Value::new_null(ctx.clone())),
        serde_json::Value::Bool(value) => Ok(Value::new_bool(ctx.clone(), *value)),
        serde_json::Value::Number(number) => {
            Ok(Value::new_number(ctx.clone(), number.as_f64().unwrap_or(f64::NAN)))
        }
        serde_json::Value::String(text) => {
            pay(ctx, text.len(), meter)?;
            Ok(Text::from_str(ctx.clone(), text)?.into_value())
        }
        serde_json::Value::Array(values) => list(ctx, values, meter),
        serde_json::Value::Object(fields) => {
            pay(ctx, fields.len(), meter)?;
            let object = Object::new(ctx.clone())?;
            for (name, value) in fields {
                object.set(name.as_str(), converted(ctx, value, meter)?)?;
            }
            Ok(object.into_value())
        }
    }
}

fn list<'js>(ctx: &Ctx<'js>, values: &[serde_json::Value], meter: &Meter) -> Result<Value<'js>, Error> {
    pay(ctx, values.len(), meter)?;
    let array = Array::new(ctx.clone())?;
    for (at, value) in values.iter().enumerate() {
        array.set(at, converted(ctx, value, meter)?)?;
    }
    Ok(array.into_value())
}

fn pay(ctx: &Ctx<'_>, work: usize, meter: &Meter) -> Result<(), Error> {
    let work = u64::try_from(work).unwrap_or(u64::MAX);
    if meter.spend(work) { Err(Exception::throw_range(ctx, "took too long")) } else { Ok(()) }
}

fn run<'js>(ctx: &Ctx<'js>, source: &str) -> Result<Value<'js>, Error> {
    let mut options = EvalOptions::default();
    options.filename = Some(FILE.to_owned());
    ctx.eval_with_options(format!("(\n{source}\n)"), options)
}

/// Returns the truth of a value, as JavaScript defines it. No code of the script runs.
pub(crate) fn truth(value: &Value<'_>) -> Result<bool, Unread> {
    if value.is_promise() {
        return Err(Unread::Promise);
    }
    Ok(value.get::<Coerced<bool>>()?.0)
}

/// A value for a URL.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece {
    Text(String),
    /// Null, undefined, an empty list: no value.
    Missing,
    /// A list of several values, an object, a function, half a surrogate pair.
    NotText,
}

/// Returns the text of a string, a number, a boolean, or the only value of a list. A getter of the script may
/// run, within the bounds of the evaluation.
pub(crate) fn piece(value: &Value<'_>) -> Result<Piece, Unread> {
    if value.is_promise() {
        return Err(Unread::Promise);
    }
    match value.as_array() {
        None => Ok(single(value)),
        Some(array) if array.len() == 1 => Ok(single(&array.get::<Value<'_>>(0)?)),
        Some(array) if array.is_empty() => Ok(Piece::Missing),
        Some(_) => Ok(Piece::NotText),
    }
}

fn single(value: &Value<'_>) -> Piece {
    if value.is_null() || value.is_undefined() {
        Piece::Missing
    } else if value.is_string() || value.is_number() || value.is_bool() {
        value.get::<Coerced<String>>().map_or(Piece::NotText, |text| Piece::Text(text.0))
    } else {
        Piece::NotText
    }
}

fn fault(source: &str, Thrown { message, position }: Thrown) -> EvaluationFault {
    // The engine throws null when it has no memory left for an error. A script that never throws has no other null.
    let is_out_of_memory = message.ends_with(OUT_OF_MEMORY) || (message == NULL && !source.contains(THROW));
    if is_out_of_memory {
        EvaluationFault::TookTooMuchMemory
    } else if message.ends_with(STACK_OVERFLOW) {
        EvaluationFault::TooDeep
    } else {
        EvaluationFault::Threw { message, position: position.map(position_in_source) }
    }
}

/// Reads name, message and position of an error. A getter of the script may run; the bounds hold for it too.
fn describe(thrown: &Value<'_>) -> Thrown {
    let read = |name: &str| {
        let value: Value<'_> = thrown.as_object()?.get(name).ok()?;
        value.as_string()?.to_string().ok()
    };
    let message = match (thrown.as_string(), read("name"), read("message")) {
        (Some(text), _, _) => text.to_string().unwrap_or_default(),
        (None, Some(name), Some(message)) => format!("{name}: {message}"),
        (None, Some(text), None) | (None, None, Some(text)) => text,
        (None, None, None) => thrown.type_name().to_owned(),
    };
    let position = read("stack").and_then(|stack| first_position(&stack));
    Thrown { message: message.chars().take(MESSAGE_CHARS_MAX).collect(), position }
}

/// Returns the first `filter:LINE:COLUMN` of a stack trace.
fn first_position(stack: &str) -> Option<Position> {
    let (_, place) = stack.split_once(&format!("{FILE}:"))?;
    let mut numbers = place.split(|character: char| !character.is_ascii_digit());
    Some(Position { line: numbers.next()?.parse().ok()?, column: numbers.next()?.parse().ok()? })
}
