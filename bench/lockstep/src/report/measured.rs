// SPDX-License-Identifier: Apache-2.0
//! What is measured of scenarios, and how sure it is.

use std::collections::BTreeMap;

use super::result::Report;
use crate::runner::RunReport;

/// Runs that passed, by scenario and variant.
pub(super) fn by_scenario(report: &Report) -> BTreeMap<String, Vec<&RunReport>> {
    let mut all: BTreeMap<String, Vec<&RunReport>> = BTreeMap::new();
    for run in report.runs.iter().filter(|run| run.passed) {
        all.entry(format!("{}{}", run.scenario, run.variant)).or_default().push(run);
    }
    all
}

/// What is measured of a run.
pub(super) type Figure = fn(&RunReport) -> f64;

/// What is measured of a run that was judged as it should be.
pub(super) const FIGURES: [(&str, Figure); 3] = [
    ("cycles", |run| run.figures.cycles as f64),
    ("DMA per 1,000 cycles", |run| per_thousand(run.figures.dma_transactions, run.figures.cycles)),
    ("refused DMA", |run| run.figures.device_faults as f64),
];

/// How many in 1,000 cycles; 0 where no cycle passed.
pub(super) fn per_thousand(count: u64, cycles: u64) -> f64 {
    if cycles == 0 { 0.0 } else { count as f64 * 1000.0 / cycles as f64 }
}

/// What a single run says may be off by this part.
const ALONE: f64 = 0.05;

/// A mean, and how far it may be from the true one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    /// The mean
    pub mean: f64,
    /// Standard error
    pub error: f64,
}

impl Measured {
    pub fn of(values: &[f64]) -> Measured {
        let count = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / count;
        let error = match values {
            [] | [_] => ALONE / 2.0 * mean.abs(),
            _ => {
                let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
                (squares / (count - 1.0) / count).sqrt()
            }
        };
        Measured { mean, error }
    }
}

/// The names of what is measured.
pub fn figures() -> impl Iterator<Item = &'static str> {
    FIGURES.into_iter().map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_values_that_agree_leave_no_noise_and_one_alone_leaves_some() {
        let same = Measured::of(&[4.0, 4.0, 4.0]);
        assert_eq!((same.mean, same.error), (4.0, 0.0));
        assert_eq!(Measured::of(&[100.0]).error, 2.5);
        let apart = Measured::of(&[1.0, 3.0]);
        assert_eq!((apart.mean, apart.error), (2.0, 1.0));
    }
}
