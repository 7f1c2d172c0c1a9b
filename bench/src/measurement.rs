//! The results of a measurement, and their median.

/// The results of one measurement. Latencies are in milliseconds, processor times in microseconds per request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measurement {
    pub(crate) per_second: f64,
    pub(crate) p50: Option<f64>,
    pub(crate) p95: Option<f64>,
    pub(crate) p99: Option<f64>,
    pub(crate) errors: u64,
    /// Of the program that sends the load.
    pub(crate) load_micros: f64,
    pub(crate) server_micros: Option<f64>,
    pub(crate) database_micros: Option<f64>,
    pub(crate) peak_mib: Option<f64>,
}

/// Returns the median, or `None` if there are no values.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        1 => values.get(middle).copied(),
        _ => Some(f64::midpoint(*values.get(middle.checked_sub(1)?)?, *values.get(middle)?)),
    }
}

/// Returns the median of the ratios within each round.
pub(crate) fn ratio(ours: &[Measurement], base: &[Measurement], of: impl Fn(&Measurement) -> f64) -> Option<f64> {
    median(ours.iter().zip(base).map(|(ours, base)| of(ours) / of(base)).filter(|ratio| ratio.is_finite()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([]), None);
    }
}
