//! The state of the terminal before anything changed it, for an end that comes while a line is edited.

/// A terminal on stdin and how it was found; nothing if stdin is none.
#[derive(Debug, Clone)]
pub(crate) struct Terminal {
    #[cfg(unix)]
    found: Option<nix::sys::termios::Termios>,
}

#[cfg(unix)]
impl Terminal {
    /// Remembers how the terminal is now.
    pub(crate) fn save() -> Self {
        Self { found: nix::sys::termios::tcgetattr(std::io::stdin()).ok() }
    }

    /// Puts the terminal back into the state it was found in, and the cursor on a line of its own if the
    /// terminal was in another.
    pub(crate) fn restore(&self) {
        use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
        use std::io::Write as _;

        let Some(found) = &self.found else { return };
        let Ok(current) = tcgetattr(std::io::stdin()) else { return };
        let is_edited =
            |state: &nix::sys::termios::Termios| !state.local_flags.contains(LocalFlags::ICANON);
        if is_edited(&current) && !is_edited(found) {
            let _ = tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, found);
            // Bracketed paste off: the line editor turns it on while it reads.
            let _ = std::io::stderr().write_all(b"\x1b[?2004l\r\n");
        }
    }
}

#[cfg(not(unix))]
impl Terminal {
    /// The system restores consoles by itself.
    pub(crate) fn save() -> Self {
        Self {}
    }

    /// Nothing to do.
    #[expect(clippy::unused_self, reason = "as where there is state")]
    pub(crate) fn restore(&self) {}
}
