//! Starting `dht`, waiting for what it says, and ending it.
//!
//! Every process ends with the test that started it: one-shots by themselves, nodes because their handle
//! kills them, and the shared network because its input ends with the test program.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Longest wait for anything. Reached only if a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Log lines of a process that may wait to be looked at.
const LOG_LINES_MAX: usize = 10_000;

/// The binary under test, deaf to the environment of whoever runs the tests.
pub(crate) fn dht() -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("dht"));
    command.env_remove("RUST_LOG").env_remove("NO_COLOR");
    command
}

/// Runs `dht` with `args` and nothing on stdin until it ends.
pub(crate) fn run(args: &[&str]) -> Ended {
    run_with(args, b"")
}

/// Runs `dht` with `args` and `input` on stdin until it ends.
pub(crate) fn run_with(args: &[&str], input: &[u8]) -> Ended {
    let output = assert_cmd::Command::from_std(with(dht(), args))
        .write_stdin(input)
        .timeout(PATIENCE)
        .output()
        .unwrap();
    Ended {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// `command` with `args` appended.
pub(crate) fn with(mut command: Command, args: &[&str]) -> Command {
    command.args(args);
    command
}

/// How a process ended, and what it wrote.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ended {
    /// Passes if the exit code is this one.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        self
    }

    /// Passes if nothing was written to stdout, and stderr contains `text`.
    #[track_caller]
    pub(crate) fn expect_only_error(self, text: &str) -> Self {
        assert_eq!(self.stdout, b"", "data on stdout");
        assert!(self.stderr.contains(text), "no `{text}` in:\n{}", self.stderr);
        self
    }

    /// stdout as text without the newline at its end.
    #[track_caller]
    pub(crate) fn line(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap().strip_suffix('\n').expect("a line")
    }
}

/// A running `dht`. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    errors: Receiver<String>,
    output: Receiver<Vec<u8>>,
    log: Vec<String>,
}

impl Process {
    /// Starts `dht` with `args`.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(with(dht(), args))
    }

    /// Starts `command`, which runs `dht`.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let mut stdout = child.stdout.take().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (error_sender, errors) = sync_channel(LOG_LINES_MAX);
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                // The test may be over.
                let _ = error_sender.send(line);
            }
        });
        let (output_sender, output) = sync_channel(1);
        thread::spawn(move || {
            let mut all = Vec::new();
            let _ = stdout.read_to_end(&mut all);
            let _ = output_sender.send(all);
        });
        Self { child, stdin, errors, output, log: Vec::new() }
    }

    /// Waits for a line on stderr that contains `text`.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        loop {
            match self.errors.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.log.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(reason) => panic!("no `{text}`, {reason}:\n{}", self.log.join("\n")),
            }
        }
    }

    /// Waits until it listens, and says where.
    #[track_caller]
    pub(crate) fn wait_for_addr(&mut self) -> SocketAddr {
        let line = self.wait_for("Listening on ");
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Writes a line to its stdin.
    pub(crate) fn send_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(line.as_bytes()).unwrap();
        stdin.write_all(b"\n").unwrap();
        stdin.flush().unwrap();
    }

    /// Number of the process.
    #[cfg(unix)]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Starts `dht` with `args` and nothing on stdin.
    pub(crate) fn start_without_input(args: &[&str]) -> Self {
        let mut process = Self::start(args);
        process.stdin = None;
        process
    }

    /// Closes its stdin and waits for its end.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Ended {
        self.stdin = None;
        let code = self.wait().code();
        let stdout = self.output.recv_timeout(PATIENCE).unwrap();
        self.log.extend(self.errors.iter());
        Ended { code, stdout, stderr: self.log.join("\n") }
    }

    /// Whether it has not ended.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Ends it like a loss of power, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end without closing anything.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // The log is read until stderr closes, which it does when the process ends.
            match self.errors.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.log.push(line),
                Err(RecvTimeoutError::Disconnected) => {
                    return self.child.wait().unwrap();
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("does not end:\n{}", self.log.join("\n"))
                }
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Address of a network of five nodes that all tests share, and that ends with the test program.
pub(crate) fn shared_network() -> String {
    static NETWORK: LazyLock<(SocketAddr, std::sync::Mutex<Process>)> = LazyLock::new(|| {
        let mut process = Process::start(&["-n", "5", "-l", "127.0.0.1:0", "-i"]);
        let addr = process.wait_for_addr();
        process.wait_for("5 nodes have joined");
        (addr, std::sync::Mutex::new(process))
    });
    NETWORK.0.to_string()
}

/// Bytes that repeat nowhere, and differ for every `seed`.
pub(crate) fn bytes(seed: &str, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new_derive_key("dht command line tests")
        .update(seed.as_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}
