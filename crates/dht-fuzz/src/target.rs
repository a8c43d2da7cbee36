//! The list of targets.

use std::fmt;

use crate::vectors::Vectors;
use crate::{Chance, Features, Shape, mutate, targets};

/// A function of bytes that must hold whatever they are.
pub struct Target {
    /// Its name on the command line, and that of its program in `fuzz/`.
    pub name: &'static str,
    /// What it looks at, in a line.
    pub about: &'static str,
    /// How its inputs are changed.
    pub shape: Shape,
    /// Longest input that is tried, in bytes.
    pub longest: usize,
    pub(crate) body: fn(&[u8], &mut Features),
    pub(crate) seeds: fn(&Vectors) -> Vec<Vec<u8>>,
}

impl Target {
    /// Runs it on one input, and returns what it saw. Panics if something is not as it must be.
    pub fn run(&self, input: &[u8]) -> Features {
        let mut features = Features::default();
        (self.body)(input, &mut features);
        features
    }

    /// What to begin with: inputs made of the golden vectors in `proto/vectors`.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        (self.seeds)(&Vectors::load())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({})", self.name)
    }
}

/// Every target.
pub const TARGETS: &[Target] = &[
    targets::decode::TARGET,
    targets::sealed::TARGET,
    targets::frames::TARGET,
    targets::record::TARGET,
    targets::files::TARGET,
    targets::machine::TARGET,
];

/// The target of this name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Runs the target of this name, for those who cannot do more with it.
pub fn run(name: &str, input: &[u8]) {
    expect(name).run(input);
}

/// Changes the first `size` bytes of `input` as inputs of the target of this name are changed, and returns how many
/// bytes there are then: at most all that `input` has room for.
pub fn mutate_in_place(name: &str, input: &mut [u8], size: usize, seed: u64) -> usize {
    let target = expect(name);
    let mut changed = input[..size].to_vec();
    let other = changed.clone();
    let longest = target.longest.min(input.len());
    mutate(&mut changed, &other, target.shape, longest, &mut Chance::new(seed));
    input[..changed.len()].copy_from_slice(&changed);
    changed.len()
}

fn expect(name: &str) -> &'static Target {
    find(name).unwrap_or_else(|| panic!("no target `{name}`"))
}
