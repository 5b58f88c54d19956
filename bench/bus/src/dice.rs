// SPDX-License-Identifier: Apache-2.0
//! Random choices of the bus: one independent, seeded stream for each component.

use std::ops::RangeInclusive;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;

/// A seeded stream of choices. Two components of one bus never share a stream, so that a change in the traffic of
/// one port leaves the timing of the others as it was.
#[derive(Clone, Debug)]
pub(super) struct Dice(Pcg32);

impl Dice {
    /// The stream number `stream` of `seed`.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        // PCG streams of one state are correlated; so the state is mixed with the stream number first.
        Self(Pcg32::new(mix(seed ^ mix(stream)), stream))
    }

    /// Uniform in `0..n`; 0 if `n` is 0.
    pub(super) fn below(&mut self, n: u32) -> u32 {
        if n <= 1 {
            return 0;
        }
        ((u64::from(self.0.next_u32()) * u64::from(n)) >> 32) as u32
    }

    /// True in `percent` of the calls. Costs nothing at 0 and at 100.
    pub(super) fn percent(&mut self, percent: u8) -> bool {
        match percent {
            0 => false,
            100.. => true,
            _ => self.below(100) < u32::from(percent),
        }
    }

    /// Uniform within the range; its start if the range is empty.
    pub(super) fn within(&mut self, range: &RangeInclusive<u32>) -> u32 {
        let span = range.end().saturating_sub(*range.start()).saturating_add(1);
        range.start().saturating_add(self.below(span))
    }
}

/// The finaliser of SplitMix64: each bit of the input moves about half of the output.
pub(super) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
