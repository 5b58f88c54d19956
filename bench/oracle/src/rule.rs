// SPDX-License-Identifier: Apache-2.0
//! The rules that a run is held to, each with the section that says so.

use std::fmt;

use super::picture::Picture;

/// A rule that the device under test, or software, can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// A translation is explained by values that the device may use.
    Translation,
    /// A refused request is explained by values that the device may use.
    Refusal,
    /// Each fault record is owed by a refused request.
    FaultRecord,
    /// Each fault that is to be reported is recorded.
    FaultLost,
    /// A transaction leaves the device in the shape in which it came.
    DmaShape,
    /// The bytes of a DMA transaction are kept.
    DmaData,
    /// The response of a DMA transaction is the one of memory, or the one of a refusal.
    DmaResponse,
    /// Each write of the device to memory on its own account is owed.
    UnowedWrite,
    /// Each update of A and D bits is atomic and owed, and sets what it has to set.
    Update,
    /// An MSI for a memory-resident interrupt file is stored there, and its notice sent.
    InterruptFile,
    /// A fence that asks for a write gets it.
    FenceWrite,
    /// A fence completes only when what was before it is done.
    FenceOrder,
    /// Commands are fetched from the queue, in order, up to its tail.
    CommandFetch,
    /// A legal command does not stop the queue, and an illegal one does.
    CommandIllegal,
    /// A register reads what the specification permits.
    Register,
    /// An interrupt is pending, and its wire high, when there is a cause for it and only then.
    Interrupt,
    /// Interrupts as messages: one for each transition of a pending bit, as the table of messages has it.
    Message,
    /// The completion of an ATS translation request is explained by values that the device may use.
    AtsCompletion,
    /// The response to a translation request by software is explained by values that the device may use.
    DebugTranslation,
    /// Each ATS.INVAL sends one invalidation request, with its operands and an ITag that is free.
    AtsInvalidation,
    /// Each page request that can be queued is, as it came.
    PageRequest,
    /// Each page request group response is owed by ATS.PRGR, or by a page request that could not be queued.
    PageResponse,
    /// A performance counter holds what was counted.
    Counter,
    /// Each access to memory carries the QoS IDs of the register or of the device context that it is for.
    QosIds,
    /// AXI as the bus checks it.
    Protocol,
    /// Software: what an operation replaced is used no more once it has returned.
    StaleAfterOperation,
    /// Software: nothing reaches memory that has been freed.
    UseAfterFree,
    /// Software: a change of what may be cached is followed by its invalidation.
    NeverInvalidated,
    /// Software: an operation that may refuse shows every request the old state, the new one, or a refusal.
    MixedState,
    /// Software: a hitless operation shows every request the old state or the new one.
    NotHitless,
}

impl Rule {
    /// Those that a device can break; the others are of software.
    pub const OF_DEVICES: [Rule; 25] = [
        Rule::Translation,
        Rule::Refusal,
        Rule::FaultRecord,
        Rule::FaultLost,
        Rule::DmaShape,
        Rule::DmaData,
        Rule::DmaResponse,
        Rule::UnowedWrite,
        Rule::Update,
        Rule::InterruptFile,
        Rule::FenceWrite,
        Rule::FenceOrder,
        Rule::CommandFetch,
        Rule::CommandIllegal,
        Rule::Register,
        Rule::Interrupt,
        Rule::Message,
        Rule::AtsCompletion,
        Rule::DebugTranslation,
        Rule::AtsInvalidation,
        Rule::PageRequest,
        Rule::PageResponse,
        Rule::Counter,
        Rule::QosIds,
        Rule::Protocol,
    ];

