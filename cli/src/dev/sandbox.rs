//! One sandbox: a child process that runs a function, and its Lambda runtime API.
//!
//! Each sandbox has its own listener, which identifies it.

use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderValue;
use hyper::{Method, Request, StatusCode};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::clock;
use super::front::{self, Reply};

/// Longest time a child may take from its start to its first request.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// Lambda's own limit of a response.
const ANSWER_BYTES_MAX: usize = 6 * 1024 * 1024;
const API_PREFIX: &str = "/2018-06-01/runtime/";

/// An invocation without a response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    #[error("the function's process ended")]
    Crashed,
    #[error("the function ran out of time")]
    TimedOut,
    #[error("the function reported an error: {0}")]
    Reported(String),
    #[error("the function could not be started")]
    NotStarted,
}

/// The result of an invocation.
pub type Answer = Result<Bytes, InvokeError>;

/// The program of a child process.
#[derive(Debug, Clone)]
pub struct Program {
    /// The function's name, as `hookrail function` takes it.
    pub function: &'static str,
    pub executable: std::path::PathBuf,
    pub environment: Vec<(String, String)>,
    /// Time of one invocation.
    pub timeout: Duration,
}

/// An invocation on its way to the child.
#[derive(Debug)]
struct Work {
    id: String,
    payload: Bytes,
    picked: oneshot::Sender<()>,
    answer: oneshot::Sender<Answer>,
}

/// The state of the runtime API of one sandbox.
#[derive(Debug)]
struct Api {
    timeout: Duration,
    arn: HeaderValue,
    waiting: AsyncMutex<mpsc::Receiver<Work>>,
    /// The invocation that the child is busy with.
    current: Mutex<Option<(String, oneshot::Sender<Answer>)>>,
}

/// A running child process. Dropping it ends the process.
#[derive(Debug)]
pub struct Sandbox {
    pub pid: u32,
    timeout: Duration,
    work: mpsc::Sender<Work>,
    gone: watch::Receiver<bool>,
    kill: mpsc::Sender<()>,
    /// The child ends itself when this is closed, even when we are killed.
    _leash: Option<ChildStdin>,
}

impl Sandbox {
    /// Starts the child. It is ready when it first asks for an invocation, which the first one waits for.
    pub async fn start(program: &Program) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let mut child = Command::new(&program.executable)
            .arg("function")
            .arg(program.function)
            .env_clear()
            .envs(program.environment.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", program.function)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .stdin(Stdio::piped())
            // Metrics go to standard output, and are not used here.
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().unwrap_or_default();
        let leash = child.stdin.take();
        let (work, waiting) = mpsc::channel(1);
        let arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{}", program.function);
        let api = Arc::new(Api {
            timeout: program.timeout,
            arn: HeaderValue::try_from(arn).unwrap_or(HeaderValue::from_static("")),
            waiting: AsyncMutex::new(waiting),
            current: Mutex::new(None),
        });
        let serving = Arc::clone(&api);
        let server =
            tokio::spawn(front::serve(listener, move |request| respond(Arc::clone(&serving), request)));
        let (tell_gone, gone) = watch::channel(false);
        let (kill, killed) = mpsc::channel(1);
        tokio::spawn(watch_over(child, killed, (api, server), tell_gone));
        Ok(Self { pid, timeout: program.timeout, work, gone, kill, _leash: leash })
    }

