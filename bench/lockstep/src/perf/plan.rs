// SPDX-License-Identifier: Apache-2.0
//! Which pages a pattern touches, in which order, and what is invalidated in between.

use super::case::Pattern;

/// A request: a page by its number, and where in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Touch {
    pub page: u64,
    pub offset: u64,
    pub write: bool,
}

impl Touch {
    const fn read(page: u64, offset: u64) -> Self {
        Self { page, offset, write: false }
    }
}

/// What software does before a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    Nothing,
    /// All caches are invalidated
    All,
    /// Those of the device directory
    Directory,
}

/// What goes on beside the requests that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    Nothing,
    /// A device asks for a page that is not mapped
    Faults,
    /// Software invalidates
    Invalidations,
}

/// Requests of all streams; the next round begins when the last one has been answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Round {
    pub before: Before,
    pub measured: bool,
    /// By stream
    pub touches: Vec<Vec<Touch>>,
}

/// A pattern, spelt out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub rounds: Vec<Round>,
    pub beside: Beside,
    /// Doublewords of a request
    pub beats: u16,
    /// Each stream waits for its answer before it asks again
    pub dependent: bool,
    /// Pages that are mapped, from number 0 on
    pub pages: u64,
}

/// A block of a matrix: 64 bytes.
const BLOCK: u64 = 64;
/// Rows and columns of a matrix; a row has a page of its own.
const ROWS: u64 = 64;
/// Rows of the left matrix, and of the product, that are in use.
const LEFT_ROWS: u64 = 16;
/// Doublewords of a block.
const BEATS: u64 = BLOCK / 8;

/// Pages of a chase: a power of two.
const CHASED: u64 = 256;

impl Plan {
    /// `requests` is how many are measured, all streams together; the long patterns make four times as many.
    pub(super) fn new(pattern: Pattern, streams: u64, requests: u64) -> Plan {
        let (streams, each) = (streams.max(1), requests.div_ceil(streams.max(1)).max(1));
        let mut plan = Plan { rounds: Vec::new(), beside: Beside::Nothing, beats: 1, dependent: false, pages: 0 };
        // Each stream has a page of its own, and knows it.
        let warm = |n: u64| every(streams, |stream| vec![Touch::read(stream, 0); n as usize]);
        let hits = || every(streams, |stream| (0..each).map(|n| Touch::read(stream, n * BLOCK % 4096)).collect());
        match pattern {
            Pattern::Hit | Pattern::Neighbour | Pattern::Storm => {
                plan.add(Before::Nothing, false, warm(4));
                plan.add(Before::Nothing, true, hits());
                plan.beside = match pattern {
                    Pattern::Neighbour => Beside::Faults,
                    Pattern::Storm => Beside::Invalidations,
                    _ => Beside::Nothing,
                };
            }
            Pattern::Near => {
                plan.add(Before::Nothing, false, warm(1));
                let next = |stream| (0..each).map(|n| Touch::read(streams + n * streams + stream, 0)).collect();
                plan.add(Before::Nothing, true, every(streams, next));
            }
            Pattern::Cold | Pattern::Directory => {
                plan.add(Before::Nothing, false, warm(1));
                let before = if pattern == Pattern::Cold { Before::All } else { Before::Directory };
                for _ in 0..each {
                    plan.add(before, true, warm(1));
                }
            }
            Pattern::Matrix => {
                plan.beats = BEATS as u16;
                let part = |stream| product(stream % LEFT_ROWS, 4 * each);
                plan.add(Before::Nothing, true, every(streams, part));
            }
            Pattern::Chase => {
                plan.dependent = true;
                let part = |stream| chase(stream * CHASED / streams, 4 * each);
                plan.add(Before::Nothing, true, every(streams, part));
            }
        }
        let touched = plan.rounds.iter().flat_map(|round| round.touches.iter().flatten());
        plan.pages = touched.map(|touch| touch.page + 1).max().unwrap_or(1);
        plan
    }

    fn add(&mut self, before: Before, measured: bool, touches: Vec<Vec<Touch>>) {
        self.rounds.push(Round { before, measured, touches });
    }
}

fn every(streams: u64, of: impl Fn(u64) -> Vec<Touch>) -> Vec<Vec<Touch>> {
    (0..streams).map(of).collect()
}

/// The first requests of `row` of a product: for each block of it, the row of the left matrix from left to right and,
/// for each element of that, a block of the row of the right matrix below the last one.
fn product(row: u64, count: u64) -> Vec<Touch> {
    let (right, result) = (LEFT_ROWS, LEFT_ROWS + ROWS);
    let block = move |column: u64| {
        let inner = move |k: u64| {
            let left = (k.is_multiple_of(BEATS)).then_some(Touch::read(row, k * 8));
            left.into_iter().chain([Touch::read(right + k, column * BLOCK)])
        };
        let store = Touch { page: result + row, offset: column * BLOCK, write: true };
        (0..ROWS).flat_map(inner).chain([store])
    };
    (0..ROWS / BEATS).cycle().flat_map(block).take(count as usize).collect()
}

/// All pages in a fixed disorder, and around again.
fn chase(start: u64, count: u64) -> Vec<Touch> {
    // A generator of full period: the multiplier is 1 modulo 4, the increment odd.
    let next = |page: &u64| Some((page * 141 + 71) % CHASED);
    let pages = std::iter::successors(Some(start), next);
    pages.take(count as usize).map(|page| Touch::read(page, page * 8 % 4096)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn measured(plan: &Plan) -> Vec<Touch> {
        let rounds = plan.rounds.iter().filter(|round| round.measured);
        rounds.flat_map(|round| round.touches.iter().flatten().copied()).collect()
    }

    #[test]
    fn a_chase_comes_by_each_page_before_it_comes_by_one_again() {
        let plan = Plan::new(Pattern::Chase, 1, 128);
        let pages: BTreeSet<u64> = measured(&plan)[..256].iter().map(|touch| touch.page).collect();
        assert_eq!((pages.len(), plan.pages, plan.dependent), (256, 256, true));
    }

    #[test]
    fn near_misses_touch_no_page_twice_and_hits_one_page_a_stream() {
        for streams in [1, 16] {
            let near = measured(&Plan::new(Pattern::Near, streams, 128));
            let pages: BTreeSet<u64> = near.iter().map(|touch| touch.page).collect();
            assert_eq!((near.len(), pages.len()), (128, 128));
            assert!(pages.iter().all(|&page| page >= streams), "the first pages are known");
            let hits = measured(&Plan::new(Pattern::Hit, streams, 128));
            let pages: BTreeSet<u64> = hits.iter().map(|touch| touch.page).collect();
            assert_eq!((hits.len(), pages.len()), (128, streams as usize));
        }
    }

    #[test]
    fn a_block_of_a_product_needs_a_row_and_a_column() {
        let all = product(3, 73);
        let column: BTreeSet<u64> = all.iter().filter(|touch| (16..80).contains(&touch.page)).map(|t| t.page).collect();
        assert_eq!(column.len(), 64, "a block of each row of the right matrix");
        assert_eq!(all.iter().filter(|touch| touch.page == 3).count(), 8, "the row of the left one");
        assert_eq!(all[72], Touch { page: 83, offset: 0, write: true });
    }
}
