// SPDX-License-Identifier: Apache-2.0
//! What an oracle with a slip decides where it has a rule wrong. None: the rule decides.

use events::{Cycle, Direction};
use golden::{Command, Iotinval, Pte, Role, WordRef};

use super::super::history::Word;
use super::super::invalidation::{self, Globality, Invalidation};
use super::super::window::Window;
use super::{Slip, Slips};

impl Slips {
    /// D1: a command is in force for a request in this window.
    pub fn is_in_force(self, command: &Invalidation, window: Window) -> Option<bool> {
        let by_end = |done: Option<Cycle>| done.is_some_and(|done| done < window.end);
        let Invalidation { fetched, completed, reads_done, writes_done, .. } = *command;
        let either = || by_end(reads_done) || by_end(writes_done);
        let wrong = match (self.0?, window.shown) {
            (Slip::NoFenceNeeded, _) => fetched < window.start,
            (Slip::FenceWhileInHand, _) => by_end(completed),
            (Slip::PrForWrites, Some(Direction::Write)) | (Slip::PwForReads, Some(Direction::Read)) => either(),
            (Slip::PrForRefusals, None) => either(),
            (Slip::PrPwIgnored, _) => return Some(completed.is_some_and(|done| done < window.start)),
            _ => return None,
        };
        wrong.then_some(true)
    }

    /// D1: since when memory must have held what this command does not strike.
    pub fn cutoff(self, command: &Invalidation) -> Cycle {
        let completed = command.completed.filter(|_| self.has(Slip::CutoffAtCompletion));
        completed.unwrap_or(command.fetched)
    }

    /// D2: whether a word counts as read by the request, or left out of its entry.
    pub fn is_unread(self, is_struck: bool, is_left_out: bool) -> bool {
        match self.0 {
            Some(Slip::UnreadCounts) => true,
            Some(Slip::UnreadExplainsNothing) => false,
            Some(Slip::PartsNotLeftOut) => is_struck,
            _ => is_struck || is_left_out,
        }
    }

    /// D2: whether a value of a word that was not read counts.
    pub fn counts_unread(self, history: &Word, value: u64, window: Window) -> Option<bool> {
        match self.0? {
            Slip::UnreadNeverStruck => Some(true),
            Slip::UnreadOnlyNow => Some(history.held_between(value, window.end, window.end)),
            _ => None,
        }
    }

    /// D2: since when memory must have held a value of a word that was not read: since the request was there, or the device
    /// had read the entry that the word belongs to.
    pub fn left_out_since(self, entry_read: Option<Cycle>, window: Window) -> Cycle {
        match entry_read {
            Some(_) if self.has(Slip::LeftOutOfBefore) => 0,
            Some(read) => read.min(window.offered),
            None => window.offered,
        }
    }

    /// D2: until when memory must have come to hold a value of a word that was not read.
    pub fn left_out_until(self, is_left_out: bool, window: Window) -> Cycle {
        if is_left_out && self.has(Slip::LeftOutOfLater) { Cycle::MAX } else { window.end }
    }

    /// D3: since when memory must have held a value with V = 0.
    pub fn invalid_since(self, role: &Role, window: Window) -> Cycle {
        let is_context = matches!(role, Role::DeviceContext { .. } | Role::ProcessContext { .. });
        let is_pointer = matches!(role, Role::FirstStage { level: 1.. } | Role::SecondStage { level: 1.., .. });
        match self.0 {
            Some(Slip::InvalidCached) => 0,
            Some(Slip::InvalidContextCached) if is_context => 0,
            Some(Slip::InvalidPointerCached) if is_pointer => 0,
            Some(Slip::InvalidFromAcceptance) => window.start,
            Some(Slip::InvalidOnlyAtEnd) => window.end,
            _ => window.offered,
        }
    }

