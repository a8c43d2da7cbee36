//! The console in front of a person: a pseudo-terminal.

use std::net::UdpSocket;
use std::process::Command;

use nix::sys::wait::WaitStatus;
use rexpect::session::{Options, PtySession, spawn_with_options};

use crate::harness::{PATIENCE, Process, dht, run_with, with};

const PROMPT: &str = "dht> ";
const UP: &str = "\x1b[A";
const ENTER: &str = "\r";

/// A console on the first of three nodes.
fn command(args: &[&str]) -> Command {
    let mut command = with(dht(), &["-n", "3", "-l", "127.0.0.1:0", "-i"]);
    command.args(args).env("TERM", "xterm");
    command
}

/// The same, at its first prompt.
fn console() -> PtySession {
    let mut session = spawn(command(&[]));
    session.exp_string(PROMPT).unwrap();
    session
}

fn spawn(command: Command) -> PtySession {
    let patience = u64::try_from(PATIENCE.as_millis()).unwrap();
    let options = Options::new().timeout_ms(Some(patience)).strip_ansi_escape_codes(true);
    spawn_with_options(command, options).unwrap()
}

/// Types `keys` as they are.
fn type_in(session: &mut PtySession, keys: &str) {
    session.send(keys).unwrap();
    session.flush().unwrap();
}

/// Types a line and waits for `answer` and the next prompt.
#[track_caller]
fn ask(session: &mut PtySession, line: &str, answer: &str) {
    type_in(session, line);
    type_in(session, ENTER);
    session.exp_string(answer).unwrap();
    session.exp_string(PROMPT).unwrap();
}

#[track_caller]
fn expect_clean_end(mut session: PtySession) -> String {
    let rest = session.exp_eof().unwrap();
    assert!(matches!(session.process().wait().unwrap(), WaitStatus::Exited(_, 0)));
    rest
}

fn key(value: &str) -> String {
    blake3::hash(value.as_bytes()).to_hex().to_string()
}

#[test]
fn a_person_stores_fetches_and_leaves_with_end_of_input() {
    let mut session = console();
    ask(&mut session, "s testValue", &format!("{} 3 (only 3 nodes found)", key("testValue")));
    ask(&mut session, &format!("f {}", key("testValue")), "\r\ntestValue\r\n");
    ask(&mut session, "h", "this node's routing table");
    ask(&mut session, "wrong", "error: unknown command `wrong`");
    session.send_control('d').unwrap();
    expect_clean_end(session);
}

#[test]
fn earlier_lines_come_back_and_tab_completes_commands_and_keys() {
    let mut session = console();
    ask(&mut session, "s once", &format!("{} 3", key("once")));
    type_in(&mut session, UP);
    session.exp_string("s once").unwrap();
    ask(&mut session, "", &format!("{} 3", key("once")));
    ask(&mut session, "he\t", "Commands:");
    let start = &key("once")[..8];
    ask(&mut session, &format!("f {start}\t"), "\r\nonce\r\n");
    ask(&mut session, "q\x15", "");
    type_in(&mut session, "quit\r");
    expect_clean_end(session);
}

#[test]
fn an_interrupt_clears_the_line_and_two_in_a_row_leave() {
    let mut session = console();
    type_in(&mut session, "s never stored");
    session.send_control('c').unwrap();
    session.exp_string("Ctrl-C once more").unwrap();
    session.exp_string(PROMPT).unwrap();
    ask(&mut session, &format!("f {}", key("never stored")), "error: not found");
    for typed in ["", "i changed my mind"] {
        type_in(&mut session, typed);
        session.send_control('c').unwrap();
        session.exp_string("Ctrl-C once more").unwrap();
        session.exp_string(PROMPT).unwrap();
    }
    session.send_control('c').unwrap();
    expect_clean_end(session);
}

#[test]
fn an_interrupt_abandons_a_command_that_waits() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut session = console();
    type_in(&mut session, &format!("p {}{ENTER}", silent.local_addr().unwrap()));
    // Now the command is under way.
    silent.recv(&mut [0; 1]).unwrap();
    session.send_control('c').unwrap();
    session.exp_string("error: given up").unwrap();
    session.exp_string(PROMPT).unwrap();
    ask(&mut session, "s and on", &key("and on"));
    session.send_control('d').unwrap();
    expect_clean_end(session);
}

#[test]
fn log_lines_do_not_tear_the_line_being_typed() {
    let mut session = spawn(command(&["-v", "5"]));
    let (_, greeting) = session.exp_regex(r"Console of node \w+ on [\d.]+:\d+").unwrap();
    let addr = greeting.rsplit(' ').next().unwrap();
    session.exp_string(PROMPT).unwrap();
    type_in(&mut session, "s typed in ");
    let mut newcomer = Process::start(&["-c", addr, "-l", "127.0.0.1:0"]);
    let newcomer_addr = newcomer.wait_for_addr().to_string();
    session.exp_string(&newcomer_addr).unwrap();
    session.exp_string("dht> s typed in ").unwrap();
    type_in(&mut session, "two parts");
    ask(&mut session, "", &key("typed in two parts"));
    session.send_control('d').unwrap();
    expect_clean_end(session);
}

#[test]
fn messages_of_other_nodes_are_shown_without_tearing_the_line_and_cannot_command_the_terminal() {
    let mut session = spawn(command(&[]));
    let (_, greeting) = session.exp_regex(r"Console of node \w+ on [\d.]+:\d+").unwrap();
    let addr = greeting.rsplit(' ').next().unwrap();
    session.exp_string(PROMPT).unwrap();
    type_in(&mut session, "s typed in ");
    let message = b"b \x1b[2Jhello, everybody\n";
    let other = ["-c", addr, "-l", "127.0.0.1:0", "-i"];
    run_with(&other, message).expect_code(0);
    // Whole escape sequences are taken out of what is read here: this one has lost its first character.
    session.exp_string("says: [2Jhello, everybody").unwrap();
    session.exp_string("dht> s typed in ").unwrap();
    type_in(&mut session, "two parts");
    ask(&mut session, "", &key("typed in two parts"));
    session.send_control('d').unwrap();
    expect_clean_end(session);
}

#[test]
fn a_value_cannot_command_the_terminal() {
    let mut session = console();
    let hostile = "\x1b]0;owned\x07";
    // Ctrl-V takes the next key as it is.
    type_in(&mut session, "s \x16\x1b]0;owned\x16\x07");
    ask(&mut session, "", &key(hostile));
    ask(&mut session, &format!("f {}", key(hostile)), "10 bytes that are no plain text: 1b 5d 30");
    session.send_control('d').unwrap();
    expect_clean_end(session);
}

#[test]
fn a_kill_at_the_prompt_gives_the_terminal_back_as_it_was() {
    let program = assert_cmd::cargo::cargo_bin!("dht").display().to_string();
    let script = format!(
        "before=$(stty -g); sh -c 'echo process $$; exec {program} -l 127.0.0.1:0 -i'; echo code $?; \
         [ \"$before\" = \"$(stty -g)\" ] && echo terminal as before"
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]).env("TERM", "xterm").env_remove("RUST_LOG");
    let mut session = spawn(command);
    let (_, told) = session.exp_regex("process [0-9]+").unwrap();
    let process = told.trim_start_matches("process ");
    session.exp_string(PROMPT).unwrap();
    ask(&mut session, "i", "node id");
    assert!(Command::new("kill").args(["-TERM", process]).status().unwrap().success());
    session.exp_string("code 0").unwrap();
    session.exp_string("terminal as before").unwrap();
    session.exp_eof().unwrap();
}
