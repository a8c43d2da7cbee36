//! The console: commands typed by a person, or piped in by a program, carried out on a node.
//!
//! It runs on a thread of its own, since reading a line blocks, and carries out one command after the
//! other. No error ends it; `q`, the end of input and a second Ctrl-C at the prompt do.

use std::io::{self, IsTerminal as _};
use std::thread;

use dht_node::{Broadcast, Node};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::failure::Failure;
use crate::log::LogSink;
use crate::open_files::LogLines;
use crate::signals::Signals;

mod ask;
mod bans;
mod command;
mod complete;
mod editor;
mod execute;
mod known;
mod pipe;
mod screen;
mod session;
mod signer;
mod terminal;
mod view;

pub(crate) use ask::lines;
pub(crate) use terminal::Terminal;
pub(crate) use view::broadcast as reached;

use session::Session;

/// Shows a broadcast of another node, above the line that is being edited.
pub(crate) fn announce(sink: &LogSink, message: &Broadcast) {
    sink.show(&view::announcement(message));
}

/// Runs the console of `node` until the person leaves it or a stop is asked for.
pub(crate) async fn run(
    node: Node,
    signals: &Signals,
    sink: &LogSink,
    log_lines: LogLines,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let session = Session::new(node, Handle::current(), signals.clone());
    let sink_of_console = sink.clone();
    let (done, ended) = oneshot::channel();
    thread::Builder::new()
        .name("console".to_owned())
        .spawn(move || {
            let result = if io::stdin().is_terminal() {
                editor::run(&session, &sink_of_console, log_lines)
            } else {
                pipe::run(&session)
            };
            // The program may be stopping already, and nobody be waiting.
            let _ = done.send(result);
        })
        .map_err(|error| Failure::Internal(error.into()))?;
    let result = tokio::select! {
        ended = ended => ended.unwrap_or_else(|_| Err(Failure::Internal(anyhow::anyhow!("the console failed")))),
        () = signals.stopped() => Ok(()),
    };
    signals.leave_interrupts_to_console(false);
    sink.restore();
    terminal.restore();
    result
}
