// SPDX-License-Identifier: Apache-2.0
//! What a measurement comes to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::counters::Counters;

/// Cycles from the acceptance of a request to its VALID on `mem_*`, or to its answer where it is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// Half of the requests take no longer
    pub median: u64,
    /// 99 of 100 take no longer
    pub p99: u64,
    /// The longest
    pub worst: u64,
    /// Mean
    pub mean: f64,
    /// Cycles from the first one on `dev_*` to the acceptance: mean
    pub wait: f64,
}

impl Latency {
    /// Of these latencies, and these cycles before the acceptance.
    pub(super) fn of(mut cycles: Vec<u64>, waits: &[u64]) -> Latency {
        cycles.sort_unstable();
        // The smallest value that is not below so many percent of all.
        let rank = |percent: usize| {
            let rank = (cycles.len() * percent).div_ceil(100).max(1);
            cycles.get(rank - 1).copied().unwrap_or(0)
        };
        Latency {
            median: rank(50),
            p99: rank(99),
            worst: cycles.last().copied().unwrap_or(0),
            mean: mean(&cycles),
            wait: mean(waits),
        }
    }
}

fn mean(all: &[u64]) -> f64 {
    if all.is_empty() { 0.0 } else { all.iter().sum::<u64>() as f64 / all.len() as f64 }
}

/// Reads of the device itself, but for those of its command queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reads {
    /// AR handshakes on `ptw_*`
    pub all: u64,
    /// Their beats
    pub beats: u64,
    /// For a request, those of a neighbour among them
    pub per_request: f64,
    /// By what lies there
    pub by_structure: BTreeMap<String, u64>,
}

/// What the golden walk needs for the same requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Need {
    /// Reads that follow one upon the other: mean
    pub reads: f64,
    /// Cycles that they take, and the boundary with them: mean
    pub cycles: f64,
}

/// What an ideal cache needs for the same requests in the same order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ideal {
    /// Translations that it holds
    pub entries: u32,
    /// Requests that it misses, of those that are measured
    pub misses: u64,
    /// Reads for a request: mean
    pub reads: f64,
    /// Cycles of a request: mean
    pub cycles: f64,
    /// Requests that no cache of the size could have hit
    pub least_misses: u64,
}

/// What a measurement comes to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measured {
    /// Requests that count
    pub requests: u64,
    /// How many of them were refused: 0, or the case is not what it says
    pub refused: u64,
    /// Cycles of a request
    pub latency: Latency,
    /// Requests in a cycle, from the first acceptance to the last VALID on `mem_*`
    pub rate: f64,
    /// Reads
    pub reads: Reads,
    /// What the golden walk needs
    pub walk: Need,
    /// What an ideal cache needs
    pub ideal: Ideal,
    /// The device's own counters
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub counters: Option<Counters>,
    /// Requests of all devices while it was measured
    pub requests_of_all: u64,
    /// Cycles of the whole run
    pub cycles: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_values_that_were_there() {
        let of = |all: &[u64]| Latency::of(all.to_vec(), &[]);
        let hundred: Vec<u64> = (1..=100).rev().collect();
        assert_eq!((of(&hundred).median, of(&hundred).p99, of(&hundred).worst), (50, 99, 100));
        assert_eq!((of(&[7]).median, of(&[7]).p99), (7, 7));
        assert_eq!((of(&[1, 9]).median, of(&[1, 9]).p99), (1, 9));
        assert_eq!(of(&[]), Latency::default());
        assert!((of(&[1, 2, 6]).mean - 3.0).abs() < 1e-9);
    }
}
