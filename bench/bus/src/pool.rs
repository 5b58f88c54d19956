// SPDX-License-Identifier: Apache-2.0
//! Vectors that events carry, used again.

use events::Event;

/// Vectors that came back with [`super::Bus::recycle`]. Without it every transaction allocates its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool {
    words: Vec<Vec<u64>>,
    beats: Vec<Vec<(u64, u8)>>,
}

/// Vectors kept of each kind; the rest is freed.
const KEPT: usize = 256;

impl Pool {
    /// An empty vector of words.
    pub(super) fn words(&mut self) -> Vec<u64> {
        self.words.pop().unwrap_or_default()
    }

    /// A copy of write beats.
    pub(super) fn copy_beats(&mut self, beats: &[(u64, u8)]) -> Vec<(u64, u8)> {
        if beats.is_empty() {
            return Vec::new();
        }
        let mut copy = self.beats.pop().unwrap_or_default();
        copy.extend_from_slice(beats);
        copy
    }

    pub(super) fn return_words(&mut self, mut words: Vec<u64>) {
        if words.capacity() > 0 && self.words.len() < KEPT {
            words.clear();
            self.words.push(words);
        }
    }

    pub(super) fn return_beats(&mut self, mut beats: Vec<(u64, u8)>) {
        if beats.capacity() > 0 && self.beats.len() < KEPT {
            beats.clear();
            self.beats.push(beats);
        }
    }

    /// Takes the vectors out of events that nobody needs any more.
    pub(super) fn recycle(&mut self, events: &mut Vec<Event>) {
        for event in events.drain(..) {
            match event {
                Event::DmaAccepted { request, .. } => self.return_beats(request.data),
                Event::DmaDone { data, .. } => self.return_words(data),
                Event::PtwWrite { beats, .. } => self.return_beats(beats),
                _ => {}
            }
        }
    }
}
