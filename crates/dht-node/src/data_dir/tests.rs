//! Data directories: taken by one, damaged, read-only, of others.

use std::fs;

use dht_proto::{AuthorKey, BroadcastId, NodeIdentity, Nonce, PublicKey, SentAt};
use tempfile::TempDir;

use super::*;

const NETWORK: NetworkId = NetworkId(7);

fn local() -> LocalIdentity {
    LocalIdentity::from_parts([9; 32], Nonce(77))
}

fn contact(number: u8) -> Contact {
    let node = NodeIdentity::new(PublicKey::from_bytes([number; 32]), Nonce(number.into()));
    let addr = if number.is_multiple_of(2) { "[2001:db8::1]:3000" } else { "192.0.2.1:65535" };
    Contact::new(node, addr.parse().unwrap())
}

fn directory() -> (TempDir, DataDir) {
    let temporary = tempfile::tempdir().unwrap();
    let directory = DataDir::open(&temporary.path().join("a/b")).unwrap();
    (temporary, directory)
}

/// Names of files in it, without the lock.
fn names(directory: &DataDir) -> Vec<String> {
    let names = fs::read_dir(&directory.path).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != LOCK).collect();
    names.sort();
    names
}

#[test]
fn what_was_saved_is_read_again() {
    let (_temporary, directory) = directory();
    assert!(directory.identity(NETWORK).unwrap().is_none());
    assert_eq!(directory.contacts(), []);

    directory.save_identity(&local(), NETWORK).unwrap();
    let known: Vec<Contact> = (0..40).map(contact).collect();
    directory.save_contacts(&known).unwrap();
    directory.save_contacts(&known[..30]).unwrap();

    let read = directory.identity(NETWORK).unwrap().unwrap();
    assert_eq!((read.node(), read.secret_bytes()), (local().node(), local().secret_bytes()));
    assert_eq!(directory.contacts(), known[..30]);
    assert_eq!(names(&directory), ["contacts", "identity"]);
}

#[test]
fn a_directory_has_one_node_at_a_time() {
    let (_temporary, directory) = directory();

    let error = DataDir::open(&directory.path).unwrap_err();

    let path = directory.path.clone();
    assert!(matches!(&error, DataDirError::InUse { path: named } if *named == path), "{error:?}");
    assert!(error.to_string().contains("in use by another process"), "{error}");
    drop(directory);
    DataDir::open(&path).unwrap();
}

#[cfg(unix)]
#[test]
fn nobody_but_the_owner_can_look_into_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_temporary, directory) = directory();
    directory.save_identity(&local(), NETWORK).unwrap();

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory.path), 0o700);
    assert_eq!(mode(&directory.path.join("identity")), 0o600);
}

#[test]
fn every_damage_is_noticed_and_the_file_set_aside_unchanged() {
    let (_temporary, directory) = directory();
    directory.save_identity(&local(), NETWORK).unwrap();
    let path = directory.path.join("identity");
    let good = fs::read(&path).unwrap();
    for position in 0..good.len() {
        let mut flipped = good.clone();
        flipped[position] ^= 1;
        for bad in [&flipped, &good[..position]] {
            fs::write(&path, bad).unwrap();

            assert!(directory.identity(NETWORK).unwrap().is_none(), "byte {position}");

            let left = names(&directory);
            let [aside] = left.as_slice() else { panic!("{left:?}") };
            assert!(aside.starts_with("identity.damaged-"), "{aside}");
            let aside = directory.path.join(aside);
            assert_eq!(fs::read(&aside).unwrap(), bad);
            fs::remove_file(aside).unwrap();
        }
    }
}

#[test]
fn damaged_files_do_not_take_each_others_names() {
    let (_temporary, directory) = directory();
    let path = directory.path.join("contacts");
    for number in 0..3_u8 {
        fs::write(&path, [number]).unwrap();
        assert_eq!(directory.contacts(), []);
    }
    assert_eq!(names(&directory).len(), 3);
}

