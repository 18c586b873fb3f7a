//! The `hookrail` command as a child process, and signals to it and its children.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

pub(crate) const HOOKRAIL: &str = env!("CARGO_BIN_EXE_hookrail");
/// Time for a stack to end after SIGTERM.
const TERM_PATIENCE: Duration = Duration::from_secs(5);

/// A new directory below that of the build, removed when dropped unless a test failed.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("e2e-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // `cargo clean` removes the rest.
            fs::remove_dir_all(&self.0).unwrap_or(());
        }
    }
}

/// A running `hookrail dev`. Ends it when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) ready_file: PathBuf,
    output: PathBuf,
    exit: Arc<Exit>,
    _directory: Directory,
}

#[derive(Debug, Default)]
struct Exit {
    status: Mutex<Option<ExitStatus>>,
    ended: Condvar,
}

impl Process {
    /// Starts `hookrail dev` on any free port with these further flags, separated by spaces.
    pub(crate) fn start(flags: &str) -> Self {
        Self::start_by(Command::new(HOOKRAIL), flags)
    }

    /// Starts it with a limit of file sizes in blocks of the shell, of half a KiB or one: writes fail there as on a full
    /// disk.
    pub(crate) fn start_with_short_files(blocks: u32, flags: &str) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""), HOOKRAIL]);
        Self::start_by(shell, flags)
    }

    fn start_by(mut command: Command, flags: &str) -> Self {
        let directory = Directory::new();
        let ready_file = directory.path().join("ready.json");
        let output = directory.path().join("output");
        let file = File::create(&output).unwrap();
        let child = command
            .args(["dev", "--port", "0", "--ready-file"])
            .arg(&ready_file)
            .args(flags.split_whitespace())
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        let (pid, exit) = (child.id(), Arc::new(Exit::default()));
        let waiting = Arc::clone(&exit);
        std::thread::spawn(move || wait(child, &waiting));
        Self { pid, ready_file, output, exit, _directory: directory }
    }

    /// Returns the exit status, if the process has ended.
    pub(crate) fn exit_status(&self) -> Option<ExitStatus> {
        *self.exit.status.lock().unwrap()
    }

    /// Reads the output of the process and its children.
    pub(crate) fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.output).unwrap_or_default()).into_owned()
    }

    fn has_ended_within(&self, time: Duration) -> bool {
        let status = self.exit.status.lock().unwrap();
        let (status, _) =
            self.exit.ended.wait_timeout_while(status, time, |status| status.is_none()).unwrap();
        status.is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.exit_status().is_none() {
            signal("TERM", &[self.pid]);
            if !self.has_ended_within(TERM_PATIENCE) {
                signal("KILL", &[self.pid]);
                self.has_ended_within(TERM_PATIENCE);
            }
        }
    }
}

fn wait(mut child: Child, exit: &Exit) {
    let status = child.wait().unwrap();
    *exit.status.lock().unwrap() = Some(status);
    exit.ended.notify_all();
}

/// A command that ran to its end.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) succeeded: bool,
    /// None if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
    pub(crate) error: String,
}

/// Runs `hookrail` with these arguments to its end.
pub(crate) fn run(arguments: &str) -> Ended {
    run_fed(&[], arguments, "")
}

/// Runs it with these variables and this standard input.
pub(crate) fn run_fed(variables: &[(&str, String)], arguments: &str, input: &str) -> Ended {
    let mut child = Command::new(HOOKRAIL)
        .args(arguments.split_whitespace())
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that is refused reads nothing.
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap_or(());
    Ended::of(&child.wait_with_output().unwrap())
}

impl Ended {
    pub(crate) fn of(ended: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            succeeded: ended.status.success(),
            code: ended.status.code(),
            output: text(&ended.stdout),
            error: text(&ended.stderr),
        }
    }
}

/// A command that runs until it is interrupted. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    output: PathBuf,
    _directory: Directory,
}

impl Running {
    pub(crate) fn start(variables: &[(&str, String)], arguments: &str) -> Self {
        let directory = Directory::new();
        let output = directory.path().join("output");
        let child = Command::new(HOOKRAIL)
            .args(arguments.split_whitespace())
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(File::create(&output).unwrap())
            .spawn()
            .unwrap();
        Self { child, output, _directory: directory }
    }

    /// Returns the complete lines of the output.
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.output).unwrap();
        let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
        whole.lines().map(str::to_owned).collect()
    }

    /// Interrupts the command as Ctrl-C does, and returns its exit status.
    pub(crate) fn interrupt(&mut self) -> ExitStatus {
        signal("INT", &[self.child.id()]);
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        self.child.kill().unwrap_or(());
        self.child.wait().unwrap();
    }
}

/// Returns a port that is free.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Sends a signal to processes. Returns whether all of them exist. Every machine has the `kill` of the shell.
pub(crate) fn signal(name: &str, pids: &[u32]) -> bool {
    let pids: Vec<_> = pids.iter().map(u32::to_string).collect();
    assert!(!pids.is_empty(), "kill without a process would be an error of its own");
    let command = format!("kill -s {name} {} 2>/dev/null", pids.join(" "));
    Command::new("sh").args(["-c", &command]).status().unwrap().success()
}

/// Returns whether a process runs. A zombie does not.
pub(crate) fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let is_zombie = stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'));
    Command::new("sh").args(["-c", &format!("kill -0 {pid} 2>/dev/null")]).status().unwrap().success()
        && !is_zombie
}
