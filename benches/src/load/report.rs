//! The figures of all peers and rounds, side by side, with goals and verdicts.

use serde_json::{Value, json};

use super::{
    Figures, Role,
    goals::{Column, Finding, Goal, KEPT_WITH_HISTORY},
};
use crate::{stats::Series, table::Table};

/// What every peer gave in every round.
#[derive(Clone, Debug, Default)]
pub struct Report {
    peers: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    scenario: String,
    figure: String,
    /// The rounds of each peer; NaN where there is none.
    values: Vec<Vec<f64>>,
}

impl Report {
    /// For these peers; the ratios are to the first.
    #[must_use]
    pub fn new(peers: impl IntoIterator<Item = String>) -> Report {
        Report { peers: peers.into_iter().collect(), rows: Vec::new() }
    }

    /// The peers' names.
    #[must_use]
    pub fn peers(&self) -> &[String] {
        &self.peers
    }

    /// Adds one round of one peer.
    pub fn add(&mut self, scenario: &str, round: usize, peer: usize, figures: Figures) {
        for (figure, value) in figures {
            let at = self.row(scenario, &figure);
            let Some(row) = self.rows.get_mut(at) else { continue };
            if row.values.len() <= peer {
                row.values.resize(peer + 1, Vec::new());
            }
            let Some(values) = row.values.get_mut(peer) else { continue };
            if values.len() <= round {
                values.resize(round + 1, f64::NAN);
            }
            if let Some(place) = values.get_mut(round) {
                *place = value;
            }
        }
    }

    /// Adds all rounds of another one behind those that are here.
    pub fn append(&mut self, other: &Report) {
        for row in &other.rows {
            let at = self.row(&row.scenario, &row.figure);
            let rounds = self.rows.get(at).map_or(&[][..], |row| &row.values);
            let from = rounds.iter().map(Vec::len).max().unwrap_or(0);
            for (name, values) in other.peers.iter().zip(&row.values) {
                let peer = self.peers.iter().position(|p| p == name).unwrap_or_else(|| {
                    self.peers.push(name.clone());
                    self.peers.len() - 1
                });
                for (round, &value) in values.iter().enumerate() {
                    let figures = vec![(row.figure.clone(), value)];
                    self.add(&row.scenario, from + round, peer, figures);
                }
            }
        }
    }

    /// Where a row is, made if need be.
    fn row(&mut self, scenario: &str, figure: &str) -> usize {
        let at = self.rows.iter().position(|r| r.scenario == scenario && r.figure == figure);
        at.unwrap_or_else(|| {
            let (scenario, figure) = (scenario.to_owned(), figure.to_owned());
            self.rows.push(Row { scenario, figure, values: Vec::new() });
            self.rows.len() - 1
        })
    }

    /// The figures of one scenario, with the median of each peer that was measured.
    pub fn medians(&self, scenario: &str) -> impl Iterator<Item = (&str, Vec<(&str, f64)>)> {
        self.rows.iter().filter(move |row| row.scenario == scenario).map(|row| {
            let columns = row.columns(&self.peers).into_iter();
            let medians = columns.map(|c| (c.name, Series::new(c.rounds.iter().copied()).median()));
            (row.figure.as_str(), medians.filter(|(_, median)| median.is_finite()).collect())
        })
    }

    /// A row for each figure, a column for each peer, and the ratio to the first beside it.
    #[must_use]
    pub fn table(&self) -> Table {
        let mut headings = vec!["figure"];
        for (at, peer) in self.peers.iter().enumerate() {
            headings.push(peer);
            if at > 0 {
                headings.push("ratio");
            }
        }
        headings.extend(["wanted", "verdict"]);
        let mut table = Table::new(headings);
        for row in &self.rows {
            let columns = row.columns(&self.peers);
            let mut cells = vec![row.name(self.is_of_several())];
            for (at, column) in columns.iter().enumerate() {
                cells.push(shown(column.rounds));
                if let (Some(first), true) = (columns.first(), at > 0) {
                    cells.push(column.to(*first).show(2));
                }
            }
            let goal = Goal::of(&row.scenario, &row.figure);
            cells.push(goal.map_or_else(String::new, |goal| goal.words.to_owned()));
            let findings = row.findings(&columns).into_iter();
            let words = |(name, f): (&str, Finding)| format!("{name}: {}", f.verdict.words());
            cells.push(findings.map(words).collect::<Vec<_>>().join(", "));
            table.row(cells);
        }
        table
    }

    /// A row for each figure that has a goal: what was found, beside what was wanted.
    #[must_use]
    pub fn goals(&self) -> Table {
        let first = self.peers.iter().find(|peer| Role::of(peer) == Role::Ours).cloned();
        let mut headings = vec!["figure".to_owned(), "wanted".to_owned()];
        headings.extend(self.peers.iter().cloned());
        headings.extend(["found", "to the floor", "verdict"].map(str::to_owned));
        let variants: Vec<&String> = self.peers.iter().filter(|p| is_variant(p)).collect();
        headings.extend(variants.iter().map(|name| format!("{name} to {}", "myriad")));
        let mut table = Table::new(headings.iter().map(String::as_str));
        for row in &self.rows {
            let Some(goal) = Goal::of(&row.scenario, &row.figure) else { continue };
            let columns = row.columns(&self.peers);
            let findings = row.findings(&columns);
            let ours = findings.iter().find(|(name, _)| Some(*name) == first.as_deref());
            let Some((name, finding)) = ours.or(findings.first()) else { continue };
            let mut cells = vec![row.name(true), goal.words.to_owned()];
            cells.extend(columns.iter().map(|column| shown(column.rounds)));
            let to = finding.to.as_ref().map_or_else(String::new, |to| format!(" × {to}"));
            cells.push(format!("{}{to}", finding.found.show(2)));
            cells.push(finding.to_floor.as_ref().map_or_else(String::new, |to| to.show(2)));
            let who = if Some(*name) == first.as_deref() { "" } else { name };
            cells.push(format!("{} {who}", finding.verdict.words()).trim_end().to_owned());
            cells.extend(variants.iter().map(|variant| row.kept(goal, &columns, variant)));
            table.row(cells);
        }
        table
    }

