//! Ctrl-C and a polite kill: a clean end.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use crate::harness::Process;

fn send(signal: &str, process: &Process) {
    let status = Command::new("kill").args([signal, &process.id().to_string()]).status().unwrap();
    assert!(status.success());
}

#[test]
fn interrupt_terminate_and_hangup_stop_nodes_cleanly() {
    for (signal, args) in [
        ("-INT", &["-l", "127.0.0.1:0"][..]),
        ("-TERM", &["-n", "3", "-l", "127.0.0.1:0"]),
        ("-HUP", &["-l", "127.0.0.1:0", "-i"]),
    ] {
        let mut process = Process::start(args);
        process.wait_for("First node of the network");
        send(signal, &process);
        process.wait_for("Stopping");
        let status = process.wait();
        assert_eq!((status.code(), status.signal()), (Some(0), None), "{signal}");
    }
}

#[test]
fn a_second_signal_finds_the_process_ended_or_ends_it_at_once() {
    let mut process = Process::start(&["-n", "3", "-l", "127.0.0.1:0"]);
    process.wait_for("3 nodes have joined");
    send("-TERM", &process);
    process.wait_for("Stopping");
    // The process is not reaped yet, so its number is still its own.
    send("-TERM", &process);
    let status = process.wait();
    assert!(matches!(status.code(), Some(0 | 143)), "{status}");
}
