// SPDX-License-Identifier: Apache-2.0
//! Rules that the oracle has wrong on purpose, one at a time. For tests alone.
//!
//! What the tests of the oracle are worth shows where it makes a mistake: an oracle with a slip must be found out by the
//! small worlds (`bench/oracle/tests/worlds`). Each slip is a mistake that somebody could make in good faith. In normal use
//! there is none, and each decision below is left to the rule.

mod decisions;

use super::{Oracle, Settings};

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
    /// D2: a word that was left out counts with what memory held before anything of its entry was read
    LeftOutOfBefore,
    /// D2: a word that was left out counts with what memory came to hold once the request had ended
    LeftOutOfLater,
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
    /// D5: VMA with an address and NL drops no earlier root
    RootsSurviveNl,
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
    /// S1: nothing is kept of before the operations
    NothingOfBefore,
    /// S1: a request is judged before the operation beside it has ended
    JudgedTooEarly,
    /// S1: memory at rest is memory as it is at the judgement
    RestIsNow,
    /// S1: registers at rest are registers as they are at the judgement
    RegistersAreNow,
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
    /// S2, S5: what was kept of an MSI page table that a context names no more is not retired
    TableNotRetired,
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
        oracle.search.slips = slips;
        oracle.search.histories.slips = slips;
        oracle.search.invalidations.slips = slips;
        oracle.software.slips = slips;
        oracle.software.operations.slips = slips;
        oracle
    }
}

impl Slips {
    /// Whether this is the slip.
    #[inline]
    pub fn has(self, slip: Slip) -> bool {
        self.0 == Some(slip)
    }
}
