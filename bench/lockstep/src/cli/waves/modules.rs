// SPDX-License-Identifier: Apache-2.0
//! The inside of a design, instance by instance, as far as its waves show it: those first that have to do with what was
//! found. By the waves alone, so for any RTL.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::path::Path;

use wellen::stream::{Filter, StreamError, StreamingWaveform, read_from_file};
use wellen::{Hierarchy, LoadOptions, ScopeRef, SignalRef, SignalValue, SignalValueRef, VarRef, VarType};

/// A viewer takes long to open more signals than this, and nobody reads them.
const MOST: usize = 4000;

/// A number of fewer bits than this is found everywhere.
const TELLING: usize = 14;

/// A signal of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Its whole name as the file has it, without a range
    pub name: String,
    /// Left and right bound of its bits, where it has any
    pub range: Option<(i64, i64)>,
    signal: SignalRef,
}

/// An instance of a module, or another scope that has signals of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its whole name
    pub name: String,
    /// What is in it, but for what shows at the ports of the design
    pub signals: Vec<Signal>,
}

/// What the waves are read for.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// First and last time, in units of the waves, between which who moves has to do with what was found
    pub times: (u64, u64),
    /// Numbers by which who holds them has to do with it
    pub numbers: &'a [u64],
}

/// What a file of waves shows.
#[derive(Debug)]
pub struct Design {
    waves: StreamingWaveform<std::io::BufReader<std::fs::File>>,
}

impl Design {
    /// Opens a file.
    ///
    /// # Errors
    /// It is no file of waves.
    pub fn open(file: &Path) -> wellen::Result<Design> {
        Ok(Design { waves: read_from_file(file, &LoadOptions::default())? })
    }

    /// The names in it.
    pub fn hierarchy(&self) -> &Hierarchy {
        self.waves.hierarchy()
    }

    /// Its instances. Where something was found, those first in which a telling number stands at that time, then those in
    /// which most signals moved; instances behind the first thousands of signals are left out, and counted.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn instances(&mut self, around: Option<Around<'_>>) -> wellen::Result<(Vec<Instance>, usize)> {
        let mut instances = instances(self.hierarchy());
        if let Some(around) = around {
            let seen = self.look(around)?;
            instances.sort_by_cached_key(|instance| {
                let count = |of: &HashSet<SignalRef>| {
                    let own: HashSet<SignalRef> = instance.signals.iter().map(|signal| signal.signal).collect();
                    own.intersection(of).count()
                };
                (Reverse(count(&seen.holding)), Reverse(count(&seen.moving)))
            });
        }
        let mut signals = 0;
        let all = instances.len();
        instances.retain(|instance| {
            signals += instance.signals.len();
            signals <= MOST
        });
        let left_out = all - instances.len();
        Ok((instances, left_out))
    }

    fn look(&mut self, around: Around<'_>) -> wellen::Result<Seen> {
        let (from, to) = around.times;
        let mut moving = HashSet::new();
        let mut last: HashMap<SignalRef, SignalValue> = HashMap::new();
        let filter = Filter { start: 0, end: Some(to), signals: None };
        let changed = |time: u64, signal: SignalRef, value: SignalValueRef<'_>| {
            if time <= to {
                if time > from {
                    moving.insert(signal);
                }
                last.insert(signal, value.into());
            }
            Ok::<(), Infallible>(())
        };
        match self.waves.stream_changes(filter, changed) {
            Ok(()) => {}
            Err(StreamError::Wellen(error)) => return Err(error),
            Err(StreamError::Callback(never)) => match never {},
        }
        let needles = needles(around.numbers);
        let holds = |value: &SignalValue| {
            SignalValueRef::from(value).to_bit_string().is_some_and(|bits| holds(&bits, &needles))
        };
        let holding = last.iter().filter(|(_, value)| holds(value)).map(|(signal, _)| *signal).collect();
        Ok(Seen { moving, holding })
    }
}

/// Signals that have to do with something.
struct Seen {
    moving: HashSet<SignalRef>,
    holding: HashSet<SignalRef>,
}

