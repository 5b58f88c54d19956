//! Whole translations, from IOVA to physical address, each with the words that it rests on.

use golden::Request;

use super::covers::Held;
use super::dice::Dice;

#[derive(Clone, Debug)]
struct Entry {
    /// The request, with the page offset cut off
    request: Request,
    /// Physical page
    spa: u64,
    pbmt: u8,
    rests_on: Vec<Held>,
}

/// The cache.
#[derive(Clone, Debug)]
pub(super) struct Results {
    capacity: usize,
    entries: Vec<Entry>,
    spare: Vec<Vec<Held>>,
}

fn key(request: &Request) -> Request {
    Request { iova: golden::Iova(request.iova.0 & !0xfff), ..*request }
}

impl Results {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, entries: Vec::with_capacity(capacity), spare: Vec::with_capacity(capacity) }
    }

    pub(super) fn clear(&mut self) {
        self.spare.extend(self.entries.drain(..).map(|entry| entry.rests_on));
    }

    /// Physical page and memory type for a request.
    pub(super) fn find(&self, request: &Request) -> Option<(u64, u8)> {
        if self.entries.is_empty() {
            return None;
        }
        let key = key(request);
        self.entries.iter().find(|entry| entry.request == key).map(|entry| (entry.spa, entry.pbmt))
    }

    /// Takes a translation in.
    pub(super) fn insert(
        &mut self,
        request: &Request,
        spa: u64,
        pbmt: u8,
        rests_on: impl Iterator<Item = Held>,
        dice: &mut Dice,
        evict_percent: u8,
    ) {
        let key = key(request);
        let old = self.entries.iter().position(|entry| entry.request == key).or_else(|| {
            let full = self.entries.len() == self.capacity || !self.entries.is_empty() && dice.percent(evict_percent);
            full.then(|| dice.below(self.entries.len()))
        });
        if let Some(old) = old {
            self.remove(old);
        }
        let mut words = self.spare.pop().unwrap_or_default();
        words.clear();
        words.extend(rests_on);
        self.entries.push(Entry { request: key, spa: spa & !0xfff, pbmt, rests_on: words });
    }

    fn remove(&mut self, at: usize) {
        let entry = self.entries.swap_remove(at);
        self.spare.push(entry.rests_on);
    }

    /// Drops each translation that rests on a word for which `covered` says so.
    pub(super) fn drop_if(&mut self, covered: impl Fn(&Held) -> bool) {
        let mut at = 0;
        while at < self.entries.len() {
            if self.entries[at].rests_on.iter().any(&covered) {
                self.remove(at);
            } else {
                at += 1;
            }
        }
    }
}
