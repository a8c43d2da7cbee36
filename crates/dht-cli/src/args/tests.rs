//! Command lines, and what they are understood as.

use dht_node::Sequence;

use super::*;
use crate::signed::SignedPlace;

fn plan(line: &str) -> Result<Plan, clap::Error> {
    let words = std::iter::once("dht").chain(line.split_whitespace());
    Args::try_parse_from(words).and_then(Args::plan)
}

fn run(line: &str) -> Run {
    match plan(line).unwrap().task {
        Task::Run(run) => run,
        other => panic!("{line} runs no nodes: {other:?}"),
    }
}

fn action(line: &str) -> Action {
    match plan(line).unwrap().task {
        Task::OneShot(one_shot) => one_shot.action,
        other => panic!("{line} is no one-shot command: {other:?}"),
    }
}

fn signing(line: &str) -> SignTask {
    match action(line) {
        Action::Publish { task, .. } | Action::Retract(task) => task,
        other => panic!("{line} signs nothing: {other:?}"),
    }
}

fn refusal(line: &str) -> String {
    plan(line).expect_err(line).to_string()
}

#[test]
fn the_command_is_well_formed() {
    Args::command().debug_assert();
}

#[test]
fn without_flags_one_node_listens_on_port_3000_of_all_interfaces() {
    let plan = plan("").unwrap();
    assert_eq!((plan.verbose, plan.network.as_str()), (3, "main"));
    assert!(plan.connect.is_empty());
    let run = run("");
    assert_eq!((run.listen.0.to_string().as_str(), run.nodes), ("0.0.0.0:3000", 1));
    assert!(!run.interactive);
}

#[test]
fn every_flag_has_its_short_and_its_long_form() {
    for (short, long) in [
        ("-c :1", "--connect :1"),
        ("-l :1", "--listen :1"),
        ("-i", "--interactive"),
        ("-i", "--interactif"),
        ("-c :1 -s", "-c :1 --store"),
        ("-c :1 -S x", "-c :1 --store-at x"),
        ("-c :1 -F x", "-c :1 --fetch-at x"),
        ("-n 3", "--network 3"),
        ("-v 5", "--verbose 5"),
    ] {
        assert_eq!(format!("{:?}", plan(short).unwrap()), format!("{:?}", plan(long).unwrap()));
    }
    let key = Key::content(b"");
    assert!(matches!(action(&format!("-c :1 -f {key}")), Action::Fetch(found) if found == key));
    assert!(
        matches!(action(&format!("-c :1 --fetch {key}")), Action::Fetch(found) if found == key)
    );
}

#[test]
fn connect_may_be_repeated() {
    assert_eq!(plan("-c :1 -c 10.0.0.1:2 -c localhost:3").unwrap().connect.len(), 3);
}

#[test]
fn the_network_flag_takes_a_number_of_nodes_or_a_name_or_both() {
    assert_eq!(run("-n 16").nodes, 16);
    assert_eq!(plan("--network office").unwrap().network, "office");
    let both = plan("-n 4 --network office").unwrap();
    assert_eq!(both.network, "office");
    assert!(matches!(both.task, Task::Run(Run { nodes: 4, .. })));
    assert_eq!(plan("--network-name 2026").unwrap().network, "2026");
}

#[test]
fn a_private_network_does_not_stand_in_the_way_of_a_one_shot_command() {
    assert!(matches!(action("-c :1 --network office -s"), Action::Store { place: None, .. }));
}

#[test]
fn stores_take_their_life_limit_and_form() {
    let Action::Store { place, ttl, limit, json } =
        action("-c :1 -S motto --ttl 1h --item-limit 1kB --json")
    else {
        panic!("no store");
    };
    assert_eq!(place, Some("motto".into()));
    assert_eq!((ttl.as_secs(), limit, json), (3_600, 1_000, true));
}

