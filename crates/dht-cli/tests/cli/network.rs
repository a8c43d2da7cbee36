//! Nodes that run: what they log, whom they join, which ports they take.

use std::net::UdpSocket;

use crate::harness::{Process, dht, run, run_with, with};

#[test]
fn log_lines_give_time_level_and_message() {
    let mut node = Process::start(&["-l", "127.0.0.1:0"]);
    let line = node.wait_for("Listening on ");
    let (time, rest) = line.split_once(' ').unwrap();
    assert!(rest.starts_with("▶ INFO Listening on 127.0.0.1:"), "{line}");
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "00:00:00.000");
}

#[test]
fn a_node_joins_another_and_they_share_values() {
    let mut first = Process::start(&["-l", "127.0.0.1:0", "--network", "two"]);
    let first_addr = first.wait_for_addr().to_string();
    let mut second = Process::start(&["-l", "127.0.0.1:0", "-c", &first_addr, "--network", "two"]);
    let second_addr = second.wait_for_addr().to_string();
    second.wait_for("Joined the network `two`: 1 node known");
    let stored = run_with(&["-c", &first_addr, "--network", "two", "-s"], b"shared").expect_code(0);
    let fetched = run(&["-c", &second_addr, "--network", "two", "-f", stored.line()]);
    assert_eq!(fetched.expect_code(0).stdout, b"shared");
}

#[test]
fn one_bootstrap_node_of_several_that_answers_is_enough() {
    let mut node = Process::start(&["-l", "127.0.0.1:0"]);
    let addr = node.wait_for_addr().to_string();
    let deaf = UdpSocket::bind("127.0.0.1:0").unwrap();
    let deaf_addr = deaf.local_addr().unwrap().to_string();
    run_with(&["-c", &deaf_addr, "-c", &addr, "-s"], b"x").expect_code(0);
}

#[test]
fn all_nodes_of_a_process_join_the_network_they_are_given() {
    let mut first = Process::start(&["-l", "127.0.0.1:0"]);
    let addr = first.wait_for_addr().to_string();
    let mut others = Process::start(&["-n", "4", "-l", "127.0.0.1:0", "-c", &addr]);
    others.wait_for("4 nodes have joined");
    let stored = run_with(&["-c", &addr, "-s", "--json"], b"five holders").expect_code(0);
    let told: serde_json::Value = serde_json::from_str(stored.line()).unwrap();
    assert_eq!(told["holders"], 5);
}

/// The first of three ports in a row that were free a moment ago.
fn three_free_ports() -> u16 {
    loop {
        let first = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        let is_free = |port: Option<u16>| {
            port.is_some_and(|port| UdpSocket::bind(("127.0.0.1", port)).is_ok())
        };
        if is_free(port.checked_add(1)) && is_free(port.checked_add(2)) {
            return port;
        }
    }
}

#[test]
fn nodes_of_a_process_take_consecutive_ports() {
    // Somebody else may take a port in between; then other ports are tried.
    for attempt in 1.. {
        let port = three_free_ports();
        let commands: Vec<String> = (1..3).map(|n| format!("p 127.0.0.1:{}\n", port + n)).collect();
        let listen = format!("127.0.0.1:{port}");
        let ended = run_with(&["-n", "3", "-l", &listen, "-i"], commands.concat().as_bytes());
        if ended.code == Some(3) && attempt < 10 {
            continue;
        }
        let stdout = String::from_utf8(ended.expect_code(0).stdout).unwrap();
        assert_eq!(
            stdout.lines().filter(|line| line.contains(" answered in ")).count(),
            2,
            "{stdout}"
        );
        return;
    }
}

#[cfg(unix)]
#[test]
fn too_few_open_files_are_told_with_what_to_do() {
    let program = assert_cmd::cargo::cargo_bin!("dht").display().to_string();
    let script = format!("ulimit -n 100; exec {program} -n 100 -l 127.0.0.1:0");
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("100 nodes need 264 open files, the limit is 100"), "{text}");
}

#[test]
fn silence_and_chatter_are_levels_and_the_environment_overrides_them() {
    let network = crate::harness::shared_network();
    let store = |level: &str, filter: Option<&str>| {
        let mut command = with(dht(), &["-c", &network, "-s", "-v", level]);
        command.envs(filter.map(|filter| ("RUST_LOG", filter)));
        let output = command.stdin(std::process::Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(store("0", None), "");
    assert!(store("3", None).contains("▶ INFO Stored 0 bytes on 5 nodes"));
    assert!(!store("3", None).contains("▶ DEBUG"));
    assert!(store("4", None).contains("▶ DEBUG Listening on "));
    assert_eq!(store("5", Some("off")), "");
    assert!(store("0", Some("dht=info")).contains("▶ INFO Stored"));
}
