//! The table against a model that keeps whole contacts in plain lists.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use dht_proto::{Nonce, PublicKey};
use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
struct Known {
    contact: Contact,
    rtt: RttEstimate,
    answered: Moment,
    since: usize,
    failures: u8,
}

/// One bucket: least recently answered first.
#[derive(Debug, Clone, Default)]
struct Model {
    entries: Vec<Known>,
    waiting: Vec<Contact>,
}

impl Model {
    fn answered(
        &mut self,
        (now, rtt): (Moment, Duration),
        contact: Contact,
        (k, deeper): (usize, usize),
        lot: impl Fn(&Contact) -> u64,
    ) -> Answered {
        let since = self.entries.iter().map(|known| known.since + 1).max().unwrap_or(0);
        if let Some(at) = self.entries.iter().position(|known| known.contact.id() == contact.id()) {
            let mut known = self.entries.remove(at);
            if known.contact.addr == contact.addr {
                known.rtt.update(rtt);
            } else {
                known.rtt = RttEstimate::first(rtt);
            }
            self.entries.push(Known { contact, answered: now, failures: 0, ..known });
            return Answered::Renewed;
        }
        self.waiting.retain(|waiting| waiting.id() != contact.id());
        let rtt = RttEstimate::first(rtt);
        let newcomer = Known { contact, rtt, answered: now, since, failures: 0 };
        if self.entries.len() < k {
            self.entries.push(newcomer);
            return Answered::Inserted;
        }
        let since = self.entries[0].answered;
        let mut by_age: Vec<&Known> = self.entries.iter().collect();
        by_age.sort_by_key(|known| known.since);
        let (old, fair) = contest::shares(k, deeper);
        let mut contest: Vec<&Known> = by_age.into_iter().skip(old).collect();
        contest.sort_by_key(|known| lot(&known.contact));
        let is_low =
            contest.iter().filter(|known| lot(&known.contact) < lot(&contact)).count() < fair;
        let others = contest.into_iter().skip(if is_low { fair - 1 } else { fair });
        let way = |rtt: RttEstimate| rtt.smoothed().unwrap();
        // Of several that are equally far the one known for the shortest.
        let by_time = |known: &&Known| (way(known.rtt), known.since);
        let claim = |known: &Known| (contest::band(way(known.rtt)), lot(&known.contact));
        let is_crowded = contest::is_crowded(k, deeper);
        let furthest = if is_crowded && !is_low {
            others.max_by_key(|known| claim(known)).cloned()
        } else {
            others.max_by_key(by_time).cloned()
        };
        let is_nearer = |far: &Known| {
            if is_crowded {
                claim(&newcomer) < claim(far)
            } else {
                way(rtt) * 4 / 3 <= way(far.rtt)
            }
        };
        let (answer, waiter) = match furthest {
            Some(left) if is_low || is_nearer(&left) => {
                self.entries.retain(|known| known.contact != left.contact);
                self.entries.push(newcomer);
                (Answered::Displaced { left: left.contact }, left.contact)
            }
            _ => (Answered::Waiting { since }, contact),
        };
        if self.waiting.len() == 4 {
            self.waiting.remove(0);
        }
        self.waiting.push(waiter);
        answer
    }

    fn failed(&mut self, contact: &Contact) -> Failed {
        self.waiting.retain(|waiting| waiting.id() != contact.id());
        let Some(at) = self.entries.iter().position(|known| known.contact.id() == contact.id())
        else {
            return Failed::Unknown;
        };
        self.entries[at].failures += 1;
        if self.entries[at].failures < FAILURES_MAX {
            return Failed::Kept;
        }
        self.entries.remove(at);
        Failed::Evicted { candidate: self.waiting.pop() }
    }
}

/// Private addresses, which are not bounded by subnet, of both families; some nodes move.
fn contact(number: u32, moved: bool) -> Contact {
    let node = NodeIdentity::new(PublicKey::from_bytes([7; 32]), Nonce(number));
    let ip = if number.is_multiple_of(3) {
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1))
    } else {
        IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))
    };
    Contact::new(node, SocketAddr::new(ip, if moved { 2_000 } else { 1_000 }))
}

