//! Data directories of real processes: restarts, crashes, damage, no room, no permission.

use std::path::{Path, PathBuf};
use std::time::Instant;

use tempfile::TempDir;

use crate::harness::{PATIENCE, Process, bytes, run, run_with};

/// Where nodes of a test keep their data.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("dht")
    }

    /// Starts a node here, with more `args`.
    fn start(&self, args: &[&str]) -> Process {
        let path = self.path();
        let common = ["-l", "127.0.0.1:0", "--data-dir", path.to_str().unwrap()];
        Process::start(&[&common, args].concat())
    }

    /// Starts a node here and waits until it listens.
    fn start_and_wait(&self) -> (Process, String) {
        let mut node = self.start(&[]);
        let addr = node.wait_for_addr().to_string();
        (node, addr)
    }

    /// Runs a node here that is expected to fail.
    fn fail(&self, code: i32, reason: &str) {
        let path = self.path();
        run(&["-l", "127.0.0.1:0", "--data-dir", path.to_str().unwrap()])
            .expect_code(code)
            .expect_only_error(reason);
    }

    fn files_like(&self, part: &str) -> Vec<String> {
        let names = std::fs::read_dir(self.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.contains(part)).collect()
    }
}

fn store(addr: &str, value: &[u8]) -> String {
    run_with(&["-c", addr, "-s"], value).expect_code(0).line().to_owned()
}

fn fetch(addr: &str, key: &str) -> Option<Vec<u8>> {
    let ended = run(&["-c", addr, "-f", key]);
    (ended.code == Some(0)).then_some(ended.stdout)
}

#[test]
fn a_killed_node_comes_back_with_what_it_acknowledged() {
    let place = Place::new();
    let (mut node, addr) = place.start_and_wait();
    let values = [0, 900, 20_000, 5_000_000].map(|length| bytes("killed", length));
    let keys = values.each_ref().map(|value| store(&addr, value));
    node.kill();

    let (_node, addr) = place.start_and_wait();
    for (key, value) in keys.iter().zip(&values) {
        assert!(fetch(&addr, key).as_ref() == Some(value), "{} bytes", value.len());
    }
    assert_eq!(place.files_like("damaged"), Vec::<String>::new());
}

#[test]
fn every_node_of_a_process_has_a_directory_of_its_own() {
    let place = Place::new();
    let mut nodes = place.start(&["-n", "3", "-i"]);
    nodes.wait_for("3 nodes have joined");
    nodes.finish().expect_code(0);
    let mut names = place.files_like("node-");
    names.sort();
    assert_eq!(names, ["node-1", "node-2", "node-3"]);
    for name in names {
        assert!(place.path().join(name).join("identity").is_file());
    }
}

#[test]
fn a_directory_in_use_is_told_with_code_4_and_its_name() {
    let place = Place::new();
    let (_node, _) = place.start_and_wait();
    let path = place.path();
    place.fail(4, &format!("data directory {} is in use by another process", path.display()));
}

#[test]
fn a_directory_that_cannot_be_written_to_is_told_with_code_4() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let inside = file.path().join("inside");
    for path in [file.path(), &inside] {
        run(&["-l", "127.0.0.1:0", "--data-dir", path.to_str().unwrap()])
            .expect_code(4)
            .expect_only_error(&format!("cannot write to {}", path.display()));
    }
    #[cfg(unix)]
    read_only_directories_are_told();
}

/// Permissions keep everybody out but the super-user, who is kept out by nothing but the kernel.
#[cfg(unix)]
fn read_only_directories_are_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    std::fs::create_dir(place.path()).unwrap();
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o500)).unwrap();
    if std::fs::write(place.path().join("probe"), b"").is_err() {
        place.fail(4, "cannot write to");
    } else if Path::new("/proc/self").exists() {
        run(&["-l", "127.0.0.1:0", "--data-dir", "/proc/self/dht"])
            .expect_code(4)
            .expect_only_error("cannot write to /proc/self/dht");
    }
}

#[test]
fn a_store_cut_in_the_middle_is_set_aside_and_the_node_starts() {
    let place = Place::new();
    let (mut node, addr) = place.start_and_wait();
    for number in 0..20 {
        store(&addr, &bytes(&number.to_string(), 20_000));
    }
    node.kill();
    let records = place.path().join("records.redb");
    let length = std::fs::metadata(&records).unwrap().len();
    let file = std::fs::OpenOptions::new().write(true).open(&records).unwrap();
    file.set_len(length / 2).unwrap();

    let mut node = place.start(&[]);
    let told = node.wait_for("is damaged");
    assert!(told.contains("ERROR") && told.contains("records.redb"), "{told}");
    let addr = node.wait_for_addr().to_string();

    let aside = place.files_like("records.redb.damaged");
    assert_eq!(aside.len(), 1);
    let aside = place.path().join(&aside[0]);
    assert_eq!(std::fs::metadata(aside).unwrap().len(), length / 2, "it is as it was found");
    let key = store(&addr, b"life goes on");
    assert_eq!(fetch(&addr, &key).unwrap(), b"life goes on");
}

