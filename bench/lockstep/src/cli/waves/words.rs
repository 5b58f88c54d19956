// SPDX-License-Identifier: Apache-2.0
//! Words instead of numbers: what went over `ptw_*` in a run, by value, and tables of them for viewers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use events::Event;
use events::trace::{Reader, Record};
use oracle::{Judge, Wires};

use super::ports::Table;
use crate::runner::open_trace;

/// Of a value that was more things than this only what they have in common is said.
const MANY: usize = 2;

/// What values were, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    read: BTreeMap<u64, BTreeSet<String>>,
    written: BTreeMap<u64, BTreeSet<String>>,
}

impl Words {
    /// What went over `ptw_*` from cycle `from` to cycle `to` of a recorded run. A viewer knows values alone, not where they
    /// came from, so a value that was several things is said to be each.
    ///
    /// # Errors
    /// What is wrong with the trace, in words.
    pub fn of_trace(path: &Path, from: u64, to: u64) -> Result<Words, String> {
        let file = open_trace(path).map_err(|error| error.to_string())?;
        let mut reader = Reader::new(file).map_err(|error| error.to_string())?;
        let (mut words, mut wires, mut judging) = (Words::default(), Wires::default(), None::<Judge>);
        let (mut now, mut seen) = (0, Vec::new());
        while let Some(record) = reader.record().map_err(|error| error.to_string())? {
            match (record, &mut judging) {
                (Record::Device(device), None) => {
                    judging = Some(Judge::new(&device).map_err(|error| error.to_string())?);
                }
                (Record::Cycle(cycle), Some(judge)) => {
                    words.take(&mut wires, judge, &std::mem::take(&mut seen), now);
                    judge.cycle(cycle).map_err(|error| error.to_string())?;
                    now = cycle;
                }
                (Record::Event(event), Some(judge)) => {
                    if (from..=to).contains(&now) && matches!(event, Event::PtwReadBeat { .. } | Event::PtwWrite { .. })
                    {
                        seen.push(event.clone());
                    }
                    judge.event(event);
                }
                _ => {}
            }
        }
        if let Some(judge) = &mut judging {
            words.take(&mut wires, judge, &seen, now);
        }
        Ok(words)
    }

    /// Takes in what was seen of a cycle. A write is said by what was before it, a read by what was asked with it.
    fn take(&mut self, wires: &mut Wires, judge: &mut Judge, seen: &[Event], now: u64) {
        for event in seen {
            if let Event::PtwWrite { addr, burst, beats, .. } = event {
                for (value, said) in wires.written(judge.oracle(), *addr, *burst, beats) {
                    self.written.entry(value).or_default().insert(said);
                }
            }
        }
        if seen.is_empty() {
            return;
        }
        judge.judge();
        for event in seen {
            if let Event::PtwReadBeat { addr, bytes, data, resp, .. } = event
                && *resp <= 1
                && let Some(said) = wires.read(judge.oracle(), *addr, *bytes, *data, now)
            {
                self.read.entry(*data).or_default().insert(said);
            }
        }
    }

    /// The lines of a table: values and what they are.
    fn lines(&self, table: Table) -> Vec<(u64, String)> {
        let of = |map: &BTreeMap<u64, BTreeSet<String>>| -> Vec<(u64, String)> {
            map.iter().filter_map(|(value, said)| Some((*value, merged(said)?))).collect()
        };
        match table {
            Table::Read => of(&self.read),
            Table::Written => of(&self.written),
            _ => (0..).zip(table.fixed().iter().map(|&word| word.to_owned())).collect(),
        }
    }

    /// A translate filter file of GTKWave: the value as GTKWave shows it, and the words.
    pub fn filter(&self, table: Table) -> String {
        let digits = table.bits().div_ceil(4) as usize;
        let mut text = String::new();
        for (value, said) in self.lines(table) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{value:0digits$x} {said}");
        }
        text
    }

    /// A mapping of Surfer's by this name.
    pub fn mapping(&self, table: Table, name: &str) -> String {
        let mut text = format!("Name = {name}\nBits = {}\n", table.bits());
        for (value, said) in self.lines(table) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{value:#x} {said}");
        }
        text
    }
}

