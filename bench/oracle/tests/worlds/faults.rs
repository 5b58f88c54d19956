// SPDX-License-Identifier: Apache-2.0
//! Rules of the page, each switched off or widened, one at a time.
//!
//! The evaluator takes any of these faults; the enumeration has to find a difference between it and the evaluator
//! without one. So each fault has a world that shows it, and an oracle with the same fault would be found in that world.

/// A fault of a judge: one rule that it has wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// 1: no invalidation strikes anything
    NothingStruck,
    /// 1: memory must have held the value since the fence completed, not since the command was fetched
    CutoffAtCompletion,
    /// 1: a command strikes as soon as it is fetched
    NoFenceNeeded,
    /// 1: a fence that completes while the request is in hand strikes, whatever its kind
    FenceWhileInHand,
    /// 1: a fence with PR or PW is as any other
    PrPwIgnored,
    /// 1: PR orders writes, too
    PrForWrites,
    /// 1: PW orders reads, too
    PwForReads,
    /// 1: PR and PW count for refusals, too
    PrForRefusals,
    /// 1: the oldest covering command counts, not the newest
    OldestCounts,
    /// 1: a fence completes what was fetched behind it
    FenceForLater,
    /// 1: a value that the device has not read counts, although it has read others
    UnreadCounts,
    /// 2: a word that the device has not read explains nothing
    UnreadExplainsNothing,
    /// 2: of a word that was not read, whatever memory held ever counts
    UnreadNeverStruck,
    /// 2: of a word that was not read, only what memory holds at the answer counts
    UnreadOnlyNow,
    /// 2: a word that was left out counts with what memory held before anything of its entry was read
    LeftOutOfBefore,
    /// 3: V = 0 is cached as anything else
    InvalidCached,
    /// 3: a context with V = 0 is cached
    InvalidContextCached,
    /// 3: a pointer with V = 0 is cached
    InvalidPointerCached,
    /// 3: V = 0 counts from the acceptance only
    InvalidFromAcceptance,
    /// 3: V = 0 counts only if memory holds it at the answer
    InvalidOnlyAtAnswer,
    /// 4: INVAL_DDT with DV = 1 takes every device
    DdtTakesEveryDevice,
    /// 4: INVAL_DDT spares process contexts
    DdtSparesProcesses,
    /// 4: INVAL_DDT takes page-table entries
    DdtTakesPages,
    /// 4: INVAL_DDT takes MSI entries
    DdtTakesMsi,
    /// 4: INVAL_PDT takes every process of the device
    PdtTakesEveryProcess,
    /// 4: INVAL_PDT takes the device context
    PdtTakesDevice,
    /// 4: VMA with GV = 0 takes guests
    HostTakesGuests,
    /// 4: VMA takes every guest
    VmaTakesEveryGuest,
    /// 4: VMA takes every process
    VmaTakesEveryProcess,
    /// 4: VMA with PSCV = 1 takes nothing
    PscidTakesNone,
    /// 4: VMA with PSCV = 1 takes global mappings
    GlobalTaken,
    /// 4: VMA with PSCV = 0 spares global mappings
    GlobalSparedByAll,
    /// 4: VMA takes second-stage entries
    VmaTakesSecond,
    /// 4: VMA takes MSI entries
    VmaTakesMsi,
    /// 4: GVMA takes first-stage entries
    GvmaTakesFirst,
    /// 4: GVMA takes every guest
    GvmaTakesEveryGuest,
    /// 4: GVMA with GV = 0 takes nothing
    GvmaWithoutGvTakesNone,
    /// 4: GVMA spares MSI entries
    GvmaSparesMsi,
    /// 4: an address is ignored
    AddressIgnored,
    /// 4: NL is ignored
    NlIgnored,
    /// 4: an address takes pointers without NL
    NlAlways,
    /// 4: an address takes a superpage only if it is that of its page in hand
    SuperpageByFirstPage,
    /// 4: S is ignored
    RangeIgnored,
    /// 4: a pointer in a context is not kept translated
    PointerNotHeld,
    /// 4: what a context holds translated outlives INVAL_DDT
    PointerHeldForEver,
    /// 5: first-stage entries are found from the root alone
    FirstByRoot,
    /// 5: second-stage entries are found from the root alone
    SecondByRoot,
    /// 5: MSI entries are found from the table alone
    MsiByRoot,
    /// 5: only walks for those who have asked for something leave anything behind
    OnlyForAskers,
    /// 5: results of whole walks are not kept
    NoResults,
    /// 5: results of whole walks go with the context
    ResultsGoWithContext,
    /// 5: results of whole walks are not struck by GVMA
    ResultsSurviveGvma,
    /// 5: entries are found under any PSCID
    AnyPscid,
    /// 5: entries are found under any GSCID
    AnyGscid,
    /// 6: commands take effect in the order of their fetch
    InOrder,
    /// 6: a command takes effect when it is fetched
    AtFetch,
    /// 6: commands before a stop are complete with the next fence
    StopCompletes,
    /// Software 1: only the state before hitless operations will do
    OnlyOldState,
    /// Software 1: only the state after them
    OnlyNewState,
    /// Software 1: no explanation will do, only memory at rest
    OnlyAtRest,
    /// Software 1: registers at rest are as they are at the judgement
    RegistersAreNow,
    /// Software 2: what an operation has retired may be used
    StaleIsFine,
    /// Software 2: an operation retires for requests that are there already
    RetiredWhileInHand,
}