#[test]
fn a_store_cut_under_a_running_node_ends_neither_the_node_nor_what_it_acknowledges() {
    let place = Place::new();
    let (mut node, addr) = place.start_and_wait();
    let values: Vec<Vec<u8>> =
        (0..40).map(|number| bytes(&format!("cut {number}"), 100_000)).collect();
    let keys: Vec<String> = values.iter().map(|value| store(&addr, value)).collect();
    let records = place.path().join("records.redb");
    let length = std::fs::metadata(&records).unwrap().len();
    let file = std::fs::OpenOptions::new().write(true).open(&records).unwrap();
    file.set_len(length / 4).unwrap();

    for (key, value) in keys.iter().zip(&values) {
        let found = fetch(&addr, key);
        assert!(found.is_none_or(|found| found == *value), "{key} is another value");
    }
    let after = run_with(&["-c", &addr, "-s"], b"after the cut");
    match after.code {
        Some(0) => assert_eq!(fetch(&addr, after.line()).unwrap(), b"after the cut"),
        _ => drop(after.expect_code(3).expect_only_error("storage failed")),
    }
    assert!(node.is_running());
}

/// A node that may write files of 2 MB at most meets the same as on a full disk: writing fails.
#[cfg(unix)]
#[test]
fn without_room_for_more_a_store_is_refused_and_nothing_acknowledged_is_lost() {
    let place = Place::new();
    let program = assert_cmd::cargo::cargo_bin!("dht").display().to_string();
    // In blocks of 512 or 1,024 bytes, by the shell. Without the trap the system would end the process.
    let script = format!(
        "trap '' XFSZ; ulimit -f 4000; exec {program} -l 127.0.0.1:0 --data-dir {}",
        place.path().display()
    );
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &script]).env_remove("RUST_LOG");
    let mut node = Process::spawn(shell);
    let addr = node.wait_for_addr().to_string();

    let started = Instant::now();
    let mut kept = Vec::new();
    let refusal = loop {
        assert!(started.elapsed() < PATIENCE, "{} values fitted", kept.len());
        let value = bytes(&kept.len().to_string(), 400_000);
        let ended = run_with(&["-c", &addr, "-s"], &value);
        if ended.code != Some(0) {
            break ended;
        }
        kept.push((ended.line().to_owned(), value));
    };
    refusal.expect_code(3).expect_only_error("1 storage failed");
    assert!(!kept.is_empty());
    let intact = |addr: &str| {
        for (key, value) in &kept {
            assert!(fetch(addr, key).as_ref() == Some(value), "{key} is lost");
        }
    };
    intact(&addr);
    node.kill();
    // With room it takes more again.
    let (_node, addr) = place.start_and_wait();
    intact(&addr);
    store(&addr, &bytes("more", 400_000));
}

#[test]
fn a_record_ends_on_time_on_disk_too() {
    let place = Place::new();
    let (mut node, addr) = place.start_and_wait();
    let brief = run_with(&["-c", &addr, "-s", "--ttl", "1s"], b"brief").expect_code(0);
    let lasting = store(&addr, b"lasting");
    node.kill();
    let (_node, addr) = place.start_and_wait();
    let started = Instant::now();
    while fetch(&addr, brief.line()).is_some() {
        assert!(started.elapsed() < PATIENCE, "it never ends");
    }
    assert_eq!(fetch(&addr, &lasting).unwrap(), b"lasting");
}

#[test]
fn an_operator_drops_a_copy_at_the_console() {
    let place = Place::new();
    let path = place.path();
    let key = blake3::hash(b"unwanted").to_hex().to_string();
    let script = format!("s unwanted\nd {key}\nd {key}\nl\n");
    let args = ["-l", "127.0.0.1:0", "-i", "-v", "1", "--data-dir", path.to_str().unwrap()];
    let ended = run_with(&args, script.as_bytes()).expect_code(0);
    let stdout = String::from_utf8(ended.stdout).unwrap();
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines[1..], ["dropped: content", "0 records, 0 bytes"]);
    assert!(ended.stderr.contains("this node has nothing at this key"), "{}", ended.stderr);
}
