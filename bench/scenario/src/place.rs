// SPDX-License-Identifier: Apache-2.0
//! Places in a file, and how those in a text that was filled in are led back to it.

use std::cell::RefCell;

/// A range of bytes in the scenario file. Length 0 at offset 0 means "not from the file" (a default).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// First byte
    pub offset: usize,
    /// Number of bytes
    pub len: usize,
}

impl From<serde_yaml::Location> for Place {
    fn from(location: serde_yaml::Location) -> Self {
        let span = location.span();
        let offset = span.byte_offset().unwrap_or(0) as usize;
        Place { offset, len: span.byte_len().unwrap_or(0) as usize }
    }
}

impl From<Place> for miette::SourceSpan {
    fn from(place: Place) -> Self {
        (place.offset, place.len).into()
    }
}

/// Values that were put into a text, in its order: where each lies now, and where its variable is written.
#[derive(Clone, Debug, Default)]
pub(super) struct Shifts(Vec<(Place, Place)>);

impl Shifts {
    /// What the author wrote there lies here now.
    pub(super) fn add(&mut self, now: Place, written: Place) {
        self.0.push((now, written));
    }

    /// Where the author wrote what lies here.
    pub(super) fn back(&self, place: Place) -> Place {
        let behind = |at: usize| {
            let last = self.0.iter().rev().find(|(now, _)| now.offset + now.len <= at);
            last.map_or(at, |(now, written)| at - (now.offset + now.len) + written.offset + written.len)
        };
        let within = self.0.iter().find(|(now, _)| now.offset <= place.offset && place.offset < now.offset + now.len);
        let offset = within.map_or_else(|| behind(place.offset), |(_, written)| written.offset);
        let end = place.offset + place.len;
        let cut = self.0.iter().find(|(now, _)| now.offset < end && end < now.offset + now.len);
        let end = cut.map_or_else(|| behind(end), |(_, written)| written.offset + written.len);
        Place { offset, len: end.saturating_sub(offset) }
    }

    /// Reads something while these are in force: [`led_back`] uses them.
    pub(super) fn while_reading<T>(self, read: impl FnOnce() -> T) -> T {
        let outer = IN_FORCE.replace(self);
        let result = read();
        IN_FORCE.set(outer);
        result
    }
}

thread_local! {
    /// The reader hands places to values, and nothing else to them: it knows no context.
    static IN_FORCE: RefCell<Shifts> = RefCell::new(Shifts::default());
}

/// Where the author wrote what the reader finds here.
pub(super) fn led_back(place: Place) -> Place {
    IN_FORCE.with_borrow(|shifts| shifts.back(place))
}
