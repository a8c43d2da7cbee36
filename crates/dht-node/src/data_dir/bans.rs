//! The text form of bans: one a line: until when, whose, why.

use std::fmt::Write as _;

use dht_proto::Moment;
use dht_routing::{Ban, Offence};

/// Bans read at most: more than there are in a file that nobody tampered with.
const BANS_MAX: usize = 8_192;

/// Stands for a ban by the application.
const DECREED: &str = "decreed";

const OFFENCES: [(Offence, &str); 5] = [
    (Offence::WrongValue, "wrong-value"),
    (Offence::WrongContacts, "wrong-contacts"),
    (Offence::Malformed, "malformed"),
    (Offence::BrokenPromise, "broken-promise"),
    (Offence::Flood, "flood"),
];

/// The lines of the file.
pub(super) fn to_text(bans: &[Ban]) -> String {
    let mut text = String::new();
    for Ban { suspect, until, offence } in bans {
        // A ban without an end does not get one by rounding.
        let is_endless = *until == Moment::NEVER;
        let seconds = if is_endless { u64::MAX } else { until.as_micros() / 1_000_000 };
        let named = OFFENCES.iter().find(|(known, _)| Some(*known) == *offence);
        let why = named.map_or(DECREED, |(_, name)| *name);
        // A string takes whatever is written to it.
        let _ = writeln!(text, "{seconds} {suspect} {why}");
    }
    text
}

/// Reads what [`to_text`] wrote. Lines that are no ban are left out.
pub(super) fn parse(text: &str) -> Vec<Ban> {
    text.lines().filter_map(ban).take(BANS_MAX).collect()
}

fn ban(line: &str) -> Option<Ban> {
    let mut words = line.split(' ');
    let until = Moment::from_secs(words.next()?.parse().ok()?);
    let suspect = words.next()?.parse().ok()?;
    let offence = match words.next()? {
        DECREED => None,
        why => Some(OFFENCES.iter().find(|(_, name)| *name == why)?.0),
    };
    Some(Ban { suspect, until, offence })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ban_until(until: Moment) -> Ban {
        Ban { suspect: "93.184.216.34".parse().unwrap(), until, offence: Some(Offence::Flood) }
    }

    #[test]
    fn a_ban_is_read_back_as_it_was_written_however_long_it_lasts() {
        let bans = [Moment::from_secs(1_000), Moment::NEVER].map(ban_until);
        assert_eq!(parse(&to_text(&bans)), bans);
    }

    #[test]
    fn nobody_is_banned_for_longer_than_was_said() {
        let text =
            to_text(&[ban_until(Moment::from_secs(5) + std::time::Duration::from_millis(1))]);
        assert_eq!(parse(&text), [ban_until(Moment::from_secs(5))]);
    }
}