#[test]
fn a_place_is_a_name_or_a_key() {
    let key = Key::content(b"x");
    let line = format!("-c :1 -F key:{key}");
    assert!(matches!(action(&line), Action::FetchAt(Place::Key(found)) if found == key));
    assert!(refusal("-c :1 -F key:12").contains("64 hexadecimal digits"));
}

#[test]
fn a_malformed_key_is_told_what_a_key_looks_like() {
    for bad in ["12", "xyz", &"g".repeat(64), &"0".repeat(65)] {
        let text = refusal(&format!("-c :1 -f {bad}"));
        assert!(text.contains(&Key::content(b"").to_string()), "{text}");
    }
}

#[test]
fn one_shot_commands_exclude_each_other_and_every_way_to_run_nodes() {
    let key = Key::content(b"");
    for line in [
        "-c :1 -s -S x".to_owned(),
        format!("-c :1 -s -f {key}"),
        "-c :1 -S x -F x".to_owned(),
        "-c :1 -n 3 -s".to_owned(),
        "-c :1 -n 1 -F x".to_owned(),
        "-c :1 -i -s".to_owned(),
        "-c :1 -s --capacity 1GB".to_owned(),
    ] {
        assert!(refusal(&line).contains("cannot be used with"), "{line}");
    }
}

#[test]
fn a_one_shot_command_needs_a_node_to_join_through() {
    assert!(refusal("-s").contains("add `-c ADDR`"));
}

#[test]
fn options_of_stores_do_not_go_with_fetches() {
    assert!(refusal("-c :1 -F x --json").contains("--json"));
    assert!(refusal("-c :1 -F x --ttl 1h").contains("--ttl"));
    assert!(refusal("--ttl 1h").contains("--ttl"));
}

#[test]
fn what_is_out_of_range_is_refused_with_the_range() {
    assert!(refusal("-l 3000").contains("`:3000`"));
    assert!(refusal("-l :65536").contains("65535"));
    assert!(refusal("-l :65530 -n 16").contains("65545"));
    assert!(refusal("-n 0").contains("from 1"));
    assert!(refusal("-n 99999999").contains("60000"));
    assert!(refusal("-n 1O").contains("neither a number"));
    assert!(refusal("-n 2 -n 3").contains("twice"));
    assert!(refusal("--network a --network b").contains("more than one"));
    assert!(refusal("-v 6").contains("0..=5"));
    assert!(refusal("-c :1 -s --ttl 31d").contains("30 days"));
    assert!(refusal("-c :1 -s --ttl 0s").contains("30 days"));
    assert!(refusal("--item-limit 6MB").contains("5000000"));
    assert!(refusal("--nonsense").contains("--nonsense"));
    assert!(refusal("stray").contains("stray"));
}

#[test]
fn the_readme_tells_of_every_flag() {
    let readme = include_str!("../../../../README.md");
    let command = Args::command();
    let commands = command.get_subcommands().collect::<Vec<_>>();
    for name in commands.iter().map(|command| command.get_name()) {
        assert!(readme.contains(&format!("dht {name}")), "{name}");
    }
    let arguments = commands.iter().flat_map(|command| command.get_arguments());
    for argument in command.get_arguments().chain(arguments) {
        if argument.is_positional() {
            continue;
        }
        let long = argument.get_long().expect("every flag has a long form");
        if long != "version" {
            assert!(readme.contains(&format!("--{long}")), "--{long}");
        }
        if let Some(short) = argument.get_short() {
            assert!(readme.contains(&format!("`-{short}")), "-{short}");
        }
    }
}

#[test]
fn a_key_is_made_in_the_file_named_or_in_one_of_the_directory() {
    for (line, file) in
        [("keygen", "dht.key"), ("keygen keys/mine", "keys/mine"), ("-v 5 keygen x", "x")]
    {
        let Task::Keygen(path) = plan(line).unwrap().task else { panic!("{line} makes no key") };
        assert_eq!(path.to_str(), Some(file));
    }
}