/// The bits of numbers, and of the page numbers in them as contexts and PTEs have them, without leading zeros.
fn needles(numbers: &[u64]) -> Vec<String> {
    let all = numbers.iter().flat_map(|number| [*number, number >> 10 & ((1 << 44) - 1)]);
    all.map(|number| format!("{number:b}")).filter(|bits| bits.len() >= TELLING).collect()
}

fn holds(bits: &str, needles: &[String]) -> bool {
    needles.iter().any(|needle| bits.contains(needle.as_str()))
}

/// A scope on the way through the tree.
struct Open {
    scope: ScopeRef,
    /// The instance to which the signals of an array or of a structure belong
    within: Option<usize>,
}

/// Every scope below the top one that has signals of its own; arrays and structures belong to the scope around them.
fn instances(names: &Hierarchy) -> Vec<Instance> {
    let ports: HashSet<SignalRef> =
        names.scopes().flat_map(|top| names[top].vars(names)).map(|var| names[var].signal_ref()).collect();
    let mut todo: Vec<Open> = names.scopes().map(|scope| Open { scope, within: None }).collect();
    let mut all: Vec<Instance> = Vec::new();
    while let Some(here) = todo.pop() {
        let scope = &names[here.scope];
        let at = here.within.unwrap_or_else(|| {
            all.push(Instance { name: scope.full_name(names), signals: Vec::new() });
            all.len() - 1
        });
        let open = |scope: ScopeRef| {
            let is_part = names[scope].is_array() || names[scope].is_record();
            Open { scope, within: is_part.then_some(at) }
        };
        let below: Vec<Open> = scope.scopes(names).map(open).collect();
        todo.extend(below.into_iter().rev());
        let own = scope.vars(names).filter(|var| !ports.contains(&names[*var].signal_ref()));
        all[at].signals.extend(own.filter_map(|var| signal(names, here.scope, var)));
    }
    all.retain(|instance| !instance.signals.is_empty());
    all
}

/// A signal that has bits. Parameters never change, and say more in the source.
fn signal(names: &Hierarchy, scope: ScopeRef, var: VarRef) -> Option<Signal> {
    let var = &names[var];
    if !var.is_bit_vector(names) || matches!(var.var_type(), VarType::Parameter) {
        return None;
    }
    let range = var.index().map(|index| (index.msb(), index.lsb()));
    let (whole, around) = (names[scope].full_name(names), names[scope].name(names));
    let name = format!("{whole}.{}", in_file(var.name(names), around));
    Some(Signal { name, range, signal: var.signal_ref() })
}

/// The name of a signal as it stands in the file: what reads it leaves out the name of an array before the index.
fn in_file(name: &str, around: &str) -> String {
    if name.starts_with('[') { format!("{around}{name}") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Instance {
        /// An instance of which no waves are read.
        pub fn of(name: &str, signals: &[(&str, Option<(i64, i64)>)]) -> Instance {
            let signal = SignalRef::from_index(0).expect("an index");
            let whole = |own: &str| format!("{name}.{own}");
            let signals = signals.iter().map(|&(own, range)| Signal { name: whole(own), range, signal }).collect();
            Instance { name: name.to_owned(), signals }
        }
    }

    #[test]
    fn elements_of_an_array_are_called_as_the_file_calls_them() {
        assert_eq!(in_file("[3]", "state"), "state[3]");
        assert_eq!(in_file("busy", "u_walk"), "busy");
    }

    #[test]
    fn a_number_is_found_whole_or_by_its_page() {
        let needles = needles(&[0x2400_00D7, 0x7]);
        assert_eq!(needles, [format!("{:b}", 0x2400_00D7), format!("{:b}", 0x9_0000)], "7 is found everywhere");
        assert!(holds(&format!("1{:046b}01", 0x9_0000), &needles), "in a packed entry of a cache");
        assert!(!holds(&format!("{:064b}", 0x9_1000_u64 << 10), &needles));
    }
}
