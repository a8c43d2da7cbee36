//! `layers`: which of our crates may depend on which, and on what of the outside.
//!
//! The facts are the manifests, as `cargo metadata` tells them without resolving anything, so that the gate
//! works without a network. Development and build dependencies count like any other: a layer that needs a
//! higher one in its tests is not tested alone.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail};
use cargo_metadata::{Metadata, MetadataCommand};

/// What one crate may use of ours.
struct Layer {
    name: &'static str,
    uses: &'static [&'static str],
}

/// Every crate of the workspace, top-down.
const LAYERS: &[Layer] = &[
    Layer { name: "xtask", uses: &["dht-sim", "dht-bench", "dht-node", "dht-proto"] },
    Layer { name: "dht-cli", uses: &["dht-node"] },
    Layer { name: "dht-fuzz", uses: &["dht-node", "dht-routing", "dht-store", "dht-proto"] },
    Layer { name: "dht-bench", uses: &["dht-node", "dht-proto"] },
    Layer { name: "dht-node", uses: &["dht-routing", "dht-store", "dht-proto"] },
    Layer { name: "dht-sim", uses: &["dht-routing", "dht-store", "dht-proto"] },
    Layer { name: "dht-routing", uses: &["dht-proto"] },
    Layer { name: "dht-store", uses: &["dht-proto"] },
    Layer { name: "dht-proto", uses: &[] },
];

/// Crates from outside that have their place in some of ours only.
struct Confined {
    name: &'static str,
    to: &'static [&'static str],
    why: &'static str,
}

const CONFINED: &[Confined] = &[
    Confined { name: "anyhow", to: &["dht-cli", "xtask"], why: "libraries name their errors" },
    Confined {
        name: "tokio",
        to: &["dht-node", "dht-cli", "dht-bench"],
        why: "the peer is a value",
    },
    Confined { name: "tokio-util", to: &["dht-node", "dht-cli"], why: "the peer is a value" },
    Confined { name: "socket2", to: &["dht-node"], why: "sockets are opened in one place" },
    Confined { name: "getrandom", to: &["dht-node", "dht-cli"], why: "chance is a seed elsewhere" },
    Confined { name: "prost", to: &["dht-proto", "xtask"], why: "the codec is private" },
    Confined { name: "redb", to: &["dht-store"], why: "the medium is the store's affair" },
    Confined { name: "rustyline", to: &["dht-cli"], why: "the console is in the binary" },
];

/// A crate and the names of what it depends on.
#[derive(Debug, Clone)]
struct Member {
    name: String,
    uses: BTreeSet<String>,
}

/// Fails if a crate depends on what its layer may not use.
pub fn run() -> Result<()> {
    let violations = check_workspace(&crate::root())?;
    for violation in &violations {
        println!("{violation}");
    }
    if !violations.is_empty() {
        bail!("{} dependencies against the layers", violations.len());
    }
    Ok(())
}

/// Every dependency of the workspace at `root` that goes against the layers.
pub fn check_workspace(root: &Path) -> Result<Vec<String>> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .other_options(vec!["--offline".to_owned()])
        .exec()
        .context("cargo metadata failed")?;
    Ok(check(&members(&metadata)))
}

fn members(metadata: &Metadata) -> Vec<Member> {
    let packages = metadata.workspace_packages();
    let member = |package: &&cargo_metadata::Package| Member {
        name: package.name.to_string(),
        uses: package.dependencies.iter().map(|dependency| dependency.name.clone()).collect(),
    };
    packages.iter().map(member).collect()
}

fn check(members: &[Member]) -> Vec<String> {
    let mut violations = Vec::new();
    for member in members {
        match LAYERS.iter().find(|layer| layer.name == member.name) {
            Some(layer) => violations.extend(upward(member, layer, members)),
            None => violations.push(format!("{} has no layer; give it one in xtask", member.name)),
        }
        violations.extend(misplaced(member));
    }
    for layer in LAYERS.iter().filter(|layer| !members.iter().any(|m| m.name == layer.name)) {
        violations.push(format!("{} has a layer and does not exist", layer.name));
    }
    violations
}

/// Dependencies on crates of ours that `layer` does not allow. A crate may use itself, in its tests.
fn upward(member: &Member, layer: &Layer, members: &[Member]) -> Vec<String> {
    let is_ours = |name: &str| members.iter().any(|member| member.name == name);
    let wrong = member.uses.iter().filter(|name| {
        is_ours(name) && **name != member.name && !layer.uses.contains(&name.as_str())
    });
    wrong
        .map(|name| {
            let allowed = if layer.uses.is_empty() { "none".into() } else { layer.uses.join(", ") };
            format!("{} depends on {name}; of ours it may use: {allowed}", member.name)
        })
        .collect()
}

fn misplaced(member: &Member) -> Vec<String> {
    let wrong = CONFINED.iter().filter(|confined| {
        member.uses.contains(confined.name) && !confined.to.contains(&member.name.as_str())
    });
    wrong
        .map(|confined| {
            format!(
                "{} depends on {}, which is for {} only: {}",
                member.name,
                confined.name,
                confined.to.join(" and "),
                confined.why
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every layer with all that it may use.
    fn complete() -> Vec<Member> {
        let member = |layer: &Layer| Member {
            name: layer.name.to_owned(),
            uses: layer.uses.iter().map(|name| (*name).to_owned()).collect(),
        };
        LAYERS.iter().map(member).collect()
    }

    fn with(name: &str, dependency: &str) -> Vec<Member> {
        let mut members = complete();
        for member in members.iter_mut().filter(|member| member.name == name) {
            member.uses.insert(dependency.to_owned());
        }
        members
    }

    #[test]
    fn all_that_is_allowed_may_be_used() {
        assert_eq!(check(&complete()), [""; 0]);
        assert_eq!(check(&with("dht-proto", "blake3")), [""; 0]);
        assert_eq!(check(&with("dht-store", "dht-store")), [""; 0]);
    }

    #[test]
    fn every_other_edge_between_our_crates_is_found() {
        for layer in LAYERS {
            for other in LAYERS.iter().filter(|other| other.name != layer.name) {
                let found = check(&with(layer.name, other.name));
                let expected = usize::from(!layer.uses.contains(&other.name));
                assert_eq!(found.len(), expected, "{} -> {}: {found:?}", layer.name, other.name);
            }
        }
    }

    #[test]
    fn the_command_line_that_reaches_below_the_node_is_told_what_it_may_use() {
        let expected = "dht-cli depends on dht-routing; of ours it may use: dht-node";
        assert_eq!(check(&with("dht-cli", "dht-routing")), [expected]);
    }

    #[test]
    fn a_crate_without_a_layer_is_found() {
        let mut members = complete();
        members.push(Member { name: "dht-new".into(), uses: BTreeSet::new() });
        assert_eq!(check(&members), ["dht-new has no layer; give it one in xtask"]);
    }

    #[test]
    fn a_layer_without_a_crate_is_found() {
        let mut members = complete();
        members.retain(|member| member.name != "dht-sim");
        assert_eq!(check(&members), ["dht-sim has a layer and does not exist"]);
    }

    #[test]
    fn a_runtime_in_the_peer_and_loose_errors_in_a_library_are_found() {
        for (name, dependency) in
            [("dht-routing", "tokio"), ("dht-node", "anyhow"), ("dht-node", "prost")]
        {
            let found = check(&with(name, dependency));
            assert_eq!(found.len(), 1, "{name} -> {dependency}: {found:?}");
        }
    }
}
