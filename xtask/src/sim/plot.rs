//! Distributions of times as a picture.

use std::path::Path;

use anyhow::{anyhow, bail};
use plotters::prelude::*;

use super::figure::Curve;

const SIZE: (u32, u32) = (960, 560);
const COLOURS: [RGBColor; 4] =
    [RGBColor(31, 119, 180), RGBColor(214, 39, 40), RGBColor(44, 160, 44), RGBColor(148, 103, 189)];

/// Draws the cumulative distributions into an SVG file: time on a logarithmic axis, share of lookups above it.
pub(super) fn draw(path: &Path, title: &str, curves: &[Curve]) -> anyhow::Result<()> {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let longest = points().map(|(_, ms)| *ms).fold(0.0, f64::max);
    if longest <= 0.0 {
        bail!("{title} measures no distribution of times");
    }
    let shortest = points().map(|(_, ms)| *ms).filter(|ms| *ms > 0.0).fold(longest, f64::min);
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    let failed = |error: &dyn std::fmt::Display| anyhow!("{error}");
    root.fill(&WHITE).map_err(|error| failed(&error))?;
    let range = (shortest * 0.9..longest * 1.1).log_scale();
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 24))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(60)
        .build_cartesian_2d(range, 0.0..1.0)
        .map_err(|error| failed(&error))?;
    chart
        .configure_mesh()
        .x_desc("time, ms")
        .y_desc("share of lookups")
        .draw()
        .map_err(|error| failed(&error))?;
    for (curve, colour) in curves.iter().zip(COLOURS.into_iter().cycle()) {
        let line = curve.points.iter().map(|(share, ms)| (ms.max(shortest), *share));
        chart
            .draw_series(LineSeries::new(line, colour.stroke_width(2)))
            .map_err(|error| failed(&error))?
            .label(&curve.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()
        .map_err(|error| failed(&error))?;
    root.present().map_err(|error| failed(&error))
}
