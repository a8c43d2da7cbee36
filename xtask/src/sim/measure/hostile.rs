//! Figures of the experiments with nodes that lie.

use dht_sim::experiment::{AdversaryPoint, EclipsePoint, TableEclipsePoint};

use super::super::figure::{Row, number, number_of, text};
use super::{Parts, as_number, curve, last};

pub(super) fn of_adversary(points: &[AdversaryPoint]) -> Parts {
    let row = |point: &AdversaryPoint| {
        let took = point.took.sorted();
        vec![
            number("m", point.share),
            number("d", as_number(point.paths as u64)),
            number("success", point.success()),
            number("requests", point.requests()),
            number("recall", point.recall()),
            number("find_p50_ms", took.percentile_ms(50.0)),
            number("find_p99_ms", took.percentile_ms(99.0)),
            number("lookups", as_number(point.lookups as u64)),
        ]
    };
    let name = |point: &AdversaryPoint| format!("m {}, d {}", point.share, point.paths);
    let curves = points.iter().map(|point| curve(&name(point), &point.took)).collect();
    (points.iter().map(row).collect(), last, curves)
}

pub(super) fn of_eclipse(points: &[EclipsePoint]) -> Parts {
    let name = |point: &EclipsePoint| format!("{} {} Sybils", point.sybils, point.manner.name());
    let curves = points.iter().map(|point| curve(&name(point), &point.took)).collect();
    (points.iter().map(eclipse_row).collect(), worst, curves)
}

fn eclipse_row(point: &EclipsePoint) -> Row {
    vec![
        number("sybils", as_number(point.sybils as u64)),
        text("mode", &point.manner.name()),
        number("success", point.success()),
        number("stores", point.requests_of_store()),
        number("requests", point.requests_of_fetch()),
        number("requests_max", f64::from(point.fetch_requests_max)),
        number("holders", point.honest_holders()),
        number("get_p50_ms", point.took.percentile_ms(50.0)),
        number("get_p99_ms", point.took.percentile_ms(99.0)),
        number("fetches", as_number(point.fetches as u64)),
    ]
}

/// The point where the fewest fetches succeeded.
fn worst(rows: &[Row]) -> usize {
    let success = |row: &Row| number_of(row, "success").unwrap_or_default();
    let order = |a: &(usize, &Row), b: &(usize, &Row)| success(a.1).total_cmp(&success(b.1));
    rows.iter().enumerate().min_by(order).map_or(0, |(index, _)| index)
}

pub(super) fn of_table_eclipse(points: &[TableEclipsePoint]) -> Parts {
    let row = |point: &TableEclipsePoint| {
        vec![
            number("m", point.share),
            number("eclipsed", point.eclipsed_share()),
            number("outnumbered", point.outnumbered_share()),
            number("sybil_share", point.sybil_share()),
            number("honest", as_number(point.honest as u64)),
        ]
    };
    (points.iter().map(row).collect(), last, Vec::new())
}
