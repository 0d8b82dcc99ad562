//! Figures as a table for people and as JSON for machines.

use std::collections::BTreeMap;

/// Named figures of repeated runs, reported by their medians.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<(String, BTreeMap<&'static str, Vec<f64>>)>,
}

/// Tells whoever waits how far it is. The report alone goes to standard output.
#[allow(clippy::print_stderr, reason = "this is the one place for it")]
pub(crate) fn progress(line: &str) {
    eprintln!("{line}");
}

impl Report {
    /// Gives a row its place. Rows are measured in random order, and told in this one.
    pub(crate) fn row(&mut self, row: &str) {
        if !self.rows.iter().any(|(name, _)| name == row) {
            self.rows.push((row.to_owned(), BTreeMap::new()));
        }
    }

    /// Adds one run's figure to a row.
    pub(crate) fn add(&mut self, row: &str, figure: &'static str, value: f64) {
        let place = match self.rows.iter().position(|(name, _)| name == row) {
            Some(place) => place,
            None => {
                self.rows.push((row.to_owned(), BTreeMap::new()));
                self.rows.len() - 1
            }
        };
        self.rows[place].1.entry(figure).or_default().push(value);
    }

    /// Prints the table, then one line of JSON.
    #[allow(clippy::print_stdout, reason = "printing is what a report is for")]
    pub(crate) fn print(&self) {
        for (name, figures) in &self.rows {
            println!("{name}");
            for (figure, values) in figures {
                let [low, median, high] = spread(values);
                println!(
                    "  {figure:<34} {:>14} ({} to {})",
                    plain(median),
                    plain(low),
                    plain(high)
                );
            }
        }
        let json: BTreeMap<&str, BTreeMap<&str, f64>> = self
            .rows
            .iter()
            .map(|(name, figures)| {
                let medians = figures
                    .iter()
                    .map(|(figure, values)| (*figure, spread(values)[1]))
                    .collect();
                (name.as_str(), medians)
            })
            .collect();
        println!("{}", serde_json::json!(json));
    }
}

/// Lowest, median and highest.
fn spread(values: &[f64]) -> [f64; 3] {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    match sorted.as_slice() {
        [] => [0.0; 3],
        [low, .., high] => [*low, sorted[sorted.len() / 2], *high],
        [only] => [*only; 3],
    }
}

fn plain(value: f64) -> String {
    if value.abs() >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.3}")
    }
}
