//! How the program ends: the one place where errors become exit codes.

use std::fmt;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use dht_node::{
    AnswerError, BroadcastError, CustomError, FetchError, JoinError, StartError, Stopped,
    StoreError,
};

/// Why the program ends without having done what it was asked, and by which exit code that is told.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was looked for is not there, or the name belongs to another value. Exit code 1.
    NotFound(anyhow::Error),
    /// The command line, or the value handed over, cannot be accepted. Exit code 2.
    Usage(anyhow::Error),
    /// The network, or our place in it, does not work. Exit code 3.
    Network(anyhow::Error),
    /// The program or the machine it runs on failed. Exit code 4.
    Internal(anyhow::Error),
    /// The reader of our output went away: it has all it wanted. Exit code 0, and not a word.
    ReaderGone,
}

impl Failure {
    /// The exit code, as `dht --help` lists them.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::ReaderGone => 0,
            Self::NotFound(_) => 1,
            Self::Usage(_) => 2,
            Self::Network(_) => 3,
            Self::Internal(_) => 4,
        }
    }

    /// Says on stderr why, and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        if !matches!(self, Self::ReaderGone) {
            // Nobody may be there to read it; the exit code says it too.
            let _ = writeln!(io::stderr(), "error: {self}");
        }
        ExitCode::from(self.code())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(error)
            | Self::Usage(error)
            | Self::Network(error)
            | Self::Internal(error) => f.write_str(&told(error)),
            Self::ReaderGone => f.write_str("the reader of the output went away"),
        }
    }
}

impl From<Stopped> for Failure {
    fn from(error: Stopped) -> Self {
        Self::Internal(error.into())
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::PortInUse { addr } => Self::Network(port_in_use(addr)),
            StartError::Listen { .. } => Self::Network(error.into()),
            StartError::Config(_) => Self::Usage(error.into()),
            _ => Self::Internal(error.into()),
        }
    }
}

impl From<JoinError> for Failure {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::Stopped(stopped) => stopped.into(),
            _ => Self::Network(error.into()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TooLarge(_) => Self::Usage(error.into()),
            StoreError::NameTaken(_)
            | StoreError::Stale { .. }
            | StoreError::SequenceMismatch { .. } => Self::NotFound(error.into()),
            StoreError::NoHolder(_) => Self::Network(error.into()),
            _ => Self::Internal(error.into()),
        }
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::NotFound | FetchError::OtherKind { .. } | FetchError::Deleted { .. } => {
                Self::NotFound(error.into())
            }
            FetchError::Undelivered { .. } | FetchError::NoAnswer => Self::Network(error.into()),
            _ => Self::Internal(error.into()),
        }
    }
}

impl From<BroadcastError> for Failure {
    fn from(error: BroadcastError) -> Self {
        match error {
            BroadcastError::TooLarge(_) => Self::Usage(error.into()),
            BroadcastError::TooMany(_) => Self::Network(error.into()),
            _ => Self::Internal(error.into()),
        }
    }
}

impl From<CustomError> for Failure {
    fn from(error: CustomError) -> Self {
        match error {
            CustomError::TooLong { .. } => Self::Usage(error.into()),
            CustomError::NotFound | CustomError::Answer(AnswerError::Unsupported) => {
                Self::NotFound(error.into())
            }
            CustomError::Answer(_) | CustomError::Unreadable { .. } => Self::Network(error.into()),
            _ => Self::Internal(error.into()),
        }
    }
}

/// Writing to stdout failed. A reader that closed its end is no failure of ours.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::Internal(error.into()),
        }
    }
}

/// An error with its causes, but for those that it names itself.
fn told(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

fn port_in_use(addr: SocketAddr) -> anyhow::Error {
    anyhow::anyhow!(
        "cannot listen on {addr}: port {} is in use; name another with `-l`, or any free one with `-l :0`",
        addr.port()
    )
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn every_cause_is_told_once() {
        let cause = || io::Error::other("disk on fire");
        let named = StartError::Listen { addr: ([127, 0, 0, 1], 3_000).into(), source: cause() };
        let failure = Failure::from(named);
        assert_eq!(failure.to_string(), "cannot listen on 127.0.0.1:3000: disk on fire");

        let unnamed = Err::<(), _>(cause()).context("cannot read").unwrap_err();
        assert_eq!(Failure::Internal(unnamed).to_string(), "cannot read: disk on fire");
    }
}
