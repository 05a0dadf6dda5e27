//! Medians and ranges.

use serde_json::{Value, json};

/// A handful of measurements of one thing.
#[derive(Clone, Debug, Default)]
pub struct Series(Vec<f64>);

impl Series {
    /// Of values in any order; those that are no numbers are left out.
    #[must_use]
    pub fn new(values: impl IntoIterator<Item = f64>) -> Series {
        let mut values: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        Series(values)
    }

    /// The one in the middle, or the mean of the two there; NaN of nothing.
    #[must_use]
    pub fn median(&self) -> f64 {
        let upper = self.0.get(self.0.len() / 2).copied().unwrap_or(f64::NAN);
        let lower = self.0.get(self.0.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN);
        f64::midpoint(lower, upper)
    }

    /// The least; NaN of nothing.
    #[must_use]
    pub fn min(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }

    /// The greatest; NaN of nothing.
    #[must_use]
    pub fn max(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }

    /// Median, least and greatest, for a report.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "median": self.median(), "min": self.min(), "max": self.max(), "n": self.0.len() })
    }

    /// `median [min..max]` with so many digits after the point; of a single one, itself.
    #[must_use]
    pub fn show(&self, digits: usize) -> String {
        match self.0.as_slice() {
            [] => return "–".to_owned(),
            [one] => return format!("{one:.digits$}"),
            _ => {}
        }
        format!("{:.digits$} [{:.digits$}..{:.digits$}]", self.median(), self.min(), self.max())
    }
}

/// A count as a floating-point number; exact below 2^53.
#[must_use]
pub fn float(count: u64) -> f64 {
    count as f64
}

/// `a / b`, NaN where there is nothing to divide by.
#[must_use]
pub fn ratio(a: u64, b: u64) -> f64 {
    if b == 0 { f64::NAN } else { float(a) / float(b) }
}

#[cfg(test)]
mod tests {
    use super::Series;

    #[test]
    fn median_of_odd_even_and_nothing() {
        assert_eq!(Series::new([3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(Series::new([4.0, 1.0, 2.0, 3.0]).median(), 2.5);
        assert!(Series::new([f64::NAN]).median().is_nan());
        assert_eq!(Series::new([4.0, 1.0, 2.0]).show(1), "2.0 [1.0..4.0]");
    }
}
