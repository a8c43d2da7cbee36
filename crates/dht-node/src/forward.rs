//! Whether a broadcast that the application got is handed on.

use std::time::Duration;

use crate::hooks::Bounds;

/// Calls of the application at once, and the time of one. The peer waits only for a second before it forwards.
pub(crate) const BOUNDS: Bounds = Bounds { calls: 256, time: Duration::from_secs(10) };

/// Whether a node hands a broadcast on to others.
///
/// What a closure for [`NodeBuilder::on_broadcast`](crate::NodeBuilder::on_broadcast) returns: this, or nothing for
/// [`Forward::Yes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Forward {
    /// It does.
    #[default]
    Yes,
    /// It keeps the broadcast to itself. Other nodes may get it on other ways.
    No,
}

impl From<()> for Forward {
    fn from((): ()) -> Self {
        Self::Yes
    }
}
