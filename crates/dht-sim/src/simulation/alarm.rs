//! When each machine wants to be woken. Kept apart from the nodes and close together: most wake-ups are put off
//! before they are due, and those need no look at the node.

use dht_proto::Moment;

use super::Place;

/// The alarm of every place. One wake-up of each is pending at most, later ones in the queue are stale.
#[derive(Debug, Clone)]
pub(super) struct Alarms {
    alarms: Vec<Alarm>,
}

#[derive(Debug, Clone, Copy)]
struct Alarm {
    /// When its machine wants to be woken.
    due: Moment,
    /// The pending wake-up that counts.
    wake: Moment,
}

const OFF: Alarm = Alarm { due: Moment::NEVER, wake: Moment::NEVER };

/// What a wake-up is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ring {
    /// Nothing: another one was set since, or nobody lives here any more.
    Stale,
    /// It was put off: another one is to be queued.
    Again(Moment),
    /// The machine is to be woken.
    Due,
}

impl Alarms {
    pub(super) fn new(places: usize) -> Self {
        Self { alarms: vec![OFF; places] }
    }

    /// Nobody is to be woken at `place`.
    pub(super) fn switch_off(&mut self, place: Place) {
        self.alarms[place.index()] = OFF;
    }

    /// The machine at `place` wants to be woken at `due`. Returns the wake-up to queue, if it is earlier than
    /// the pending one.
    pub(super) fn set(&mut self, place: Place, due: Moment) -> Option<Moment> {
        let alarm = &mut self.alarms[place.index()];
        alarm.due = due;
        (due < alarm.wake).then(|| {
            alarm.wake = due;
            due
        })
    }

    /// A wake-up queued for `at` comes out of the queue at `now`.
    pub(super) fn ring(&mut self, place: Place, at: Moment, now: Moment) -> Ring {
        let alarm = &mut self.alarms[place.index()];
        if alarm.wake != at {
            return Ring::Stale;
        }
        alarm.wake = Moment::NEVER;
        if alarm.due <= now {
            return Ring::Due;
        }
        if alarm.due == Moment::NEVER {
            return Ring::Stale;
        }
        alarm.wake = alarm.due;
        Ring::Again(alarm.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place = Place(0);

    const fn at(seconds: u64) -> Moment {
        Moment::from_secs(seconds)
    }

    #[test]
    fn a_machine_is_woken_once_and_when_it_last_said() {
        let mut alarms = Alarms::new(1);
        assert_eq!(alarms.set(HERE, at(5)), Some(at(5)));
        assert_eq!(alarms.set(HERE, at(7)), None, "put off");
        assert_eq!(alarms.ring(HERE, at(5), at(5)), Ring::Again(at(7)));
        assert_eq!(alarms.set(HERE, at(6)), Some(at(6)), "earlier after all");
        assert_eq!(alarms.ring(HERE, at(6), at(6)), Ring::Due);
        assert_eq!(alarms.ring(HERE, at(7), at(7)), Ring::Stale);
    }

    #[test]
    fn nobody_is_woken_where_nobody_lives() {
        let mut alarms = Alarms::new(1);
        alarms.set(HERE, at(5));
        alarms.switch_off(HERE);
        assert_eq!(alarms.ring(HERE, at(5), at(5)), Ring::Stale);
        alarms.set(HERE, at(8));
        alarms.set(HERE, Moment::NEVER);
        assert_eq!(alarms.ring(HERE, at(8), at(8)), Ring::Stale);
    }
}