/// All that a value was: a few things one behind the other, of more the words with which all begin; nothing where they have
/// nothing in common, as with 0.
fn merged(said: &BTreeSet<String>) -> Option<String> {
    if said.len() <= MANY {
        return Some(said.iter().map(String::as_str).collect::<Vec<_>>().join(" | "));
    }
    // What the first and the last have in common by their order, all have.
    let both = said.first()?.split(' ').zip(said.last()?.split(' '));
    let same = both.take_while(|(one, other)| one == other).map(|(word, _)| word).collect::<Vec<_>>().join(" ");
    (!same.is_empty()).then(|| format!("{same} ..."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(of: &[(u64, &[&str])]) -> Words {
        let said = |list: &[&str]| list.iter().map(|said| (*said).to_owned()).collect();
        Words { read: of.iter().map(|(value, list)| (*value, said(list))).collect(), ..Words::default() }
    }

    #[test]
    fn a_table_has_the_numbers_as_the_viewer_shows_them() {
        let words =
            words(&[(0x4D7, &["pte[0] V R W U A D ppn=0x1"]), (0, &["dc.fsc mode=0x0 ppn=0x0", "dc.ta pscid=0x0"])]);
        let filter = "0000000000000000 dc.fsc mode=0x0 ppn=0x0 | dc.ta pscid=0x0\n\
                      00000000000004d7 pte[0] V R W U A D ppn=0x1\n";
        assert_eq!(words.filter(Table::Read), filter);
        let mapping = "Name = a.b read\nBits = 64\n0x0 dc.fsc mode=0x0 ppn=0x0 | dc.ta pscid=0x0\n\
                       0x4d7 pte[0] V R W U A D ppn=0x1\n";
        assert_eq!(words.mapping(Table::Read, "a.b read"), mapping);
        assert_eq!(words.filter(Table::Written), "");
        assert_eq!(words.filter(Table::Response), "0 OKAY\n1 EXOKAY\n2 SLVERR\n3 DECERR\n");
    }

    #[test]
    fn of_many_things_what_they_have_in_common_is_said() {
        let pages =
            ["IOTINVAL.VMA PSCID=0x5 page 0x1", "IOTINVAL.VMA PSCID=0x5 page 0x2", "IOTINVAL.VMA PSCID=0x5 page 0x3"];
        let text = words(&[(7, &pages)]).filter(Table::Read);
        assert_eq!(text, "0000000000000007 IOTINVAL.VMA PSCID=0x5 page ...\n");
        let text = words(&[(0, &["dc.ta", "gpte[0]", "pte[0]"])]).filter(Table::Read);
        assert_eq!(text, "", "it stays a number");
    }

    #[test]
    fn what_a_recorded_run_read_is_said() {
        let trace = "lockstep-trace 1\ndevice caps=0x2e00000210 version=20260222\n@1\n\
                     held addr=0x4240 value=0x1\nheld addr=0x4250 value=0x5000\nheld addr=0x4258 value=0x8000000000000005\n\
                     held addr=0x5000 value=0x1801\n\
                     reg-write-begun offset=0x10 bytes=8 value=0x1002\n\
                     @5\nptw-read-beat addr=0x4240 bytes=8 data=0x1 sampled=4 last=1\n\
                     @9\ndma-offered dir=read device=0x12 iova=0x1000 size=3 burst=1\n\
                     @10\nptw-read-beat addr=0x4240 bytes=8 data=0x1 sampled=9 last=1\n\
                     @12\nptw-read-beat addr=0x5000 bytes=8 data=0x1801 sampled=11 last=1\n\
                     @20\nptw-read-beat addr=0x5000 bytes=8 data=0x1801 sampled=19 resp=2 last=1\n";
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), trace).expect("written");
        let words = |from, to| Words::of_trace(file.path(), from, to).expect("a trace").filter(Table::Read);
        let both = "0000000000000001 dc.tc V\n0000000000001801 pte[2] V ppn=0x6\n";
        assert_eq!(words(0, 100), both);
        assert_eq!(words(11, 100), "0000000000001801 pte[2] V ppn=0x6\n", "of the window alone");
        assert_eq!(words(0, 5), "", "nobody had asked");
        std::fs::write(file.path(), "lockstep-trace 1\nnonsense\n").expect("written");
        assert!(Words::of_trace(file.path(), 0, 9).expect_err("no such event").contains("nonsense"));
    }
}
