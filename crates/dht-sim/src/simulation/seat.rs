//! Who can be reached where: the little that sending a packet asks about its target, close together. The
//! target itself is looked at when the packet arrives.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use dht_proto::NodeId;

use super::Place;
use crate::address;

/// What the network knows of every place.
#[derive(Debug, Clone)]
pub(super) struct Seats {
    places: Vec<Seat>,
    /// Places that share the host of another: whose, and as which of its lodgers.
    hosts: BTreeMap<Place, (Place, u32)>,
    /// Who has the ports of each lodger of a host that several places share.
    lodgers: BTreeMap<Place, Vec<Place>>,
}

#[derive(Debug, Clone, Copy)]
struct Seat {
    /// First bytes of the id of whoever lives here. Who forges an id alike in them still lives elsewhere.
    head: u64,
    /// Counts identities: a stranger that takes the place has a new address.
    life: u32,
    site: u16,
    live: bool,
}

impl Seats {
    /// Vacant places at these sites of the network.
    pub(super) fn new(sites: impl Iterator<Item = u16>) -> Self {
        let seats = sites.map(|site| Seat { head: 0, life: 0, site, live: false });
        Self { places: seats.collect(), hosts: BTreeMap::new(), lodgers: BTreeMap::new() }
    }

    /// Has vacant places live at one host, that of the first of them, and so behind one ip.
    pub(super) fn share(&mut self, places: &[Place]) {
        let Some(host) = places.first() else { return };
        for (place, lodger) in places.iter().zip(0..) {
            self.hosts.insert(*place, (*host, lodger));
        }
        self.lodgers.insert(*host, places.to_vec());
    }

    /// A node takes the place.
    pub(super) fn take(&mut self, place: Place, id: NodeId) {
        let seat = &mut self.places[place.index()];
        (seat.head, seat.live) = (head(id), true);
    }

    /// The node leaves.
    pub(super) fn leave(&mut self, place: Place) {
        self.places[place.index()].live = false;
    }

    /// Whoever comes next is a stranger.
    pub(super) fn vacate(&mut self, place: Place) {
        self.places[place.index()].life += 1;
    }

    pub(super) fn is_live(&self, place: Place) -> bool {
        self.places.get(place.index()).is_some_and(|seat| seat.live)
    }

    pub(super) fn life(&self, place: Place) -> u32 {
        self.places[place.index()].life
    }

    pub(super) fn site(&self, place: Place) -> u16 {
        self.places.get(place.index()).map_or(0, |seat| seat.site)
    }

    /// Where whoever lives at the place, or lived there last, is or was reached.
    pub(super) fn addr(&self, place: Place) -> SocketAddr {
        self.addr_in(place, self.life(place))
    }

    /// The address of the place in one of its lives.
    pub(super) fn addr_in(&self, place: Place, life: u32) -> SocketAddr {
        let (host, lodger) = self.hosts.get(&place).copied().unwrap_or((place, 0));
        address::shared(host.0, lodger, life)
    }

    /// Where a node lives that is reached at `addr`: the one with the `id`, or whoever it is.
    pub(super) fn find(&self, addr: SocketAddr, id: Option<NodeId>) -> Option<Place> {
        let (host, lodger) = address::host(addr)?;
        let place = match self.lodgers.get(&Place(host)) {
            Some(lodgers) => *lodgers.get(lodger as usize)?,
            None => Place(host),
        };
        let seat = self.places.get(place.index()).filter(|seat| seat.live)?;
        let is_it = id.is_none_or(|id| head(id) == seat.head);
        (is_it && self.addr_in(place, seat.life) == addr).then_some(place)
    }
}

fn head(id: NodeId) -> u64 {
    id.as_bytes().first_chunk().copied().map_or(0, u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whoever_lives_there_now_is_found() {
        let mut seats = Seats::new([5, 6].into_iter());
        let (here, one, other) =
            (Place(1), NodeId::from_bytes([1; 32]), NodeId::from_bytes([2; 32]));
        let addr = seats.addr(here);
        assert_eq!(seats.find(addr, None), None, "vacant");
        seats.take(here, one);
        assert_eq!((seats.find(addr, Some(one)), seats.site(here)), (Some(here), 6));
        assert_eq!(seats.find(addr, Some(other)), None);
        seats.leave(here);
        seats.vacate(here);
        seats.take(here, other);
        assert_eq!(seats.find(addr, None), None, "an earlier life");
        assert_eq!(seats.find(seats.addr(here), Some(other)), Some(here));
        assert!(seats.is_live(here) && !seats.is_live(Place(0)) && !seats.is_live(Place(2)));
    }

    #[test]
    fn places_that_share_a_host_are_told_apart_by_their_ports() {
        let mut seats = Seats::new(0..4);
        seats.share(&[Place(1), Place(3)]);
        let ids = [1, 3].map(|byte| NodeId::from_bytes([byte; 32]));
        seats.take(Place(1), ids[0]);
        seats.take(Place(3), ids[1]);
        let addrs = [seats.addr(Place(1)), seats.addr(Place(3))];
        assert_eq!(addrs[0].ip(), addrs[1].ip());
        assert_eq!(seats.find(addrs[0], None), Some(Place(1)));
        assert_eq!(seats.find(addrs[1], Some(ids[1])), Some(Place(3)));
        assert_eq!(seats.find(addrs[1], Some(ids[0])), None);
    }
}
