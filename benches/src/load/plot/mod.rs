//! Pictures of cost against N: one SVG for each figure that was measured at several N.
//!
//! N is the number that a figure's name begins with (`1000 VMs: ms/VM`). The same report always
//! gives the same bytes.

mod svg;

use super::report::Report;
use svg::{Chart, Line};

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Its file's name.
    pub file: String,
    /// The SVG document.
    pub svg: String,
}

/// What is worth a picture: the scenario, and how the figure's name ends.
const WANTED: &[(&str, &str)] = &[
    ("storm", "ms/VM"),
    ("storm", "cpu ms/VM"),
    ("storm", "name lookup by scan, ms"),
    ("storm-connections", "ms/VM"),
    ("memory", "resident KB/VM"),
    ("connections", "open and watch, ms each"),
    ("connections", "READ p50 µs"),
    ("connections", "READ cpu µs/op"),
    ("watches", "write, 1 under way: cpu µs/op"),
    ("watches", "write, 16 under way: cpu µs/op"),
    ("events", "write to event, p50 µs"),
    ("transactions", "commits/s"),
    ("counter", "commits/s"),
    ("parallel", "VM/s"),
];

/// All pictures that the report has at least two values of N for.
#[must_use]
pub fn pictures(report: &Report) -> Vec<Picture> {
    let mut pictures = Vec::new();
    for &(scenario, ending) in WANTED {
        let mut lines: Vec<Line> = Vec::new();
        let mut of = String::new();
        for (figure, medians) in report.medians(scenario) {
            let Some((n, unit, rest)) = split(figure) else { continue };
            if rest != ending {
                continue;
            }
            of = unit;
            for (peer, value) in medians {
                let line = lines.iter().position(|line| line.name == peer).unwrap_or_else(|| {
                    lines.push(Line { name: peer.to_owned(), points: Vec::new() });
                    lines.len() - 1
                });
                if let Some(line) = lines.get_mut(line) {
                    line.points.push((n, value));
                }
            }
        }
        lines.iter_mut().for_each(|line| line.points.sort_by(|a, b| a.0.total_cmp(&b.0)));
        lines.retain(|line| line.points.len() > 1);
        if lines.is_empty() {
            continue;
        }
        let title = format!("{scenario}: {ending}");
        let svg = Chart { title: &title, x: &of, lines: &lines }.to_string();
        pictures.push(Picture { file: file_name(&title), svg });
    }
    pictures
}

/// `8 clients: commits/s` as 8, `clients` and `commits/s`.
fn split(figure: &str) -> Option<(f64, String, &str)> {
    let (head, rest) = figure.split_once(": ")?;
    let (number, unit) = head.split_once(' ')?;
    let plural = if unit.ends_with('s') { unit.to_owned() } else { format!("{unit}s") };
    Some((number.parse().ok()?, plural, rest))
}

fn file_name(title: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let dashed: String = title.replace('µ', "u").chars().map(plain).collect();
    let words: Vec<&str> = dashed.split('-').filter(|word| !word.is_empty()).collect();
    format!("{}.svg", words.join("-"))
}

#[cfg(test)]
mod tests {
    use super::{file_name, pictures, split};
    use crate::load::report::Report;

    fn report() -> Report {
        let mut report = Report::new(["c", "myriad"].map(str::to_owned));
        for (round, factor) in [1.0, 1.2].into_iter().enumerate() {
            for (n, cost) in [(100, 2.0), (1000, 20.0), (10_000, 200.0)] {
                let figure = |value| vec![(format!("{n} VMs: ms/VM"), value)];
                report.add("storm", round, 0, figure(cost * factor));
                report.add("storm", round, 1, figure(1.5 * factor));
            }
            report.add("counter", round, 0, vec![("1 client: commits/s".to_owned(), 7.0)]);
        }
        report
    }

    #[test]
    fn a_figure_at_several_n_is_a_picture_and_always_the_same() {
        let drawn = pictures(&report());
        assert_eq!(drawn, pictures(&report()));
        assert_eq!(drawn.len(), 1, "one client alone is no curve");
        let picture = drawn.first().unwrap();
        assert_eq!(picture.file, "storm-ms-vm.svg");
        assert!(picture.svg.starts_with("<svg ") && picture.svg.ends_with("</svg>\n"));
        for part in ["storm: ms/VM", ">VMs<", ">c<", ">myriad<", "10,000"] {
            assert!(picture.svg.contains(part), "{part}: {}", picture.svg);
        }
        assert_eq!(picture.svg.matches("<polyline").count(), 2);
        assert_eq!(picture.svg.matches("<circle").count(), 6);
        assert!(!picture.svg.contains("NaN") && !picture.svg.contains("inf"));
    }

    #[test]
    fn names_are_taken_apart() {
        assert_eq!(split("1 client: commits/s"), Some((1.0, "clients".to_owned(), "commits/s")));
        assert_eq!(split("requests, 1 under way: ops/s"), None);
        assert_eq!(file_name("connections: READ p50 µs"), "connections-read-p50-us.svg");
    }
}
