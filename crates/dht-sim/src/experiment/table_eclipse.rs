//! `table-eclipse`: what becomes of the tables of honest nodes where many nodes of few owners join.
//!
//! A share of all nodes are Sybils, five behind each ip. They arrive among the others from the beginning, and name
//! only each other from their first moment. Newcomers join through three random nodes that are honest, as whoever runs
//! a node knows some; from there on nothing helps them to tell Sybils apart. After the network has settled every
//! honest table is looked into.
//!
//! A table is *eclipsed* if nine in ten of its contacts are Sybils: then hardly a lookup of its node leaves them.

use std::time::Duration;

use super::{Host, Plan, share};
use crate::BuildError;
use crate::simulation::{Place, Role, Simulation};

/// Shares of nodes that are Sybils.
pub const INVASIONS: [f64; 3] = [0.2, 1.0 / 3.0, 0.5];
/// Sybils behind one ip.
const PER_IP: usize = 5;
/// Share of Sybils among its contacts with which a table is eclipsed.
const ECLIPSED: f64 = 0.9;
/// How long the network is left alone after the last arrival.
const SETTLING: Duration = Duration::from_mins(10);

/// What Sybils made of the tables of honest nodes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TableEclipsePoint {
    /// Share of nodes that are Sybils.
    pub share: f64,
    /// Honest nodes.
    pub honest: usize,
    /// Honest nodes of whose contacts nine in ten, or more, are Sybils.
    pub eclipsed: usize,
    /// Honest nodes of whose contacts more than half are Sybils.
    pub outnumbered: usize,
    /// Contacts of all honest nodes.
    pub contacts: usize,
    /// Those of them that are Sybils.
    pub sybils: usize,
}

impl TableEclipsePoint {
    /// Share of honest tables of which nine in ten contacts are Sybils.
    pub fn eclipsed_share(&self) -> f64 {
        share(self.eclipsed, self.honest)
    }

    /// Share of honest tables of which more than half of the contacts are Sybils.
    pub fn outnumbered_share(&self) -> f64 {
        share(self.outnumbered, self.honest)
    }

    /// Share of Sybils among all contacts of honest nodes.
    pub fn sybil_share(&self) -> f64 {
        share(self.sybils, self.contacts)
    }
}

/// Tables of honest nodes, for each share of Sybils.
pub fn table_eclipse(
    plan: &Plan,
    host: &mut dyn Host,
) -> Result<Vec<TableEclipsePoint>, BuildError> {
    INVASIONS.into_iter().map(|share| invade(plan, share, host)).collect()
}

/// One network with its Sybils.
pub fn invade(
    plan: &Plan,
    share: f64,
    host: &mut dyn Host,
) -> Result<TableEclipsePoint, BuildError> {
    let mut sim = plan.builder().build()?;
    let mut sybils = Vec::new();
    for place in (0..).map(Place).take(sim.places()) {
        if sim.random().chance(share) {
            sim.set_role(place, Role::Colluding);
            sybils.push(place);
        }
    }
    for host in sybils.chunks(PER_IP) {
        sim.share_host(host);
    }
    host.phase(&format!("joining with {share:.2} Sybils"), sim.places() as u64);
    sim.settle(SETTLING, |joined, _| host.advance(joined));
    Ok(look_into_tables(&sim, share))
}

fn look_into_tables(sim: &Simulation, share: f64) -> TableEclipsePoint {
    let mut point = TableEclipsePoint { share, ..TableEclipsePoint::default() };
    let places = (0..).map(Place).take(sim.places());
    for place in places.filter(|place| sim.role(*place) == Role::Honest) {
        let (contacts, sybils) = sim.contacts_of(place);
        point.honest += 1;
        point.contacts += contacts;
        point.sybils += sybils;
        let part = super::share(sybils, contacts);
        point.eclipsed += usize::from(contacts == 0 || part >= ECLIPSED);
        point.outnumbered += usize::from(contacts == 0 || part > 0.5);
    }
    point
}
