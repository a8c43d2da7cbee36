//! Rules about what the crates that are pure values must not touch.

use super::source::{Source, numbered, words};

/// Crates that know no clock, chance, thread or socket.
const SANS_IO: [&str; 2] = ["dht-routing", "dht-proto"];

/// Crates that many nodes of one process share, and that must share nothing in turn.
const SHARED: [&str; 4] = ["dht-proto", "dht-routing", "dht-store", "dht-node"];

/// Names that bring in the outside world, or an order that depends on chance.
const IMPURE: [&str; 15] = [
    "HashMap",
    "HashSet",
    "RandomState",
    "Instant",
    "SystemTime",
    "thread",
    "tokio",
    "async",
    "await",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "getrandom",
    "thread_rng",
    "OsRng",
];

/// Types that make a `static` something that can change.
const MUTABLE: [&str; 8] =
    ["mut", "Mutex", "RwLock", "Cell", "RefCell", "OnceCell", "OnceLock", "LazyLock"];

pub(super) fn sans_io(source: &Source, found: &mut dyn FnMut(usize, String)) {
    if !source.is_rust() || !source.is_in(&SANS_IO) {
        return;
    }
    for (line, word) in source.words().filter(|(_, word)| IMPURE.contains(word)) {
        found(line, format!("`{word}`: a peer is a pure value; time and chance are arguments"));
    }
}

/// A `static` that never changes is no state, and `'static` is a lifetime.
pub(super) fn shared_state(source: &Source, found: &mut dyn FnMut(usize, String)) {
    if !source.is_rust() || source.is_test() || !source.is_in(&SHARED) {
        return;
    }
    for (line, text) in numbered(&source.code) {
        let item = text.replace("'static", "       ");
        let changes = |word| MUTABLE.contains(&word) || word.starts_with("Atomic");
        let is_state = words(&item).any(|word| word == "static") && words(&item).any(changes);
        if is_state || words(&item).any(|word| word == "thread_local") {
            found(line, "nodes of one process share no state: make it a field".into());
        }
    }
}