fn check(table: &RoutingTable, models: &[Model]) -> Result<(), TestCaseError> {
    let known: Vec<&Known> = models.iter().flat_map(|model| &model.entries).collect();
    prop_assert_eq!(table.len(), known.len());
    for (entry, known) in table.iter().zip(&known) {
        prop_assert_eq!(entry.contact(), known.contact);
        prop_assert_eq!((entry.rtt(), entry.answered()), (known.rtt, known.answered));
        prop_assert_eq!(entry.failures(), known.failures);
        prop_assert_eq!(table.entry(&known.contact.id()).unwrap().addr(), known.contact.addr);
        let oldest = table.oldest_beside(&known.contact.id()).unwrap().answered();
        prop_assert!(oldest <= known.answered);
    }
    // Which of several equally near ones comes first is of no concern.
    let nearest = known.iter().map(|known| known.rtt.smoothed()).min();
    let nearest_of_table = table.nearest_in_time(1).first().map(Contact::id);
    let its_rtt = nearest_of_table.and_then(|id| table.entry(&id)).map(|entry| entry.rtt());
    prop_assert_eq!(its_rtt.map(|rtt| rtt.smoothed()), nearest);
    let oldest = models.iter().filter_map(|model| model.entries.first());
    let stalest = oldest.min_by_key(|known| known.answered).map(|known| known.contact);
    prop_assert_eq!(table.stalest_entry().map(|entry| entry.contact()), stalest);
    let answer = table.stalest_entry().map(|entry| entry.answered());
    prop_assert_eq!(table.stalest_answer(), answer);
    let moment = answer.unwrap_or(Moment::EPOCH) + Duration::from_secs(3);
    let mut silent: Vec<_> = table.silent_since(moment).map(|entry| entry.contact()).collect();
    let late = known.iter().filter(|known| known.answered < moment);
    let mut expected: Vec<_> = late.map(|known| known.contact).collect();
    silent.sort();
    expected.sort();
    prop_assert_eq!(silent, expected);
    let target = Key::named(b"target");
    let mut closest: Vec<Contact> = known.iter().map(|known| known.contact).collect();
    closest.sort_by_key(|contact| target.distance(&contact.id()));
    closest.truncate(10);
    prop_assert_eq!(table.closest(&target, 10, |_| true), closest);
    let waiting = models.iter().flat_map(|model| &model.waiting);
    let everywhere = known.iter().map(|known| &known.contact).chain(waiting);
    let sixes = everywhere.filter(|contact| contact.addr.is_ipv6()).count();
    prop_assert_eq!(table.entries.addresses.len(), sixes, "addresses in use");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn it_does_what_plain_lists_of_contacts_do(
        steps in proptest::collection::vec((0_u32..120, 0..10_u8, 1_u64..400, any::<bool>()), 1..400),
        k in 1_usize..6,
    ) {
        let local = contact(u32::MAX, false).id();
        let mut table = RoutingTable::new(local, k);
        let mut models = vec![Model::default(); 256];
        for (second, (number, action, millis, moved)) in (0..).zip(steps) {
            let contact = contact(number, moved && number > 90);
            let zeros = local.distance(&contact.id()).leading_zeros() as usize;
            let deeper = models[zeros + 1..].iter().map(|model| model.entries.len()).sum();
            let model = &mut models[zeros];
            if action < 7 {
                let (now, rtt) = (Moment::from_secs(second), Duration::from_millis(millis));
                let lot = |contact: &Contact| table.lot(known::head(&contact.id()));
                let expected = model.answered((now, rtt), contact, (k, deeper), lot);
                prop_assert_eq!(table.answered(now, contact, rtt), expected);
            } else {
                prop_assert_eq!(table.failed(&contact.node), model.failed(&contact));
            }
            check(&table, &models)?;
        }
    }
}
