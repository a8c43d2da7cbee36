//! Values through pipes: what goes in comes out of another process, byte for byte.

use std::io::Read as _;
use std::process::Stdio;

use crate::harness::{Ended, bytes, dht, run, run_with, shared_network, with};

fn store(args: &[&str], value: &[u8]) -> Ended {
    let network = shared_network();
    run_with(&[&["-c", &network], args].concat(), value)
}

fn fetch(args: &[&str]) -> Ended {
    let network = shared_network();
    run(&[&["-c", &network], args].concat())
}

#[test]
fn values_of_every_size_come_back_equal_by_the_key_that_b3sum_prints() {
    for length in [0, 1, 1_000, 4_000, 20_000, 5_000_000] {
        let value = bytes("content", length);
        let stored = store(&["-s"], &value).expect_code(0);
        let key = stored.line();
        assert_eq!(key, blake3::hash(&value).to_hex().as_str());
        let fetched = fetch(&["-f", key]).expect_code(0);
        assert!(fetched.stdout == value, "{length} bytes came back as {}", fetched.stdout.len());
    }
}

#[test]
fn values_of_every_size_come_back_equal_by_name() {
    for length in [0, 1, 1_000, 4_000, 20_000, 5_000_000] {
        let value = bytes("named", length);
        let name = format!("value of {length}");
        store(&["-S", &name], &value).expect_code(0);
        let fetched = fetch(&["-F", &name]).expect_code(0);
        assert!(fetched.stdout == value, "{length} bytes came back as {}", fetched.stdout.len());
    }
}

#[test]
fn a_key_of_ones_own_choice_takes_a_value() {
    let key = "key:00000000000000000000000000000000000000000000000000000000000000ff";
    let stored = store(&["-S", key], b"chosen").expect_code(0);
    assert_eq!(stored.line(), &key[4..]);
    assert_eq!(fetch(&["-F", key]).expect_code(0).stdout, b"chosen");
}

#[test]
fn a_key_or_name_that_nobody_has_ends_with_code_1_and_nothing_on_stdout() {
    let key = "1234567890123456789012345678901234567890123456789012345678901234";
    fetch(&["-f", key]).expect_code(1).expect_only_error("not found");
    fetch(&["-F", "nobody's name"]).expect_code(1).expect_only_error("not found");
}

#[test]
fn a_taken_name_keeps_its_value_and_takes_it_again() {
    store(&["-S", "taken"], b"first").expect_code(0);
    store(&["-S", "taken"], b"second").expect_code(1).expect_only_error("name is taken");
    assert_eq!(fetch(&["-F", "taken"]).expect_code(0).stdout, b"first");
    store(&["-S", "taken", "--ttl", "30d"], b"first").expect_code(0);
    assert_eq!(fetch(&["-F", "taken"]).expect_code(0).stdout, b"first");
}

#[test]
fn a_value_of_another_kind_is_not_returned_but_told_of() {
    let stored = store(&["-S", "only named"], b"value").expect_code(0);
    let key = stored.line();
    fetch(&["-f", key]).expect_code(1).expect_only_error(&format!("fetch it with `-F key:{key}`"));
}

#[test]
fn a_store_is_told_as_json_on_request() {
    let stored = store(&["-s", "--json"], b"json").expect_code(0);
    let told: serde_json::Value = serde_json::from_str(stored.line()).unwrap();
    assert_eq!(told["key"], blake3::hash(b"json").to_hex().as_str());
    assert_eq!(told["size"], 4);
    assert_eq!(told["holders"], 5);
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let value = bytes("head", 300_000);
    let stored = store(&["-s"], &value).expect_code(0);
    let network = shared_network();
    let mut child = with(dht(), &["-c", &network, "-f", stored.line()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 1];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(first[0], value[0]);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn a_one_shot_command_may_choose_its_port() {
    let network = shared_network();
    let listen = ["-l", "127.0.0.1:0", "-c", &network];
    let stored = run_with(&[&listen[..], &["-s"]].concat(), b"from a chosen port").expect_code(0);
    let fetched = run(&[&listen[..], &["-f", stored.line()]].concat()).expect_code(0);
    assert_eq!(fetched.stdout, b"from a chosen port");
}
