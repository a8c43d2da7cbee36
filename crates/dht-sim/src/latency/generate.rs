//! The built-in generator of site latencies.
//!
//! Two steps. A map: sites lie in cities, cities on continents, all on a sphere; the raw round trip of two
//! sites is their distance with some noise, made longer by each site's access line and, for a few, by a long
//! way round. Then a fit: raw values are replaced, rank by rank, by the quantiles of the measured matrix.
//! The fit is monotone, so near stays near; what it changes is only how far.

use super::{Latencies, to_micros};
use crate::Random;

/// Quantiles of the `PlanetLab` matrix (Zhu et al., `ToN` 2017), share and round trip in ms; straight lines of
/// the logarithm between them. The ends are its smallest and, rounded, its second largest round trip.
const QUANTILES: [(f64, f64); 17] = [
    (0.0, 0.1),
    (0.003, 0.7),
    (0.005, 2.5),
    (0.01, 6.1),
    (0.02, 10.8),
    (0.05, 19.3),
    (0.1, 31.6),
    (0.25, 59.3),
    (0.35, 92.6),
    (0.5, 135.0),
    (0.65, 174.4),
    (0.75, 201.8),
    (0.9, 290.7),
    (0.95, 324.9),
    (0.99, 412.6),
    (0.999, 771.7),
    (1.0, 1_500.0),
];

/// Continents: latitude and longitude of the middle, spread in degrees, share of the cities. Where the
/// measured sites were: North America and Europe in the main, then East Asia, few elsewhere.
const CONTINENTS: [(f64, f64, f64, f64); 6] = [
    (40.0, -78.0, 7.0, 0.30),
    (37.0, -118.0, 6.0, 0.14),
    (49.0, 9.0, 7.0, 0.36),
    (33.0, 115.0, 9.0, 0.10),
    (-25.0, -50.0, 7.0, 0.05),
    (-33.0, 150.0, 9.0, 0.05),
];

/// Round trip in ms over the radius of the earth along a great circle in fibre, a third longer than light needs.
const RADIUS_MS: f64 = 6_371.0 * 2.0 / 200.0 * 1.33;

struct Site {
    city: usize,
    /// Unit vector from the middle of the earth.
    place: [f64; 3],
    /// Round trip over the access line, in ms.
    access: f64,
}

pub(super) fn generate(count: usize, random: &mut Random) -> Latencies {
    let sites = draw_sites(count, random);
    let mut raw = Vec::with_capacity(count * (count - 1) / 2);
    for (row, a) in sites.iter().enumerate() {
        for (column, b) in sites.iter().enumerate().take(row) {
            raw.push((raw_round_trip(a, b, random), row, column));
        }
    }
    raw.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut round_trips = vec![1; count * count];
    let pairs = raw.len();
    for (rank, (_, row, column)) in raw.into_iter().enumerate() {
        let micros = to_micros(quantile_ms(middle_share(rank, pairs)) * 1_000.0);
        round_trips[row * count + column] = micros;
        round_trips[column * count + row] = micros;
    }
    Latencies::from_micros(count, round_trips)
}

/// Sites are dealt to cities of a few sites each, as university campuses were in the measured matrix.
fn draw_sites(count: usize, random: &mut Random) -> Vec<Site> {
    let mut sites = Vec::with_capacity(count);
    let mut city = 0;
    while sites.len() < count {
        let middle = draw_city(random);
        let others = (0..14).take_while(|_| random.chance(0.46)).count();
        for _ in 0..(1 + others).min(count - sites.len()) {
            // Most access lines are short, a few are very long.
            let access = (1.5 + 1.3 * random.normal()).exp().min(130.0);
            sites.push(Site { city, place: middle, access });
        }
        city += 1;
    }
    sites
}

fn draw_city(random: &mut Random) -> [f64; 3] {
    let mut share = random.unit();
    let (latitude, longitude, spread, _) = CONTINENTS
        .into_iter()
        .find(|(_, _, _, weight)| {
            share -= weight;
            share < 0.0
        })
        .unwrap_or(CONTINENTS[0]);
    let (latitude, longitude) = (
        (latitude + spread * random.normal()).to_radians(),
        (longitude + 1.6 * spread * random.normal()).to_radians(),
    );
    let ring = latitude.cos();
    [ring * longitude.cos(), ring * longitude.sin(), latitude.sin()]
}

fn raw_round_trip(a: &Site, b: &Site, random: &mut Random) -> f64 {
    if a.city == b.city {
        return 0.05 * (a.access + b.access) * (0.5 * random.normal()).exp();
    }
    let cosine: f64 = a.place.iter().zip(b.place).map(|(x, y)| x * y).sum();
    let distance = RADIUS_MS * cosine.clamp(-1.0, 1.0).acos();
    let direct = (0.5 + 1.6 * distance) * (0.05 * random.normal()).exp() + a.access + b.access;
    // One route in a hundred goes a long way round.
    if random.chance(0.01) { direct * (1.0 + 2.0 * random.unit()) } else { direct }
}

#[expect(clippy::cast_precision_loss, reason = "ranks are far below 2^52")]
fn middle_share(rank: usize, count: usize) -> f64 {
    (rank as f64 + 0.5) / count as f64
}

fn quantile_ms(share: f64) -> f64 {
    let above = QUANTILES.iter().position(|(at, _)| *at >= share).unwrap_or(QUANTILES.len() - 1);
    let (high_share, high) = QUANTILES[above.max(1)];
    let (low_share, low) = QUANTILES[above.max(1) - 1];
    let part = (share - low_share) / (high_share - low_share);
    (low.ln() + part * (high / low).ln()).exp()
}
