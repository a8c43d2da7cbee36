//! Help and version. `UPDATE_GOLDEN=1` rewrites the golden files.

use std::path::Path;

use crate::harness::{dht, with};

#[track_caller]
fn compare(args: &[&str], name: &str) {
    let output = with(dht(), args).env_remove("COLUMNS").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    let found = String::from_utf8(output.stdout).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert_eq!(found, golden, "UPDATE_GOLDEN=1 rewrites {}", path.display());
}

#[test]
fn short_help_fits_a_screen() {
    compare(&["-h"], "help-short.txt");
}

#[test]
fn long_help_explains_and_gives_examples() {
    compare(&["--help"], "help-long.txt");
}

#[test]
fn the_version_is_that_of_the_package() {
    for flag in ["-V", "--version"] {
        let output = with(dht(), &[flag]).output().unwrap();
        let version = format!("dht {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(String::from_utf8(output.stdout).unwrap(), version);
    }
}
