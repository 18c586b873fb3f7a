//! Evaluating in a child process, which is killed when an answer is late.
//!
//! The child has no environment, hence no credentials, and ends when its standard input does. One is kept between
//! events. It is anybody's only between two events: a call that is given up takes its child with it, so no answer is
//! ever taken for another question's.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use hookrail_script::fault::EvaluationFault;
use hookrail_script::frame::{self, HEADER_BYTES, InvalidFrame};
use hookrail_script::limits::DURATION_MS_MAX;
use hookrail_script::service::{Answer, Fault, Question, Reply, Request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::{ARGUMENTS, Scripts};
use crate::telemetry::Chain;

/// Time for one answer, ms: what an evaluation has by its own clock, so that a script fails alike on both sides.
pub const QUESTION_MS_MAX: u64 = DURATION_MS_MAX;

/// Time after which no more questions about an event are asked, ms: what four take that run into their deadline, or a
/// thousand innocent ones on a small function.
pub const EVENT_MS_MAX: u64 = 4_000;

/// Time for a child to start and to read an event, ms. No script runs in it.
pub const START_MS_MAX: u64 = 1_000;

/// Time for a killed child to end, ms.
const END_MS_MAX: u64 = 500;

/// The longest that a call may take once no other is in its way, ms.
///
/// The last question is asked just in time and is late, and children are slow to start and to end: the idle one that is
/// found dead, and the new one.
pub const CALL_MS_MAX: u64 = EVENT_MS_MAX + QUESTION_MS_MAX + 2 * (START_MS_MAX + END_MS_MAX);

const _: () = assert!(2 * QUESTION_MS_MAX <= EVENT_MS_MAX);

/// Asks a child process, which it starts when there is something to ask, and replaces when it fails.
///
/// Calls are made one after the other.
#[derive(Debug)]
pub struct ChildScripts {
    executable: PathBuf,
    arguments: Vec<OsString>,
    idle: Mutex<Option<Evaluator>>,
}

/// Why a child is of no more use.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no answer in time")]
    Late,
    #[error("the process could not be started, or ended")]
    Gone(#[from] io::Error),
    #[error("the process wrote nonsense")]
    Nonsense(#[from] InvalidFrame),
    #[error("the process answered something else")]
    AnotherAnswer,
}

/// A running child. Dropping it kills it.
#[derive(Debug)]
struct Evaluator {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl ChildScripts {
    /// Children of any executable that serves with these arguments.
    #[must_use]
    pub fn new(executable: PathBuf, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self { executable, arguments, idle: Mutex::new(None) }
    }

    /// Children of the running executable, whose `main` begins with [`super::serve_if_asked`].
    pub fn of_this_executable() -> io::Result<Self> {
        Ok(Self::new(std::env::current_exe()?, ARGUMENTS))
    }

    /// A child that has read the event: the idle one, else a new one.
    async fn informed(&self, idle: Option<Evaluator>, payload: &str) -> Result<Evaluator, Failure> {
        if let Some(mut idle) = idle {
            match idle.inform(payload).await {
                Ok(()) => return Ok(idle),
                Err(failure) => idle.end(&failure).await,
            }
        }
        let mut new = Evaluator::start(&self.executable, &self.arguments)?;
        match new.inform(payload).await {
            Ok(()) => Ok(new),
            Err(failure) => {
                new.end(&failure).await;
                Err(failure)
            }
        }
    }
}

impl Scripts for ChildScripts {
    async fn ask(&self, payload: &str, questions: &[Question]) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(questions.len());
        if questions.is_empty() {
            return answers;
        }
        let mut place = self.idle.lock().await;
        // Taken out: whoever drops this future drops the child with it.
        let mut idle = place.take();
        let mut informed = None;
        let last_start = Instant::now() + Duration::from_millis(EVENT_MS_MAX);
        let mut unasked = questions.iter();
        for question in unasked.by_ref() {
            if last_start <= Instant::now() {
                answers.push(question.failed(spent()));
                continue;
            }
            let child = match informed.take() {
                Some(child) => Ok(child),
                None => self.informed(idle.take(), payload).await,
            };
            let mut child: Evaluator = match child {
                Ok(child) => child,
                Err(failure) => {
                    tracing::error!(error = %Chain(&failure), "scripts cannot be evaluated");
                    answers.push(question.failed(Fault::from(&EvaluationFault::Engine)));
                    break;
                }
            };
            match child.ask(question).await {
                Ok(answer) => {
                    answers.push(answer);
                    informed = Some(child);
                }
                Err(failure) => {
                    answers.push(question.failed(failure.fault()));
                    child.end(&failure).await;
                }
            }
        }
        // Where a new child fails without a script, so will the next.
        answers.extend(unasked.map(|question| question.failed(Fault::engine())));
        *place = informed;
        answers
    }
}

impl Failure {
    fn fault(&self) -> Fault {
        Fault::from(&match self {
            Self::Late => EvaluationFault::TookTooLong,
            Self::Gone(_) | Self::Nonsense(_) | Self::AnotherAnswer => EvaluationFault::Engine,
        })
    }
}

fn spent() -> Fault {
    let why = format!("was not evaluated: those before it had taken {EVENT_MS_MAX} ms of the event's time");
    Fault::new("budget", &why)
}

impl Evaluator {
    fn start(executable: &Path, arguments: &[OsString]) -> io::Result<Self> {
        let mut process = Command::new(executable)
            .args(arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // What an engine says when it dies may quote the event.
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        match (process.stdin.take(), process.stdout.take()) {
            (Some(input), Some(output)) => Ok(Self { process, input, output: BufReader::new(output) }),
            (None, _) | (_, None) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    async fn inform(&mut self, payload: &str) -> Result<(), Failure> {
        match self.exchange(&Request::Payload(Cow::Borrowed(payload)), START_MS_MAX).await? {
            Reply::Taken => Ok(()),
            Reply::Answer(_) => Err(Failure::AnotherAnswer),
        }
    }

    async fn ask(&mut self, question: &Question) -> Result<Answer, Failure> {
        match self.exchange(&Request::Question(Cow::Borrowed(question)), QUESTION_MS_MAX).await? {
            Reply::Answer(answer) if question.is_answered_by(&answer) => Ok(answer),
            Reply::Answer(_) | Reply::Taken => Err(Failure::AnotherAnswer),
        }
    }

    /// After a failure the child may be in the middle of a frame, and must not be asked again.
    async fn exchange(&mut self, request: &Request<'_>, ms_max: u64) -> Result<Reply, Failure> {
        let request = frame::encode(request)?;
        let exchanged = timeout(Duration::from_millis(ms_max), async {
            self.input.write_all(&request).await?;
            let mut header = [0; HEADER_BYTES];
            self.output.read_exact(&mut header).await?;
            let mut reply = vec![0; frame::body_bytes(header)?];
            self.output.read_exact(&mut reply).await?;
            Ok(frame::decode(&reply)?)
        });
        exchanged.await.unwrap_or(Err(Failure::Late))
    }

    /// Kills the child, and waits until it is gone.
    async fn end(mut self, failure: &Failure) {
        match timeout(Duration::from_millis(END_MS_MAX), self.process.kill()).await {
            Ok(Ok(())) => {
                let status = self.process.try_wait().ok().flatten();
                tracing::warn!(error = %Chain(failure), ?status, "a process that evaluates scripts was ended");
            }
            // It is killed all the same, and reaped by the runtime when it goes.
            Ok(Err(_)) | Err(_) => {
                tracing::warn!(error = %Chain(failure), "a process that evaluates scripts does not end");
            }
        }
    }
}
