// SPDX-License-Identifier: Apache-2.0
//! What a build is doing, for whoever waits for it.

use std::fmt;
use std::sync::Arc;

/// What a build is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Another process builds the same
    Waiting,
    /// Verilator reads the sources
    Verilating,
    /// So many files of its C++ are compiled, of all
    Compiling {
        /// So many
        done: usize,
        /// All
        all: usize,
    },
    /// The library is linked
    Linking,
}

/// Who is told. Nobody by default.
#[derive(Clone, Default)]
pub struct Watch(Option<Arc<dyn Fn(Phase) + Send + Sync>>);

impl Watch {
    /// This one is told, from any thread.
    pub fn new(told: impl Fn(Phase) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(told)))
    }

    pub(crate) fn tell(&self, phase: Phase) {
        if let Some(told) = &self.0 {
            told(phase);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Watch(somebody)" } else { "Watch(nobody)" })
    }
}
