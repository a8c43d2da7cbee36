//! The part of the space that we keep with others: which cells, and with whom.
//!
//! The space is cut into cells of about an eighth of the part that one set of k nodes keeps. By our table we
//! take part in a cell if hardly more than k nodes are closer to it than we; our partners there are the k
//! closest besides us. All nodes of a cell are closest to it alike, so that which point of it is looked at
//! hardly matters.
//!
//! Where k nodes are closer we are no holder but may have copies, from times when we were, or from somebody who
//! did not know better. Nobody sees to it that we get what is missing, so that we differ from the holders for
//! good: two of them are enough to make sure that they have what we do. Cells that we drop out of altogether
//! are shown to two holders for a few sweeps more; then what we have there may end.

use dht_proto::{Contact, Key, NodeId, Prefix};

use crate::RoutingTable;

/// Bits of a cell beyond those of the part that k nodes keep.
const EXTRA_BITS: u16 = 3;
/// Longest prefix of a cell: networks of a billion nodes need no longer ones.
const BITS_MAX: u16 = 40;
/// Cells around our own that are looked at, at most.
const NEAR: u64 = 64;
/// Cells in a row where others are closer before no further ones are looked at.
const MISSES_MAX: usize = 16;

/// Holders of a cell that one who is no holder compares with.
const WITNESSES: usize = 2;
/// Sweeps in which cells that we dropped out of are still shown to holders.
const FAREWELLS: u8 = 2;
/// Cells that we dropped out of, at most.
const LEFT_MAX: usize = 64;
/// Bits by which such a cell is cut, at most, to leave out what we still take part in.
const CUT_MAX: u16 = 4;

/// The cells that we take part in, in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Neighbourhood {
    cells: Vec<Prefix>,
    /// What we took part in before, in ascending order, and in how many sweeps more it is shown to holders.
    left: Vec<(Prefix, u8)>,
}

/// A node that is to hold what we hold in some cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Partner {
    pub(crate) contact: Contact,
    pub(crate) cells: Vec<Prefix>,
}

impl Neighbourhood {
    /// As `table` shows it to its owner, `local`.
    pub(crate) fn of(table: &RoutingTable, local: NodeId, k: usize) -> Self {
        let bits = bits_of(table.network_size(), k);
        let own = head(&local) >> (64 - bits);
        let count = NEAR.min(1 << bits);
        let mut cells = Vec::new();
        let mut misses = 0;
        for cell in (0..count).map(|near| prefix(own ^ near, bits)) {
            if table.closer(&middle(&cell)) < k + k / 2 {
                cells.push(cell);
                misses = 0;
            } else {
                misses += 1;
                if misses >= MISSES_MAX {
                    break;
                }
            }
        }
        cells.sort_unstable();
        Self { cells, left: Vec::new() }
    }

    /// The same one sweep after `earlier`.
    #[must_use]
    pub(crate) fn after(mut self, earlier: &Self) -> Self {
        let still =
            earlier.left.iter().filter_map(|(part, sweeps)| Some((*part, sweeps.checked_sub(1)?)));
        let just = earlier.cells.iter().map(|cell| (*cell, FAREWELLS));
        let mut left: Vec<(Prefix, u8)> = Vec::new();
        for (part, sweeps) in still.filter(|(_, sweeps)| *sweeps > 0).chain(just) {
            left.extend(self.outside(part).into_iter().map(|part| (part, sweeps)));
        }
        // Of equal parts the one that was left last comes first; parts of others go with them.
        left.sort_unstable_by_key(|(part, sweeps)| (part.first(), part.bits(), u8::MAX - sweeps));
        let mut end = None;
        left.retain(|(part, _)| {
            let is_new = end.is_none_or(|end| part.first() > end);
            end = if is_new { Some(part.last()) } else { end };
            is_new
        });
        left.truncate(LEFT_MAX);
        self.left = left;
        self
    }

    /// What of `part` lies outside our cells.
    fn outside(&self, part: Prefix) -> Vec<Prefix> {
        let bits = self.cells.first().map_or(0, Prefix::bits).min(part.bits() + CUT_MAX);
        let mut parts = vec![part];
        for _ in part.bits()..bits {
            let halves = |part: Prefix| [part.child(false), part.child(true)];
            parts = parts.into_iter().flat_map(halves).flatten().collect();
        }
        let overlap = |cell: &Prefix, part: &Prefix| {
            cell.contains(&part.first()) || part.contains(&cell.first())
        };
        parts.retain(|part| !self.cells.iter().any(|cell| overlap(cell, part)));
        parts
    }

