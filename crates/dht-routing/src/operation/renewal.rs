//! One round of renewing what we published, region by region in the order of keys.
//!
//! A wide lookup around the first record that is due finds all nodes of the region around it, which holds more
//! than k of them. Every due record of the region is then offered, many at a time, to the k closest of these
//! nodes: to have it is to have it renewed, and whoever wants it gets the bytes.
//!
//! *Invariant:* our own copy is renewed only after a node that is to hold the record confirmed that it does. Until
//! then it is only kept from ending, for so long that it stays due.

use std::collections::{BTreeMap, VecDeque};

use dht_proto::limits::VALUE_MAX;
use dht_proto::{
    BatchedOffer, Contact, Held, Key, NodeId, OfferAnswer, OfferDetails, Prefix, Purpose, Reply,
    Request, Slot, Summary, Ttl,
};

use super::turn::message;
use super::{Ending, Happened, Order, Scene, TRIES, follow};
use crate::inventory::PAGE;
use crate::lookup::Lookup;
use crate::pacer::Priority;
use crate::publication::{self, RoundReport};

pub(super) mod exploration;
mod region;

use exploration::Exploration;
use region::Region;

/// Nodes that a lookup finds, as a multiple of k: as a rule at least k of them are all there are in a region.
const WIDTH: usize = 3;
/// Nodes that are asked at once.
const ASKED_MAX: usize = 8;

/// What is waited for.
#[derive(Debug, Clone)]
enum Step {
    /// Our own store, for what is due.
    Looking,
    /// The nodes around the first record that is due.
    Locating(Box<Lookup>, Exploration),
    /// The nodes of the region, and our own store for what they want.
    Offering(Box<Region>),
}

/// What a node is asked.
#[derive(Debug, Clone)]
enum Asked {
    Offers(Vec<usize>),
    Record(usize),
}

/// A round.
#[derive(Debug, Clone)]
pub(crate) struct Renewal {
    step: Step,
    /// Where to look next; `None` at the end of the store.
    from: Option<Slot>,
    /// Records that are due, from the first region on.
    due: VecDeque<(Summary, Ttl)>,
    /// One request to a node at a time.
    asked: BTreeMap<NodeId, Asked>,
    /// A record that a node wants, while our own store looks for it.
    loading: Option<(Contact, usize)>,
    report: RoundReport,
}

impl Renewal {
    pub(crate) fn new() -> Self {
        let report =
            RoundReport { next: dht_proto::Moment::NEVER, renewed: 0, missed: 0, lookups: 0 };
        Self {
            step: Step::Looking,
            from: Some(Slot::FIRST),
            due: VecDeque::new(),
            asked: BTreeMap::new(),
            loading: None,
            report,
        }
    }

    pub(crate) fn handle(&mut self, scene: &mut Scene<'_>, happened: Happened) {
        match &mut self.step {
            Step::Looking => match happened {
                Happened::Started => self.look(scene),
                Happened::Listed(page) => self.listed(scene, &page),
                _ => {}
            },
            Step::Locating(lookup, _) => {
                follow(scene, lookup, &happened);
                self.locate(scene);
            }
            Step::Offering(region) => {
                match happened {
                    // Late answers to the lookup are no news any more.
                    Happened::Replied { reply: Reply::Nodes { .. }, .. } => {}
                    Happened::Replied { from, reply, .. } => {
                        let asked = self.asked.remove(&from.id());
                        replied(region, &from, asked, &reply);
                    }
                    Happened::Failed(id) if self.asked.remove(&id).is_some() => region.lose(&id),
                    Happened::Loaded(found) => self.loaded(scene, found),
                    _ => {}
                }
                self.offer(scene);
            }
        }
    }

    /// Has our own store told of until a region is complete, or too much is known to be due already.
    fn look(&mut self, scene: &mut Scene<'_>) {
        self.step = Step::Looking;
        let is_enough = self.due.len() >= region::RECORDS_MAX;
        match self.from.filter(|_| !is_enough) {
            Some(from) => scene.order(Order::List { from, limit: PAGE }),
            None => self.begin(scene),
        }
    }

    fn listed(&mut self, scene: &mut Scene<'_>, page: &[Summary]) {
        for summary in page {
            let Some(ttl) = publication::life_of(summary) else { continue };
            if publication::is_nearly_due(scene.now, summary, ttl) {
                self.due.push_back((*summary, ttl));
            } else {
                self.report.next = self.report.next.min(publication::due(summary, ttl));
            }
        }
        let is_full = page.len() >= PAGE;
        self.from = page.last().filter(|_| is_full).and_then(|last| last.slot.next());
        self.look(scene);
    }

    /// Looks up who is around the first record that is due.
    fn begin(&mut self, scene: &mut Scene<'_>) {
        let Some((first, _)) = self.due.front() else {
            return scene.order(Order::Finish(Ending::Renewal(self.report)));
        };
        let target = first.slot.key;
        let wanted = WIDTH * scene.config.k;
        let lookup = scene.wide_lookup(target, wanted);
        let exploration = Exploration::around(target, scene.table.network_size(), wanted);
        self.report.lookups += 1;
        self.step = Step::Locating(Box::new(lookup), exploration);
        self.locate(scene);
    }

