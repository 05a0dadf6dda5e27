//! One chart with lines, both axes logarithmic: straight up means that the cost grows with N, flat
//! that it doesn't.

use std::fmt::{self, Display, Formatter};

/// What one peer gave.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: String,
    /// N and the value, by N.
    pub(super) points: Vec<(f64, f64)>,
}

/// The picture.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    /// What N counts.
    pub(super) x: &'a str,
    pub(super) lines: &'a [Line],
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 76.0;
/// The lines' names stand to the right of them.
const RIGHT: f64 = 500.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 344.0;
/// Names that would lie upon each other are moved apart by this.
const LINE_HEIGHT: f64 = 15.0;
/// Okabe and Ito's colours, which can be told apart by all; ours is black.
const COLOURS: [&str; 6] = ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const OURS: &str = "#000000";

/// From values to places, by powers of ten.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// Around all values above 0, to whole powers of ten if `whole`.
    fn around(values: impl Iterator<Item = f64>, whole: bool, from: f64, to: f64) -> Axis {
        let logs = values.filter(|v| *v > 0.0 && v.is_finite()).map(f64::log10);
        let (mut low, mut high) =
            logs.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        if whole {
            (low, high) = (low.floor(), high.ceil());
        }
        if high - low < 0.5 {
            high = low + 1.0;
        }
        Axis { low, high, from, to }
    }

    fn place(&self, value: f64) -> f64 {
        let share = (value.max(f64::MIN_POSITIVE).log10() - self.low) / (self.high - self.low);
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// The powers of ten within.
    fn ticks(&self) -> impl Iterator<Item = f64> {
        let (low, high) = (self.low.ceil(), self.high.floor());
        (-9..=12_i32)
            .map(f64::from)
            .filter(move |p| (low..=high).contains(p))
            .map(|p| 10_f64.powf(p))
    }
}

impl Display for Chart<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let x = Axis::around(points().map(|p| p.0), false, LEFT, RIGHT);
        let y = Axis::around(points().map(|p| p.1), true, BOTTOM, TOP);
        writeln!(
            f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             width=\"{WIDTH}\" height=\"{HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">"
        )?;
        writeln!(f, "<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>")?;
        text(f, LEFT, 22.0, "start", "#000000", self.title)?;
        for tick in y.ticks() {
            let at = y.place(tick);
            rule(f, (LEFT, at), (RIGHT, at), "#e0e0e0")?;
            text(f, LEFT - 6.0, at + 4.0, "end", "#444444", &number(tick))?;
        }
        let mut ns: Vec<f64> = points().map(|p| p.0).collect();
        ns.sort_by(f64::total_cmp);
        ns.dedup();
        for n in ns {
            let at = x.place(n.max(1.0));
            rule(f, (at, BOTTOM), (at, BOTTOM + 5.0), "#444444")?;
            text(f, at, BOTTOM + 20.0, "middle", "#444444", &number(n))?;
        }
        rule(f, (LEFT, BOTTOM), (RIGHT, BOTTOM), "#444444")?;
        text(f, (LEFT + RIGHT) / 2.0, BOTTOM + 40.0, "middle", "#000000", self.x)?;
        self.lines(f, &x, &y)?;
        writeln!(f, "</svg>")
    }
}

impl Chart<'_> {
    fn lines(&self, f: &mut Formatter<'_>, x: &Axis, y: &Axis) -> fmt::Result {
        let mut names: Vec<(f64, &str, &str)> = Vec::new();
        let mut colours = COLOURS.iter().cycle();
        for line in self.lines {
            let own = line.name == "myriad";
            let colour = if own { OURS } else { colours.next().copied().unwrap_or(OURS) };
            // Nobody is at the left end of a logarithmic axis: there 0 stands for 1.
            let place = |&(n, value): &(f64, f64)| (x.place(n.max(1.0)), y.place(value));
            let places: Vec<(f64, f64)> = line.points.iter().map(place).collect();
            let text: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            writeln!(
                f,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                text.join(" ")
            )?;
            for (x, y) in &places {
                writeln!(f, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>")?;
            }
            names.extend(places.last().map(|(_, y)| (*y, line.name.as_str(), colour)));
        }
        names.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut free = TOP;
        for (at, name, colour) in names {
            let at = at.max(free);
            free = at + LINE_HEIGHT;
            text(f, RIGHT + 8.0, at + 4.0, "start", colour, name)?;
        }
        Ok(())
    }
}

fn rule(f: &mut Formatter<'_>, from: (f64, f64), to: (f64, f64), colour: &str) -> fmt::Result {
    let ((x1, y1), (x2, y2)) = (from, to);
    writeln!(
        f,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\"/>"
    )
}

fn text(
    f: &mut Formatter<'_>,
    x: f64,
    y: f64,
    anchor: &str,
    colour: &str,
    words: &str,
) -> fmt::Result {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    writeln!(
        f,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{words}</text>"
    )
}

/// `10,000`, `0.01`.
fn number(value: f64) -> String {
    if value < 1.0 && value > 0.0 {
        return format!("{value}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::{Axis, number};

    #[test]
    fn an_axis_holds_what_it_is_around() {
        let axis = Axis::around([0.0, 3.0, 250.0].into_iter(), true, 100.0, 200.0);
        assert_eq!((axis.place(1.0), axis.place(1000.0)), (100.0, 200.0));
        assert_eq!(axis.ticks().collect::<Vec<_>>(), [1.0, 10.0, 100.0, 1000.0]);
        assert_eq!(axis.place(0.0), 100.0);
        let nothing = Axis::around([f64::NAN].into_iter(), true, 0.0, 1.0);
        assert!(nothing.place(5.0).is_finite());
    }

    #[test]
    fn numbers_have_their_thousands_apart() {
        assert_eq!([number(0.01), number(100.0), number(1e6)], ["0.01", "100", "1,000,000"]);
    }
}
