//! Small text files: a title with a version, lines, and a checksum over all of it.
//!
//! ```text
//! dht contacts, version 1
//! ...
//! checksum 64 hexadecimal digits: BLAKE3 of everything above this line
//! ```
//!
//! Invariant: a file is written beside its place, synced and renamed, so whatever happens, its place holds
//! the old file or the new one.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use dht_proto::Key;

use super::DataDirError;

/// Files longer than this are none of ours, in bytes.
const LENGTH_MAX: u64 = 16 * 1024 * 1024;

/// What begins the last line.
const CHECKSUM: &str = "checksum ";

/// A file of a data directory.
#[derive(Debug, Clone, Copy)]
pub(super) struct StateFile {
    /// Its name.
    pub(super) name: &'static str,
    /// What it says it is.
    pub(super) title: &'static str,
    /// Version of its form.
    pub(super) version: u32,
}

/// What is in a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// The lines between title and checksum.
    Text(String),
    /// There is no such file, or it was damaged and is set aside.
    Nothing,
    /// It is of a version that is not known here.
    Newer {
        /// That version.
        version: u32,
    },
}

impl StateFile {
    /// Reads it. A damaged one is set aside.
    pub(super) fn read(&self, directory: &Path) -> Result<Read, DataDirError> {
        let path = directory.join(self.name);
        let mut bytes = Vec::new();
        match File::open(&path).and_then(|file| file.take(LENGTH_MAX).read_to_end(&mut bytes)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Read::Nothing),
            Err(error) => return Err(DataDirError::of_io(&path, error)),
        }
        match self.open(&bytes) {
            Ok(read) => Ok(read),
            Err(problem) => {
                set_aside(&path, problem)?;
                Ok(Read::Nothing)
            }
        }
    }

    /// Sets the file aside: it cannot be used.
    pub(super) fn set_aside(&self, directory: &Path, problem: &str) -> Result<(), DataDirError> {
        set_aside(&directory.join(self.name), problem)
    }

    /// Replaces it.
    pub(super) fn write(&self, directory: &Path, text: &str) -> Result<(), DataDirError> {
        let path = directory.join(self.name);
        let beside = directory.join(format!("{}.new", self.name));
        let written = write_new(&beside, self.seal(text).as_bytes())
            .and_then(|()| std::fs::rename(&beside, &path))
            .and_then(|()| sync_directory(directory));
        written.map_err(|error| DataDirError::of_io(&path, error))
    }

    pub(super) fn seal(&self, text: &str) -> String {
        let body = format!("{}, version {}\n{text}", self.title, self.version);
        let checksum = Key::content(body.as_bytes());
        format!("{body}{CHECKSUM}{checksum}\n")
    }

    pub(super) fn open(&self, bytes: &[u8]) -> Result<Read, &'static str> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is no text")?;
        let end = text.strip_suffix('\n').and_then(|text| text.rfind('\n')).map(|at| at + 1);
        let (body, last) = end.and_then(|end| text.split_at_checked(end)).ok_or("it is cut")?;
        let (title, lines) = body.split_once('\n').ok_or("it is cut")?;
        let checksum = last.trim_end().strip_prefix(CHECKSUM).ok_or("it is cut")?;
        if checksum != Key::content(body.as_bytes()).to_string() {
            return Err("its checksum is another");
        }
        let version = title
            .strip_prefix(self.title)
            .and_then(|rest| rest.strip_prefix(", version "))
            .and_then(|version| version.parse::<u32>().ok());
        match version {
            Some(version) if version == self.version => Ok(Read::Text(lines.to_owned())),
            Some(version) if version > self.version => Ok(Read::Newer { version }),
            _ => Err("it is another file"),
        }
    }
}

/// Renames a file that cannot be used, so that it can be looked at, and says so in the log.
pub(super) fn set_aside(path: &Path, problem: &str) -> Result<(), DataDirError> {
    let aside = free_name(path);
    std::fs::rename(path, &aside).map_err(|error| DataDirError::of_io(path, error))?;
    tracing::error!(
        "{} is damaged: {problem}. It was renamed to {}, and the node starts without",
        path.display(),
        aside.display()
    );
    Ok(())
}

/// A name beside `path` that nothing has.
fn free_name(path: &Path) -> PathBuf {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let named = |number: u64| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".damaged-{}", seconds + number));
        PathBuf::from(name)
    };
    (0..u64::from(u32::MAX)).map(named).find(|name| !name.exists()).unwrap_or_else(|| named(0))
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a renaming last. Elsewhere than on Unix a directory cannot be opened, and need not be.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}
