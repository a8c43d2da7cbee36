//! Signed records: keys, versions, deletions, as separate processes publish and resolve them.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::harness::{Ended, bytes, run, run_with, shared_network};

/// A directory with a key file in it.
struct Author {
    directory: TempDir,
    public: String,
}

impl Author {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let made = run(&["keygen", path.to_str().unwrap()]).expect_code(0);
        Self { public: made.line().to_owned(), directory }
    }

    fn key_file(&self) -> PathBuf {
        self.directory.path().join("key")
    }

    fn sign(&self, command: &str, args: &[&str], value: &[u8]) -> Ended {
        let (network, file) = (shared_network(), self.key_file());
        let common = [command, "-c", &network, "--key-file", file.to_str().unwrap()];
        run_with(&[&common, args].concat(), value)
    }

    fn publish(&self, args: &[&str], value: &[u8]) -> Ended {
        self.sign("publish", args, value)
    }

    fn retract(&self, args: &[&str]) -> Ended {
        self.sign("retract", args, b"")
    }
}

fn resolve(place: &str) -> Ended {
    run(&["resolve", "-c", &shared_network(), place])
}

#[test]
fn a_key_is_made_once_and_only_its_owner_can_read_it() {
    let author = Author::new();
    assert_eq!(author.public.len(), 64);
    let path = author.key_file();
    let before = std::fs::read(&path).unwrap();

    run(&["keygen", path.to_str().unwrap()])
        .expect_code(2)
        .expect_only_error("a key file is never overwritten");

    assert_eq!(std::fs::read(&path).unwrap(), before);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_key_file_that_cannot_be_made_is_told_with_code_4() {
    run(&["keygen", "/nonexistent/key"])
        .expect_code(4)
        .expect_only_error("cannot make the key file /nonexistent/key");
}

#[test]
fn versions_of_every_size_replace_each_other() {
    let author = Author::new();
    let mut key = None;
    for (index, length) in [3, 0, 20_000, 2_000_000, 7].into_iter().enumerate() {
        let value = bytes(&format!("version {index}"), length);
        let published = author.publish(&[], &value).expect_code(0);
        assert!(published.stderr.contains(&format!("Sequence {}", index + 1)), "{index}");
        let printed = published.line().to_owned();
        assert_eq!(key.get_or_insert_with(|| printed.clone()), &printed);

        let resolved = resolve(&printed).expect_code(0);
        assert!(resolved.stdout == value, "version {index}");
        assert!(resolved.stderr.contains(&format!("Sequence {}", index + 1)));
    }
    let key = key.unwrap();
    for place in [author.public.clone(), format!("{}:", author.public), key.clone()] {
        assert_eq!(resolve(&place).expect_code(0).stdout, bytes("version 4", 7));
    }
    // `-f` takes the key too: it proves the value.
    let fetched = run(&["-c", &shared_network(), "-f", &key]).expect_code(0);
    assert_eq!(fetched.stdout, bytes("version 4", 7));
}

#[test]
fn salts_tell_the_records_of_an_author_apart() {
    let author = Author::new();
    author.publish(&["--salt", "news"], b"today").expect_code(0);
    author.publish(&["--salt", "hex:00ff"], b"binary").expect_code(0);

    let at = |salt: &str| format!("{}:{salt}", author.public);
    assert_eq!(resolve(&at("news")).expect_code(0).stdout, b"today");
    assert_eq!(resolve(&at("hex:00ff")).expect_code(0).stdout, b"binary");
    resolve(&author.public).expect_code(1).expect_only_error("not found");
}

#[test]
fn a_lower_sequence_does_not_replace_a_higher_one() {
    let author = Author::new();
    author.publish(&["--sequence", "10"], b"ten").expect_code(0);

    author
        .publish(&["--sequence", "9"], b"nine")
        .expect_code(1)
        .expect_only_error("sequence 10 is already in place");

    assert_eq!(resolve(&author.public).expect_code(0).stdout, b"ten");
    author.publish(&[], b"eleven").expect_code(0);
    assert!(resolve(&author.public).expect_code(0).stderr.contains("Sequence 11"));
}

#[test]
fn compare_and_swap_replaces_the_expected_version_alone() {
    let author = Author::new();
    author.publish(&["--expect", "0"], b"one").expect_code(0);
    author
        .publish(&["--expect", "0"], b"another one")
        .expect_code(1)
        .expect_only_error("sequence 1 is in place, another was expected");
    author.publish(&["--expect", "1"], b"two").expect_code(0);
    author
        .publish(&["--expect", "1", "--sequence", "5"], b"five")
        .expect_code(1)
        .expect_only_error("sequence 2 is in place");
    author.publish(&["--expect", "2", "--sequence", "5"], b"five").expect_code(0);
    assert_eq!(resolve(&author.public).expect_code(0).stdout, b"five");
}

#[test]
fn a_retracted_record_is_told_as_deleted_until_it_is_published_again() {
    let author = Author::new();
    let key = author.publish(&[], b"mistake").expect_code(0).line().to_owned();
    assert_eq!(author.retract(&["--ttl", "30d"]).expect_code(0).line(), key);

    for place in [&key, &author.public] {
        resolve(place).expect_code(1).expect_only_error("deleted by its author at sequence 2");
    }

    author.publish(&[], b"better").expect_code(0);
    let resolved = resolve(&key).expect_code(0);
    assert_eq!(resolved.stdout, b"better");
    assert!(resolved.stderr.contains("Sequence 3"));
}

#[test]
fn an_empty_version_is_no_deletion() {
    let author = Author::new();
    author.publish(&["--sequence", "4"], b"").expect_code(0);
    assert_eq!(resolve(&author.public).expect_code(0).stdout, b"");
}

#[test]
fn a_version_is_told_as_json_on_request() {
    let author = Author::new();
    let published = author.publish(&["--json", "--sequence", "3"], b"json").expect_code(0);
    let told: serde_json::Value = serde_json::from_str(published.line()).unwrap();
    assert_eq!((&told["sequence"], &told["size"]), (&3.into(), &4.into()));
    assert_eq!(told["holders"], 5);
}

#[test]
fn what_cannot_be_signed_is_refused_with_code_2_before_anything_is_sent() {
    let author = Author::new();
    let refused = |args: &[&str], value: &[u8], reason: &str| {
        author.publish(args, value).expect_code(2).expect_only_error(reason);
    };
    refused(&["--ttl", "31d"], b"", "30 days");
    refused(&["--salt", &"x".repeat(33)], b"", "salt is 33 bytes, limit is 32");
    refused(&["--sequence", "x"], b"", "--sequence");
    refused(&[], &vec![0; 5_000_001], "5000000 bytes, which is the limit");

    let network = shared_network();
    let with = |file: &Path| {
        let file = file.to_str().unwrap();
        run_with(&["publish", "-c", &network, "--key-file", file], b"x").expect_code(2)
    };
    with(&author.directory.path().join("nothing")).expect_only_error("there is no key file");
    let damaged = author.directory.path().join("damaged");
    let text = std::fs::read_to_string(author.key_file()).unwrap();
    std::fs::write(&damaged, text.replace("public", "publix")).unwrap();
    with(&damaged).expect_only_error("is damaged");
}

#[cfg(unix)]
#[test]
fn a_key_file_that_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let author = Author::new();
    std::fs::set_permissions(author.key_file(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let published = author.publish(&[], b"x").expect_code(0);
    assert!(published.stderr.contains("Others can read the key file"), "{}", published.stderr);
}
