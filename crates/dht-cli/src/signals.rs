//! Ctrl-C and the like: the first stops cleanly, the second at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::info;

/// What the signals that reached this process ask for. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signals {
    stop: CancellationToken,
    console: Arc<Console>,
}

#[derive(Debug, Default)]
struct Console {
    owns_interrupts: AtomicBool,
    interrupted: Notify,
}

impl Signals {
    /// Takes the signals of the process from here on. `restore` runs before an end that skips everything else.
    pub(crate) fn listen(restore: impl Fn() + Send + 'static) -> io::Result<Self> {
        let signals = Self::default();
        let mut source = Source::new()?;
        let seen = signals.clone();
        tokio::spawn(async move {
            loop {
                let signal = source.next().await;
                if signal == INTERRUPT && seen.console.owns_interrupts.load(Ordering::Acquire) {
                    // Whoever waits now is meant; a later command is not.
                    seen.console.interrupted.notify_waiters();
                    continue;
                }
                if seen.stop.is_cancelled() {
                    restore();
                    std::process::exit(128 + signal);
                }
                info!("Stopping; the same again stops at once");
                seen.stop.cancel();
            }
        });
        Ok(signals)
    }

    /// Waits until a clean stop is asked for.
    pub(crate) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Leaves Ctrl-C to a console, which waits for it with [`interrupted`](Self::interrupted); or no longer.
    pub(crate) fn leave_interrupts_to_console(&self, leave: bool) {
        self.console.owns_interrupts.store(leave, Ordering::Release);
    }

    /// Waits for a Ctrl-C that was left to the console.
    pub(crate) async fn interrupted(&self) {
        self.console.interrupted.notified().await;
    }
}

/// Number of the signal behind Ctrl-C.
const INTERRUPT: i32 = 2;

/// The signals that end a process: Ctrl-C, a polite kill, a terminal that closed.
#[cfg(unix)]
struct Source {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Source {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Number of the next one.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => INTERRUPT,
            _ = self.terminate.recv() => 15,
            _ = self.hangup.recv() => 1,
        }
    }
}

/// Ctrl-C is all there is here.
#[cfg(not(unix))]
struct Source;

#[cfg(not(unix))]
impl Source {
    #[expect(clippy::unnecessary_wraps, reason = "as where it can fail")]
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// Number of the next one.
    #[expect(clippy::unused_self, reason = "as where there is state")]
    async fn next(&mut self) -> i32 {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        INTERRUPT
    }
}
