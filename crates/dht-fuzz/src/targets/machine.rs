//! A peer in an arbitrary world: messages from anybody, answers that fit and answers that do not, orders carried
//! out, failed or forgotten, time that stands still or leaps, commands and cancellations, in any sequence.
//!
//! The first byte chooses how the peer is set up; what follows are acts, each a byte and its arguments. Messages are
//! made from choices, or read from plaintexts in the input. After the last act the world falls silent: nobody
//! answers, every order gets its result, and every operation must come to its end.

use std::time::Duration;

use bytes::Bytes;
use dht_proto::{NetworkId, codec};
use dht_routing::{Config, ConfigBuilder};

use crate::cursor::{Cursor, block};
use crate::vectors::Vectors;
use crate::{Chance, Features, Shape, Target};

mod make;
mod settle;
mod watch;
mod world;

use world::World;

pub(crate) const TARGET: Target = Target {
    name: "machine",
    about: "a peer under arbitrary sequences of inputs, commands and time",
    shape: Shape::Blocks,
    longest: 2_048,
    body: run,
    seeds,
};

/// Acts of one input, at most.
const ACTS_MAX: usize = 300;

fn run(input: &[u8], seen: &mut Features) {
    let outputs = play(input, seen);
    // Twice as slow, so only for some of the inputs.
    if input.first().is_some_and(|first| first & 1 == 1) {
        let again = play(input, &mut Features::default());
        assert_eq!(outputs, again, "the same inputs give the same outputs");
    }
}

/// Runs an input, and returns what stands for everything that came out.
fn play(input: &[u8], seen: &mut Features) -> u64 {
    let mut cursor = Cursor::new(input);
    let setup = cursor.short();
    let mut world = World::new(config(setup), setup & 1 << 9 != 0);
    if setup & 1 << 10 != 0 {
        world.meet(40);
    }
    for _ in 0..ACTS_MAX {
        if cursor.is_empty() {
            break;
        }
        act(&mut world, &mut cursor);
    }
    world.fall_silent();
    world.finish(seen)
}

fn config(setup: u16) -> ConfigBuilder {
    let is_on = |bit: u16| setup & 1 << bit != 0;
    let role = if is_on(1) && is_on(2) { dht_proto::Role::Client } else { dht_proto::Role::Full };
    Config::builder()
        .id_difficulty(dht_proto::Difficulty::NONE)
        .role(role)
        .operations(world::OPERATIONS)
        .k(if is_on(3) { 4 } else { 16 })
        .delivers_broadcasts(is_on(4))
        .consults(is_on(5))
        .consultations(4)
        .verdict_time(Duration::from_secs(5))
        .serves(is_on(6))
        .services(4)
        .mirror(is_on(7) && !(is_on(1) && is_on(2)))
        .caches(is_on(8))
}

/// One of the things a hostile or confused world can do to a peer.
fn act(world: &mut World, cursor: &mut Cursor<'_>) {
    match cursor.byte() % 21 {
        0 => world.command(&make::command(cursor)),
        1 => {
            let which = cursor.byte();
            let reply = make::reply(cursor);
            world.reply(which, reply);
        }
        2 => world.answer(cursor.byte(), cursor.byte()),
        3 => {
            let (from, way) = (cursor.byte(), cursor.short());
            let request = make::request(cursor);
            world.request(from, way, request);
        }
        4 => {
            let (from, way) = (cursor.byte(), cursor.short());
            if let Ok(message) =
                codec::decode(NetworkId::default(), Bytes::copy_from_slice(cursor.block()))
            {
                world.message(from, way, message);
            }
        }
        5 => world.settle(cursor.byte(), cursor.byte()),
        6 => world.wait(Duration::from_millis(cursor.short().into())),
        7 => (0..=cursor.byte() % 16).for_each(|_| world.wait_until_due()),
        8 => world.greeted(cursor.byte()),
        9 => world.unreachable(cursor.byte()),
        10 => world.progressed(cursor.byte()),
        11 => world.cancel(cursor.byte()),
        12 => world.wait(Duration::from_secs(u64::from(cursor.byte()) * 60)),
        13 => world.settle_unasked(cursor.short(), cursor.byte()),
        14 => world.tell_usage(cursor.byte()),
        15 => world.lose(cursor.byte()),
        16 => world.answer_all(cursor.byte()),
        17 => world.settle_all(cursor.byte()),
        18 => world.misbehaved(cursor.byte(), cursor.byte()),
        19 => world.ban(cursor.byte(), cursor.byte()),
        _ => world.gathered(cursor.byte(), cursor.byte()),
    }
}

/// Each message of the vectors, between other acts; and acts by chance.
fn seeds(vectors: &Vectors) -> Vec<Vec<u8>> {
    let mut chance = Chance::new(11);
    let mut seeds = Vec::new();
    for (number, message) in vectors.messages().iter().enumerate() {
        let setup = u16::try_from(number).unwrap_or_default().wrapping_mul(211) | 1 << 10;
        // A command, so that something is asked; the message; what follows from it; and time.
        let command = [0, chance.byte(), chance.byte()];
        let after = [17, 0, 16, chance.byte(), 7, 3, 17, 0, 12, 6, 16, 1, 7, 9];
        let message = [&[4, 5, 190, 1][..], &block(message)].concat();
        seeds.push([&setup.to_le_bytes()[..], &command, &message, &after, &message].concat());
    }
    for _ in 0..40 {
        seeds.push((0..60 + chance.below(200)).map(|_| chance.byte()).collect());
    }
    seeds
}
