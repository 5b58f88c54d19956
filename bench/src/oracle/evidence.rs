//! The evidence of a divergence: the shortest text from which an engineer can tell what happened.

use std::collections::VecDeque;
use std::fmt::Write as _;

use golden::{Config, Outcome, Request, Spa, Step};

use super::history::Histories;
use super::invalidation::{Globality, Invalidations};
use super::usable::{Struck, Window, judge, narrow};
use super::view::{Peek, View};
use crate::bus::{Agent, Cycle};

/// How many of the last things of each kind are kept for the time line.
const KEPT: usize = 12;

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
    Operation(String),
}

/// The last stores, commands and operations. However many stores an operation makes, its beginning is kept.
#[derive(Debug, Default)]
pub struct TimeLine {
    stores: VecDeque<Past>,
    others: VecDeque<Past>,
}

fn push(past: &mut VecDeque<Past>, cycle: Cycle, what: What) {
    if past.len() == KEPT {
        past.pop_front();
    }
    past.push_back(Past { cycle, what });
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

    /// An operation of the driver begins or ends.
    pub fn operation(&mut self, cycle: Cycle, what: String) {
        push(&mut self.others, cycle, What::Operation(what));
    }

    fn render(&self, out: &mut String) {
        out.push_str("last stores, commands and operations:\n");
        let mut all: Vec<&Past> = self.others.iter().chain(&self.stores).collect();
        all.sort_by_key(|past| past.cycle);
        for past in all {
            let _ = match &past.what {
                What::Stores { agent, first, last, old, new } if first == last => {
                    writeln!(out, "  {:>8}  {agent:?} store {first:#x}: {old:#018x} -> {new:#018x}", past.cycle)
                }
                What::Stores { agent, first, last, new, .. } => {
                    let count = (last.0 - first.0) / 8 + 1;
                    let cycle = past.cycle;
                    writeln!(
                        out,
                        "  {cycle:>8}  {agent:?} stores {first:#x} to {last:#x}, {count} doublewords, first {new:#018x}"
                    )
                }
                What::Command(command) => writeln!(out, "  {:>8}  fetched {}", past.cycle, command_line(command)),
                What::Operation(what) => writeln!(out, "  {:>8}  {what}", past.cycle),
            };
        }
    }
}

/// A command with its operands in one line.
pub fn command_line(command: &golden::Command) -> String {
    use golden::Command::{InvalDdt, InvalGvma, InvalVma};
    let mut line = command.mnemonic().to_owned();
    match command {
        InvalVma(o) | InvalGvma(o) => {
            for (name, value) in
                [("GSCID", o.gscid.map(|g| u64::from(g.0))), ("PSCID", o.pscid.map(|p| u64::from(p.0)))]
            {
                if let Some(value) = value {
                    let _ = write!(line, " {name}={value:#x}");
                }
            }
            if let Some(pages) = o.pages() {
                let _ = write!(line, " pages {:#x} to {:#x}", pages.start(), pages.end());
            }
        }
        InvalDdt { device: Some(device) } => {
            let _ = write!(line, " DID={device:#x}");
        }
        _ => {}
    }
    line
}

/// An outcome in one line.
pub fn outcome_line(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Translated(t) => format!("translated to {:#x}, memory type {:?}", t.spa, t.pbmt),
        Outcome::Fault(fault) => format!("refused: {}", super::faults::describe(&fault.record())),
        Outcome::Unavailable => "nothing that the device has read explains an answer".to_owned(),
    }
}

/// What the device read, and may use, for every word of the walk as memory is now.
pub fn walk(
    config: &Config,
    request: &Request,
    window: Window,
    histories: &Histories,
    invalidations: &Invalidations,
    memory: &dyn Peek,
    time_line: &TimeLine,
) -> String {
    let mut out = format!(
        "request: {:?} {:?} by device {:#x}{}{} at {:#x}, with the device from cycle {} to {}\n",
        request.kind,
        request.access,
        request.device,
        request.process.map(|p| format!(", process {p:#x}")).unwrap_or_default(),
        if request.privileged { ", privileged" } else { "" },
        request.iova,
        window.start,
        window.end
    );
    let mut steps: Vec<Step> = Vec::new();
    let outcome = golden::translate_traced(config, &mut View::now(memory), request, &mut steps);
    let _ = writeln!(out, "golden walk over memory as it is now: {}", outcome_line(&outcome));
    for step in &steps {
        let _ = writeln!(out, "  {step}");
        let Step::Read { word, value } = step else { continue };
        let Some(history) = histories.word(word.addr) else {
            let _ = writeln!(out, "      the device never read it");
            continue;
        };
        let sightings = history.sightings();
        let only_current = matches!(sightings, [seen] if narrow(word, seen.value) == *value);
        if only_current {
            continue;
        }
        if sightings.is_empty() {
            let _ = writeln!(out, "      the device never read it");
        }
        for seen in sightings {
            let verdict = match judge(history, word, seen, invalidations, Globality::default(), window) {
                Ok(()) => "may be used".to_owned(),
                Err(Struck::Later) => "struck: read after the request had ended".to_owned(),
                Err(Struck::Invalid) => {
                    "struck: V is 0, which is not cached, and memory held something else".to_owned()
                }
                Err(Struck::Invalidated { fetched, command }) => {
                    format!("struck: overwritten, and {command} (fetched in cycle {fetched}) had completed")
                }
            };
            let held = match history.last_held(seen.value) {
                Some(Cycle::MAX) => "memory holds it".to_owned(),
                Some(last) => format!("memory held it until cycle {last}"),
                None => "memory never held it".to_owned(),
            };
            let _ = writeln!(
                out,
                "      read {:#018x} (first in cycle {}, last sampled in {}); {held}; {verdict}",
                narrow(word, seen.value),
                seen.first,
                seen.last_sampled
            );
        }
    }
    time_line.render(&mut out);
    out
}
