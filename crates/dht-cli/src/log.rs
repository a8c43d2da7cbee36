//! Log lines on stderr: `19:45:57.136 ▶ INFO Listening on 0.0.0.0:3000`.
//!
//! Where they go can be changed while the program runs, for a console that must not have its input line
//! torn by them: see [`LogSink`].

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use crate::args::{Plan, Task};
use crate::failure::Failure;

mod format;
mod sink;

pub(crate) use sink::LogSink;

/// Starts logging as `plan` says, unless the variable `RUST_LOG` says otherwise.
pub(crate) fn start(plan: &Plan) -> Result<LogSink, Failure> {
    let sink = LogSink::default();
    tracing_subscriber::fmt()
        // It would write to stderr what could not be written to stderr, and panic if that is closed.
        .log_internal_errors(false)
        .with_env_filter(filter(plan)?)
        .with_ansi(is_coloured())
        .event_format(format::Line)
        .with_writer(sink.clone())
        .init();
    Ok(sink)
}

/// Level 0 logs nothing: why the program ends is told without a log. What every single node does starts
/// at level 4, since one process may run a thousand. Targets are matched by their
/// beginning: `dht` is this program and our crates, `dht_` our crates alone.
fn filter(plan: &Plan) -> Result<EnvFilter, Failure> {
    if let Some(filter) = std::env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty()) {
        return EnvFilter::try_new(&filter)
            .with_context(|| format!("RUST_LOG is `{filter}`, which is no filter"))
            .map_err(Failure::Usage);
    }
    Ok(EnvFilter::new(match plan.verbose {
        0 => "off",
        1 => "error",
        2 => "warn",
        // What goes wrong in a one-shot command is told by its end, not twice.
        3 if matches!(plan.task, Task::OneShot(_) | Task::Keygen(_)) => "warn,dht=info,dht_=error",
        3 => "warn,dht=info,dht_=warn",
        4 => "info,dht=debug",
        _ => "debug,dht=trace",
    }))
}

/// Colour is for terminals, and for people who have not asked to be spared (<https://no-color.org>).
fn is_coloured() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