    /// With whom we keep them, or compare them because we do not.
    pub(crate) fn partners(&self, table: &RoutingTable, local: NodeId, k: usize) -> Vec<Partner> {
        let mut partners: Vec<Partner> = Vec::new();
        for cell in self.cells.iter().chain(self.left.iter().map(|(part, _)| part)) {
            let middle = middle(cell);
            let mut closest = table.closest(&middle, k, |_| true);
            if is_surplus(&middle, local, (&closest, k)) {
                closest.truncate(WITNESSES);
            }
            for contact in closest {
                // To compute an id takes longer than to look through all of them.
                match partners.iter_mut().find(|partner| partner.contact == contact) {
                    Some(partner) => partner.cells.push(*cell),
                    None => partners.push(Partner { contact, cells: vec![*cell] }),
                }
            }
        }
        partners.sort_by_cached_key(|partner| partner.contact.id());
        partners
    }

    /// The cells that a node of the table is to hold with us, with how many nodes are closer to each than we.
    pub(crate) fn shared_with(
        &self,
        table: &RoutingTable,
        local: NodeId,
        (contact, k): (&Contact, usize),
    ) -> Vec<(Prefix, usize)> {
        if self.is_far(local, contact) {
            return Vec::new();
        }
        let shared = self.cells.iter().filter(|cell| is_to_hold(table, cell, (contact, k)));
        shared.map(|cell| (*cell, table.closer(&middle(cell)))).collect()
    }

    /// A node has gone: who is to hold instead which of the cells that it held with us, with how many nodes are
    /// closer to each than we.
    pub(crate) fn heirs_of(
        &self,
        table: &RoutingTable,
        local: NodeId,
        (gone, k): (&Contact, usize),
    ) -> Vec<(Contact, Prefix, usize)> {
        if self.is_far(local, gone) {
            return Vec::new();
        }
        let heirs = self.cells.iter().filter_map(|cell| {
            let middle = middle(cell);
            let heir = *table.closest(&middle, k, |_| true).get(k - 1)?;
            let is_heir = middle.distance(&gone.id()) < middle.distance(&heir.id());
            is_heir.then(|| (heir, *cell, table.closer(&middle)))
        });
        heirs.collect()
    }

    /// Whether a node is so far away, as nearly all are, that it can share no cell.
    fn is_far(&self, local: NodeId, contact: &Contact) -> bool {
        let bits = self.cells.first().map_or(0, Prefix::bits);
        let alike = local.to_key().distance(&contact.id()).leading_zeros();
        alike + u32::from(EXTRA_BITS) + 3 < u32::from(bits)
    }
}

/// Whether `contact` is one of the k nodes closest to `part`, by what `table` knows.
pub(crate) fn is_to_hold(
    table: &RoutingTable,
    part: &Prefix,
    (contact, k): (&Contact, usize),
) -> bool {
    let closest = table.closest(&middle(part), k, |_| true);
    closest.iter().any(|one| one.node == contact.node)
}

/// Whether all of the k `closest` to a point are closer than we.
fn is_surplus(point: &Key, local: NodeId, (closest, k): (&[Contact], usize)) -> bool {
    let furthest = closest.get(k.saturating_sub(1));
    furthest.is_some_and(|furthest| point.distance(&furthest.id()) < point.distance(&local))
}

fn bits_of(nodes: u64, k: usize) -> u16 {
    let groups = (nodes / k.max(1) as u64).max(1);
    let bits = u16::try_from(groups.ilog2()).unwrap_or(BITS_MAX);
    (bits + EXTRA_BITS).min(BITS_MAX)
}

fn head(id: &NodeId) -> u64 {
    id.as_bytes().first_chunk().copied().map_or(0, u64::from_be_bytes)
}

/// The cell with this number among those of `bits` bits, 1 to 64.
fn prefix(number: u64, bits: u16) -> Prefix {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&(number << (64 - bits)).to_be_bytes());
    Prefix::of(&Key::from_bytes(key), bits)
}

/// A point well within a cell.
fn middle(cell: &Prefix) -> Key {
    cell.child(true).map_or(cell.first(), |half| half.first())
}

#[cfg(test)]
mod tests;