    /// D4: a command covers a use.
    pub fn covers(self, command: &Command, word: &WordRef, value: u64, path: Globality) -> Option<bool> {
        let tags = &word.tags;
        let as_if = |command: Command| Some(invalidation::covers(&command, word, value, path));
        let vma = |operands: Iotinval| as_if(Command::InvalVma(operands));
        let gvma = |operands: Iotinval| as_if(Command::InvalGvma(operands));
        let is_first = matches!(word.role, Role::FirstStage { .. });
        let is_second = matches!(word.role, Role::SecondStage { .. });
        let is_msi = matches!(word.role, Role::MsiPte { .. });
        match (self.0?, *command) {
            (Slip::NothingStruck, _) => Some(false),
            (Slip::DdtTakesEveryDevice, Command::InvalDdt { device: Some(_) }) => {
                as_if(Command::InvalDdt { device: Some(tags.device) })
            }
            (Slip::DdtOfAllTakesNone, Command::InvalDdt { device: None }) => Some(false),
            (Slip::DdtSparesProcesses, Command::InvalDdt { .. }) => {
                matches!(word.role, Role::ProcessContext { .. }).then_some(false)
            }
            (Slip::DdtTakesPages, Command::InvalDdt { .. }) => (is_first || is_second).then_some(true),
            (Slip::DdtTakesMsi, Command::InvalDdt { .. }) => is_msi.then_some(true),
            (Slip::PdtTakesEveryProcess, Command::InvalPdt { device, .. }) => {
                as_if(Command::InvalPdt { device, process: tags.process? })
            }
            (Slip::PdtTakesEveryDevice, Command::InvalPdt { process, .. }) => {
                as_if(Command::InvalPdt { device: tags.device, process })
            }
            (Slip::PdtTakesDevice, Command::InvalPdt { device, .. }) => {
                as_if(Command::InvalDdt { device: Some(device) })
            }
            (Slip::HostTakesGuests, Command::InvalVma(o)) if o.gscid.is_none() => {
                vma(Iotinval { gscid: tags.gscid, ..o })
            }
            (Slip::VmaTakesEveryGuest, Command::InvalVma(o)) if o.gscid.is_some() && tags.gscid.is_some() => {
                vma(Iotinval { gscid: tags.gscid, ..o })
            }
            (Slip::PscidIgnored, Command::InvalVma(o)) if o.pscid.is_some() => vma(Iotinval { pscid: tags.pscid, ..o }),
            (Slip::PscidTakesNone, Command::InvalVma(o)) if o.pscid.is_some() => Some(false),
            (Slip::GlobalTaken, Command::InvalVma(o)) if o.pscid == tags.pscid => vma(Iotinval { pscid: None, ..o }),
            (Slip::GlobalSparedByAll, Command::InvalVma(o)) if o.pscid.is_none() => {
                (path.global || Pte(value).is_global()).then_some(false)
            }
            (Slip::VmaTakesSecond, Command::InvalVma(_)) => is_second.then_some(true),
            (Slip::VmaTakesMsi, Command::InvalVma(_)) => is_msi.then_some(true),
            (Slip::GvmaTakesFirst, Command::InvalGvma(_)) => (is_first && tags.gscid.is_some()).then_some(true),
            (Slip::GvmaTakesEveryGuest, Command::InvalGvma(o)) => gvma(Iotinval { gscid: tags.gscid, ..o }),
            (Slip::GvmaOfAllTakesNone, Command::InvalGvma(o)) => o.gscid.is_none().then_some(false),
            (Slip::GvmaSparesMsi, Command::InvalGvma(_)) => is_msi.then_some(false),
            (Slip::VmaAddressIgnored, Command::InvalVma(o)) => vma(Iotinval { page: None, ..o }),
            (Slip::GvmaAddressIgnored, Command::InvalGvma(o)) if is_second => gvma(Iotinval { page: None, ..o }),
            (Slip::GvmaTakesEveryMsi, Command::InvalGvma(o)) if is_msi => gvma(Iotinval { page: None, ..o }),
            (Slip::NlIgnored, Command::InvalVma(o)) => vma(Iotinval { nl: false, ..o }),
            (Slip::NlIgnored, Command::InvalGvma(o)) => gvma(Iotinval { nl: false, ..o }),
            (Slip::NlAlways, Command::InvalVma(o)) => vma(Iotinval { nl: true, ..o }),
            (Slip::NlAlways, Command::InvalGvma(o)) => gvma(Iotinval { nl: true, ..o }),
            (Slip::SuperpageByFirstPage, Command::InvalVma(_) | Command::InvalGvma(_)) => {
                let role = match word.role {
                    Role::FirstStage { .. } if Pte(value).is_leaf() => Role::FirstStage { level: 0 },
                    Role::SecondStage { purpose, .. } if Pte(value).is_leaf() => {
                        Role::SecondStage { level: 0, purpose }
                    }
                    _ => return None,
                };
                Some(invalidation::covers(command, &WordRef { role, ..*word }, value, path))
            }
            (Slip::RangeIgnored, Command::InvalVma(o)) => vma(Iotinval { s: false, ..o }),
            _ => None,
        }
    }

    /// D5: a command drops what hangs below a root.
    pub fn covers_root(self, command: &Command) -> Option<bool> {
        match (self.0?, *command) {
            (Slip::RootsForEver, _) => Some(false),
            (Slip::RootsSurviveNl, Command::InvalVma(o)) => o.nl.then_some(false),
            (Slip::RootsSurvivePscid, Command::InvalVma(o)) => o.pscid.is_some().then_some(false),
            _ => None,
        }
    }

    /// D5: until when a walk ahead may go by a context that memory held last in cycle `held`.
    pub fn usable_until(self, held: Cycle) -> Option<Cycle> {
        match self.0? {
            Slip::AheadByAnyContext => Some(Cycle::MAX),
            Slip::AheadByNewContext => Some(held),
            _ => None,
        }
    }

    /// S1: the moments that count, of all around the operations.
    pub fn moments(self, cycles: &mut Vec<Cycle>) {
        match self.0 {
            Some(Slip::OnlyOldState) => cycles.truncate(1),
            Some(Slip::OnlyNewState) if !cycles.is_empty() => drop(cycles.drain(..cycles.len() - 1)),
            _ => {}
        }
    }

    /// S1: when a request overlaps operations.
    pub fn overlap(self, window: Window) -> Window {
        let offered = if self.has(Slip::OverlapFromAcceptance) { window.start } else { window.offered };
        Window { offered, ..window }
    }

    /// S4: a request must not lead to what was given up before this cycle.
    pub fn freed_before(self, window: Window) -> Cycle {
        if self.has(Slip::FreedForLater) { window.offered } else { window.end }
    }

    /// S5: a command tells the device of what was changed before.
    pub fn tells(self, command: &Invalidation, changed: Cycle, covers: bool) -> bool {
        (command.fetched > changed || self.has(Slip::EarlyCommandTells)) && (covers || self.has(Slip::AnyCommandTells))
    }

    /// S2: what had been retired before this cycle must not be used.
    pub fn retired_before(self, window: Window, is_invalid: bool) -> Cycle {
        match self.0 {
            Some(Slip::RetiredWhileInHand) => window.end,
            _ if is_invalid && !self.has(Slip::InvalidRetiredEarly) => window.offered,
            _ => window.start,
        }
    }
}
