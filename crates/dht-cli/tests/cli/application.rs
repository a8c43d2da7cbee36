//! The program in a network with nodes of an application: their policy, and their answers.

use std::net::SocketAddr;
use std::time::Duration;

use dht_node::{Forward, Node, Verdict};
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

#[test]
fn an_application_is_asked_from_a_pipe_by_address_by_id_and_near_a_key() {
    let runtime = Runtime::new().unwrap();
    let (node, addr) = application(&runtime);
    let through = addr.to_string();
    let ask = |whom: &str, request: &[u8]| run_with(&["custom", "-c", &through, whom], request);

    assert_eq!(ask(&through, b"well?").expect_code(0).stdout, b"WELL?");
    // Bytes go through unchanged, however many.
    let long = [b"a\0".repeat(30_000), b"\xff\n".to_vec()].concat();
    let answer = ask(&node.id().to_string(), &long).expect_code(0).stdout;
    assert_eq!(answer, long.to_ascii_uppercase());
    let near = ask(&format!("key:{}", "ab".repeat(32)), b"you?").expect_code(0);
    assert_eq!(String::from_utf8(near.stdout).unwrap(), format!("{} YOU?\n", node.id()));
}

#[test]
fn what_cannot_be_asked_or_said_ends_with_a_reason_and_a_code() {
    let runtime = Runtime::new().unwrap();
    let (_node, addr) = application(&runtime);
    let silent = runtime.block_on(Node::builder().listen("127.0.0.1:0".parse().unwrap()).start());
    let silent_node = silent.unwrap();
    let silent = silent_node.local_addr().to_string();
    let through = addr.to_string();
    let long = vec![7; 65_537];
    for (args, input, code, reason) in [
        (vec!["custom", "-c", &through, &silent], &b"x"[..], 1, "does not answer custom requests"),
        (vec!["custom", "-c", &through, &"ab".repeat(32)], b"x", 1, "no such node"),
        (vec!["custom", "-c", &through, "3000"], b"x", 2, "3000"),
        (vec!["custom", &through], b"x", 2, "-c"),
        (vec!["custom", "-c", &through, &through], &long, 2, "65536"),
        (vec!["broadcast", "-c", &through], &long, 2, "65536"),
        (vec!["broadcast", "-c", &through, "--key-file", "/nowhere"], b"x", 2, "/nowhere"),
        (vec!["broadcast", "-s", "-c", &through], b"x", 2, "-s"),
    ] {
        let ended = run_with(&args, input).expect_code(code);
        assert!(ended.stderr.contains(reason), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn a_broadcast_from_a_pipe_reaches_every_node_under_the_authors_key() {
    let runtime = Runtime::new().unwrap();
    let (sender, receiver) = std::sync::mpsc::sync_channel(16);
    let mut nodes: Vec<Node> = Vec::new();
    for _ in 0..3 {
        let sender = sender.clone();
        let mut builder =
            Node::builder().listen("127.0.0.1:0".parse().unwrap()).on_broadcast(move |message| {
                sender.send((*message.author(), message.payload().clone())).unwrap();
                async { Forward::Yes }
            });
        if let Some(first) = nodes.first() {
            builder = builder.bootstrap(first.local_addr());
        }
        let node = runtime.block_on(builder.start()).unwrap();
        runtime.block_on(node.joined()).unwrap();
        nodes.push(node);
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("key");
    let author = run_with(&["keygen", file.to_str().unwrap()], b"").expect_code(0);
    let through = nodes[0].local_addr().to_string();

    let args = ["broadcast", "-c", &through, "--key-file", file.to_str().unwrap()];
    let ended = run_with(&args, b"hello all").expect_code(0);

    assert_eq!(ended.line().len(), 32, "an id of 16 bytes");
    assert!(ended.stderr.contains("confirmed it"), "{}", ended.stderr);
    for _ in &nodes {
        let (by, payload) = receiver.recv_timeout(Duration::from_secs(30)).unwrap();
        assert_eq!((by.to_string().as_str(), &payload[..]), (author.line(), &b"hello all"[..]));
    }
}
