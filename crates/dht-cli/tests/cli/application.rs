//! The program in a network with nodes of an application: their policy, and their answers.

use std::net::SocketAddr;

use dht_node::{Node, Verdict};
use tokio::runtime::Runtime;

use crate::harness::run_with;

/// A node that keeps nothing but JSON, and answers in capitals; it lives as long as the runtime.
fn application(runtime: &Runtime) -> (Node, SocketAddr) {
    let builder = Node::builder()
        .listen("127.0.0.1:0".parse().unwrap())
        .on_store(async |record| match record.value() {
            Some(value) if !value.as_bytes().starts_with(b"{") => {
                Verdict::refuse("not\u{1b}[31m JSON")
            }
            _ => Verdict::Accept,
        })
        .on_custom(async |request| Ok(request.payload.to_ascii_uppercase().into()));
    let node = runtime.block_on(builder.start()).unwrap();
    let addr = node.local_addr();
    (node, addr)
}

#[test]
fn the_reason_of_a_policy_is_told_to_whoever_stores() {
    let runtime = Runtime::new().unwrap();
    let (_node, addr) = application(&runtime);
    let through = addr.to_string();
    let ended = run_with(&["-c", &through, "-s"], b"text").expect_code(3);
    assert!(ended.stderr.contains("1 refused by policy: not[31m JSON"), "{}", ended.stderr);
    let ended = run_with(&["-c", &through, "-s", "--json"], b"{}").expect_code(0);
    let told: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(told["holders"], 1);
}

#[test]
fn the_console_asks_applications_of_other_nodes() {
    let runtime = Runtime::new().unwrap();
    let (node, addr) = application(&runtime);
    let script = format!("c {addr} what time is it?\ncustom {} well?\n", node.id());
    let args = ["-c", &addr.to_string(), "-l", "127.0.0.1:0", "-i", "-v", "1"];
    let ended = run_with(&args, script.as_bytes()).expect_code(0);
    let stdout = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(stdout.lines().collect::<Vec<_>>(), ["WHAT TIME IS IT?", "WELL?"]);
}