    /// Runs one invocation. After an error the sandbox must not be used again.
    pub async fn invoke(&self, id: String, payload: Bytes) -> Answer {
        let (picked, is_picked) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        if self.work.send(Work { id, payload, picked, answer }).await.is_err() {
            return Err(InvokeError::Crashed);
        }
        let mut gone = self.gone.clone();
        let started = tokio::select! {
            picked = tokio::time::timeout(INIT_TIMEOUT, is_picked) => matches!(picked, Ok(Ok(()))),
            _ = gone.wait_for(|gone| *gone) => false,
        };
        if !started {
            self.end().await;
            return Err(if *self.gone.borrow() { InvokeError::Crashed } else { InvokeError::NotStarted });
        }
        match tokio::time::timeout(self.timeout, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_dropped)) => Err(InvokeError::Crashed),
            Err(_elapsed) => {
                self.end().await;
                Err(InvokeError::TimedOut)
            }
        }
    }

    /// Resolves when the process has ended.
    pub async fn ended(&self) {
        let mut gone = self.gone.clone();
        // A closed channel means the same: the child is not watched any more.
        gone.wait_for(|gone| *gone).await.map(drop).unwrap_or(());
    }

    #[must_use]
    pub fn is_gone(&self) -> bool {
        *self.gone.borrow()
    }

    /// Kills the process and waits for its end.
    pub async fn end(&self) {
        // A full channel holds a kill already.
        self.kill.try_send(()).unwrap_or(());
        self.ended().await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.kill.try_send(()).unwrap_or(());
    }
}

/// Waits for the child's end, or ends it on request, and fails its current invocation.
async fn watch_over(
    mut child: Child,
    mut killed: mpsc::Receiver<()>,
    (api, server): (Arc<Api>, JoinHandle<()>),
    gone: watch::Sender<bool>,
) {
    let status = tokio::select! {
        status = child.wait() => status.ok(),
        _ = killed.recv() => kill(&mut child).await,
    };
    tracing::debug!(?status, "a sandbox ended");
    server.abort();
    api.current.lock().unwrap_or_else(PoisonError::into_inner).take();
    gone.send_replace(true);
}

async fn kill(child: &mut Child) -> Option<ExitStatus> {
    if let Err(error) = child.start_kill() {
        tracing::debug!(%error, "a sandbox was gone already");
    }
    child.wait().await.ok()
}

async fn respond(api: Arc<Api>, request: Request<Incoming>) -> Reply {
    let path = request.uri().path().strip_prefix(API_PREFIX).unwrap_or_default().to_owned();
    if request.method() == Method::GET && path == "invocation/next" {
        return next(&api).await;
    }
    let Some(body) = front::body_of(request.into_body(), ANSWER_BYTES_MAX).await else {
        return front::plain(StatusCode::PAYLOAD_TOO_LARGE, "the response is cut off or too large");
    };
    let mut parts = path.strip_prefix("invocation/").unwrap_or_default().splitn(2, '/');
    match (parts.next(), parts.next()) {
        (Some(id), Some("response")) => api.settle(id, Ok(body)),
        (Some(id), Some("error")) => {
            api.settle(id, Err(InvokeError::Reported(String::from_utf8_lossy(&body).into_owned())))
        }
        _ => front::plain(StatusCode::NOT_FOUND, "the runtime API has no such path"),
    }
}

async fn next(api: &Api) -> Reply {
    let Some(work) = api.waiting.lock().await.recv().await else {
        return front::plain(StatusCode::GONE, "the sandbox is shutting down");
    };
    let mut reply = front::reply(StatusCode::OK, "application/json", work.payload);
    let deadline = clock::now().0 + u64::try_from(api.timeout.as_millis()).unwrap_or(u64::MAX);
    for (name, value) in [
        ("lambda-runtime-aws-request-id", HeaderValue::try_from(&work.id).ok()),
        ("lambda-runtime-deadline-ms", Some(HeaderValue::from(deadline))),
        ("lambda-runtime-invoked-function-arn", Some(api.arn.clone())),
    ] {
        if let Some(value) = value {
            reply.headers_mut().insert(name, value);
        }
    }
    *api.current.lock().unwrap_or_else(PoisonError::into_inner) = Some((work.id, work.answer));
    // The receiver is gone if the invocation was abandoned while the child started.
    work.picked.send(()).unwrap_or(());
    reply
}

impl Api {
    fn settle(&self, id: &str, answer: Answer) -> Reply {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner).take();
        match current {
            Some((current, waiting)) if current == id => {
                waiting.send(answer).unwrap_or(());
                front::plain(StatusCode::ACCEPTED, "")
            }
            Some(_) | None => front::plain(StatusCode::BAD_REQUEST, "no such invocation"),
        }
    }
}
