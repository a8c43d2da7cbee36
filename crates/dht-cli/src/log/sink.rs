//! Where log lines go: to stderr, or to whoever has taken over the terminal.

use std::io::{self, Write};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::ProgressBar;
use tracing_subscriber::fmt::MakeWriter;

/// The place of log lines. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogSink(Arc<Mutex<Target>>);

#[derive(Debug, Default)]
enum Target {
    #[default]
    Stderr,
    /// To stderr, above a progress line.
    Above(ProgressBar),
    /// Lines are handed over; those that find the channel full are lost and counted.
    Channel { lines: SyncSender<String>, lost: u64 },
}

impl LogSink {
    /// Hands every line to `lines` until [`restore`](Self::restore). Logging never waits for the receiver:
    /// what it is too slow for is left out, and the next line says how much that was.
    pub(crate) fn redirect(&self, lines: SyncSender<String>) {
        *self.lock() = Target::Channel { lines, lost: 0 };
    }

    /// Writes lines to stderr above `bar` until [`restore`](Self::restore).
    pub(crate) fn show_above(&self, bar: &ProgressBar) {
        *self.lock() = Target::Above(bar.clone());
    }

    /// Writes lines to stderr again.
    pub(crate) fn restore(&self) {
        *self.lock() = Target::Stderr;
    }

    /// Shows a line that is no log line where those go.
    pub(crate) fn show(&self, line: &str) {
        // Nobody may be there to read it.
        let _ = self.make_writer().write_all(format!("{line}\n").as_bytes());
    }

    /// A panic while logging leaves nothing half done here.
    fn lock(&self) -> MutexGuard<'_, Target> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> MakeWriter<'a> for LogSink {
    type Writer = LineWriter;

    fn make_writer(&'a self) -> Self::Writer {
        LineWriter(self.clone())
    }
}

/// Takes one log line in one write.
#[derive(Debug)]
pub(crate) struct LineWriter(LogSink);

impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut target = self.0.lock();
        match &mut *target {
            Target::Stderr => io::stderr().write_all(line)?,
            Target::Above(bar) => bar.suspend(|| io::stderr().write_all(line))?,
            Target::Channel { lines, lost } => {
                let text = match *lost {
                    0 => String::from_utf8_lossy(line).into_owned(),
                    lost => {
                        format!("({lost} log lines left out)\n{}", String::from_utf8_lossy(line))
                    }
                };
                match lines.try_send(text) {
                    Ok(()) => *lost = 0,
                    Err(TrySendError::Full(_)) => *lost += 1,
                    Err(TrySendError::Disconnected(_)) => {
                        *target = Target::Stderr;
                        io::stderr().write_all(line)?;
                    }
                }
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    fn log(sink: &LogSink, line: &str) {
        sink.make_writer().write_all(line.as_bytes()).unwrap();
    }

    #[test]
    fn a_slow_receiver_loses_lines_and_is_told_how_many() {
        let (sender, receiver) = sync_channel(1);
        let sink = LogSink::default();
        sink.redirect(sender);
        for line in ["first\n", "second\n", "third\n"] {
            log(&sink, line);
        }
        assert_eq!(receiver.try_recv().as_deref(), Ok("first\n"));
        log(&sink, "fourth\n");
        assert_eq!(receiver.try_recv().as_deref(), Ok("(2 log lines left out)\nfourth\n"));
        log(&sink, "fifth\n");
        assert_eq!(receiver.try_recv().as_deref(), Ok("fifth\n"));
    }
}