#[test]
fn a_whole_file_with_other_contents_is_damaged_too() {
    let (_temporary, directory) = directory();
    IDENTITY.write(&directory.path, "network 7\nsecret 12\n").unwrap();
    assert!(directory.identity(NETWORK).unwrap().is_none());
    assert_eq!(names(&directory).len(), 1);

    // Of contacts the good lines are taken.
    let text = format!("nonsense\n{}", contacts::to_text(&[contact(1)]));
    CONTACTS.write(&directory.path, &text).unwrap();
    assert_eq!(directory.contacts(), [contact(1)]);
}

#[test]
fn a_file_of_a_later_version_stays_where_it_is() {
    let (_temporary, directory) = directory();
    let later = StateFile { version: 2, ..IDENTITY };
    later.write(&directory.path, "who knows\n").unwrap();

    let error = directory.identity(NETWORK).unwrap_err();

    assert!(matches!(error, DataDirError::Newer { version: 2, known: 1, .. }), "{error:?}");
    assert_eq!(names(&directory), ["identity"]);
    StateFile { version: 2, ..CONTACTS }.write(&directory.path, "").unwrap();
    assert_eq!(directory.contacts(), []);
    assert_eq!(names(&directory), ["contacts", "identity"]);
}

#[test]
fn a_node_of_another_network_is_not_taken_into_this_one() {
    let (_temporary, directory) = directory();
    directory.save_identity(&local(), NETWORK).unwrap();

    let error = directory.identity(NetworkId(8)).unwrap_err();

    assert!(matches!(error, DataDirError::OtherNetwork { .. }), "{error:?}");
}

#[test]
fn a_file_where_the_directory_should_be_is_named() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("file");
    fs::write(&path, b"not yours").unwrap();

    for path in [path.clone(), path.join("inside")] {
        let error = DataDir::open(&path).unwrap_err();
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), b"not yours");
}

#[test]
fn a_file_that_cannot_be_replaced_stays_as_it_was() {
    let (_temporary, directory) = directory();
    directory.save_contacts(&[contact(1)]).unwrap();
    // What is written beside its place cannot be.
    fs::create_dir(directory.path.join("contacts.new")).unwrap();

    let error = directory.save_contacts(&[contact(2)]).unwrap_err();

    assert!(matches!(error, DataDirError::NotWritable { .. }), "{error:?}");
    assert_eq!(directory.contacts(), [contact(1)]);
}

#[test]
fn damaged_records_are_set_aside_and_begun_anew() {
    let (_temporary, directory) = directory();
    let path = directory.path.join(RECORDS);
    fs::write(&path, b"no database").unwrap();

    drop(directory.records(DiskOptions::default()).unwrap());

    let left = names(&directory);
    assert_eq!(left.len(), 2);
    assert!(left[1].starts_with("records.redb.damaged-"), "{left:?}");
    assert_eq!(fs::read(directory.path.join(&left[1])).unwrap(), b"no database");
    drop(directory.records(DiskOptions::default()).unwrap());
    assert_eq!(names(&directory).len(), 2);
}

#[test]
fn broadcasts_are_read_again_and_a_damaged_file_of_them_is_set_aside() {
    let (_temporary, directory) = directory();
    assert_eq!(directory.heard(), []);
    let heard: Vec<HeardBroadcast> = (0..3_u8)
        .map(|number| HeardBroadcast {
            id: BroadcastId::from_bytes([number; BroadcastId::LEN]),
            author: AuthorKey::from_bytes([number; 32]),
            sent: SentAt(number.into()),
        })
        .collect();
    directory.save_heard(&heard).unwrap();
    assert_eq!(directory.heard(), heard);
    assert_eq!(names(&directory), ["broadcasts"]);

    // Of others the good lines are taken.
    let text = broadcasts::to_text(&heard[..1]);
    let bad = ["+1", "-1", "1 2", ""].map(|words| format!("{words} {text}"));
    let signed =
        text.replace(" 00000000000000000000000000000000", " +0000000000000000000000000000000");
    assert_ne!(signed, text);
    BROADCASTS.write(&directory.path, &[bad.concat(), signed, text].concat()).unwrap();
    assert_eq!(directory.heard(), heard[..1]);

    let path = directory.path.join("broadcasts");
    let good = fs::read(&path).unwrap();
    fs::write(&path, &good[..good.len() / 2]).unwrap();
    assert_eq!(directory.heard(), []);
    assert!(names(&directory)[0].starts_with("broadcasts.damaged-"));
}
