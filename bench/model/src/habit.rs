// SPDX-License-Identifier: Apache-2.0
//! Illegal habits of the model, one at a time: what an oracle has to catch.

macro_rules! habits {
    ($($(#[doc = $text:literal])+ $name:ident,)*) => {
        /// Something that the specification, or the device boundary, forbids. The variant's text is its sentence.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Habit {
            $($(#[doc = $text])+ $name,)*
        }

        impl Habit {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its name, as it is written here.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// What it does, in a sentence.
            #[must_use]
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => concat!($($text),+).trim_ascii(),)* }
            }

            /// From its name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|habit| habit.name() == name)
            }
        }
    };
}

habits! {
    // IOTINVAL.VMA
    /// IOTINVAL.VMA drops nothing.
    VmaIgnored,
    /// IOTINVAL.VMA with GV = 0 drops nothing.
    VmaHostIgnored,
    /// IOTINVAL.VMA with GV = 1 drops nothing.
    VmaGuestIgnored,
    /// IOTINVAL.VMA with GV = 1 compares the GSCID with the one before.
    VmaGscidOffByOne,
    /// IOTINVAL.VMA compares PSCID also where PSCV is 0.
    VmaPscidAlways,
    /// IOTINVAL.VMA with PSCV = 1 drops nothing.
    VmaPscidNever,
    /// IOTINVAL.VMA with PSCV = 0 spares global mappings.
    VmaSparesGlobal,
    /// IOTINVAL.VMA compares the address also where AV is 0.
    VmaAddressAlways,
    /// IOTINVAL.VMA with AV = 1 drops nothing.
    VmaAddressIgnored,
    /// IOTINVAL.VMA takes a range for a page.
    VmaRangeAsPage,
    /// IOTINVAL.VMA drops a superpage only when the address is that of its first page.
    VmaSuperpageMissed,
    /// IOTINVAL.VMA without an address spares non-leaf entries.
    VmaLeafOnly,
    /// IOTINVAL.VMA with NL spares non-leaf entries.
    VmaNlIgnored,
    /// IOTINVAL.VMA spares whole translations.
    VmaSparesResults,
    // IOTINVAL.GVMA
    /// IOTINVAL.GVMA drops nothing.
    GvmaIgnored,
    /// IOTINVAL.GVMA with GV = 0 drops nothing.
    GvmaAllIgnored,
    /// IOTINVAL.GVMA with GV = 1 drops nothing.
    GvmaOneIgnored,
    /// IOTINVAL.GVMA compares the GSCID with the one before.
    GvmaGscidOffByOne,
    /// IOTINVAL.GVMA with GV = 0 and AV = 1 compares the address, which is to be ignored.
    GvmaAllByAddress,
    /// IOTINVAL.GVMA compares the address also where AV is 0.
    GvmaAddressAlways,
    /// IOTINVAL.GVMA takes a range for a page.
    GvmaRangeAsPage,
    /// IOTINVAL.GVMA drops a superpage only when the address is that of its first page.
    GvmaSuperpageMissed,
    /// IOTINVAL.GVMA without an address spares non-leaf entries.
    GvmaLeafOnly,
    /// IOTINVAL.GVMA with NL spares non-leaf entries.
    GvmaNlIgnored,
    /// IOTINVAL.GVMA spares entries that were read to find first-stage tables.
    GvmaSparesTables,
    /// IOTINVAL.GVMA spares MSI page tables.
    GvmaSparesMsi,
    /// IOTINVAL.GVMA spares whole translations.
    GvmaSparesResults,
    // IODIR
    /// IODIR.INVAL_DDT drops nothing.
    DdtIgnored,
    /// IODIR.INVAL_DDT with DV = 0 drops nothing.
    DdtAllIgnored,
    /// IODIR.INVAL_DDT with DV = 1 drops nothing.
    DdtOneIgnored,
    /// IODIR.INVAL_DDT with DV = 0 spares non-leaf entries.
    DdtSparesEntries,
    /// IODIR.INVAL_DDT spares process contexts and what is above them.
    DdtSparesPdt,
    /// IODIR.INVAL_DDT spares the translated pointers of the context that it drops.
    DdtSparesPointers,
    /// IODIR.INVAL_DDT spares whole translations.
    DdtSparesResults,
    /// IODIR.INVAL_DDT compares the lower six bits of the device_id with the operand.
    DdtNarrowId,
    /// IODIR.INVAL_PDT drops nothing.
    PdtIgnored,
    /// IODIR.INVAL_PDT spares whole translations.
    PdtSparesResults,
    // Liberties taken too far
    /// Whole translations that are found by their tags survive IOTINVAL.
    KeyedSparesInvalidations,
    /// Invalidations do not reach the whole translations in front of the others.
    FrontSparesInvalidations,
    /// The second half of an extended device context is never read: its MSI page table is taken for Off.
    MsiTableUnread,
    /// What was read with V = 0 for one request is used for later ones.
    InvalidReadEarly,
    // What may not be cached
    /// A non-leaf entry of the device directory with V = 0 is cached.
    CachesInvalidDdtEntry,
    /// A device context with V = 0 is cached.
    CachesInvalidDeviceContext,
    /// An entry of a process directory with V = 0 is cached.
    CachesInvalidProcessContext,
    /// A first-stage PTE with V = 0 is cached.
    CachesInvalidFirstStage,
    /// A second-stage PTE with V = 0 is cached.
    CachesInvalidSecondStage,
    /// A walk that was under way during an invalidation fills the caches with what it had read before.
    RefillsStale,
    /// A request is merged into a read that had been sent before, whatever that brings back.
    MergesBlindly,
    // How entries are found by their tags
    /// Page-table entries are found whatever their GSCID.
    TagsLackGscid,
    /// First-stage entries are found whatever their PSCID.
    TagsLackPscid,
    /// The lowest bit of a page number is not compared.
    TagsLackPageBit,
    /// A NAPOT entry answers for 128 KiB.
    NapotTooWide,
    // Commands and fences
    /// A fence completes before the commands before it are executed.
    FenceEarly,
    /// A fence with PR does not wait for reads.
    FenceIgnoresPr,
    /// A fence with PW does not wait for writes.
    FenceIgnoresPw,
    /// A fence with PR or PW does not wait for requests that are translated and not yet shown to memory.
    FenceForgetsTranslated,
    /// A fence makes no store.
    FenceStoreLost,
    /// A fence stores its complement.
    FenceStoreWrongData,
    /// A fence stores four bytes off.
    FenceStoreWrongAddress,
    /// A fence stores twice.
    FenceStoreTwice,
    /// A fence stores eight bytes.
    FenceStoreWide,
    /// A fence with WSI does not set fence_w_ip.
    FenceInterruptLost,
    /// cqh passes a command that has not been read.
    HeadRunsAhead,
    /// cqh passes an illegal command, and then the queue stops.
    HeadPassesIllegal,
    /// Commands beyond the tail are read.
    FetchesPastTail,
    /// After a hundred commands no more are fetched.
    CommandsStall,
    /// Every other invalidation is passed over.
    CommandSkipped,
    /// An illegal command is passed over.
    IllegalSkipped,
    /// Every eighth legal command is refused.
    LegalRefused,
    /// cmd_ill does not show.
    CommandIllegalHidden,
    /// cqmf does not show.
    CommandFaultHidden,
    /// When the queue stops at an error, what fences completed last is undone.
    AbortsFenced,
    /// A fence does not wait for IODIR commands.
    DirectoryAfterFence,
    // Faults
    /// No fault is recorded.
    FaultLost,
    /// Each fault is recorded twice.
    FaultTwice,
    /// A fault of a write is recorded with the cause of a read.
    FaultCauseOfRead,
    /// A guest-page fault is recorded as a page fault.
    FaultStageConfused,
    /// iotval is that of the next page.
    FaultWrongIotval,
    /// iotval2 is 0.
    FaultNoIotval2,
    /// iotval2 does not say that the access was implicit.
    FaultNotImplicit,
    /// TTYP is that of a read.
    FaultTtypOfRead,
    /// DID is off by one.
    FaultWrongDevice,
    /// PV and PID are left out.
    FaultNoProcess,
    /// PRIV is left out.
    FaultNoPrivilege,
    /// DTF is ignored.
    FaultDespiteDtf,
    /// A full queue is overwritten.
    OverflowIgnored,
    /// fqt moves before the record is written.
    FaultTailEarly,
    /// A record that memory refused counts as written.
    FaultWriteErrorHidden,
    /// fqof is not set.
    OverflowHidden,
    /// fqmf does not show.
    FaultMemoryHidden,
    /// Records are written while fqof is 1, once software has made room.
    RecordsDespiteOverflow,
    /// Records are written while fqmf is 1.
    RecordsDespiteMemoryFault,
    /// fqt moves when memory has the record, and has not answered yet.
    FaultTailUnanswered,
    // Interrupts
    /// cip is not set.
    CommandInterruptLost,
    /// fip is not set by a new record.
    FaultInterruptLost,
    /// fip is set by each fence.
    FaultInterruptInvented,
    /// A write of 1 to ipsr clears nothing.
    InterruptNotCleared,
    /// cip goes when its cause goes.
    InterruptForgotten,
    /// A write of 1 to fence_w_ip does not clear it.
    StatusNotCleared,
    /// The wire of the command queue is that of the fault queue.
    WireWrongVector,
    /// Wires that are high once stay so.
    WireStuck,
    /// No wire is ever driven.
    WiresDead,
    /// The wires of the command queue and of the fault queue are swapped.
    WiresSwapped,
    /// Of sources that share a wire the last one drives it alone.
    WireOfLastSource,
    // Interrupts as messages
    /// Every other message is lost.
    MessageLost,
    /// Each message is sent twice.
    MessageTwice,
    /// The data of a message have the bytes in the other order.
    MessageWrongData,
    /// A message is that of the vector beside.
    MessageWrongVector,
    /// A message is sent although its vector is masked.
    MessageIgnoresMask,
    /// What was due while masked is forgotten.
    MessagePendingLost,
    /// A message is a write of eight bytes.
    MessageWide,
    /// A message that memory refused is not reported.
    MessageFaultLost,
    /// Messages are sent although fctl.WSI is 1.
    MessageDespiteWires,
    /// Wires are driven although fctl.WSI is 0.
    WiresDespiteMessages,
    // Memory-resident interrupt files
    /// The pending bit beside is set.
    MrifBitWrong,
    /// The enable bit is set.
    MrifEnableSet,
    /// The other pending bits are cleared.
    MrifOthersCleared,
    /// The pending bit is set by a plain write as well.
    MrifNotAtomic,
    /// An atomic whose compare failed is taken for made.
    MrifUpdateLost,
    /// Every other notice is lost.
    MrifNoticeLost,
    /// Each notice is sent twice.
    MrifNoticeTwice,
    /// The notice has another identity.
    MrifNoticeWrongData,
    /// The notice is sent before the pending bit is set.
    MrifNoticeEarly,
    /// Identity 0 is dropped.
    MrifZeroDropped,
    /// MSIs are answered before they are stored, and a fence with PW does not wait for them.
    MrifPassedByFence,
    /// MSIs are answered before they are stored, and leave no record if memory refuses them then.
    MrifPostedFaultLost,
    /// Data at offset 4 are taken for little-endian.
    MrifBigEndianIgnored,
    /// A write to any offset of the page is an MSI.
    MrifOffsetIgnored,
    /// A store that memory refused is not reported.
    MrifFaultLost,
    /// Accesses to an interrupt file go to the address of the MRIF.
    MrifPassed,
    // Performance monitor
    /// Inhibited counters count.
    HpmRunsInhibited,
    /// iohpmcycles counts every other cycle.
    HpmCyclesLost,
    /// Event counters count by two.
    HpmCountsTwice,
    /// Every other event is not counted.
    HpmRequestsLost,
    /// A filter by device_id or GSCID is ignored.
    HpmFilterIgnored,
    /// DMASK is ignored.
    HpmMaskIgnored,
    /// A write of a selector clears its counter.
    HpmSelectorClears,
    /// OF is not set.
    HpmOverflowHidden,
    /// pmip is not set.
    HpmInterruptLost,
    // Walks
    /// The U bit of the first stage is ignored.
    UserIgnored,
    /// ta.SUM is taken for 1.
    SumIgnored,
    /// ta.ENS is taken for 1.
    EnsIgnored,
    /// The A bit is ignored.
    AccessedIgnored,
    /// The D bit is ignored.
    DirtyIgnored,
    /// An executable page may be read.
    ExecuteAsRead,
    /// A readable page may be executed.
    ReadAsExecute,
    /// A readable page may be written.
    ReadAsWrite,
    /// A page that the second stage lets read may be written.
    SecondReadAsWrite,
    /// The U bit of the second stage is ignored.
    SecondUserIgnored,
    /// Reserved bits of PTEs are ignored.
    ReservedIgnored,
    /// A misaligned superpage is rounded down.
    MisalignedAccepted,
    /// The V bit of PTEs is ignored.
    InvalidPteUsed,
    /// The V bit of the device context is ignored.
    InvalidContextUsed,
    /// Reserved bits of the device context are ignored.
    ContextReservedIgnored,
    /// Within a superpage only the lowest 12 bits of the address count.
    SuperpageOffsetDropped,
    /// An error of the port is taken for data.
    WalkErrorIgnored,
    // Updates of A and D bits
    /// A and D bits that are to be set are taken for set.
    UpdateSkipped,
    /// Entries that map tables are not marked dirty by an update of a table.
    UpdateOfTablesSkipped,
    /// A and D bits are set by a plain write.
    UpdateNotAtomic,
    /// An update whose compare has failed is taken for made.
    UpdateCompareIgnored,
    /// An update that memory refused is taken for made.
    UpdateErrorIgnored,
    /// A translation does not wait for its update.
    UpdateNotAwaited,
    /// A read of a page that may be written sets D with A.
    UpdateDirtyOnRead,
    /// An update sets a bit for software as well.
    UpdateWrongBit,
    /// An update clears the bits for software.
    UpdateClearsSoftwareBits,
    /// A write that a page-table entry denies sets A and D in it.
    UpdateBeforeChecks,
    /// A and D bits are set although SADE and GADE are 0.
    UpdateUnasked,
    /// SADE and GADE are taken for 0.
    UpdateRefused,
    // DMA
    /// Write data change on the way.
    WriteDataCorrupted,
    /// Read data change on the way.
    ReadDataCorrupted,
    /// All byte lanes are written.
    StrobesIgnored,
    /// The AXI ID changes on the way.
    IdSwapped,
    /// Bursts become FIXED bursts.
    BurstNarrowed,
    /// The lower address bits are lost.
    OffsetDropped,
    /// AxPROT is lost.
    ProtDropped,
    /// AxCACHE changes on the way.
    CacheChanged,
    /// AxQOS is lost.
    QosDropped,
    /// The QoS IDs of translated requests are lost.
    QosIdsDropped,
    /// Translated requests have the QoS IDs of the register.
    QosIdsOfRegister,
    /// Walks of tables have no QoS IDs.
    QosIdsOfTablesLost,
    /// Reads of the device directory have the QoS IDs of walks.
    QosIdsOfDirectoryLost,
    /// Queues and messages have no QoS IDs.
    QosIdsOfQueuesLost,
    /// Poisoned tables are used.
    PoisonUsed,
    /// A poisoned table is an access fault.
    PoisonAsAccessFault,
    /// A refused read of a table is corrupt data, although there is a port for poison.
    ErrorAsCorruption,
    /// Poisoned data reach their device as good.
    PoisonHidden,
    /// Transactions become exclusive accesses.
    LockInvented,
    /// The memory type is lost.
    PbmtDropped,
    /// All memory is I/O.
    PbmtInvented,
    /// A refused request is answered OKAY.
    RefusalOkay,
    /// A refused request goes to memory, untranslated.
    RefusalPassed,
    /// An error of memory is answered OKAY.
    MemoryErrorHidden,
    /// After each hundredth translation a doubleword is written that nobody asked for.
    UnowedWrite,
    /// After two hundred requests no more of one device are accepted.
    DeviceStarved,
    // Translation requests by software
    /// A debug request that is asked for again is answered as before.
    DebugKeepsLast,
    /// A debug response shows twice the range that the pages permit.
    DebugSizeTooLarge,
    /// A debug response has the address of a neighbour.
    DebugWrongAddress,
    /// A debug response loses the memory type.
    DebugMemoryTypeDropped,
    /// The fault of a debug request is not recorded.
    DebugFaultUnrecorded,
    /// A debug request that faults is answered with its own address.
    DebugFaultHidden,
    /// Priv of a debug request is ignored.
    DebugPrivilegeDropped,
    /// PV of a debug request is ignored.
    DebugProcessDropped,
    /// NW of a debug request is ignored: write permission is never asked for.
    DebugWriteNotAsked,
    /// A debug request for an interrupt file in memory is answered with its address.
    DebugMrifPassed,
    /// Go/Busy of some debug requests stays set.
    DebugNeverEnds,
    /// tr_req_ctl reads 0 but for Go/Busy.
    DebugControlLost,
    // ATS translation requests
    /// A translation request is answered although EN_ATS is 0.
    AtsIgnoresEnable,
    /// Under T2GPA a completion has the supervisor physical address.
    AtsGivesSpa,
    /// A completion grants a write that the tables do not.
    AtsGrantsWrite,
    /// A completion grants execution that was not asked for, or that the tables do not grant.
    AtsGrantsExecute,
    /// A request that meets a page fault is granted reads.
    AtsDeniedGranted,
    /// A request that meets a page fault is answered UR.
    AtsDeniedAsUnsupported,
    /// A request that meets a page fault leaves a fault record.
    AtsDeniedRecorded,
    /// The fault of a request that is answered UR or CA is not recorded.
    AtsFaultUnrecorded,
    /// CA is answered for UR.
    AtsUnsupportedAsAbort,
    /// UR is answered for CA.
    AtsAbortAsUnsupported,
    /// Success without permissions is answered for UR and CA.
    AtsRefusalAsDenied,
    /// A completion shows twice the range that the pages permit.
    AtsSizeTooLarge,
    /// A completion has the address of a neighbour.
    AtsWrongAddress,
    /// Priv is left out of completions.
    AtsPrivilegeDropped,
    /// Every completion for a process is Global.
    AtsGlobalInvented,
    /// Every completion says Untranslated access only.
    AtsUntranslatedOnly,
    /// ATS translation requests update neither A nor D.
    AtsUpdateSkipped,
    /// An ATS translation request with No Write sets D with A.
    AtsDirtyDespiteNoWrite,
    /// Some requests are never answered.
    AtsAnswerLost,
    /// Some requests are answered twice.
    AtsAnswersTwice,
    // Translated requests
    /// A translated request passes although EN_ATS is 0.
    TranslatedIgnoresEnable,
    /// A translated request passes the second stage although T2GPA is 1.
    TranslatedUnchecked,
    // ATS.INVAL
    /// ATS.INVAL sends nothing.
    AtsInvalLost,
    /// ATS.INVAL sends its request twice.
    AtsInvalTwice,
    /// An invalidation request goes to the device beside.
    AtsInvalWrongDevice,
    /// An invalidation request has another address.
    AtsInvalWrongAddress,
    /// An invalidation request has no PASID.
    AtsInvalNoProcess,
    /// An invalidation request loses S.
    AtsInvalRangeAsPage,
    /// An invalidation request loses Global Invalidate.
    AtsInvalGlobalDropped,
    /// All invalidation requests have the same ITag.
    AtsItagReused,
    /// The first completion of an invalidation counts for all that the device sends.
    AtsCountIgnored,
    /// A completion counts for its ITag, whichever device sends it.
    AtsDoneByAnyone,
    /// A fence does not wait for completions of devices.
    AtsFenceEarly,
    /// A fence behind an invalidation that timed out completes as if nothing were.
    AtsTimeoutUnreported,
    /// A fence reports a time-out when a completion takes long.
    AtsTimeoutInvented,
    // ATS.PRGR
    /// ATS.PRGR sends nothing.
    PrgrLost,
    /// A group response goes to the device beside.
    PrgrWrongDevice,
    /// A group response has another group index.
    PrgrWrongGroup,
    /// A group response has another response code.
    PrgrWrongStatus,
    /// A group response has no PASID.
    PrgrNoProcess,
    /// A page request that was queued is answered as well.
    PrgrUnowed,
    // Page requests
    /// A page request is never queued.
    PageRequestLost,
    /// A page request is queued although EN_PRI or EN_ATS is 0.
    PageRequestIgnoresEnable,
    /// The record of a page request names the device beside.
    PageRequestWrongDevice,
    /// The record of a page request has the address of the next page.
    PageRequestWrongAddress,
    /// The record of a page request has no PASID.
    PageRequestNoProcess,
    /// The record of a page request has no PRIV.
    PageRequestNoPrivilege,
    /// The record of a page request has EXEC without a PASID.
    PageRequestExecuteAlways,
    /// The record of a page request loses L.
    PageRequestNotLast,
    /// A refused page request is answered although it is not the last of its group.
    ResponseUnwanted,
    /// An Invalid Request is answered Response Failure.
    ResponseInvalidAsFailure,
    /// A Response Failure is answered Success.
    ResponseFailureAsSuccess,
    /// A page request that met a full queue is answered Response Failure.
    ResponseFullAsFailure,
    /// PRPR is taken for its opposite.
    ResponsePrprInverted,
    /// A page request that its device context refuses leaves no fault record.
    PageFaultUnrecorded,
    /// A full page-request queue is overwritten.
    PqOverflowIgnored,
    /// pqof is not set.
    PqOverflowHidden,
    /// pqmf does not show.
    PqFaultHidden,
    /// pqt moves before the record is written.
    PqTailEarly,
    /// A record that memory refused counts as written.
    PqWriteErrorHidden,
    /// Records are written while pqof is 1, once software has made room.
    PqRecordsDespiteOverflow,
    /// Records are written while pqmf is 1.
    PqRecordsDespiteMemoryFault,
    /// pip is not set.
    PageInterruptLost,
    /// The wire of the page-request queue is that of the fault queue.
    PageWireWrongVector,
}

impl Habit {
    /// It shows only where entries are found by their tags alone.
    #[must_use]
    pub const fn needs_tags(self) -> bool {
        matches!(self, Self::TagsLackGscid | Self::TagsLackPscid | Self::TagsLackPageBit | Self::NapotTooWide)
    }

    /// It shows only where there are ATS and page requests.
    #[must_use]
    pub const fn needs_ats(self) -> bool {
        let number = self as u16;
        Self::AtsIgnoresEnable as u16 <= number && number <= Self::PageWireWrongVector as u16
    }
}

/// The habit that a model has, if any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Nature(pub(super) Option<Habit>);

impl Nature {
    /// It has this habit.
    #[inline]
    pub(super) fn has(self, habit: Habit) -> bool {
        self.0 == Some(habit)
    }
}
