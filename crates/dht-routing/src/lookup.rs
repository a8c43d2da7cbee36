//! An iterative lookup: who to ask next on the way to a point (Kademlia, section 2.3).
//!
//! A pure machine over a list of candidates ordered by distance. It is refilled at each reply, never in
//! rounds: alpha requests to the best candidates are kept in flight, whatever is still awaited from worse
//! ones, so that one reply opens the next step at full width. Once the closest candidate of all has answered
//! without naming a closer one, all the rest of the k closest are asked at once (the end game). With a
//! [region](Lookup::with_region) the end game begins as soon as k candidates lie within it.
//!
//! The best candidate is the one through which the target is likely reached first: its own round trip, known
//! or [guessed](Lookup::add_at), and a [typical](Lookup::with_typical) one for every step that is left from
//! there. So a near node is asked before one that is a little closer to the target but far away in time
//! (proximity route selection, Gummadi et al., SIGCOMM 2003). While nothing is known of times, that is the
//! closest one.
//!
//! *Invariant:* only candidates within the k closest that are not given up are ever asked.

use std::time::Duration;

use dht_proto::{Contact, Distance, Key, NodeId};

use crate::random::scramble;

#[cfg(test)]
mod tests;

/// Candidates kept besides those that were asked, as a multiple of k: what lies further never comes up.
const SPARE_FACTOR: usize = 4;
/// Bits of the distance that a step gains: of the k = 16 nodes in a bucket, the closest one to the target
/// shares four more bits with it than the bucket does.
pub(crate) const BITS_PER_STEP: u32 = 4;
/// Round trips below this part of the typical one, as its divisor, are alike to a lookup with a taste.
const ALIKE: u32 = 4;

/// Where a candidate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Not asked yet.
    Fresh,
    /// Asked, and the answer may still come in time.
    Asked,
    /// Asked, and not answered when most would have: one more node is asked meanwhile.
    Slow,
    /// Asked, and past its timeout: the lookup goes on without it, an answer still counts.
    Late,
    /// It answered.
    Answered,
    /// It will not answer.
    Failed,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    distance: Distance,
    contact: Contact,
    standing: Standing,
    /// Time in which the target is likely reached through it, in microseconds.
    price: u64,
}

/// A lookup of the k nodes closest to a target.
#[derive(Debug, Clone)]
pub struct Lookup {
    target: Key,
    k: usize,
    alpha: usize,
    candidates: Vec<Candidate>,
    own: Option<Distance>,
    region: Distance,
    goal: Distance,
    typical: Duration,
    /// What the taste of this lookup follows from, if it has one.
    taste: Option<u64>,
    /// Whether nobody else is asked while the first one may still answer in time.
    one_first: bool,
    /// Requests in flight in the end game, at most.
    width: usize,
}

impl Lookup {
    /// Starts from the `seeds` known so far. With `own`, the distance of our own id, we count as one of the
    /// k closest ourselves and one node less is looked for where we are among them.
    pub fn new(
        target: Key,
        k: usize,
        alpha: usize,
        own: Option<Distance>,
        seeds: impl IntoIterator<Item = Contact>,
    ) -> Self {
        let (region, goal, typical) = (Distance::ZERO, Distance::ZERO, Duration::ZERO);
        let candidates = Vec::new();
        let mut lookup = Self {
            target,
            k,
            alpha,
            candidates,
            own,
            region,
            goal,
            typical,
            taste: None,
            one_first: false,
            width: k,
        };
        for seed in seeds {
            lookup.add(seed);
        }
        lookup
    }

    /// Says that hardly more than k nodes live within `region` of the target: once that many candidates do,
    /// they are asked all at once, for few of them will turn out not to be among the k closest. Saves a round
    /// trip or two where all of the k closest are wanted.
    #[must_use]
    pub fn with_region(mut self, region: Distance) -> Self {
        self.region = region;
        self
    }

    /// Keeps `alpha` requests in flight instead.
    #[must_use]
    pub fn with_alpha(mut self, alpha: usize) -> Self {
        self.alpha = alpha;
        self
    }

    /// Expects a round trip of `typical` where nothing better is known. Concerns what is added from now on.
    #[must_use]
    pub fn with_typical(mut self, typical: Duration) -> Self {
        self.typical = typical;
        self
    }

    /// Says that whoever is within `goal` of the target will do, so that the nearest of them in time is asked
    /// first. Concerns what is added from now on.
    #[must_use]
    pub fn with_goal(mut self, goal: Distance) -> Self {
        self.goal = goal;
        self
    }

    /// Gives the lookup a taste of its own, which differs from one `seed` to the next: of nodes that are about as near
    /// in time it asks others first than others do, so that nodes near which many live are not the first choice of
    /// all of them. Concerns what is added from now on.
    #[must_use]
    pub fn with_taste(mut self, seed: u64) -> Self {
        self.taste = Some(seed);
        self
    }

