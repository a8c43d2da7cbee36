//! The forms of the small files, to be read and written without a directory: for the fuzz targets.

use dht_proto::{Contact, LocalIdentity, NetworkId};
use dht_routing::{Ban, HeardBroadcast};

use super::state_file::Read;
use super::{CONTACTS, bans, broadcasts, contacts, identity};

/// The contacts in the lines of a file.
pub fn read_contacts(lines: &str) -> Vec<Contact> {
    contacts::parse(lines)
}

/// The lines of a file with these contacts.
pub fn write_contacts(known: &[Contact]) -> String {
    contacts::to_text(known)
}

/// The bans in the lines of a file.
pub fn read_bans(lines: &str) -> Vec<Ban> {
    bans::parse(lines)
}

/// The lines of a file with these bans.
pub fn write_bans(bans: &[Ban]) -> String {
    bans::to_text(bans)
}

/// The broadcasts in the lines of a file.
pub fn read_heard(lines: &str) -> Vec<HeardBroadcast> {
    broadcasts::parse(lines)
}

/// The lines of a file with these broadcasts.
pub fn write_heard(heard: &[HeardBroadcast]) -> String {
    broadcasts::to_text(heard)
}

/// The identity in the lines of a file.
pub fn read_identity(lines: &str) -> Option<(LocalIdentity, NetworkId)> {
    identity::parse(lines)
}

/// The lines of a file with this identity.
pub fn write_identity(local: &LocalIdentity, network: NetworkId) -> String {
    identity::to_text(local, network)
}

/// The lines of a whole file of contacts, title and checksum left out; `None` if it is damaged, or of a later
/// version.
pub fn open_file(bytes: &[u8]) -> Option<String> {
    match CONTACTS.open(bytes) {
        Ok(Read::Text(lines)) => Some(lines),
        Ok(Read::Nothing | Read::Newer { .. }) | Err(_) => None,
    }
}

/// A whole file of contacts with these lines.
pub fn seal_file(lines: &str) -> String {
    CONTACTS.seal(lines)
}