    fn locate(&mut self, scene: &mut Scene<'_>) {
        let Step::Locating(lookup, exploration) = &mut self.step else { return };
        let found = exploration.go_on(scene, lookup, Priority::Publication);
        let Some((nodes, part)) = found else { return };
        let records = self.take_due(&part);
        self.step = Step::Offering(Box::new(Region::new(nodes, records, scene.config.k)));
        self.offer(scene);
    }

    /// The due records of a part of the space. They come first.
    fn take_due(&mut self, part: &Prefix) -> Vec<(Summary, Ttl)> {
        let is_in = |(summary, _): &(Summary, Ttl)| part.contains(&summary.slot.key);
        let count = self.due.iter().take_while(|due| is_in(due)).count().max(1);
        self.due.drain(..count.min(self.due.len())).collect()
    }

    fn offer(&mut self, scene: &mut Scene<'_>) {
        let Step::Offering(region) = &mut self.step else { return };
        if self.loading.is_none()
            && self.asked.len() < ASKED_MAX
            && let Some((to, record, slot)) = region.next_wanted(|id| !self.asked.contains_key(id))
        {
            self.loading = Some((to, record));
            let (key, kinds) = (slot.key, slot.kind.into());
            scene.order(Order::Load { key, kinds, whole_up_to: VALUE_MAX });
        }
        while self.asked.len() < ASKED_MAX
            && let Some(to) = region.next_node(|id| {
                !self.asked.contains_key(id)
                    && self.loading.is_none_or(|(loading, _)| loading.id() != *id)
            })
        {
            let purpose = Purpose::Publish;
            let empty = message(scene, Request::OfferMany { purpose, offers: Vec::new() });
            let fit = |offers: &[BatchedOffer]| empty.batch_that_fits(offers, usize::MAX);
            let (records, offers) = region.next_offers(&to.id(), fit);
            self.asked.insert(to.id(), Asked::Offers(records));
            let (priority, request) =
                (Priority::Publication, Request::OfferMany { purpose, offers });
            scene.order(Order::AskInTurn { priority, to, request, tries: TRIES });
        }
        if self.asked.is_empty() && self.loading.is_none() && region.is_done() {
            self.conclude(scene);
        }
    }

    /// Renews our own copies of what is confirmed, and goes on.
    fn conclude(&mut self, scene: &mut Scene<'_>) {
        let Step::Offering(region) = &self.step else { return };
        for (summary, ttl, confirmed) in region.outcome() {
            let expires = if confirmed {
                self.report.renewed += 1;
                let expires = ttl.ends(scene.now);
                let renewed = Summary { expires, ..summary };
                self.report.next = self.report.next.min(publication::due(&renewed, ttl));
                Some(expires)
            } else {
                self.report.missed += 1;
                let held_on = publication::held_on(scene.now, &summary, ttl);
                let ends = held_on.unwrap_or(summary.expires);
                self.report.next = self.report.next.min(publication::last_call(ends, ttl));
                held_on
            };
            if let Some(expires) = expires {
                let custody = dht_proto::Custody::Own { ttl };
                let (slot, digest) = (summary.slot, summary.digest);
                scene.order(Order::Renew { slot, digest, custody, expires });
            }
        }
        self.look(scene);
    }

    fn loaded(&mut self, scene: &mut Scene<'_>, found: Option<Held>) {
        let (Step::Offering(region), Some((to, at))) = (&mut self.step, self.loading.take()) else {
            return;
        };
        let Some((summary, ttl)) = region.record(at) else { return };
        let same = found.filter(|held| held.summary.is_same_value(&summary));
        let Some(record) = same.and_then(|held| held.record) else { return };
        self.asked.insert(to.id(), Asked::Record(at));
        let purpose = Purpose::Publish;
        let request = Request::Store { record, ttl, purpose, expected: None };
        scene.order(Order::AskInTurn {
            priority: Priority::Publication,
            to,
            request,
            tries: TRIES,
        });
    }
}

fn replied(region: &mut Region, from: &Contact, asked: Option<Asked>, reply: &Reply) {
    match (asked, reply) {
        (Some(Asked::Offers(records)), Reply::Offered { answers }) => {
            for (record, answer) in records.into_iter().zip(answers) {
                match answer {
                    OfferAnswer::Have => region.confirm(record),
                    OfferAnswer::Wanted => region.want(*from, record),
                    OfferAnswer::Refused(_) => {}
                }
            }
        }
        (Some(Asked::Record(record)), Reply::Stored { .. }) => region.confirm(record),
        (Some(Asked::Offers(_)), _) => region.lose(&from.id()),
        _ => {}
    }
}

/// How a record is offered.
fn offer_of(summary: &Summary, ttl: Ttl) -> BatchedOffer {
    BatchedOffer { details: OfferDetails::of_summary(summary), ttl }
}

/// The k closest to `key` of some nodes, closest first.
fn closest_of(nodes: &[Contact], key: &Key, k: usize) -> Vec<NodeId> {
    let mut ids: Vec<NodeId> = nodes.iter().map(Contact::id).collect();
    ids.sort_unstable_by_key(|id| key.distance(id));
    ids.truncate(k);
    ids
}
