//! Open files: how many the system lets us have, and how many a console can live with.

use anyhow::anyhow;

use crate::failure::Failure;

/// Sockets of a node: one for datagrams, one that listens for streams.
const SOCKETS_PER_NODE: u64 = 2;

/// Room for the streams of a busy node in both directions, the terminal and the runtime.
const RESERVE: u64 = 640;

/// More than any number of nodes has use for.
const ENOUGH: u64 = 1 << 20;

/// `select(2)`, by which the line editor waits for a key or a log line, takes descriptors below this.
const SELECT_LIMIT: u64 = 1_024;

/// How log lines reach the screen while somebody types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogLines {
    /// At once, above the input line.
    Live,
    /// When the line is finished: descriptors may be too high for the line editor to wait for log lines.
    Held,
}

/// Sees to it that `nodes` nodes get their sockets, and says how a console may show log lines.
///
/// A console whose process may stay below [`SELECT_LIMIT`] is kept below it, so that no descriptor of
/// the line editor can be too high for `select`.
pub(crate) fn prepare(nodes: usize, interactive: bool) -> Result<LogLines, Failure> {
    let needed = nodes as u64 * SOCKETS_PER_NODE + RESERVE;
    if interactive && needed <= SELECT_LIMIT && set_limit(SELECT_LIMIT) >= needed {
        return Ok(LogLines::Live);
    }
    let limit = set_limit(ENOUGH);
    if limit < needed {
        return Err(Failure::Internal(anyhow!(
            "{nodes} nodes need {needed} open files, the limit is {limit}: raise it with \
             `ulimit -n {needed}` (as root, or in /etc/security/limits.conf) or run fewer"
        )));
    }
    Ok(LogLines::Held)
}

/// Brings the soft limit as near to `wanted` as the hard limit lets it, and returns where it is then.
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
