// SPDX-License-Identifier: Apache-2.0

//! How far a session goes on behind what the device must not do, and what became of each waiver.

use std::fmt::Write as _;
use std::path::Path;

use oracle::{Divergence, Judge, Lenience};
use waivers::{NaiveDate, ReadError, Use, WaiverUse, Waivers, today};

/// What is waived, and how many other kinds are gone past. By default nothing is.
#[derive(Debug, Default)]
pub struct Waived {
    waivers: Waivers,
    /// Those of them that hold, by their places: the oracle knows no others
    places: Vec<usize>,
    /// When they were read. A session that goes on past midnight is held to one day.
    day: NaiveDate,
    keep_going: u32,
}

impl Waived {
    /// Takes these waivers in place of those before.
    pub fn take(&mut self, waivers: Waivers) {
        self.day = today();
        self.places = waivers.for_trace(self.day);
        self.waivers = waivers;
    }

    /// So many kinds that nobody waived are gone past.
    pub fn keep_going(&mut self, kinds: u32) {
        self.keep_going = kinds;
    }

    /// The same in the words of an oracle.
    pub fn lenience(&self) -> Lenience {
        self.waivers.lenience(&self.places, self.keep_going as usize)
    }

    /// What was gone past, each kind once. A waiver is named by its place in the file.
    pub fn divergences(&self, judge: &Judge) -> Vec<Divergence> {
        let named = |divergence: &Divergence| {
            let waiver = divergence.waiver.and_then(|at| self.places.get(at).copied());
            Divergence { waiver, ..divergence.clone() }
        };
        judge.oracle().divergences().iter().map(named).collect()
    }

    /// What became of each waiver so far.
    pub fn uses(&self, judge: &Judge) -> Vec<WaiverUse> {
        let used = |divergence: Divergence| Some(Use { waiver: divergence.waiver?, count: divergence.count });
        self.waivers.uses(&[self.divergences(judge).into_iter().filter_map(used).collect()], self.day)
    }

    /// How often the waivers of a line were used, 0 for those of all lines; none if there is no waiver in that line.
    pub fn count(&self, judge: &Judge, line: u32) -> Option<u64> {
        let uses = self.uses(judge);
        let mut mine = uses.iter().filter(|one| line == 0 || one.waiver.line == line as usize).peekable();
        (line == 0 || mine.peek().is_some()).then(|| mine.map(|one| one.count).sum())
    }

    /// The same for people: a line for each waiver, with the kinds that fell under it below.
    pub fn told(&self, judge: &Judge) -> String {
        let (mut text, divergences) = (String::new(), self.divergences(judge));
        for (place, one) in self.uses(judge).iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}", one.line(&format!("waived {}", times(one.count))));
            for Divergence { first, count, .. } in divergences.iter().filter(|own| own.waiver == Some(place)) {
                let _ = writeln!(text, "  {} from cycle {} on: {}", times(*count), first.cycle, first.kind());
            }
        }
        text
    }
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// Reads waivers from a text, which its mistakes call `waivers`.
///
/// # Errors
/// A line for each mistake.
pub fn of_text(text: &str) -> Result<Waivers, String> {
    Waivers::parse(Path::new("waivers"), text).map_err(|wrong| said(&wrong))
}

/// Reads waivers from a file.
///
/// # Errors
/// A line for each mistake.
pub fn of_file(path: &str) -> Result<Waivers, String> {
    Waivers::read(Path::new(path)).map_err(|wrong| said(&wrong))
}

fn said(wrong: &ReadError) -> String {
    wrong.lines()
}
