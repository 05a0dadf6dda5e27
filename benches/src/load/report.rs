//! The figures of all peers and rounds, side by side.

use serde_json::{Value, json};

use super::Figures;
use crate::{stats::Series, table::Table};

/// What every peer gave in every round.
#[derive(Clone, Debug, Default)]
pub struct Report {
    peers: Vec<String>,
    /// Figures by name, in order of appearance; the values of each peer.
    rows: Vec<(String, Vec<Vec<f64>>)>,
}

impl Report {
    /// For these peers; the ratios are to the first.
    #[must_use]
    pub fn new(peers: impl IntoIterator<Item = String>) -> Report {
        Report { peers: peers.into_iter().collect(), rows: Vec::new() }
    }

    /// Adds one round of one peer.
    pub fn add(&mut self, peer: usize, figures: Figures) {
        for (name, value) in figures {
            let at = self.rows.iter().position(|(n, _)| *n == name).unwrap_or_else(|| {
                self.rows.push((name, vec![Vec::new(); self.peers.len()]));
                self.rows.len() - 1
            });
            let values = self.rows.get_mut(at).and_then(|(_, values)| values.get_mut(peer));
            if let Some(values) = values {
                values.push(value);
            }
        }
    }

    /// A table: a row for each figure, a column for each peer, the ratio to the first beside it.
    #[must_use]
    pub fn table(&self) -> Table {
        let mut headings = vec!["figure".to_owned()];
        for (at, peer) in self.peers.iter().enumerate() {
            headings.push(peer.clone());
            if at > 0 {
                headings.push("ratio".to_owned());
            }
        }
        let mut table = Table::new(headings.iter().map(String::as_str));
        for (name, values) in &self.rows {
            let mut cells = vec![name.clone()];
            for (at, series) in values.iter().enumerate() {
                let shown = Series::new(series.iter().copied());
                let digits = if shown.median().abs() < 100.0 { 2 } else { 0 };
                cells.push(shown.show(digits));
                if at > 0 {
                    cells.push(ratios(values, at).show(2));
                }
            }
            table.row(cells);
        }
        table
    }

    /// For programs to read.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let row = |(name, values): &(String, Vec<Vec<f64>>)| {
            let of = |(at, peer): (usize, &String)| {
                let series = values.get(at).cloned().unwrap_or_default();
                let mut value = Series::new(series.iter().copied()).to_json();
                if let Some(object) = value.as_object_mut() {
                    object.insert("rounds".into(), json!(series));
                    object.insert("ratio".into(), ratios(values, at).to_json());
                }
                (peer.clone(), value)
            };
            let peers: serde_json::Map<_, _> = self.peers.iter().enumerate().map(of).collect();
            json!({ "figure": name, "peers": peers })
        };
        Value::Array(self.rows.iter().map(row).collect())
    }
}

/// Round by round, one peer's value to the first peer's.
fn ratios(values: &[Vec<f64>], at: usize) -> Series {
    let (Some(first), Some(this)) = (values.first(), values.get(at)) else {
        return Series::default();
    };
    Series::new(this.iter().zip(first).map(|(a, b)| a / b))
}

#[cfg(test)]
mod tests {
    use super::Report;

    #[test]
    fn ratios_are_to_the_first_peer_of_the_same_round() {
        let mut report = Report::new(["a".to_owned(), "b".to_owned()]);
        for round in [1.0, 2.0] {
            report.add(0, vec![("ops".to_owned(), round)]);
            report.add(1, vec![("ops".to_owned(), round * 3.0)]);
        }
        let json = report.to_json();
        assert_eq!(json[0]["peers"]["b"]["ratio"]["min"], 3.0);
        assert_eq!(json[0]["peers"]["b"]["ratio"]["max"], 3.0);
        assert!(report.table().to_string().contains("| ops    | 1.50 [1.00..2.00] |"));
    }
}
