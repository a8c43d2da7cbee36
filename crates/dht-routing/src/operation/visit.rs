//! A mirror's visit to one part of the space: who holds records there, what they hold, and the copies that we
//! lack.
//!
//! A wide lookup finds all nodes of a region. It is cut into *cells* so small that all records of one have
//! nearly the same holders, and these are visited one after the other.
//!
//! *Invariant:* nothing is kept that does not verify: what comes is a whole record, whose hash or signature was
//! checked when it was read, and it is the one that was asked for.

use std::collections::VecDeque;

use dht_proto::{Contact, Prefix};

use super::renewal::exploration::Exploration;
use super::{Ending, Happened, Order, Scene, follow};
use crate::lookup::Lookup;
use crate::mirror::{Itinerary, Part, VisitReport};
use crate::pacer::Priority;

mod cell;
mod tally;
mod witness;

use cell::{CellVisit, Progress};

/// Nodes that the lookup finds, as a multiple of k.
const WIDTH: usize = 3;
/// The nodes of a cell, as a part of k: few enough that the same k are closest to all of its keys.
const CELLS_PER_K: usize = 4;
/// Holders that surely hold every record of a cell, as a part of k: further ones may hold some.
const SURE_PER_K: usize = 2;
/// By how many places among these the first one asked moves on from round to round.
const TURN: u64 = 4;

/// What is waited for.
#[derive(Debug, Clone)]
enum Step {
    /// The start.
    Setting,
    /// The nodes of the region.
    Locating(Box<Lookup>, Exploration),
    /// What they hold.
    Touring(Box<Tour>),
}

/// The nodes of a region, and what is to be visited of it.
#[derive(Debug, Clone)]
struct Tour {
    nodes: Vec<Contact>,
    cells: VecDeque<Prefix>,
    cell: CellVisit,
}

/// A visit.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    itinerary: Itinerary,
    step: Step,
    report: VisitReport,
}

impl Visit {
    pub(crate) fn new(itinerary: Itinerary) -> Self {
        Self { itinerary, step: Step::Setting, report: VisitReport::new(itinerary.full_from) }
    }

    pub(crate) fn handle(&mut self, scene: &mut Scene<'_>, happened: Happened) {
        match &mut self.step {
            Step::Setting => self.begin(scene),
            Step::Locating(lookup, _) => {
                follow(scene, lookup, &happened);
                self.locate(scene);
            }
            Step::Touring(tour) => {
                if tour.cell.handle(scene, happened, &mut self.report) == Progress::Done {
                    self.next_cell(scene);
                }
            }
        }
    }

    fn begin(&mut self, scene: &mut Scene<'_>) {
        let target = match self.itinerary.part {
            Part::From(key) => key,
            Part::Only(part) => part.first(),
        };
        let wanted = WIDTH * scene.config.k;
        let lookup = scene.wide_lookup(target, wanted);
        let exploration = Exploration::around(target, scene.table.network_size(), wanted);
        self.step = Step::Locating(Box::new(lookup), exploration);
        self.locate(scene);
    }

    fn locate(&mut self, scene: &mut Scene<'_>) {
        let Step::Locating(lookup, exploration) = &mut self.step else { return };
        let found = exploration.go_on(scene, lookup, Priority::Mirror);
        let Some((nodes, region)) = found else { return };
        if nodes.is_empty() {
            return self.finish(scene);
        }
        self.report.met = true;
        let cells = match self.itinerary.part {
            Part::Only(part) => VecDeque::from([part]),
            Part::From(from) => {
                self.report.next = region.slots().end().next().map(|slot| slot.key);
                let cells = cut(region, &nodes, scene.config.k);
                cells.into_iter().filter(|cell| cell.last() >= from).collect()
            }
        };
        let nobody = CellVisit::new(region, VecDeque::new());
        self.step = Step::Touring(Box::new(Tour { nodes, cells, cell: nobody }));
        self.next_cell(scene);
    }

    fn next_cell(&mut self, scene: &mut Scene<'_>) {
        let Step::Touring(tour) = &mut self.step else { return };
        while let Some(cell) = tour.cells.pop_front() {
            let holders = holders_of(&cell, &tour.nodes, scene.config.k, self.itinerary.round);
            tour.cell = CellVisit::new(cell, holders);
            if tour.cell.handle(scene, Happened::Started, &mut self.report) == Progress::GoesOn {
                return;
            }
        }
        self.finish(scene);
    }

    fn finish(&mut self, scene: &mut Scene<'_>) {
        let report = self.report.clone();
        scene.order(Order::Finish(Ending::Visit(Box::new(report))));
    }
}

/// Cuts a region into cells with about a quarter of k of its `nodes` each, in ascending order.
fn cut(region: Prefix, nodes: &[Contact], k: usize) -> Vec<Prefix> {
    let inside = nodes.iter().filter(|node| region.contains(&node.id().to_key())).count();
    let count = (inside * CELLS_PER_K / k.max(1)).max(1);
    let mut cells = vec![region];
    for _ in 0..count.ilog2() {
        let halves = |cell: Prefix| [cell.child(false), cell.child(true)];
        cells = cells.into_iter().flat_map(halves).flatten().collect();
    }
    cells
}

/// The k of `nodes` that are to hold the records of a cell, in the order in which they are to be asked: of the
/// surest ones others come first in each round, so that a liar or laggard hides a record for one round.
fn holders_of(cell: &Prefix, nodes: &[Contact], k: usize, round: u64) -> VecDeque<Contact> {
    let middle = cell.child(true).map_or(cell.first(), |half| half.first());
    let mut closest = nodes.to_vec();
    closest.sort_unstable_by_key(|node| middle.distance(&node.id()));
    closest.truncate(k);
    let sure = k.div_ceil(SURE_PER_K).min(closest.len());
    let turn = (round * TURN).checked_rem(sure as u64).unwrap_or(0);
    if let Some(surest) = closest.get_mut(..sure) {
        surest.rotate_left(usize::try_from(turn).unwrap_or(0));
    }
    closest.into()
}