    /// Asks one node before all others, and these once it has answered or is slow: for a value that the first one may
    /// well have, so that a second request would be in vain.
    #[must_use]
    pub fn with_one_first(mut self) -> Self {
        self.one_first = true;
        self
    }

    /// Whether it has a [taste](Self::with_taste).
    pub(crate) fn has_taste(&self) -> bool {
        self.taste.is_some()
    }

    /// Looks for at least so many nodes from now on, with so many requests in flight.
    pub(crate) fn widen(&mut self, count: usize, at_once: usize) {
        self.k = self.k.max(count);
        self.width = at_once;
    }

    /// How many nodes within `distance` of the target did not answer, or not in time.
    pub(crate) fn silent_within(&self, distance: &Distance) -> usize {
        let near = self.candidates.iter().take_while(|c| c.distance <= *distance);
        near.filter(|c| matches!(c.standing, Standing::Late | Standing::Failed)).count()
    }

    /// Everybody it knows of who has not failed.
    pub(crate) fn known(&self) -> impl Iterator<Item = Contact> {
        self.candidates.iter().filter(|c| is_counted(c.standing)).map(|c| c.contact)
    }

    /// The round trip that is expected where nothing better is known.
    pub fn typical(&self) -> Duration {
        self.typical
    }

    /// The point looked for.
    pub fn target(&self) -> Key {
        self.target
    }

    /// Adds a contact that somebody named; known ones are ignored.
    pub fn add(&mut self, contact: Contact) {
        self.add_at(contact, self.typical);
    }

    /// Adds a contact whose round trip is, or is likely, `rtt`; known ones are ignored.
    pub fn add_at(&mut self, contact: Contact, rtt: Duration) {
        let distance = self.target.distance(&contact.id());
        let Err(at) = self.candidates.binary_search_by_key(&distance, |c| c.distance) else {
            return;
        };
        let limit = self.k * SPARE_FACTOR;
        if at >= limit {
            return;
        }
        let (standing, price) =
            (Standing::Fresh, self.price(&distance, self.felt(&contact.id(), rtt)));
        self.candidates.insert(at, Candidate { distance, contact, standing, price });
        if self.candidates.len() > limit
            && let Some(last) = self.candidates.iter().rposition(|c| c.standing == Standing::Fresh)
        {
            self.candidates.remove(last);
        }
    }

    /// The next node to ask, now marked as asked; `None` while enough requests are in flight or nobody
    /// else is worth asking.
    pub fn next_to_ask(&mut self) -> Option<Contact> {
        let limit = self.limit();
        let rank = |(at, candidate): &(usize, &Candidate)| (candidate.price, *at);
        let fresh = self.window().filter(|(_, c)| c.standing == Standing::Fresh);
        let next = fresh.min_by_key(rank).map(|best| rank(&best))?;
        let asked = self.window().filter(|(_, c)| c.standing == Standing::Asked);
        let better = asked.filter(|candidate| rank(candidate) < next).count();
        let candidate = self.candidates.get_mut(next.1).filter(|_| better < limit)?;
        candidate.standing = Standing::Asked;
        Some(candidate.contact)
    }

    /// Requests that may be in flight.
    fn limit(&self) -> usize {
        if self.one_first && self.candidates.iter().all(|c| is_open(c.standing)) {
            1
        } else if self.is_end_game() {
            self.width
        } else {
            self.alpha
        }
    }

    /// The node answered. Whom it named is told by [`add`](Self::add), before or after.
    pub fn answered(&mut self, id: &NodeId) {
        self.change(id, Standing::Answered);
    }

    /// The node has not answered when most would have.
    pub fn slow(&mut self, id: &NodeId) {
        if self.standing(id) == Some(Standing::Asked) {
            self.change(id, Standing::Slow);
        }
    }

    /// The node's timeout passed without an answer.
    pub fn late(&mut self, id: &NodeId) {
        if matches!(self.standing(id), Some(Standing::Asked | Standing::Slow)) {
            self.change(id, Standing::Late);
        }
    }

    /// The node will not answer any more.
    pub fn failed(&mut self, id: &NodeId) {
        if matches!(self.standing(id), Some(Standing::Asked | Standing::Slow | Standing::Late)) {
            self.change(id, Standing::Failed);
        }
    }

    /// The node is not to be counted on, whatever it answered before: another takes its place.
    pub fn give_up(&mut self, id: &NodeId) {
        self.change(id, Standing::Failed);
    }

    /// Where a node stands; `None` if it is no candidate.
    pub fn standing(&self, id: &NodeId) -> Option<Standing> {
        self.position(id).and_then(|at| self.candidates.get(at)).map(|c| c.standing)
    }

