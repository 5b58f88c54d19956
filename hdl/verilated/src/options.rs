// SPDX-License-Identifier: Apache-2.0
//! How to build: what a library can do beside running the design.

use std::num::NonZeroUsize;

/// Which coverage is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Lines and branches
    pub line: bool,
    /// Each bit, in both directions
    pub toggle: bool,
}

/// Optimisation of the generated C++.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Optimisation {
    /// `-O0`: for debugging the generated code
    None,
    /// `-O1`: a quick build, for a design that runs only for a short time
    Light,
    /// `-O2`
    #[default]
    Standard,
    /// `-O3`
    Full,
}

impl Optimisation {
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Self::None => "-O0",
            Self::Light => "-O1",
            Self::Standard => "-O2",
            Self::Full => "-O3",
        }
    }
}

/// Options of a build. All but `jobs` are part of the hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The library can write waves, as an FST file
    pub trace: bool,
    /// Coverage counters
    pub coverage: Coverage,
    /// Assertions are compiled in
    pub assertions: bool,
    /// Optimisation of the C++
    pub optimisation: Optimisation,
    /// More arguments for Verilator
    pub extra: Vec<String>,
    /// Compilers at a time; the available processors if `None`
    pub jobs: Option<NonZeroUsize>,
}

impl Default for Options {
    /// Assertions on, no waves, no coverage, `-O2`.
    fn default() -> Self {
        Self {
            trace: false,
            coverage: Coverage::default(),
            assertions: true,
            optimisation: Optimisation::default(),
            extra: Vec::new(),
            jobs: None,
        }
    }
}

impl Options {
    pub(crate) fn jobs(&self) -> usize {
        let jobs = self.jobs.or_else(|| std::thread::available_parallelism().ok());
        jobs.map_or(1, NonZeroUsize::get)
    }
}
