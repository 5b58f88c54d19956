// SPDX-License-Identifier: Apache-2.0
//! Random choices of a program, from its seed alone.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// One of these.
///
/// # Panics
/// There is none.
pub fn one_of<T: Clone>(rng: &mut ChaCha8Rng, all: &[T]) -> T {
    all[rng.random_range(0..all.len())].clone()
}

/// One of these, if there is any.
pub fn any_of<T: Clone>(rng: &mut ChaCha8Rng, all: &[T]) -> Option<T> {
    (!all.is_empty()).then(|| one_of(rng, all))
}

/// True in so many of a hundred calls.
pub fn percent(rng: &mut ChaCha8Rng, percent: u32) -> bool {
    rng.random_range(0..100) < percent
}
