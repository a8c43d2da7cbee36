//! The console with commands piped in.

use crate::harness::{Process, run, run_with};

/// Runs the console on the first of three nodes.
fn console(script: &str) -> (Vec<String>, String) {
    let ended = run_with(&["-n", "3", "-l", "127.0.0.1:0", "-i", "-v", "1"], script.as_bytes());
    let ended = ended.expect_code(0);
    let stdout = String::from_utf8(ended.stdout).unwrap();
    (stdout.lines().map(str::to_owned).collect(), ended.stderr)
}

fn key(value: &str) -> String {
    blake3::hash(value.as_bytes()).to_hex().to_string()
}

#[test]
fn values_are_stored_with_their_spaces_and_fetched_again() {
    let (one, two) = (key("testValue"), key("two words"));
    let script = format!("s testValue\nf {one}\nstore two words\nfetch {two}\n");
    let (lines, errors) = console(&script);
    assert_eq!(
        lines,
        [
            format!("{one} 3 (only 3 nodes found)"),
            "testValue".to_owned(),
            format!("{two} 3 (only 3 nodes found)"),
            "two words".to_owned(),
        ]
    );
    assert_eq!(errors, "");
}

#[test]
fn names_hold_values_until_they_are_taken() {
    let (lines, errors) = console("S motto festina lente\nS motto other\nF motto\n");
    assert!(lines[0].ends_with(" 3 (only 3 nodes found)"), "{lines:?}");
    assert_eq!(lines[1..], ["festina lente"]);
    assert!(errors.contains("error: name is taken"), "{errors}");
}

#[test]
fn errors_are_told_on_stderr_and_end_nothing() {
    let script =
        format!("nonsense\ns\nf 12\nf {}\np 127.0.0.1\n\ns still here\n", key("nobody has it"));
    let (lines, errors) = console(&script);
    assert_eq!(lines, [format!("{} 3 (only 3 nodes found)", key("still here"))]);
    let told: Vec<&str> = errors.lines().collect();
    assert_eq!(told.len(), 5, "{errors}");
    assert!(told[0].contains("unknown command `nonsense`"));
    assert!(told[1].contains("is written `s VALUE`"));
    assert!(told[2].contains("a key looks like"));
    assert!(told[3].contains("not found"));
    assert!(told[4].contains("the port is missing"));
}

#[test]
fn what_a_node_knows_is_shown() {
    let stored = key("x");
    let (lines, errors) = console(&format!("s x\nl\nr\ni\nn {stored}\nh\n"));
    let text = lines.join("\n");
    assert_eq!(errors, "");
    assert!(text.contains("1 record, 1 byte\n"), "{text}");
    assert!(lines.iter().any(|line| line.starts_with(&stored) && line.ends_with(" own")), "{text}");
    assert!(text.contains("2 nodes in "), "{text}");
    assert!(text.contains("routing table  2 nodes"), "{text}");
    assert!(text.contains(" of 500,000,000 bytes"), "{text}");
    assert!(
        text.contains("2 nodes, the closest first") || text.contains("3 nodes, the closest first"),
        "{text}"
    );
    assert!(text.contains("h, help"), "{text}");
}

#[test]
fn records_are_signed_resolved_and_retracted() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("my key");
    let made = run(&["keygen", file.to_str().unwrap()]).expect_code(0);
    let author = made.line();
    let script = format!(
        "P news early\nk \"{}\"\nP news first issue\npublish news second issue\n\
         R {author}:news\nP \"\" without salt\nR {author}\nX news\nresolve {author}:news\n",
        file.display()
    );
    let (lines, errors) = console(&script);
    assert_eq!(lines[0], format!("signing as {author}"));
    assert!(lines[1].ends_with(" 3 (only 3 nodes found), sequence 1"), "{lines:?}");
    assert!(lines[2].ends_with(", sequence 2"), "{lines:?}");
    assert_eq!(lines[3], "second issue");
    assert!(lines[4].ends_with(", sequence 1"), "{lines:?}");
    assert_eq!(lines[5], "without salt");
    assert!(lines[6].ends_with(", sequence 3"), "{lines:?}");
    assert_eq!(lines.len(), 7, "{lines:?}");
    let told: Vec<&str> = errors.lines().collect();
    assert!(told[0].contains("no key is loaded"), "{errors}");
    assert!(told[1].contains("deleted by its author at sequence 3"), "{errors}");
}

#[test]
fn quit_leaves_without_reading_on() {
    let (lines, _) = console("q\ns not read\n");
    assert_eq!(lines, Vec::<String>::new());
}

#[test]
fn commands_are_answered_before_the_input_ends() {
    let mut process = Process::start(&["-l", "127.0.0.1:0", "-i"]);
    let addr = process.wait_for_addr();
    process.send_line("s early");
    let fetched = loop {
        // The value is there as soon as the command has been carried out.
        let ended = run(&["-c", &addr.to_string(), "-f", &key("early")]);
        if ended.code == Some(0) {
            break ended;
        }
    };
    assert_eq!(fetched.stdout, b"early");
    process.finish().expect_code(0);
}

#[test]
fn a_node_of_the_program_says_that_it_answers_no_custom_requests() {
    let near = format!("key:{}", key("x"));
    let (lines, errors) = console(&format!("c {near} hello\nc {} hello\n", key("nobody")));
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.iter().all(|line| line.ends_with(" (answers nothing)")), "{lines:?}");
    assert!(errors.contains("no such node was found"), "{errors}");
}

#[test]
fn a_broadcast_is_sent_from_one_console_and_shown_in_another() {
    let mut listening = Process::start(&["-l", "127.0.0.1:0", "-i"]);
    let addr = listening.wait_for_addr().to_string();
    let ended = run_with(&["-c", &addr, "-l", "127.0.0.1:0", "-i"], b"b hello, everybody\n");
    let ended = ended.expect_code(0);
    assert_eq!(ended.stdout, b"1 node confirmed it; it reaches about 1 in all\n");
    listening.wait_for("hello, everybody");
    assert_eq!(listening.finish().expect_code(0).stdout, b"");
}

#[test]
fn a_broadcast_says_how_many_it_reaches() {
    let (lines, errors) = console("b hello, everybody\nb\n");
    // One of the two may have it from the other by the time it is asked, or be met only now.
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(" confirmed it; it reaches about "), "{lines:?}");
    assert!(errors.contains("is written `b MESSAGE`"), "{errors}");
    let ended = run_with(&["-i", "-v", "1", "-l", "127.0.0.1:0"], b"b alone\n").expect_code(0);
    assert_eq!(ended.stdout, b"no other node is known\n");
}
