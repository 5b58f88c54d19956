// SPDX-License-Identifier: Apache-2.0
//! What happened last: stores of software, commands, fences and operations.

use std::collections::VecDeque;
use std::fmt::Write as _;

use events::{Agent, Cycle};
use golden::Spa;

use super::super::picture::{Moment, MomentKind};
use super::names::Names;
use super::say::command_line;

/// How many of the last things of each kind are kept.
const KEPT: usize = 16;

/// A line of the time line.
#[derive(Clone, Debug)]
struct Past {
    cycle: Cycle,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    /// Doublewords one behind the other, from the first store to the last
    Stores {
        agent: Agent,
        first: Spa,
        last: Spa,
        old: u64,
        new: u64,
    },
    Command(golden::Command),
    /// Of the fence that was fetched in this cycle
    Complete(Cycle),
    Begin(String),
    End {
        name: String,
        done: bool,
    },
    Other(String),
}

/// The last stores, commands and operations. However many stores an operation makes, its beginning is kept.
#[derive(Debug, Default)]
pub struct TimeLine {
    stores: VecDeque<Past>,
    others: VecDeque<Past>,
    /// Operations that have begun and not ended, the outermost first
    open: Vec<String>,
}

fn push(past: &mut VecDeque<Past>, cycle: Cycle, what: What) {
    if past.len() == KEPT {
        past.pop_front();
    }
    past.push_back(Past { cycle, what });
}

fn whose(agent: Agent) -> &'static str {
    match agent {
        Agent::Cpu => "software",
        Agent::Iommu => "the IOMMU",
        Agent::Dma => "a device",
    }
}

impl TimeLine {
    /// A store by software or by the device itself.
    pub fn store(&mut self, cycle: Cycle, agent: Agent, addr: Spa, old: u64, new: u64) {
        if let Some(Past { what: What::Stores { agent: by, last, .. }, .. }) = self.stores.back_mut()
            && (*by, last.0.wrapping_add(8)) == (agent, addr.0)
            && self.others.back().is_none_or(|other| other.cycle + 1 < cycle)
        {
            *last = addr;
            return;
        }
        push(&mut self.stores, cycle, What::Stores { agent, first: addr, last: addr, old, new });
    }

    /// A command that the device fetched.
    pub fn command(&mut self, cycle: Cycle, command: golden::Command) {
        push(&mut self.others, cycle, What::Command(command));
    }

    /// Software can know that the fence is complete that was fetched in cycle `fetched`.
    pub fn complete(&mut self, cycle: Cycle, fetched: Cycle) {
        push(&mut self.others, cycle, What::Complete(fetched));
    }

    /// An operation of the driver begins.
    pub fn begin(&mut self, cycle: Cycle, name: &str) {
        self.open.push(name.to_owned());
        push(&mut self.others, cycle, What::Begin(name.to_owned()));
    }

    /// The operation that began last ends.
    pub fn end(&mut self, cycle: Cycle, done: bool) {
        let name = self.open.pop().unwrap_or_default();
        push(&mut self.others, cycle, What::End { name, done });
    }

    /// Something else happened.
    pub fn note(&mut self, cycle: Cycle, what: String) {
        push(&mut self.others, cycle, What::Other(what));
    }

    /// All of it, by cycle.
    fn all(&self) -> Vec<&Past> {
        let mut all: Vec<&Past> = self.others.iter().chain(&self.stores).collect();
        all.sort_by_key(|past| past.cycle);
        all
    }

    /// All of it as text.
    pub fn render(&self, names: &Names, out: &mut String) {
        let all = self.all();
        if all.is_empty() {
            return;
        }
        out.push_str("last stores, commands and operations:\n");
        for Past { cycle, what } in all {
            let _ = writeln!(out, "  {cycle:>8}  {}", what.line(names));
        }
    }

    /// All of it as data.
    pub fn moments(&self, names: &Names) -> Vec<Moment> {
        let moment = |Past { cycle, what }: &Past| Moment {
            cycle: *cycle,
            kind: what.kind(),
            what: what.line(names),
            stored: match what {
                What::Stores { agent: Agent::Cpu, first, last, .. } => Some([first.0, last.0]),
                _ => None,
            },
            fetched: match what {
                What::Complete(fetched) => Some(*fetched),
                _ => None,
            },
        };
        self.all().into_iter().map(moment).collect()
    }
}

impl What {
    fn kind(&self) -> MomentKind {
        match self {
            What::Stores { .. } => MomentKind::Store,
            What::Command(_) => MomentKind::Command,
            What::Complete(_) => MomentKind::Fence,
            What::Begin(_) => MomentKind::Begin,
            What::End { .. } => MomentKind::End,
            What::Other(_) => MomentKind::Note,
        }
    }

    fn line(&self, names: &Names) -> String {
        match self {
            What::Stores { agent, first, last, old, new } if first == last => {
                format!("{} stores {first:#x}: {old:#018x} -> {new:#018x}", whose(*agent))
            }
            What::Stores { agent, first, last, new, .. } => {
                let (count, whose) = ((last.0 - first.0) / 8 + 1, whose(*agent));
                format!("{whose} stores {first:#x} to {last:#x}, {count} doublewords, first {new:#018x}")
            }
            What::Command(command) => format!("fetched {}", command_line(command, names)),
            What::Complete(fetched) => format!("IOFENCE.C of cycle {fetched} is complete"),
            What::Begin(name) => format!("begin {name}"),
            What::End { name, done } => format!("end {name}{}", if *done { "" } else { ", failed" }),
            What::Other(what) => what.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use golden::{Command, DeviceId};

    use super::*;

    #[test]
    fn however_many_stores_an_operation_makes_its_beginning_is_kept() {
        let mut line = TimeLine::default();
        line.begin(10, "map red");
        line.command(12, Command::InvalDdt { device: Some(DeviceId(0x12)) });
        for number in 0..100 {
            line.store(20 + number, Agent::Cpu, Spa(0x1000 + 16 * number), 0, number);
        }
        line.complete(150, 13);
        line.end(151, false);
        let mut text = String::new();
        line.render(&Names::default(), &mut text);
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(lines[1..3], ["10  begin map red", "12  fetched IODIR.INVAL_DDT device 0x12"]);
        assert_eq!(lines.len(), 5 + KEPT);
        assert_eq!(lines[lines.len() - 2..], ["150  IOFENCE.C of cycle 13 is complete", "151  end map red, failed"]);
        let moments = line.moments(&Names::default());
        assert_eq!((moments[2].stored, moments[2].fetched), (Some([0x1000 + 16 * 84; 2]), None));
        assert_eq!((moments[moments.len() - 2].stored, moments[moments.len() - 2].fetched), (None, Some(13)));
    }

    #[test]
    fn stores_one_behind_the_other_are_one_line() {
        let mut line = TimeLine::default();
        for number in 0..3 {
            line.store(20 + number, Agent::Cpu, Spa(0x1000 + 8 * number), 0, 7);
        }
        let mut text = String::new();
        line.render(&Names::default(), &mut text);
        assert_eq!(
            text.lines().last().map(str::trim),
            Some("20  software stores 0x1000 to 0x1010, 3 doublewords, first 0x0000000000000007")
        );
    }
}
