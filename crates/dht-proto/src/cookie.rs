//! Cookies: how a stranger proves that it receives what is sent to its address.
//!
//! Nothing is remembered for a stranger: a cookie is a MAC over its address and the time, and comes back
//! in the datagram that repeats its message.

use std::net::{IpAddr, SocketAddr};

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::Moment;
use crate::limits::{COOKIE_LEN, COOKIE_PERIOD};

/// What a stranger is told to send back. Opaque to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cookie([u8; COOKIE_LEN]);

impl Cookie {
    /// Wraps the bytes of a cookie that another node gave.
    pub const fn from_bytes(bytes: [u8; COOKIE_LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; COOKIE_LEN] {
        &self.0
    }
}

/// Makes and checks cookies. A cookie is accepted in the two-minute period it was made in and in the
/// next one: it lives 2 to 4 minutes.
pub struct CookieJar {
    secret: Zeroizing<[u8; 32]>,
}

impl CookieJar {
    /// A jar whose cookies nobody without `seed` can make. It must come from a secure source of entropy.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { secret: Zeroizing::new(seed) }
    }

    /// The cookie of `source` at this time.
    pub fn mint(&self, now: Moment, source: SocketAddr) -> Cookie {
        self.mac(period(now), source)
    }

    /// Whether `cookie` was made for `source`, in this period or the last. Takes the same time whatever
    /// the cookie is.
    pub fn check(&self, now: Moment, source: SocketAddr, cookie: &Cookie) -> bool {
        let current = self.mac(period(now), source);
        let previous = self.mac(period(now).wrapping_sub(1), source);
        (current.0.ct_eq(&cookie.0) | previous.0.ct_eq(&cookie.0)).into()
    }

    /// A MAC of the period is as good as a secret renewed each period: without the seed, no period's
    /// cookies tell anything about another's.
    fn mac(&self, period: u64, source: SocketAddr) -> Cookie {
        let ip = match source.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let mut input = [0_u8; 8 + 16 + 2];
        input[..8].copy_from_slice(&period.to_le_bytes());
        input[8..24].copy_from_slice(&ip.octets());
        input[24..].copy_from_slice(&source.port().to_be_bytes());
        let hash = blake3::keyed_hash(&self.secret, &input);
        let mut cookie = [0; COOKIE_LEN];
        cookie.copy_from_slice(&hash.as_bytes()[..COOKIE_LEN]);
        Cookie(cookie)
    }
}

impl std::fmt::Debug for CookieJar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CookieJar(..)")
    }
}

fn period(now: Moment) -> u64 {
    now.as_micros() / u64::try_from(COOKIE_PERIOD.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Cookie, CookieJar};
    use crate::Moment;
    use crate::limits::{COOKIE_LEN, COOKIE_PERIOD};

    const START: Moment = Moment::from_secs(1_000_000_000 / 120 * 120);

    fn jar() -> CookieJar {
        CookieJar::new([7; 32])
    }

    #[test]
    fn a_cookie_is_accepted_from_the_address_it_was_made_for() {
        let source = "192.0.2.1:3000".parse().unwrap();
        let cookie = jar().mint(START, source);
        assert!(jar().check(START, source, &cookie));
        for other in ["192.0.2.2:3000", "192.0.2.1:3001", "[2001:db8::1]:3000"] {
            assert!(!jar().check(START, other.parse().unwrap(), &cookie), "{other}");
        }
    }

    #[test]
    fn a_mapped_address_is_the_same_address() {
        let cookie = jar().mint(START, "192.0.2.1:3000".parse().unwrap());
        assert!(jar().check(START, "[::ffff:192.0.2.1]:3000".parse().unwrap(), &cookie));
    }

    #[test]
    fn a_cookie_outlives_its_period_by_one_period_and_no_more() {
        let source = "[2001:db8::1]:3000".parse().unwrap();
        let moment = Duration::from_micros(1);
        let cookie = jar().mint(START, source);
        assert!(jar().check(START + 2 * COOKIE_PERIOD - moment, source, &cookie));
        assert!(!jar().check(START + 2 * COOKIE_PERIOD, source, &cookie));
        assert!(!jar().check(START - moment, source, &cookie));
    }

    #[test]
    fn a_cookie_of_another_jar_or_with_a_flipped_bit_is_refused() {
        let source = "192.0.2.1:3000".parse().unwrap();
        let cookie = jar().mint(START, source);
        assert!(!CookieJar::new([8; 32]).check(START, source, &cookie));
        for bit in 0..8 * COOKIE_LEN {
            let mut bytes = *cookie.as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!jar().check(START, source, &Cookie::from_bytes(bytes)));
        }
    }

    #[test]
    fn the_first_period_of_an_epoch_has_no_previous_one_that_fails() {
        let source = "192.0.2.1:3000".parse().unwrap();
        let cookie = jar().mint(Moment::EPOCH, source);
        assert!(jar().check(Moment::EPOCH, source, &cookie));
    }
}
