//! Evaluation in a child process, which is killed when an answer is late.
//!
//! The child has no environment, hence no credentials, and ends when its standard input does. One is kept
//! between events.
//! It belongs to one call at a time: a cancelled call takes its child with it, so no answer is ever taken for
//! another question's.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use hookrail_pipeline::fault::ErrorChain;
use hookrail_script::fault::EvaluationFault;
use hookrail_script::frame::{self, HEADER_BYTES, InvalidFrame};
use hookrail_script::limits::DURATION_MS_MAX;
use hookrail_script::service::{Answer, Fault, Question, Reply, Request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::{ARGUMENTS, Scripts};

/// Time for one answer, ms: the limit of an evaluation by its own clock, so that a script fails alike on both
/// sides.
pub const QUESTION_MS_MAX: u64 = DURATION_MS_MAX;

/// Time after which a call asks no more questions, ms.
/// Enough for four that run into their deadline, or a thousand ordinary ones on a small function.
pub const EVENT_MS_MAX: u64 = 4_000;

/// Time for a child to start and to read an event, ms. No script runs in it.
pub const START_MS_MAX: u64 = 1_000;

/// Time for a killed child to end, ms.
const END_MS_MAX: u64 = 500;

/// Processes that one question may end before it is its script's fault.
const CRASHES_MAX: u64 = 2;

/// The longest that a call may take once no other call precedes it, ms.
///
/// In the worst case the last question is asked just in time, ends a process and is late in the next.
/// Children are slow to start and to end: the idle one that is found dead, and the new ones.
pub const CALL_MS_MAX: u64 =
    EVENT_MS_MAX + CRASHES_MAX * QUESTION_MS_MAX + (1 + CRASHES_MAX) * (START_MS_MAX + END_MS_MAX);

const _: () = assert!(2 * QUESTION_MS_MAX <= EVENT_MS_MAX);

/// An evaluator that asks a child process, which it starts for the first question, and replaces when it
/// fails.
///
/// Calls are made one after the other.
#[derive(Debug)]
pub struct ChildScripts {
    executable: PathBuf,
    arguments: Vec<OsString>,
    idle: Mutex<Option<Evaluator>>,
}

/// The children of one call.
struct Children {
    idle: Option<Evaluator>,
    informed: Option<Evaluator>,
}

/// The reason why a child cannot be used any longer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no answer in time")]
    Late,
    #[error("the process could not be started, or ended")]
    Gone(#[from] io::Error),
    #[error("the process wrote nonsense")]
    Nonsense(#[from] InvalidFrame),
    #[error("the process gave the answer of another question")]
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
    /// Makes children of any executable that serves with these arguments.
    #[must_use]
    pub fn new(executable: PathBuf, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self { executable, arguments, idle: Mutex::new(None) }
    }

    /// Makes children of the running executable, whose `main` begins with [`super::serve_if_asked`].
    pub fn of_this_executable() -> io::Result<Self> {
        Ok(Self::new(std::env::current_exe()?, ARGUMENTS))
    }

    /// Returns a child that has read the event: the idle one, else a new one.
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

    /// Returns the answer to one question. A failure without a script is a failure; an effect of a script on
    /// its process is an answer.
    async fn answer(
        &self,
        children: &mut Children,
        payload: &str,
        question: &Question,
    ) -> Result<Answer, Failure> {
        for _ in 0..CRASHES_MAX {
            let mut child = match children.informed.take() {
                Some(child) => child,
                None => self.informed(children.idle.take(), payload).await?,
            };
            match child.ask(question).await {
                Ok(answer) => {
                    children.informed = Some(child);
                    return Ok(answer);
                }
                Err(failure) => {
                    child.end(&failure).await;
                    if matches!(failure, Failure::Late) {
                        return Ok(question.failed(Fault::from(&EvaluationFault::TookTooLong)));
                    }
                }
            }
        }
        Ok(question.failed(Fault::from(&EvaluationFault::Crashed)))
    }
}

impl Scripts for ChildScripts {
    async fn ask(&self, payload: &str, questions: &[Question]) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(questions.len());
        if questions.is_empty() {
            return answers;
        }
        let mut place = self.idle.lock().await;
        // Taken out: if this future is dropped, the child is dropped with it.
        let mut children = Children { idle: place.take(), informed: None };
        let last_start = Instant::now() + Duration::from_millis(EVENT_MS_MAX);
        let mut unasked = questions.iter();
        while answers.is_empty() || Instant::now() < last_start {
            let Some(question) = unasked.next() else { break };
            match self.answer(&mut children, payload, question).await {
                Ok(answer) => answers.push(answer),
                Err(failure) => {
                    tracing::error!(error = %ErrorChain(&failure), "scripts cannot be evaluated");
                    // If a new child fails without a script, the next one will too.
                    let questions = std::iter::once(question).chain(unasked);
                    answers.extend(questions.map(|question| question.failed(Fault::engine())));
                    break;
                }
            }
        }
        *place = children.informed;
        answers
    }
}

impl Evaluator {
    fn start(executable: &Path, arguments: &[OsString]) -> io::Result<Self> {
        let mut process = Command::new(executable)
            .args(arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // The last words of an engine that dies may quote the event.
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

    /// Sends a request and reads its reply. After a failure the child may be in the middle of a frame, and
    /// must not be asked again.
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
                tracing::warn!(error = %ErrorChain(failure), ?status, "a process that evaluates scripts was ended");
            }
            // It is killed all the same, and reaped by the runtime when it goes.
            Ok(Err(_)) | Err(_) => {
                tracing::warn!(error = %ErrorChain(failure), "a process that evaluates scripts does not end");
            }
        }
    }
}
