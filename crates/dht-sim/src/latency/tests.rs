//! Tests of the latency model.

use super::*;

#[test]
fn the_generated_matrix_has_the_quantiles_of_the_measured_one() {
    let targets = [
        (0.01, 6.0),
        (0.05, 19.0),
        (0.1, 32.0),
        (0.25, 59.0),
        (0.5, 135.0),
        (0.75, 202.0),
        (0.9, 291.0),
        (0.95, 325.0),
        (0.99, 413.0),
        (0.999, 771.0),
    ];
    for seed in [1, 2, 3] {
        let latencies = Latencies::generated(seed);
        assert_eq!(latencies.sites(), SITES);
        for (share, expected) in targets {
            let found = latencies.quantile(share).as_secs_f64() * 1e3;
            assert!((found / expected - 1.0).abs() < 0.03, "seed {seed}, p{share}: {found} ms");
        }
    }
}

/// In the measured matrix 6 % of triples violate the triangle inequality and the median distance to the
/// nearest other site is 0.2 ms, to the sixteenth nearest 17 ms.
#[test]
fn generated_sites_lie_nearly_in_a_metric_space_with_near_neighbours() {
    let latencies = Latencies::generated(4);
    let mut random = Random::new(4);
    let violations = (0..100_000)
        .filter(|_| {
            let [a, b, c] = [0; 3].map(|_| random.below(SITES));
            a != b && b != c && a != c && {
                let detour = latencies.micros(a, b) + latencies.micros(b, c);
                latencies.micros(a, c) > detour
            }
        })
        .count();
    assert!((2_000..13_000).contains(&violations), "{violations} of 100000");
    let mut near: Vec<[u32; 2]> = (0..SITES)
        .map(|site| {
            let mut row: Vec<u32> =
                (0..SITES).filter(|to| *to != site).map(|to| latencies.micros(site, to)).collect();
            row.sort_unstable();
            [row[0], row[15]]
        })
        .collect();
    near.sort_unstable();
    assert!(near[SITES / 2][0] < 2_000, "nearest: {} us", near[SITES / 2][0]);
    near.sort_unstable_by_key(|pair| pair[1]);
    let sixteenth = near[SITES / 2][1];
    assert!((5_000..35_000).contains(&sixteenth), "sixteenth: {sixteenth} us");
}

/// In the measured matrix the median round trip of a site to all others is 95, 124, 245 and 308 ms at p5, p50,
/// p90 and p99 of the sites: nobody is near to everybody, and nobody far from everybody by a second.
#[test]
fn generated_sites_are_as_unequal_as_measured_ones() {
    for seed in [1, 2, 3] {
        let latencies = Latencies::generated(seed);
        let mut medians: Vec<u32> = (0..SITES)
            .map(|site| {
                let mut row: Vec<u32> = (0..SITES).map(|to| latencies.micros(site, to)).collect();
                row.sort_unstable();
                row[SITES / 2] / 1_000
            })
            .collect();
        medians.sort_unstable();
        let at = |percent| medians[SITES * percent / 100];
        let found = [at(5), at(50), at(90), at(99)];
        for (found, expected) in found.into_iter().zip([95.0, 124.0, 245.0, 308.0]) {
            assert!((f64::from(found) / expected - 1.0).abs() < 0.3, "seed {seed}: {found} ms");
        }
    }
}

#[test]
fn the_same_seed_generates_the_same_sites() {
    assert_eq!(Latencies::generated(9), Latencies::generated(9));
    assert_ne!(Latencies::generated(9), Latencies::generated(10));
}

#[test]
fn a_matrix_is_read_whatever_separates_its_columns() {
    let latencies = Latencies::parse("# round trips\n0\t10.5\n\n20, 0\n").unwrap();
    assert_eq!(latencies.sites(), 2);
    assert_eq!(latencies.round_trip(0, 1), Duration::from_micros(10_500));
    assert_eq!(latencies.round_trip(1, 0), Duration::from_millis(20));
    assert_eq!(latencies.round_trip(0, 0), Duration::from_millis(1));
    assert_eq!(latencies.scaled(2.0).round_trip(0, 1), Duration::from_millis(21));
}

#[test]
fn a_bad_matrix_is_refused_with_the_place_and_the_reason() {
    for (text, expected) in [
        ("", "the matrix is empty"),
        ("\n# nothing\n", "the matrix is empty"),
        ("0 1\n", "line 1 has 2 columns and the matrix 1 rows, it must be square"),
        ("0 1\n2\n", "line 2 has 1 columns and the matrix 2 rows, it must be square"),
        ("0 -1\n1 0\n", "line 1, column 2: -1 ms is not between 0 and 60000 ms"),
        ("0 inf\n1 0\n", "line 1, column 2: inf ms is not between 0 and 60000 ms"),
        ("0 60001\n1 0\n", "line 1, column 2: 60001 ms is not between 0 and 60000 ms"),
        ("0 NaN\n1 0\n", "line 1, column 2: `NaN` is not a number"),
        ("0 1\nfast 0\n", "line 2, column 1: `fast` is not a number"),
    ] {
        let error = Latencies::parse(text).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text:?}");
    }
    let tall = "0\n".repeat(5_000);
    assert_eq!(Latencies::parse(&tall), Err(MatrixError::TooLarge { rows: 5_000 }));
}

#[test]
fn a_constant_network_has_one_distance() {
    let latencies = Latencies::constant(Duration::from_millis(80));
    assert_eq!(latencies.round_trip(0, 0), Duration::from_millis(80));
    assert_eq!(latencies.round_trip(3, 5), Duration::from_millis(80));
    assert_eq!(latencies.quantile(0.5), Duration::ZERO);
}
