//! The console on a terminal: a line editor with history, completion and hints.

use std::cell::RefCell;
use std::io::{self, IsTerminal as _, Write as _};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{
    Behavior, Cmd, CompletionType, ConditionalEventHandler, Config, Editor, Event, EventContext,
    EventHandler, KeyEvent, RepeatCount,
};

use super::complete::PromptHelp;
use super::known::Known;
use super::screen::Screen;
use super::session::{NodeSource, Reply, Session};
use super::view;
use crate::failure::Failure;
use crate::log::LogSink;
use crate::open_files::LogLines;

/// Lines remembered. In memory only: values typed here may be nobody else's business.
const HISTORY_MAX: usize = 1_000;

const PROMPT: &str = "dht> ";

type PromptEditor = Editor<PromptHelp<NodeSource>, DefaultHistory>;

/// Reads and carries out commands until the person leaves.
pub(super) fn run(session: &Session, sink: &LogSink, log_lines: LogLines) -> Result<(), Failure> {
    let known = Rc::new(RefCell::new(Known::default()));
    let typed = Typed::default();
    let mut editor = editor(session, &known, &typed)
        .context("cannot edit lines on this terminal")
        .map_err(Failure::Internal)?;
    let screen = Screen::attach(&mut editor, sink, log_lines);
    // While a line is edited Ctrl-C is a key; while a command runs it abandons the command.
    session.signals().leave_interrupts_to_console(true);
    greet(session)?;
    let mut interrupted = false;
    loop {
        screen.begin_line();
        let line = editor.readline(PROMPT);
        screen.end_line();
        match line {
            Ok(line) => {
                typed.take();
                interrupted = false;
                match session.carry_out(&line, &known) {
                    Ok(Reply::Quit) => return Ok(()),
                    Ok(reply) => show(&reply)?,
                    Err(error) => eprint_line(&format!("error: {error}")),
                }
            }
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_))
                if typed.take() || !interrupted =>
            {
                interrupted = true;
                eprint_line("(Ctrl-C once more, Ctrl-D or `q` leaves)");
            }
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_) | ReadlineError::Eof) => {
                return Ok(());
            }
            Err(error) => return Err(Failure::Internal(error.into())),
        }
    }
}

/// Whether any key but Ctrl-C was typed since this was last asked.
#[derive(Debug, Clone, Default)]
struct Typed(Arc<AtomicBool>);

impl Typed {
    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl ConditionalEventHandler for Typed {
    /// Notes the key, and leaves what it does as it is.
    fn handle(&self, event: &Event, _: RepeatCount, _: bool, _: &EventContext) -> Option<Cmd> {
        if event.get(0) != Some(&KeyEvent::ctrl('C')) {
            self.0.store(true, Ordering::Relaxed);
        }
        None
    }
}

fn editor(
    session: &Session,
    known: &Rc<RefCell<Known>>,
    typed: &Typed,
) -> rustyline::Result<PromptEditor> {
    // With stdout in a file or pipe, the prompt must go to the terminal all the same.
    let behavior = if io::stdout().is_terminal() { Behavior::Stdio } else { Behavior::PreferTerm };
    let config = Config::builder()
        .behavior(behavior)
        .completion_type(CompletionType::List)
        .history_ignore_dups(true)?
        .max_history_size(HISTORY_MAX)?
        .auto_add_history(true)
        .build();
    let history = DefaultHistory::with_config(&config);
    let mut editor = Editor::with_history(config, history)?;
    editor.set_helper(Some(PromptHelp::new(Rc::clone(known), session.source())));
    editor.bind_sequence(Event::Any, EventHandler::Conditional(Box::new(typed.clone())));
    Ok(editor)
}

fn greet(session: &Session) -> io::Result<()> {
    if io::stdout().is_terminal() {
        let node = session.node();
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "Console of node {} on {}", node.id(), node.local_addr())?;
        writeln!(stdout, "`h` lists the commands, `q` leaves")?;
    }
    Ok(())
}

fn show(reply: &Reply) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match reply {
        Reply::Text(text) => writeln!(stdout, "{text}")?,
        Reply::Value(bytes) if stdout.is_terminal() => writeln!(stdout, "{}", view::value(bytes))?,
        Reply::Value(bytes) => {
            stdout.write_all(bytes)?;
            stdout.write_all(b"\n")?;
        }
        Reply::Silence | Reply::Quit => {}
    }
    stdout.flush()
}

fn eprint_line(text: &str) {
    // Nobody may be there to read it.
    let _ = writeln!(io::stderr(), "{text}");
}
