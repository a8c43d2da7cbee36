//! Figures of an experiment: named numbers in rows, and their medians over several seeds.

/// One named figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    pub(super) key: &'static str,
    pub(super) value: Value,
}

/// What a figure is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Text(String),
}

/// The figures of one point of an experiment, its parameters first.
pub(super) type Row = Vec<Figure>;

/// A distribution of times: share and ms, ascending.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curve {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// All that an experiment found.
#[derive(Debug, Clone)]
pub(super) struct Findings {
    pub(super) nodes: usize,
    pub(super) wall_s: f64,
    /// Every point, at least one.
    pub(super) rows: Vec<Row>,
    /// Which of them stands for the experiment.
    pub(super) choose: fn(&[Row]) -> usize,
    pub(super) curves: Vec<Curve>,
}

pub(super) fn number(key: &'static str, value: f64) -> Figure {
    Figure { key, value: Value::Number(value) }
}

pub(super) fn text(key: &'static str, value: &impl ToString) -> Figure {
    Figure { key, value: Value::Text(value.to_string()) }
}

impl Findings {
    /// Medians, figure by figure, of runs of the same experiment with different seeds. Texts, and the
    /// distributions that are drawn, are those of the first.
    pub(super) fn median(runs: Vec<Self>) -> Self {
        let points = runs.iter().map(|run| run.rows.len()).min().unwrap_or(0);
        let of_point = |point: usize| -> Row {
            let rows: Vec<&Row> = runs.iter().filter_map(|run| run.rows.get(point)).collect();
            median_row(&rows)
        };
        let rows = (0..points).map(of_point).collect();
        let wall_s = runs.iter().map(|run| run.wall_s).sum();
        let (nodes, choose) = runs.first().map_or((0, first as _), |run| (run.nodes, run.choose));
        let curves = runs.into_iter().next().map(|run| run.curves).unwrap_or_default();
        Self { nodes, wall_s, rows, choose, curves }
    }

    /// The point that stands for the experiment.
    pub(super) fn top(&self) -> &[Figure] {
        self.rows.get((self.choose)(&self.rows)).map_or(&[], Vec::as_slice)
    }
}

/// For experiments of one point.
pub(super) fn first(_rows: &[Row]) -> usize {
    0
}

/// The number of a key in a row.
pub(super) fn number_of(row: &Row, key: &str) -> Option<f64> {
    row.iter().find(|figure| figure.key == key).and_then(|figure| match figure.value {
        Value::Number(number) => Some(number),
        Value::Text(_) => None,
    })
}

fn median_row(rows: &[&Row]) -> Row {
    let Some(first) = rows.first() else { return Row::new() };
    first
        .iter()
        .map(|figure| {
            let numbers: Vec<f64> =
                rows.iter().filter_map(|row| number_of(row, figure.key)).collect();
            match middle(numbers) {
                Some(median) => number(figure.key, median),
                None => figure.clone(),
            }
        })
        .collect()
}

fn middle(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let (low, high) =
        (numbers.get((numbers.len().checked_sub(1)?) / 2)?, numbers.get(numbers.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_taken_figure_by_figure() {
        let run = |success, time| Findings {
            nodes: 10,
            wall_s: 1.0,
            rows: vec![vec![number("success", success), number("time", time), text("hash", &"a")]],
            choose: first,
            curves: Vec::new(),
        };
        let median = Findings::median(vec![run(0.5, 9.0), run(0.9, 1.0), run(0.7, 5.0)]);
        let expected = [number("success", 0.7), number("time", 5.0), text("hash", &"a")];
        assert_eq!(median.top(), expected);
        assert!((median.wall_s - 3.0).abs() < 1e-9);
        assert_eq!(middle(vec![1.0, 2.0]), Some(1.5));
        assert_eq!(middle(Vec::new()), None);
    }
}
