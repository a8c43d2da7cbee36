//! The target `machine` under libFuzzer: `cargo xtask fuzz machine --libfuzzer`.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

const NAME: &str = "machine";

fuzz_target!(|input: &[u8]| dht_fuzz::run(NAME, input));

fuzz_mutator!(|input: &mut [u8], size: usize, room: usize, seed: u32| {
    // Half of the changes know what the bytes mean.
    if seed % 2 == 0 {
        fuzzer_mutate(input, size, room)
    } else {
        dht_fuzz::mutate_in_place(NAME, input, size, seed.into()).min(room)
    }
});
