// SPDX-License-Identifier: Apache-2.0
//! Random choices of a world, from its seed alone.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The stream of random numbers that worlds have; those of the devices' traffic count from 0.
const WORLD_STREAM: u64 = 1 << 33;

/// A seeded stream of choices.
#[derive(Debug)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The choices of the world with this seed.
    pub fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(WORLD_STREAM);
        Dice(rng)
    }

    /// Uniform in `0..n`; 0 if `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0.random_range(0..n.max(1))
    }

    /// A place in a slice with `len` elements; 0 if it has none.
    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// True in `percent` of the calls.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}
