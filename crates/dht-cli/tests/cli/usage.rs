//! Wrong command lines, values and ports: the exit code, and a reason that helps.

use std::fs::File;
use std::io::Write as _;
use std::net::{TcpListener, UdpSocket};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::{Process, dht, run, run_with, shared_network, with};

const KEY: &str = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";

#[test]
fn wrong_usage_ends_with_code_2_and_the_reason() {
    for (args, reason) in [
        (&["-l", "3000"][..], "a port is written with a colon: `:3000`"),
        (&["-l", ":65536"], "`65536` is not a port"),
        (&["-c", ":99999", "-s"], "`99999` is not a port"),
        (&["--nonsense"], "unexpected argument '--nonsense'"),
        (&["-n", "3", "-s", "-c", ":1"], "`-n N` cannot be used with `-s`"),
        (&["-n", "0"], "the number of nodes is from 1"),
        (&["-n", "16", "-l", ":65530"], "would need port 65545"),
        (&["-c", ":1", "-f", "12ab"], "4 characters, an identifier has 64 hexadecimal digits"),
        (&["-c", ":1", "-f", "12ab"], KEY),
        (&["-c", ":1", "-F", "key:12ab"], KEY),
        (&["-c", ":1", "-s", "-f", KEY], "cannot be used with"),
        (&["-f", KEY], "add `-c ADDR`"),
        (&["-v", "6"], "0..=5"),
        (&["-c", "[::1]:1", "-l", "127.0.0.1:0", "-f", KEY], "one is IPv4, the other IPv6"),
    ] {
        run(args).expect_code(2).expect_only_error(reason);
    }
}

#[test]
fn a_filter_that_cannot_be_read_is_told() {
    let output = with(dht(), &["-c", ":1", "-F", "x"]).env("RUST_LOG", "=what=").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("RUST_LOG"));
}

/// A socket nobody answers at, that notices if anybody tries.
fn silent() -> (UdpSocket, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap().to_string();
    (socket, addr)
}

fn has_received(socket: &UdpSocket) -> bool {
    socket.set_nonblocking(true).unwrap();
    socket.recv(&mut [0; 1]).is_ok()
}

#[test]
fn a_file_over_the_limit_is_refused_by_size_before_anything_is_sent() {
    let (socket, addr) = silent();
    let mut file = tempfile::tempfile().unwrap();
    file.set_len(5_000_001).unwrap();
    let output =
        with(dht(), &["-c", &addr, "-s"]).stdin(file.try_clone().unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("value is 5000001 bytes, limit is 5000000"), "{text}");
    assert_eq!(output.stdout, b"");
    assert!(!has_received(&socket));

    file.set_len(0).unwrap();
    file.write_all(&[0; 1_001]).unwrap();
    run_with(&["-c", &addr, "-S", "x", "--item-limit", "1kB"], &[0; 1_001])
        .expect_code(2)
        .expect_only_error("limit");
    assert!(!has_received(&socket));
}

#[cfg(unix)]
#[test]
fn input_without_end_is_refused_at_the_limit() {
    let (socket, addr) = silent();
    let output =
        with(dht(), &["-c", &addr, "-s"]).stdin(File::open("/dev/zero").unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("value is more than 5000000 bytes, which is the limit"), "{text}");
    assert!(!has_received(&socket));
}

#[test]
fn nobody_at_the_bootstrap_address_is_told_within_5_seconds() {
    let (socket, addr) = silent();
    let network = shared_network();
    let started = Instant::now();
    let processes = [
        (&["-c", &addr, "-f", KEY][..], &addr),
        (&["-c", &addr, "-s"], &addr),
        (&["-c", &addr, "-l", "127.0.0.1:0"], &addr),
        (&["-c", &addr, "-n", "3", "-l", "127.0.0.1:0"], &addr),
        (&["-c", &network, "--network", "another", "-F", "x"], &network),
    ]
    .map(|(args, tried)| (Process::start_without_input(args), tried));
    for (mut process, tried) in processes {
        assert_eq!(process.wait().code(), Some(3));
        let elapsed = started.elapsed();
        assert!(elapsed < Duration::from_secs(5), "took {elapsed:?}");
        process.finish().expect_only_error(&format!("error: no answer from {tried}"));
    }
    assert!(has_received(&socket));
}

#[test]
fn a_port_in_use_ends_with_code_3_and_its_name() {
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let streams = TcpListener::bind("127.0.0.1:0").unwrap();
    for addr in [datagrams.local_addr().unwrap(), streams.local_addr().unwrap()] {
        let told = format!("cannot listen on {addr}: port {} is in use", addr.port());
        let addr = addr.to_string();
        run(&["-l", &addr]).expect_code(3).expect_only_error(&told);
        run(&["-l", &addr, "-n", "2"]).expect_code(3).expect_only_error(&told);
    }
    // A client opens no port for streams.
    let addr = datagrams.local_addr().unwrap().to_string();
    run(&["-c", &shared_network(), "-l", &addr, "-F", "x"]).expect_code(3).expect_only_error(&addr);
}

#[test]
fn an_address_of_another_machine_cannot_be_listened_on() {
    run(&["-l", "192.0.2.1:3000"])
        .expect_code(3)
        .expect_only_error("cannot listen on 192.0.2.1:3000");
}

#[cfg(unix)]
#[test]
fn nobody_to_read_the_log_is_no_reason_to_fail() {
    let mut child = with(dht(), &["-c", &shared_network(), "-s", "-v", "5"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, format!("{KEY}\n").into_bytes());
}
