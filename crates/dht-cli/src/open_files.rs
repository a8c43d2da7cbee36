//! Open files: how many the system lets us have, and how many a console can live with.

use anyhow::anyhow;

use crate::args::Run;
use crate::failure::Failure;

/// Sockets of a node: one for datagrams, one that listens for streams.
const SOCKETS_PER_NODE: u64 = 2;

/// Files of a node with a data directory: its lock, its records, one that is being written.
const FILES_PER_NODE: u64 = 3;

/// What the terminal, the runtime and a few streams take.
const BASE: u64 = 64;

/// What the streams of a busy node take, in both directions, on top of that.
const STREAMS: u64 = 576;

/// `select(2)`, by which the line editor waits for a key or a log line, takes descriptors below this.
const SELECT_LIMIT: u64 = 1_024;

/// More than any number of nodes has use for.
const ENOUGH: u64 = 1 << 20;

/// How log lines reach the screen while somebody types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogLines {
    /// At once, above the input line.
    Live,
    /// When the line is finished: descriptors may be too high for the line editor to wait for log lines.
    Held,
}

/// Sees to it that the nodes of `task` get their sockets and files, and says how a console may show log lines.
///
/// A console whose process can do with less is kept below [`SELECT_LIMIT`], so that no descriptor of the
/// line editor can be too high for `select`.
pub(crate) fn prepare(task: &Run) -> Result<LogLines, Failure> {
    let files = if task.data_dir.is_some() { FILES_PER_NODE } else { 0 };
    prepare_with(task.nodes, SOCKETS_PER_NODE + files, task.interactive, set_limit)
}

/// `set_limit` brings the limit as near to its argument as it may, and returns where it is then.
fn prepare_with(
    nodes: usize,
    per_node: u64,
    interactive: bool,
    set_limit: impl Fn(u64) -> u64,
) -> Result<LogLines, Failure> {
    let needed = nodes as u64 * per_node + BASE;
    let can_stay_low = interactive && needed + STREAMS <= SELECT_LIMIT;
    let limit = set_limit(if can_stay_low { SELECT_LIMIT } else { ENOUGH });
    if limit < needed {
        return Err(Failure::Internal(anyhow!(
            "{nodes} nodes need {needed} open files, the limit is {limit}: raise it with \
             `ulimit -n {needed}` (as root, or in /etc/security/limits.conf) or run fewer"
        )));
    }
    Ok(if limit <= SELECT_LIMIT { LogLines::Live } else { LogLines::Held })
}

/// Changes the soft limit, within the hard one.
#[cfg(unix)]
fn set_limit(wanted: u64) -> u64 {
    let Ok((soft, hard)) = rlimit::Resource::NOFILE.get() else {
        return 0;
    };
    let target = wanted.min(hard);
    match rlimit::Resource::NOFILE.set(target, hard) {
        Ok(()) => target,
        Err(_) => soft,
    }
}

/// No such limit here.
#[cfg(not(unix))]
fn set_limit(wanted: u64) -> u64 {
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(nodes: usize, interactive: bool, hard: u64) -> Option<LogLines> {
        prepare_with(nodes, SOCKETS_PER_NODE, interactive, |wanted| wanted.min(hard)).ok()
    }

    #[test]
    fn a_console_sees_log_lines_live_only_while_every_descriptor_suits_select() {
        assert_eq!(prepared(1, true, ENOUGH), Some(LogLines::Live));
        assert_eq!(prepared(16, true, ENOUGH), Some(LogLines::Live));
        assert_eq!(prepared(1_000, true, ENOUGH), Some(LogLines::Held));
        assert_eq!(prepared(300, true, 700), Some(LogLines::Live));
    }

    #[test]
    fn only_nodes_that_cannot_have_their_sockets_are_refused() {
        assert_eq!(prepared(1, false, 256), Some(LogLines::Live));
        assert_eq!(prepared(100, false, 256), None);
        let failure = prepare_with(100, SOCKETS_PER_NODE, false, |_| 256)
            .map_err(|failure| failure.to_string());
        assert!(failure.is_err_and(|text| text.contains("`ulimit -n 264`")));
    }
}
