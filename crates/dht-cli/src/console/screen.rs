//! Keeps log lines from tearing the line that is being edited.
//!
//! Live, the line editor prints them above the input line. Held, they wait until the line is finished.
//! Either way a thread takes them from a bounded channel, so that no node ever waits for a terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustyline::history::History;
use rustyline::{Editor, ExternalPrinter, Helper};

use crate::log::LogSink;
use crate::open_files::LogLines;

/// Log lines that may wait for the terminal; more are left out.
const WAITING_MAX: usize = 1_024;

/// What the console tells the thread that prints log lines.
#[derive(Debug, Clone, Default)]
pub(super) struct Screen(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    editing: bool,
    held: Vec<String>,
    left_out: usize,
}

impl Screen {
    /// Takes over the log lines of `sink`, if they would go to the terminal.
    pub(super) fn attach<H: Helper, I: History>(
        editor: &mut Editor<H, I>,
        sink: &LogSink,
        log_lines: LogLines,
    ) -> Self {
        let screen = Self::default();
        if !io::stderr().is_terminal() {
            return screen;
        }
        let live = match log_lines {
            LogLines::Live => editor.create_external_printer().ok(),
            LogLines::Held => None,
        };
        let (sender, lines) = sync_channel(WAITING_MAX);
        let printing = screen.clone();
        let spawned =
            thread::Builder::new().name("log-lines".to_owned()).spawn(move || match live {
                Some(printer) => print_live(&lines, printer),
                None => printing.print_held(&lines),
            });
        if spawned.is_ok() {
            sink.redirect(sender);
        }
        screen
    }

    /// A line is about to be edited.
    pub(super) fn begin_line(&self) {
        self.lock().editing = true;
    }

    /// The line is finished: what was held is shown.
    pub(super) fn end_line(&self) {
        let mut state = self.lock();
        state.editing = false;
        let left_out = std::mem::take(&mut state.left_out);
        for line in state.held.drain(..) {
            write_line(&line);
        }
        if left_out > 0 {
            write_line(&format!("({left_out} log lines left out)\n"));
        }
    }

    fn print_held(&self, lines: &Receiver<String>) {
        for line in lines {
            let mut state = self.lock();
            if !state.editing {
                write_line(&line);
            } else if state.held.len() < WAITING_MAX {
                state.held.push(line);
            } else {
                state.left_out += 1;
            }
        }
    }

    /// A panic while printing leaves nothing half done here.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn print_live(lines: &Receiver<String>, mut printer: impl ExternalPrinter) {
    for line in lines {
        if let Err(_unprintable) = printer.print(line.clone()) {
            write_line(&line);
        }
    }
}

fn write_line(line: &str) {
    // Nobody may be there to read it.
    let _ = io::stderr().write_all(line.as_bytes());
}
