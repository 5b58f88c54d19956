//! Rules that the oracle has wrong on purpose, one at a time. For tests alone.
//!
//! What the tests of the oracle are worth shows where it makes a mistake: an oracle with a slip must be found out by the
//! small worlds (`bench/tests/worlds`). Each slip is a mistake that somebody could make in good faith. In normal use
//! there is none, and each decision below is left to the rule.

use golden::{Command, Iotinval, Pte, Role, WordRef};

use super::history::Word;
use super::invalidation::{self, Globality, Invalidation};
use super::roots::Root;
use super::usable::Window;
use super::{Oracle, Settings};
use crate::bus::{Cycle, Direction};

macro_rules! slips {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// One rule of MODEL.md that the oracle has wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Slip {
            $($(#[$doc])* $name,)*
        }

        impl Slip {
            /// Each of them.
            pub const ALL: &[Slip] = &[$(Slip::$name),*];
        }
    };
}

slips! {
    /// D1: no invalidation strikes anything
    NothingStruck,
    /// D1: the cutoff is the completion of the fence, not the fetch of the command
    CutoffAtCompletion,
    /// D1: a command is in force without a fence
    NoFenceNeeded,
    /// D1: a fence that completes while the request is in hand counts, whatever its kind
    FenceWhileInHand,
    /// D1: PR and PW say nothing
    PrPwIgnored,
    /// D1: PR waits for writes, too
    PrForWrites,
    /// D1: PW waits for reads, too
    PwForReads,
    /// D1: PR and PW count for refusals, too
    PrForRefusals,
    /// D1: the oldest command that covers the use counts, not the newest
    OldestCounts,
    /// D1: a fence speaks for commands behind it
    FenceForLater,
    /// D1: a store is visible one cycle late
    StoreSeenLate,
    /// D2: a word that was not read counts, although another value of it was read
    UnreadCounts,
    /// D2: a word that was not read explains nothing
    UnreadExplainsNothing,
    /// D2: of a word that was not read, whatever memory ever held counts
    UnreadNeverStruck,
    /// D2: of a word that was not read, only what memory holds at the end counts
    UnreadOnlyNow,
    /// D2: no word of an entry is left out where another value of it was read
    PartsNotLeftOut,
    /// D3: V = 0 is cached as anything else
    InvalidCached,
    /// D3: a context with V = 0 is cached
    InvalidContextCached,
    /// D3: a pointer with V = 0 is cached
    InvalidPointerCached,
    /// D3: V = 0 counts from the acceptance on
    InvalidFromAcceptance,
    /// D3: V = 0 counts only if memory holds it at the end
    InvalidOnlyAtEnd,
    /// D4: INVAL_DDT with DV = 1 takes every device
    DdtTakesEveryDevice,
    /// D4: INVAL_DDT with DV = 0 takes nothing
    DdtOfAllTakesNone,
    /// D4: INVAL_DDT spares process contexts
    DdtSparesProcesses,
    /// D4: INVAL_DDT takes page-table entries
    DdtTakesPages,
    /// D4: INVAL_DDT takes MSI entries
    DdtTakesMsi,
    /// D4: INVAL_PDT takes every process of the device
    PdtTakesEveryProcess,
    /// D4: INVAL_PDT takes the process of every device
    PdtTakesEveryDevice,
    /// D4: INVAL_PDT takes the device context
    PdtTakesDevice,
    /// D4: VMA with GV = 0 takes guests
    HostTakesGuests,
    /// D4: VMA takes every guest
    VmaTakesEveryGuest,
    /// D4: VMA takes every process: PSCID is ignored
    PscidIgnored,
    /// D4: VMA with PSCV = 1 takes nothing
    PscidTakesNone,
    /// D4: VMA with PSCV = 1 takes global mappings
    GlobalTaken,
    /// D4: VMA with PSCV = 0 spares global mappings
    GlobalSparedByAll,
    /// D4: VMA takes second-stage entries
    VmaTakesSecond,
    /// D4: VMA takes MSI entries
    VmaTakesMsi,
    /// D4: VMA ignores the address
    VmaAddressIgnored,
    /// D4: GVMA takes first-stage entries
    GvmaTakesFirst,
    /// D4: GVMA takes every guest
    GvmaTakesEveryGuest,
    /// D4: GVMA with GV = 0 takes nothing
    GvmaOfAllTakesNone,
    /// D4: GVMA spares MSI entries
    GvmaSparesMsi,
    /// D4: GVMA ignores the address
    GvmaAddressIgnored,
    /// D4: GVMA takes every MSI entry of the guest, whatever its address
    GvmaTakesEveryMsi,
    /// D4: NL is ignored
    NlIgnored,
    /// D4: an address takes pointers without NL
    NlAlways,
    /// D4: an address takes a superpage only if it is that of the page in hand
    SuperpageByFirstPage,
    /// D4: S is ignored
    RangeIgnored,
    /// D4: a pointer in a context is not kept translated
    PointerNotHeld,
    /// D4: what a context holds translated outlives the context
    PointerHeldForEver,
    /// D5: only the configured root counts
    RootsIgnored,
    /// D5: earlier roots are never dropped
    RootsForEver,
    /// D5: earlier roots count under every PSCID
    RootsOfAnyProcess,
    /// D5: VMA and GVMA with an address drop earlier roots
    RootsDroppedByAddress,
    /// D5: VMA with PSCV = 1 drops no earlier root
    RootsSurvivePscid,
    /// D5: only the configured MSI page table counts
    TablesIgnored,
    /// D5: earlier MSI page tables are never dropped
    TablesForEver,
    /// D5: entries are not found by their tags
    TagsIgnored,
    /// D5: what was found by its tags is never dropped
    KeptForEver,
    /// D5: global mappings belong to one process
    GlobalOfOneProcess,
    /// D5: there are no walks that nobody asked for
    NoWalksAhead,
    /// D5: walks ahead are made only for who has asked for something
    AheadForAskersOnly,
    /// D5: a walk ahead may go by a context for ever
    AheadByAnyContext,
    /// D5: a walk ahead goes by a context only while memory holds that
    AheadByNewContext,
    /// D6: commands before a stop are complete with the next fence
    StopCompletes,
    /// D6: a stop undoes what fences had completed
    StopUndoes,
    /// D6: INVAL_DDT and GVMA between two fences are executed in such an order that a context holds no old pointer
    ContextDroppedLast,
    /// D7: what is free is bound to what is recommended
    ChoicesBound,
    /// K: the first explanation counts, not the kindest
    FirstIsKindest,
    /// K: the kindest explanation is looked for under the configured roots alone
    KindestIsPlain,
    /// S1: nothing is torn
    TornIsFine,
    /// S1: only the state before the operations will do
    OnlyOldState,
    /// S1: only the state after them
    OnlyNewState,
    /// S1: every word may be of another moment
    MomentsMixed,
    /// S1: an operation counts only if it was there at the acceptance
    OverlapFromAcceptance,
    /// S1: roots and pointers are of any moment
    WaysMixed,
    /// S1: a request is judged before the operation beside it has ended
    JudgedTooEarly,
    /// S1: memory at rest is memory as it is at the judgement
    RestIsNow,
    /// S1: a refusal is never well served
    RefusalIsTorn,
    /// S1: a refusal is always well served
    RefusalIsFine,
    /// S1: operations are hitless if one of them is
    HitlessIfAny,
    /// S2: what was retired may be used
    StaleIsFine,
    /// S2: an operation retires for requests that are there already
    RetiredWhileInHand,
    /// S2: an entry with V = 0 may be used only since the acceptance
    InvalidRetiredEarly,
    /// S2: a tree whose root was taken out of the context is not retired
    RootNotRetired,
    /// S2: an entry to which an overwritten pointer led is not retired
    PointerNotRetired,
    /// S4: what was given up may be reached
    FreedIsFine,
    /// S4: only requests that are offered later must not reach it
    FreedForLater,
    /// S4: what was given up is so for ever
    TakenIsFreed,
    /// S5: nobody has to be told of a change
    UntoldIsFine,
    /// S5: any command tells of it
    AnyCommandTells,
    /// S5: a command that came before the change tells of it
    EarlyCommandTells,
}