#[test]
fn a_version_is_the_next_unless_its_number_or_the_one_it_replaces_is_given() {
    let version = |line: &str| signing(&format!("publish -c :1 --key-file k {line}")).version;
    assert_eq!(version(""), Version::Next);
    assert_eq!(version("--sequence 7"), Version::Exactly(Sequence(7)));
    let swap = |sequence, expected| Version::Swap {
        sequence: Sequence(sequence),
        expected: Sequence(expected),
    };
    assert_eq!(version("--expect 0"), swap(1, 0));
    assert_eq!(version("--expect 6 --sequence 9"), swap(9, 6));
}

#[test]
fn publish_and_retract_take_the_same_options() {
    for command in ["publish", "retract"] {
        let task = signing(&format!("{command} -c :1 --key-file k --salt hex:01 --ttl 1h --json"));
        assert_eq!((task.salt.as_bytes(), task.ttl.as_secs()), (&[1][..], 3_600));
        assert!(task.json);
        assert_eq!(task.key_file.to_str(), Some("k"));
    }
}

#[test]
fn the_network_may_be_told_before_a_sub_command_and_after_it() {
    let key = Key::content(b"");
    let lines = [
        format!("resolve {key} -c :1 -c :2 -l :3 --network office -v 1"),
        format!("-c :1 -l :3 --network office -v 1 resolve -c :2 {key}"),
    ];
    for line in lines {
        let plan = plan(&line).unwrap();
        assert_eq!((plan.connect.len(), plan.network.as_str(), plan.verbose), (2, "office", 1));
        let Task::OneShot(one_shot) = plan.task else { panic!("{line} is no one-shot command") };
        assert_eq!(one_shot.listen.map(|listen| listen.0.port()), Some(3));
        assert!(
            matches!(one_shot.action, Action::Resolve(SignedPlace::Key(found)) if found == key)
        );
    }
}

#[test]
fn sub_commands_refuse_the_flags_of_others() {
    for line in [
        "-s publish -c :1 --key-file k",
        "-i publish -c :1 --key-file k",
        "-n 3 -c :1 publish --key-file k",
        "--ttl 1h -c :1 publish --key-file k",
        "--data-dir d keygen",
        "-c :1 keygen",
    ] {
        assert!(refusal(line).contains("cannot be used with"), "{line}");
    }
    assert!(refusal("publish -c :1").contains("--key-file"));
    assert!(refusal("publish --key-file k").contains("add `-c ADDR`"));
    assert!(refusal("publish -c :1 --key-file k --salt hex:0").contains("hexadecimal"));
    assert!(refusal("publish -c :1 --key-file k --ttl 31d").contains("30 days"));
    assert!(refusal("publish -c :1 --key-file k --sequence=-1").contains("--sequence"));
    assert!(refusal("resolve -c :1 12").contains("AUTHOR:SALT"));
}

#[test]
fn a_node_keeps_its_data_where_it_is_told_to_and_hands_over_unless_told_not_to() {
    assert_eq!(run("").data_dir, None);
    let told = run("--data-dir kept/here");
    assert_eq!(told.data_dir.as_deref(), Some(std::path::Path::new("kept/here")));
    assert!(refusal("-c :1 -s --data-dir x").contains("cannot be used with"));
    assert!(run("").hand_over && !run("--no-hand-over").hand_over);
}

#[test]
fn a_node_keeps_copies_of_what_is_in_demand_unless_told_not_to() {
    assert!(run("").caches && !run("--no-caches").caches && !run("-n 3 --no-caches").caches);
    assert!(refusal("-c :1 -s --no-caches").contains("cannot be used with"));
    assert!(refusal("--no-caches publish -c :1 --key-file k").contains("--no-caches"));
}

#[test]
fn a_node_is_a_mirror_only_when_told_to() {
    assert!(!run("").mirror && run("--mirror").mirror && run("-n 3 --mirror").mirror);
    assert!(refusal("-c :1 -s --mirror").contains("cannot be used with"));
    assert!(refusal("--mirror publish -c :1 --key-file k").contains("--mirror"));
}
