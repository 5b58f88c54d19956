// SPDX-License-Identifier: Apache-2.0
//! The trace of a run.

use std::io::{self, Write};

use events::trace::Writer;
use events::{Cycle, Device, Event};

/// Where the trace goes.
#[derive(Default)]
pub(super) enum Recording {
    /// Nowhere
    #[default]
    None,
    /// There
    To(Writer<Box<dyn Write>>),
    /// It could not be written on
    Failed(io::Error),
}

impl Recording {
    pub fn begin(to: Box<dyn Write>, device: &Device) -> Recording {
        Writer::new(to, device).map_or_else(Recording::Failed, Recording::To)
    }

    /// Somebody reads it.
    pub const fn is_on(&self) -> bool {
        matches!(self, Recording::To(_))
    }

    pub fn events(&mut self, events: &[Event], now: Cycle) {
        if let Recording::To(writer) = self
            && let Err(error) = writer.events(events, now)
        {
            *self = Recording::Failed(error);
        }
    }

    /// The run is over. Why its trace is not whole, if it is not.
    pub fn end(&mut self, now: Cycle, how: &str, text: &str) -> Option<String> {
        match std::mem::take(self) {
            Recording::None => None,
            Recording::To(writer) => writer.end(now, how, text).err().map(|error| error.to_string()),
            Recording::Failed(error) => Some(error.to_string()),
        }
    }
}
