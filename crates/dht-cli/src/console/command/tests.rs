//! Lines as people type them.

use super::*;

fn parsed(line: &str) -> Command {
    parse(line).unwrap().unwrap()
}

#[test]
fn every_command_has_a_letter_and_a_long_name() {
    for verb in VERBS {
        assert_eq!(find(verb.letter), find(verb.name));
        assert_eq!(VERBS.iter().filter(|other| other.letter == verb.letter).count(), 1);
        assert_eq!(VERBS.iter().filter(|other| other.name == verb.name).count(), 1);
    }
}

#[test]
fn the_readme_tells_of_every_command() {
    let readme = include_str!("../../../../../README.md");
    for Verb { letter, name, arguments, .. } in VERBS {
        let call = format!("| `{letter}`, `{name} {arguments}").trim_end().to_owned();
        assert!(readme.contains(&format!("{call}` |")), "{call}");
    }
}

#[test]
fn a_value_is_the_whole_rest_of_the_line() {
    assert_eq!(parsed("s two words"), Command::Store("two words".to_owned()));
    assert_eq!(parsed("store  padded "), Command::Store(" padded ".to_owned()));
    assert_eq!(parsed("  s x"), Command::Store("x".to_owned()));
    assert_eq!(parsed("b two words"), Command::Broadcast("two words".to_owned()));
}

#[test]
fn names_end_at_a_space_unless_quoted() {
    let at = |name: &str, value: &str| Command::StoreAt(name.into(), value.to_owned());
    assert_eq!(parsed("S motto two words"), at("motto", "two words"));
    assert_eq!(parsed("S \"my motto\" two words"), at("my motto", "two words"));
    assert_eq!(parsed("F my motto"), Command::FetchAt("my motto".into()));
    assert_eq!(parsed("F \"my motto\""), Command::FetchAt("my motto".into()));
}

#[test]
fn keys_and_places_are_read() {
    let key = Key::content(b"x");
    assert_eq!(parsed(&format!("f {key} ")), Command::Fetch(key));
    assert_eq!(parsed(&format!("n {key}")), Command::Find(key));
    assert_eq!(parsed(&format!("drop {key}")), Command::Drop(key));
    assert_eq!(parsed(&format!("F key:{key}")), Command::FetchAt(key.into()));
}

#[test]
fn salts_are_read_and_none_is_written_as_quotes() {
    let salt = |text: &str| parse_salt(text).unwrap();
    let publish = |salt, value: &str| Command::Publish(salt, value.to_owned());
    assert_eq!(parsed("P news two words"), publish(salt("news"), "two words"));
    assert_eq!(parsed("P \"my news\" x"), publish(salt("my news"), "x"));
    assert_eq!(parsed("P \"\" x"), publish(salt(""), "x"));
    assert_eq!(parsed("X \"\""), Command::Retract(salt("")));
    assert_eq!(parsed("X hex:00ff"), Command::Retract(salt("hex:00ff")));
    assert_eq!(parsed("k \"my key\""), Command::Sign("my key".into()));
    let key = Key::content(b"x");
    assert_eq!(parsed(&format!("R {key}")), Command::Resolve(SignedPlace::Key(key)));
}

#[test]
fn a_request_is_the_rest_of_the_line_after_whom_it_is_for() {
    let to = "127.0.0.1:3000";
    let asked = Command::Ask(to.parse().unwrap(), "what time is it?".to_owned());
    assert_eq!(parsed(&format!("c {to} what time is it?")), asked);
}

#[test]
fn what_is_no_command_is_told_why() {
    for line in [
        "s",
        "s  ",
        "b",
        "b  ",
        "f",
        "f 12",
        "h me",
        "S name",
        "S \"open",
        "F",
        "p 3000",
        "q!",
        "k",
        "P",
        "P news",
        "R",
        "R 12",
        "X",
        "X hex:0",
        "c",
        "c :3000",
        "c 3000 hello",
        "x ban",
        "x lift 127.0.0.1",
    ] {
        assert!(parse(line).is_err(), "{line:?}");
    }
    assert_eq!(parse("f 12").unwrap_err(), parse_key("12").unwrap_err());
    assert!(parse("s").unwrap_err().contains("s VALUE"));
}

#[test]
fn an_empty_line_is_no_command() {
    assert_eq!(parse(""), Ok(None));
    assert_eq!(parse(" \t"), Ok(None));
}