impl Fault {
    /// Every fault, blunt ones last, since differences are put down to the first that fits: the world that shows it, and how many operations that takes.
    pub const ALL: &[(Fault, &str, usize)] = &[
        (Fault::UnreadExplainsNothing, "first-stage leaf, unread", 2),
        (Fault::PrPwIgnored, "kinds of fences", 4),
        (Fault::NoResults, "MSI window and table", 5),
        (Fault::OnlyForAskers, "two devices", 2),
        (Fault::FirstByRoot, "first-stage entries by their tags, unread", 5),
        (Fault::SecondByRoot, "second-stage entries by their tags, unread", 5),
        (Fault::MsiByRoot, "MSI entries by their tags, unread", 5),
        (Fault::StopCompletes, "a stop of the queue", 6),
        (Fault::InvalidFromAcceptance, "offers", 5),
        (Fault::ResultsGoWithContext, "MSI window and table", 5),
        (Fault::PrForWrites, "kinds of fences", 4),
        (Fault::PwForReads, "kinds of fences", 4),
        (Fault::PrForRefusals, "rights", 4),
        (Fault::OldestCounts, "first-stage leaf", 5),
        (Fault::FenceForLater, "fences that take their time", 6),
        (Fault::UnreadCounts, "first-stage leaf", 2),
        (Fault::UnreadNeverStruck, "first-stage leaf, unread", 4),
        (Fault::UnreadOnlyNow, "Bare context, unread", 2),
        (Fault::LeftOutOfBefore, "Bare context, unread", 3),
        (Fault::InvalidCached, "first-stage leaf", 4),
        (Fault::InvalidContextCached, "root of a first stage", 4),
        (Fault::InvalidPointerCached, "first-stage pointer", 4),
        (Fault::InvalidOnlyAtAnswer, "first-stage leaf", 4),
        (Fault::DdtTakesEveryDevice, "root of a first stage", 4),
        (Fault::DdtSparesProcesses, "process context", 4),
        (Fault::DdtTakesPages, "first-stage leaf", 4),
        (Fault::DdtTakesMsi, "MSI page table", 4),
        (Fault::PdtTakesEveryProcess, "process context", 4),
        (Fault::PdtTakesDevice, "process directory", 5),
        (Fault::HostTakesGuests, "both stages, leaves", 4),
        (Fault::VmaTakesEveryGuest, "both stages, leaves", 4),
        (Fault::VmaTakesEveryProcess, "first-stage leaf", 4),
        (Fault::PscidTakesNone, "first-stage leaf", 4),
        (Fault::GlobalTaken, "global mappings", 4),
        (Fault::GlobalSparedByAll, "global mappings", 4),
        (Fault::VmaTakesSecond, "second-stage leaf", 4),
        (Fault::VmaTakesMsi, "MSI page table", 4),
        (Fault::GvmaTakesFirst, "both stages, leaves", 4),
        (Fault::GvmaTakesEveryGuest, "second-stage leaf", 4),
        (Fault::GvmaWithoutGvTakesNone, "second-stage leaf", 4),
        (Fault::GvmaSparesMsi, "MSI page table", 4),
        (Fault::AddressIgnored, "first-stage leaf", 4),
        (Fault::NlIgnored, "first-stage pointer", 4),
        (Fault::NlAlways, "first-stage pointer", 4),
        (Fault::SuperpageByFirstPage, "first-stage superpage", 4),
        (Fault::RangeIgnored, "ranges", 4),
        (Fault::PointerNotHeld, "pointer held in a context", 5),
        (Fault::PointerHeldForEver, "pointer held in a context", 6),
        (Fault::ResultsSurviveGvma, "second-stage leaf", 4),
        (Fault::AnyPscid, "global mappings of two processes", 1),
        (Fault::AnyGscid, "root and tag of a second stage", 5),
        (Fault::InOrder, "first-stage entries by their tags, unread", 5),
        (Fault::AtFetch, "first-stage entries by their tags, unread", 5),
        (Fault::NothingStruck, "first-stage leaf", 4),
        (Fault::CutoffAtCompletion, "first-stage leaf", 4),
        (Fault::NoFenceNeeded, "first-stage leaf", 3),
        (Fault::FenceWhileInHand, "first-stage leaf", 4),
        (Fault::OnlyOldState, "hitless change of a leaf", 3),
        (Fault::OnlyNewState, "hitless change of two words", 4),
        (Fault::OnlyAtRest, "hitless change beside stores", 4),
        (Fault::RegistersAreNow, "hitless change, the directory off", 5),
        (Fault::StaleIsFine, "effective change of a leaf", 2),
        (Fault::RetiredWhileInHand, "effective change of a leaf", 3),
    ];
}

/// At most one fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Option<Fault>);

impl Faults {
    /// Whether this is the fault.
    pub fn has(self, fault: Fault) -> bool {
        self.0 == Some(fault)
    }
}
