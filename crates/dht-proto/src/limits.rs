//! Every size and count the protocol fixes, in one place. `proto/PROTOCOL.md` states the same numbers.

use std::time::Duration;

/// Version of the wire format spoken here.
pub const VERSION: u32 = 1;

/// Longest datagram sent or accepted, in bytes: what crosses any path without fragmentation (RFC 8200, section 5).
pub const DATAGRAM_MAX: usize = 1_200;

/// Longest sealed datagram carried by one stream frame, in bytes, without the 4-byte length before it.
pub const FRAME_MAX: usize = 66_000;

/// Longest piece of a value in one frame, in bytes.
pub const PART_MAX: usize = 65_536;

/// Longest value of a record, in bytes.
pub const VALUE_MAX: usize = 5_000_000;

/// Longest value sent inside a datagram, in bytes. Longer ones are offered first and travel by stream.
pub const INLINE_VALUE_MAX: usize = 900;

/// Longest salt of a signed record, in bytes.
pub const SALT_MAX: usize = 32;

/// Most contacts one reply may list; more are dropped by the reader.
pub const CONTACTS_MAX: usize = 20;

/// Most records in one batched offer or listing. A message with more is malformed.
pub const BATCH_MAX: usize = 32;

/// Most cells in one request to reconcile. A message with more is malformed.
pub const CELLS_MAX: usize = 32;

/// Most fingerprints told of one cell: what a datagram has room for. A cell with more is
/// [`TooMany`](crate::CellAnswer::TooMany).
pub const FINGERPRINTS_MAX: usize = 128;

/// Longest payload of a broadcast, in bytes.
pub const BROADCAST_MAX: usize = 65_536;

/// Most ids in one comparison of broadcasts, and most entries in its answer. A message with more is malformed.
pub const BROADCASTS_MAX: usize = 32;

/// How long a broadcast is taken after it was sent, in seconds; and how far ahead of the reader's clock that
/// may be.
pub const BROADCAST_LIFE_SECONDS: u64 = 600;

/// Longest free text in a refusal or an error, in bytes of UTF-8.
pub const REASON_MAX: usize = 200;

/// Longest payload of a custom request or its reply, in bytes.
pub const PAYLOAD_MAX: usize = 65_536;

/// Longest life of a record, in seconds: 30 days.
pub const TTL_MAX_SECONDS: u32 = 30 * 24 * 60 * 60;

/// Life a record gets when its publisher names none, in seconds: 7 days.
pub const TTL_DEFAULT_SECONDS: u32 = 7 * 24 * 60 * 60;

/// Zero bits a node id's hash must start with in the default network.
pub const ID_DIFFICULTY_DEFAULT: u8 = 12;

/// Bytes that may be sent to an address that has proven nothing, for each byte received from it.
pub const REFLECTION_FACTOR: usize = 3;

/// Length every request that wants a long answer is padded to, in bytes of the whole datagram, so that
/// [`REFLECTION_FACTOR`] times it covers [`DATAGRAM_MAX`].
pub const PADDED_REQUEST_LEN: usize = DATAGRAM_MAX / REFLECTION_FACTOR;

/// Length of a clear `HelloAck` datagram, in bytes, and the least length of the `Hello` it answers: an
/// address that has proven nothing never gets more bytes than it sent.
pub const HELLO_LEN: usize = 56;

/// Length of a cookie, in bytes. It can be guessed only by asking, and lives four minutes at most.
pub const COOKIE_LEN: usize = 8;

/// How long the same cookies are given out. They are accepted in the period after it, too.
pub const COOKIE_PERIOD: Duration = Duration::from_mins(2);

/// How far the stamp in the seal nonce of a request that changes something may be from the reader's clock, in
/// seconds, for it to be taken without a cookie.
pub const FRESH_SECONDS: u64 = 120;

/// Longest name of a node's software, in bytes of UTF-8.
pub const AGENT_MAX: usize = 64;