/// At most one slip; in normal use, none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Slips(Option<Slip>);

impl Oracle {
    /// An oracle that has one rule wrong. For tests of what finds it out.
    pub fn with_slip(settings: Settings, slip: Slip) -> Self {
        let slips = Slips(Some(slip));
        let mut oracle = Oracle::new(settings);
        oracle.slips = slips;
        oracle.histories.slips = slips;
        oracle.invalidations.slips = slips;
        oracle.software.slips = slips;
        oracle.software.operations.slips = slips;
        oracle
    }
}

/// Decisions of the rules. None, or the last argument: the rule decides.
impl Slips {
    /// Whether this is the slip.
    #[inline]
    pub fn has(self, slip: Slip) -> bool {
        self.0 == Some(slip)
    }

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
    pub fn is_unread(self, is_struck: bool, is_part: bool) -> bool {
        match self.0 {
            Some(Slip::UnreadCounts) => true,
            Some(Slip::UnreadExplainsNothing) => false,
            Some(Slip::PartsNotLeftOut) => is_struck,
            _ => is_struck || is_part,
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
    pub fn covers_root(self, command: &Command, root: &Root) -> Option<bool> {
        match (self.0?, *command) {
            (Slip::RootsForEver, _) => Some(false),
            (Slip::RootsDroppedByAddress, Command::InvalVma(o)) => {
                (o.page.is_some() && o.gscid == root.gscid && o.pscid.is_none_or(|pscid| root.pscid == Some(pscid)))
                    .then_some(true)
            }
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
