//! Open files: how many the process may have.

use crate::BenchError;

/// Sockets of a node: one for datagrams, one that listens for streams.
const SOCKETS_PER_NODE: u64 = 2;

/// What the runtime, the load and the streams under way take.
const BASE: u64 = 700;

/// Raises the soft limit as far as `nodes` nodes need, or says that it cannot.
pub(crate) fn prepare(nodes: usize) -> Result<(), BenchError> {
    let needed = nodes as u64 * SOCKETS_PER_NODE + BASE;
    match rlimit::increase_nofile_limit(needed) {
        Ok(limit) if limit < needed => Err(BenchError::OpenFiles { nodes, needed, limit }),
        // Where there is no such limit, or none that is told, the sockets themselves tell.
        Ok(_) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_nodes_than_may_have_sockets_are_refused_with_what_to_do() {
        assert!(prepare(1).is_ok());
        if let Err(error) = prepare(1 << 40) {
            assert!(error.to_string().contains("ulimit -n"), "{error}");
        }
    }
}