    fn is_of_several(&self) -> bool {
        let mut scenarios = self.rows.iter().map(|row| &row.scenario);
        let first = scenarios.next();
        scenarios.any(|scenario| Some(scenario) != first)
    }

    /// For programs to read, and for [`Report::from_json`].
    #[must_use]
    pub fn to_json(&self) -> Value {
        let row = |row: &Row| {
            let columns = row.columns(&self.peers);
            let findings = row.findings(&columns);
            let of = |column: &Column<'_>| {
                let mut value = Series::new(column.rounds.iter().copied()).to_json();
                if let Some(object) = value.as_object_mut() {
                    object.insert("rounds".into(), json!(column.rounds));
                    if let Some(first) = columns.first() {
                        object.insert("ratio".into(), column.to(*first).to_json());
                    }
                    if let Some((_, f)) = findings.iter().find(|(name, _)| *name == column.name) {
                        object.insert("verdict".into(), json!(f.verdict.words()));
                        object.insert("found".into(), f.found.to_json());
                    }
                }
                (column.name.to_owned(), value)
            };
            let peers: serde_json::Map<_, _> = columns.iter().map(of).collect();
            let goal = Goal::of(&row.scenario, &row.figure).map(|goal| goal.words);
            json!({
                "scenario": row.scenario, "figure": row.figure, "wanted": goal, "peers": peers
            })
        };
        Value::Array(self.rows.iter().map(row).collect())
    }

    /// What [`Report::to_json`] gave, for these peers; none if it isn't that.
    #[must_use]
    pub fn from_json(peers: Vec<String>, figures: &Value) -> Option<Report> {
        let mut report = Report::new(peers);
        for row in figures.as_array()? {
            let scenario = row.get("scenario")?.as_str()?;
            let figure = row.get("figure")?.as_str()?;
            for (peer, name) in report.peers.clone().iter().enumerate() {
                let Some(value) = row.get("peers")?.get(name) else { continue };
                for (round, value) in value.get("rounds")?.as_array()?.iter().enumerate() {
                    let value = value.as_f64().unwrap_or(f64::NAN);
                    report.add(scenario, round, peer, vec![(figure.to_owned(), value)]);
                }
            }
        }
        Some(report)
    }
}

impl Row {
    fn columns<'a>(&'a self, peers: &'a [String]) -> Vec<Column<'a>> {
        let column = |(at, name): (usize, &'a String)| {
            let rounds = self.values.get(at).map_or(&[][..], Vec::as_slice);
            Column { name, rounds }
        };
        peers.iter().enumerate().map(column).collect()
    }

    /// The figure's name, with the scenario's where that isn't clear.
    fn name(&self, with_scenario: bool) -> String {
        if with_scenario {
            format!("{}: {}", self.scenario, self.figure)
        } else {
            self.figure.clone()
        }
    }

    /// Of each daemon of ours that was measured.
    fn findings<'a>(&self, columns: &[Column<'a>]) -> Vec<(&'a str, Finding)> {
        let Some(goal) = Goal::of(&self.scenario, &self.figure) else { return Vec::new() };
        let ours = columns.iter().filter(|c| Role::of(c.name) == Role::Ours);
        let measured = ours.filter(|c| c.rounds.iter().any(|v| v.is_finite()));
        measured.map(|c| (c.name, goal.judge(*c, columns))).collect()
    }

    /// How a variant of ours stands to the plain one, where the figure is a rate or a time.
    fn kept(&self, goal: &Goal, columns: &[Column<'_>], variant: &str) -> String {
        if !["/s", " µs", "ms/VM"].iter().any(|unit| self.figure.ends_with(unit)) {
            return String::new();
        }
        let of = |name| columns.iter().find(|c| c.name == name).copied();
        let (Some(plain), Some(other)) = (of("myriad"), of(variant)) else {
            return String::new();
        };
        let ratio = other.to(plain);
        let median = ratio.median();
        let rate = if goal.is_rate() { median } else { 1.0 / median };
        match median.is_finite() {
            true if rate >= KEPT_WITH_HISTORY => format!("{}: kept", ratio.show(2)),
            true => format!("{}: missed", ratio.show(2)),
            false => String::new(),
        }
    }
}

/// Ours with other options, such as `myriad-history`.
fn is_variant(peer: &str) -> bool {
    Role::of(peer) == Role::Ours && peer != "myriad"
}

fn shown(rounds: &[f64]) -> String {
    let series = Series::new(rounds.iter().copied());
    let digits = match series.median().abs() {
        median if median >= 100.0 => 0,
        median if median >= 0.1 || median == 0.0 => 2,
        _ => 4,
    };
    series.show(digits)
}

#[cfg(test)]
mod tests;
