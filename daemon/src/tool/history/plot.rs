//! Spans of time as bars, the present at the left, on an axis whose scale is logarithmic.

/// A span: ages in seconds, the newer end first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    /// Whose.
    pub(crate) name: String,
    /// Age of the newer end.
    pub(crate) from: u64,
    /// Age of the older end.
    pub(crate) to: u64,
}

/// The bars in so many columns, under an axis with marks; nothing where there are none.
pub(crate) fn plot(bars: &[Bar], columns: usize, is_utf8: bool) -> Vec<String> {
    let Some(oldest) = bars.iter().map(|bar| bar.to).max() else { return Vec::new() };
    let names = bars.iter().map(|bar| bar.name.chars().count()).max().unwrap_or(0).max(3);
    let width = columns.saturating_sub(names + 2).max(MIN_WIDTH);
    let end = MARKS.iter().map(|(age, _)| *age).find(|age| *age >= oldest).unwrap_or(oldest);
    let end = end.max(60);
    let mut lines = vec![format!("{:names$}  {}", "age", axis(width, end))];
    let full = if is_utf8 { '█' } else { '#' };
    for bar in bars {
        let (from, to) = (place(bar.from, end, width), place(bar.to, end, width));
        let from = from.min(width - 1);
        // A span of no length is seen all the same.
        let len = (to - from).max(1);
        let bar_text: String = std::iter::repeat_n(full, len).collect();
        lines.push(format!("{:names$}  {:from$}{bar_text}", bar.name, ""));
    }
    lines
}

/// The marks of the axis, each where its age is, as far as they don't touch.
fn axis(width: usize, end: u64) -> String {
    let mut text = String::new();
    for (age, mark) in MARKS.iter().filter(|(age, _)| *age <= end) {
        let at = place(*age, end, width);
        // The last one ends where the axis does.
        let at = at.min(width.saturating_sub(mark.len()));
        if text.is_empty() || at > text.len() {
            let gap = at.saturating_sub(text.len());
            text.extend(std::iter::repeat_n(' ', gap));
            text.push_str(mark);
        }
    }
    text
}

/// The column of an age: by the logarithm, from a second on.
fn place(age: u64, end: u64, width: usize) -> usize {
    let log = |age: u64| hundredths_of_log2(age.max(1));
    let part = u64::from(log(age.min(end))) * u64::try_from(width).unwrap_or(0);
    usize::try_from(part / u64::from(log(end)).max(1)).unwrap_or(0).min(width)
}

/// 100 times the logarithm to base 2, between powers of two along a line.
fn hundredths_of_log2(number: u64) -> u32 {
    let whole = number.ilog2();
    let base = 1u128 << whole;
    let part = (u128::from(number) - base) * 100 / base;
    whole * 100 + u32::try_from(part).unwrap_or(0)
}

const MIN_WIDTH: usize = 20;
const MARKS: [(u64, &str); 9] = [
    (1, "1s"),
    (10, "10s"),
    (60, "1min"),
    (600, "10min"),
    (3600, "1h"),
    (86_400, "1d"),
    (604_800, "1w"),
    (2_592_000, "1mo"),
    (31_536_000, "1y"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(name: &str, from: u64, to: u64) -> Bar {
        Bar { name: name.into(), from, to }
    }

    #[test]
    fn bars_reach_as_far_as_their_ages() {
        let bars = [bar("every commit", 0, 600), bar("1 min", 30, 86_400), bar("1 d", 5, 5)];
        let lines = plot(&bars, 74, false);
        assert_eq!(
            lines,
            [
                "age           1s         10s       1min        10min     1h             1d",
                "every commit  #################################",
                "1 min                          ###########################################",
                "1 d                   #",
            ]
            .map(|line| line.to_owned()),
            "{}",
            lines.join("\n")
        );
    }

    #[test]
    fn any_width_and_age_makes_a_plot() {
        assert_eq!(plot(&[], 80, true), [""; 0]);
        for columns in 0..200 {
            for age in [0, 1, 59, 61, 1 << 30, u64::MAX] {
                let lines = plot(&[bar("x", age / 2, age)], columns, true);
                assert_eq!(lines.len(), 2);
                assert!(
                    lines.iter().all(|line| line.chars().count() <= columns.max(MIN_WIDTH + 5))
                );
                assert!(lines[1].contains('█'));
            }
        }
    }
}
