//! Files that hold the secret key of an author: what `dht keygen` makes and `--key-file` reads.
//!
//! Three lines of text: what it is, the public key, the secret key. The public key is there to be copied,
//! and tells a damaged secret from a good one.
//!
//! Invariants: a key file is never overwritten, and on Unix nobody but its owner can read one that was
//! made here.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, anyhow};
use dht_node::{AuthorKey, AuthorSecret};
use tracing::warn;

use crate::failure::Failure;

/// First line: what the file is, and the version of its form.
const TITLE: &str = "dht author key, version 1";

/// More than any key file has, in bytes.
const LENGTH_MAX: u64 = 1_024;

/// Makes a new key and the file that holds it. Gives its public part.
pub(crate) fn create(path: &Path) -> Result<AuthorKey, Failure> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| Failure::Internal(anyhow!("no entropy from the system: {error}")))?;
    let secret = AuthorSecret::from_seed(&seed);
    let mut file = match new_file(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Failure::Usage(anyhow!(
                "{} exists already, and a key file is never overwritten",
                path.display()
            )));
        }
        Err(error) => return Err(failed("make", path, error)),
    };
    let written = file.write_all(to_text(&secret).as_bytes()).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // Half a key is none. What keeps it from being removed keeps whoever looks from using it.
        let _ = std::fs::remove_file(path);
        return Err(failed("write", path, error));
    }
    Ok(secret.author())
}

/// Reads the key in a file that [`create`] made.
pub(crate) fn read(path: &Path) -> Result<AuthorSecret, Failure> {
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::Usage(anyhow!(
            "there is no key file {}: `dht keygen {0}` makes one",
            path.display()
        )),
        _ => failed("open", path, error),
    })?;
    let mut text = String::new();
    let read = (&file).take(LENGTH_MAX).read_to_string(&mut text);
    match read {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(Failure::Usage(anyhow!("{} is not a key file", path.display())));
        }
        Err(error) => return Err(failed("read", path, error)),
    }
    let secret = from_text(&text)
        .map_err(|problem| Failure::Usage(anyhow!("{} {problem}", path.display())))?;
    warn_if_exposed(&file, path);
    Ok(secret)
}

fn failed(action: &str, path: &Path, error: io::Error) -> Failure {
    let error = Err::<(), _>(error)
        .with_context(|| format!("cannot {action} the key file {}", path.display()));
    Failure::Internal(error.err().unwrap_or_else(|| anyhow!("the key file failed")))
}

fn to_text(secret: &AuthorSecret) -> String {
    // Any 32 bytes are written, and read, as a key is.
    let seed = AuthorKey::from_bytes(secret.to_seed());
    format!("{TITLE}\npublic {}\nsecret {seed}\n", secret.author())
}

fn from_text(text: &str) -> Result<AuthorSecret, &'static str> {
    let mut lines = text.lines();
    if lines.next() != Some(TITLE) {
        return Err("is not a key file");
    }
    let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
    let public = field("public").and_then(|digits| digits.parse::<AuthorKey>().ok());
    let seed = field("secret").and_then(|digits| digits.parse::<AuthorKey>().ok());
    let secret = seed.map(|seed| AuthorSecret::from_seed(seed.as_bytes()));
    match (public, secret) {
        (Some(public), Some(secret)) if secret.author() == public => Ok(secret),
        _ => Err("is damaged: its secret key is not the one of its public key"),
    }
}

#[cfg(unix)]
fn new_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Says so if others may read the file.
#[cfg(unix)]
fn warn_if_exposed(file: &File, path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.metadata().map(|metadata| metadata.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        let path = path.display();
        warn!("Others can read the key file {path}: `chmod 600 {path}` keeps it to you");
    }
}

/// Not told on this system.
#[cfg(not(unix))]
fn warn_if_exposed(_: &File, _: &Path) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_made_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");

        let author = create(&path).unwrap();

        assert_eq!(read(&path).unwrap().author(), author);
        assert_ne!(create(&directory.path().join("other")).unwrap(), author);
    }

    #[test]
    fn a_key_file_is_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let author = create(&path).unwrap();

        let failure = create(&path).unwrap_err();

        assert_eq!(failure.code(), 2);
        assert!(failure.to_string().contains("never overwritten"), "{failure}");
        assert_eq!(read(&path).unwrap().author(), author);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_but_the_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        create(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn every_damage_to_a_key_is_noticed() {
        let good = to_text(&AuthorSecret::from_seed(&[7; 32]));
        assert!(from_text(&good).is_ok());
        for position in 0..good.len() - 1 {
            let mut bad = good.clone().into_bytes();
            bad[position] = if bad[position] == b'0' { b'1' } else { b'0' };
            assert!(from_text(std::str::from_utf8(&bad).unwrap()).is_err(), "byte {position}");
            assert!(from_text(&good[..position]).is_err(), "cut at {position}");
        }
    }

    #[test]
    fn what_is_no_key_file_is_told_so() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        assert!(read(&path).unwrap_err().to_string().contains("dht keygen"));
        for bytes in [&b""[..], b"\xff\xfe", b"-----BEGIN", &[b'x'; 10_000]] {
            std::fs::write(&path, bytes).unwrap();
            let failure = read(&path).unwrap_err();
            assert_eq!(failure.code(), 2);
            assert!(failure.to_string().contains("is not a key file"), "{failure}");
        }
    }
}