    /// Whether nobody closer is left to ask: from now on the whole window is asked at once.
    pub fn is_end_game(&self) -> bool {
        self.window().next().is_none_or(|(_, first)| first.standing == Standing::Answered)
            || self.own_is_closest()
            || self
                .window()
                .nth(self.wanted().saturating_sub(1))
                .is_some_and(|(_, c)| c.distance <= self.region)
    }

    /// Whether the k closest candidates have all answered. Late and failed ones are left out, but while
    /// fewer than k answered in all, the late ones are waited for.
    pub fn is_done(&self) -> bool {
        let mut answered = 0;
        for (_, candidate) in self.window() {
            if candidate.standing != Standing::Answered {
                return false;
            }
            answered += 1;
        }
        answered >= self.wanted() || self.candidates.iter().all(|c| c.standing != Standing::Late)
    }

    /// The closest nodes that answered, closest first: k, or one less where our own id is among them.
    pub fn closest(&self) -> impl Iterator<Item = Contact> {
        self.window().filter(|(_, c)| c.standing == Standing::Answered).map(|(_, c)| c.contact)
    }

    /// Whether our own id is one of the k closest, as things stand.
    pub fn includes_own(&self) -> bool {
        let Some(own) = self.own else { return false };
        let alive = self.candidates.iter().filter(|c| is_counted(c.standing));
        alive.take(self.k).filter(|c| c.distance < own).count() < self.k
    }

    /// Whether any node that was asked failed.
    pub fn gave_up_any(&self) -> bool {
        self.candidates.iter().any(|c| c.standing == Standing::Failed)
    }

    /// How many nodes answered.
    pub fn answers(&self) -> usize {
        self.candidates.iter().filter(|c| c.standing == Standing::Answered).count()
    }

    /// The window: the closest candidates that are not late or failed, as many as are looked for.
    fn window(&self) -> impl Iterator<Item = (usize, &Candidate)> {
        let counted = |(_, c): &(usize, &Candidate)| is_counted(c.standing);
        self.candidates.iter().enumerate().filter(counted).take(self.wanted())
    }

    /// How many nodes are looked for besides ourselves.
    fn wanted(&self) -> usize {
        if self.includes_own() { self.k - 1 } else { self.k }
    }

    /// Time in which the target is likely reached through a node at `distance`, in microseconds.
    fn price(&self, distance: &Distance, rtt: Duration) -> u64 {
        let bits = sixteenths(distance).saturating_sub(sixteenths(&self.goal));
        let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        let rest = micros(self.typical).saturating_mul(bits) / u64::from(16 * BITS_PER_STEP);
        micros(rtt).saturating_add(rest)
    }

    /// The round trip as far as it decides who is asked first.
    fn felt(&self, id: &NodeId, rtt: Duration) -> Duration {
        let Some(seed) = self.taste else { return rtt };
        let parts = u32::try_from(scramble(seed ^ head(id)) >> 56).unwrap_or(0);
        self.at_least_alike(rtt) * (128 + parts) / 256
    }

    /// What a round trip counts as where a [taste](Self::with_taste) decides, before it does.
    pub(crate) fn at_least_alike(&self, rtt: Duration) -> Duration {
        rtt.max(self.typical / ALIKE)
    }

    fn own_is_closest(&self) -> bool {
        let first = self.candidates.iter().find(|c| is_counted(c.standing));
        self.own.is_some_and(|own| first.is_none_or(|first| own < first.distance))
    }

    fn change(&mut self, id: &NodeId, standing: Standing) {
        if let Some(candidate) = self.position(id).and_then(|at| self.candidates.get_mut(at)) {
            candidate.standing = standing;
        }
    }

    fn position(&self, id: &NodeId) -> Option<usize> {
        let distance = self.target.distance(id);
        self.candidates.binary_search_by_key(&distance, |c| c.distance).ok()
    }
}

/// Whether nothing came of it yet, if it was asked at all.
fn is_open(standing: Standing) -> bool {
    matches!(standing, Standing::Fresh | Standing::Asked)
}

fn is_counted(standing: Standing) -> bool {
    matches!(standing, Standing::Fresh | Standing::Asked | Standing::Slow | Standing::Answered)
}

fn head(id: &NodeId) -> u64 {
    id.as_bytes().first_chunk().map_or(0, |head| u64::from_be_bytes(*head))
}

/// The binary logarithm of a distance in sixteenths, 0 for the distance 0: 0..=4,095.
fn sixteenths(distance: &Distance) -> u64 {
    let zeros = distance.leading_zeros();
    let Some(whole) = 255_u32.checked_sub(zeros) else { return 0 };
    let bit = |position: u32| {
        let byte = distance.as_bytes().get(position as usize / 8).copied().unwrap_or(0);
        u64::from(byte >> (7 - position % 8) & 1)
    };
    let fraction = (1..=4).fold(0, |fraction, behind| fraction << 1 | bit(zeros + behind));
    u64::from(whole) * 16 + fraction
}