    /// Stable key, for reports and buckets.
    pub fn key(self) -> &'static str {
        match self {
            Rule::Translation => "translation",
            Rule::Refusal => "refusal",
            Rule::FaultRecord => "fault-record",
            Rule::FaultLost => "fault-lost",
            Rule::DmaShape => "dma-shape",
            Rule::DmaData => "dma-data",
            Rule::DmaResponse => "dma-response",
            Rule::UnowedWrite => "unowed-write",
            Rule::Update => "update",
            Rule::InterruptFile => "interrupt-file",
            Rule::FenceWrite => "fence-write",
            Rule::FenceOrder => "fence-order",
            Rule::CommandFetch => "command-fetch",
            Rule::CommandIllegal => "command-illegal",
            Rule::Register => "register",
            Rule::Interrupt => "interrupt",
            Rule::Message => "message",
            Rule::AtsCompletion => "ats-completion",
            Rule::DebugTranslation => "debug-translation",
            Rule::AtsInvalidation => "ats-invalidation",
            Rule::PageRequest => "page-request",
            Rule::PageResponse => "page-response",
            Rule::Counter => "counter",
            Rule::QosIds => "qos-ids",
            Rule::Protocol => "protocol",
            Rule::StaleAfterOperation => "stale-after-operation",
            Rule::UseAfterFree => "use-after-free",
            Rule::NeverInvalidated => "never-invalidated",
            Rule::MixedState => "mixed-state",
            Rule::NotHitless => "not-hitless",
        }
    }

    /// The text that says so.
    pub fn section(self) -> &'static str {
        match self {
            Rule::Translation | Rule::Refusal => {
                "RISC-V IOMMU, Process to translate an IOVA; Caching in-memory data structures"
            }
            Rule::FaultRecord | Rule::FaultLost => "RISC-V IOMMU, Fault/Event-Queue",
            Rule::DmaShape | Rule::DmaData | Rule::DmaResponse => "hdl/DEVICE.md, dev_* and mem_*",
            Rule::UnowedWrite => "RISC-V IOMMU, In-memory queue interface: nothing else is written",
            Rule::Update => "RISC-V IOMMU, IOMMU updating of PTE accessed (A) and dirty (D) updates",
            Rule::InterruptFile => "Advanced Interrupt Architecture, MSI PTE, MRIF mode",
            Rule::FenceWrite | Rule::FenceOrder => "RISC-V IOMMU, IOMMU Command-queue Fence commands",
            Rule::CommandFetch | Rule::CommandIllegal => "RISC-V IOMMU, Command-Queue (CQ)",
            Rule::Register => "RISC-V IOMMU, Memory-mapped register interface",
            Rule::Interrupt => "RISC-V IOMMU, Interrupt pending status register (ipsr)",
            Rule::Message => {
                "RISC-V IOMMU, Interrupt pending status register (ipsr); MSI configuration table (msi_cfg_tbl)"
            }
            Rule::AtsCompletion => "RISC-V IOMMU, PCIe ATS translation request handling",
            Rule::DebugTranslation => "RISC-V IOMMU, Debug support; Translation-response (tr_response)",
            Rule::AtsInvalidation => "RISC-V IOMMU, IOMMU PCIe ATS commands",
            Rule::PageRequest => "RISC-V IOMMU, Page-Request-Queue (PQ)",
            Rule::PageResponse => "RISC-V IOMMU, PCIe ATS Page Request handling; IOMMU PCIe ATS commands",
            Rule::Counter => "RISC-V IOMMU, Performance-monitoring event counters and selectors",
            Rule::QosIds => "RISC-V IOMMU, Quality-of-Service (QoS) Identifiers Extension",
            Rule::Protocol => "AMBA AXI4",
            Rule::StaleAfterOperation | Rule::NeverInvalidated => "RISC-V IOMMU, Guidelines for invalidations",
            Rule::UseAfterFree => "RISC-V IOMMU, IOMMU Command-queue Fence commands (reclaiming memory)",
            Rule::MixedState | Rule::NotHitless => "RISC-V IOMMU, Updating in-memory data structure entries",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// A value that the device must not have used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowsFrom {
    /// What it is: `first-stage-pte`, `table-root`
    pub structure: &'static str,
    /// What had struck it: a command by its mnemonic, or `V=0`
    pub command: &'static str,
}

/// A rule was broken: what is right, what came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which rule
    pub rule: Rule,
    /// What differs, without addresses and names
    pub detail: String,
    /// From which value the device must not have used it follows, where that is known
    pub follows_from: Option<Box<FollowsFrom>>,
    /// What is right
    pub right: String,
    /// What came
    pub wrong: String,
    /// More for people: the walk, the sightings
    pub evidence: String,
    /// The same as data, for a drawing
    pub picture: Option<Box<Picture>>,
}

impl Violation {
    /// A violation without further evidence.
    pub fn new(rule: Rule, detail: impl Into<String>, right: impl Into<String>, wrong: impl Into<String>) -> Self {
        Violation {
            rule,
            detail: detail.into(),
            follows_from: None,
            right: right.into(),
            wrong: wrong.into(),
            evidence: String::new(),
            picture: None,
        }
    }
}
