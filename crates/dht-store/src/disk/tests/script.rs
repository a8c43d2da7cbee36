//! Calls at random, the same for the same seed.

use dht_proto::{AuthorSecret, Salt, Sequence, SignedBody, Slot, Ttl};

use super::*;
use crate::SaveError;

/// Numbers that look random (Marsaglia, Xorshift RNGs, 2003).
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `sides`.
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    fn one_of<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        choices[usize::try_from(self.roll(N as u64)).unwrap()]
    }

    /// One of some thirty records, of any kind, in few slots.
    fn record(&mut self) -> Record {
        let length = self.one_of([0, 10, 900, 1_200, 4_078, 9_000, 40_000]);
        let byte = self.one_of([1, 2, 3, 4]);
        let value = Value::new(vec![byte; length]).unwrap();
        match self.roll(4) {
            0 | 1 => Record::content(value),
            2 => Record::named(&[byte], value),
            _ => {
                let author = AuthorSecret::from_seed(&[byte; 32]);
                let body = if length == 0 { SignedBody::Deleted } else { SignedBody::Value(value) };
                Record::sign(&author, Salt::default(), Sequence(self.roll(9)), body)
            }
        }
    }

    fn terms(&mut self) -> Terms {
        let own = Custody::Own { ttl: Ttl::MAX };
        let custody = self.one_of([
            own,
            Custody::Holder,
            Custody::Mirror,
            Custody::Cache { until: Moment::NEVER },
        ]);
        let is_cached = custody.is_cached();
        Terms {
            purpose: if is_cached { Purpose::Cache } else { Purpose::Publish },
            custody,
            source: Source::from_bytes([self.one_of([0, 1, 2, 3]); 16]),
            ..until(1_001 + self.roll(200))
        }
    }

    /// Makes a call that changes something, mostly.
    pub(super) fn call(&mut self, store: &mut DiskStore) -> Result<(), StoreError> {
        let record = self.record();
        let terms = self.terms();
        match self.roll(12) {
            0 => store.remove(NOW, record.slot()).map(drop),
            1 => store.renew(NOW, record.slot(), record.digest(), terms).map(drop),
            2 => store.expire(Moment::from_secs(1_000 + self.roll(20))).map(drop),
            3 => store.list(NOW, Slot::FIRST, 10).map(drop),
            4 => store.load(NOW, record.key(), KindSet::ALL, usize::MAX).map(drop),
            _ => match store.save(NOW, record, terms) {
                Err(SaveError::Failed(error)) => Err(error),
                Ok(_) | Err(_) => Ok(()),
            },
        }
    }
}
