// SPDX-License-Identifier: Apache-2.0
//! One observation.

use golden::Spa;

use crate::ats::{
    GroupResponse, InvalidationCompletion, InvalidationRequest, PageRequest, TranslationCompletion, TranslationRequest,
};
use crate::burst::Burst;
use crate::dma::{Attributes, Direction, DmaRequest, QosIds, Ticket};
use crate::software::{Named, Operation};

/// A clock cycle, counted from the release of reset.
pub type Cycle = u64;

/// Who stored to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Agent {
    /// Software, by the driver
    Cpu,
    /// A device's DMA, through `mem_*`
    Dma,
    /// The device under test itself, through `ptw_*`
    Iommu,
}

/// One observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A request shows on `dev_*` for the first time: the device under test may begin its work, before it is ready to
    /// take it.
    DmaOffered {
        /// What is asked, without the data
        request: DmaRequest,
    },
    /// AW or AR handshake on `dev_*`: the request is in the hands of the device under test.
    DmaAccepted {
        /// Its number
        ticket: Ticket,
        /// What was asked
        request: DmaRequest,
    },
    /// A W beat on `dev_*`, in the cycle in which both it and its AW have been accepted, and after
    /// [`Event::DmaAccepted`]: for a bench that does not know the data of a write beforehand. Where they are in the
    /// request already, this says nothing.
    DmaWriteBeat {
        /// Data
        data: u64,
        /// Strobes
        strb: u8,
        /// `WLAST`
        last: bool,
    },
    /// AW or AR handshake on `mem_*`: the request was translated.
    MemAddress {
        /// Read or write
        direction: Direction,
        /// AXI ID
        id: u8,
        /// Translated start address
        addr: Spa,
        /// Shape
        burst: Burst,
        /// `mem_axpbmt_o`
        pbmt: u8,
        /// `AxPROT`
        prot: u8,
        /// The rest of what AXI says of it
        attributes: Attributes,
        /// `mem_axrcid_o`, `mem_axmcid_o`
        ids: QosIds,
    },
    /// A W beat on `mem_*`, in the cycle in which both it and its AW have been accepted, and after
    /// [`Event::MemAddress`]. AXI4 keeps W in the order of AW, and lets it go ahead.
    MemWriteBeat {
        /// Data
        data: u64,
        /// Strobes
        strb: u8,
        /// `WLAST`
        last: bool,
    },
    /// R handshake on `mem_*`: what memory answered.
    MemReadBeat {
        /// AXI ID
        id: u8,
        /// Data
        data: u64,
        /// Response, or [`crate::POISONED`]
        resp: u8,
        /// `RLAST`
        last: bool,
    },
    /// B handshake on `mem_*`.
    MemWriteResponse {
        /// AXI ID
        id: u8,
        /// Response
        resp: u8,
    },
    /// The last R beat or the B of a transaction on `dev_*`.
    DmaDone {
        /// Its number
        ticket: Ticket,
        /// Worst response of its beats; [`crate::POISONED`] counts as the worst
        resp: u8,
        /// Read data by beat, as it came; empty for writes
        data: Vec<u64>,
    },
    /// AR handshake on `ptw_*`.
    PtwReadAddress {
        /// AXI ID
        id: u8,
        /// Address
        addr: Spa,
        /// Shape
        burst: Burst,
        /// `ptw_arrcid_o`, `ptw_armcid_o`
        ids: QosIds,
    },
    /// R handshake on `ptw_*`: a sighting. `addr` is the address of this beat.
    PtwReadBeat {
        /// AXI ID
        id: u8,
        /// Address of this beat, aligned to its size
        addr: Spa,
        /// Bytes in this beat (4 or 8)
        bytes: u8,
        /// The whole 64-bit lane value of the aligned doubleword that contains `addr`
        data: u64,
        /// Response, or [`crate::POISONED`]
        resp: u8,
        /// When the value left memory; at or before the cycle of this event
        sampled: Cycle,
        /// `RLAST`
        last: bool,
    },
    /// A whole write on `ptw_*` (AW and its W beats) has been handed over by the device under test.
    PtwWrite {
        /// AXI ID
        id: u8,
        /// Address of the first beat
        addr: Spa,
        /// Shape
        burst: Burst,
        /// `AWATOP`
        atop: u8,
        /// Data and strobes by beat
        beats: Vec<(u64, u8)>,
        /// `ptw_awrcid_o`, `ptw_awmcid_o`
        ids: QosIds,
    },
    /// B handshake on `ptw_*`.
    PtwWriteResponse {
        /// AXI ID
        id: u8,
        /// Response
        resp: u8,
    },
    /// A register write completed (B handshake).
    RegWrite {
        /// Byte offset
        offset: u16,
        /// 4 or 8
        bytes: u8,
        /// Value
        value: u64,
        /// When AW and W had both been accepted: from here the device may act on it
        accepted: Cycle,
    },
    /// A register read completed (R handshake).
    RegRead {
        /// Byte offset
        offset: u16,
        /// 4 or 8
        bytes: u8,
        /// Value
        value: u64,
        /// When AR was accepted
        accepted: Cycle,
    },
    /// A doubleword of memory changed hands: a store became visible. Emitted also where `new == old`.
    Store {
        /// Who
        agent: Agent,
        /// Aligned doubleword
        addr: Spa,
        /// Before
        old: u64,
        /// After
        new: u64,
    },
    /// A translation request shows on `ats_req*` for the first time.
    AtsOffered {
        /// What for
        request: TranslationRequest,
    },
    /// `ats_req*` handshake: a device asks for a translation.
    AtsRequested {
        /// What for
        request: TranslationRequest,
    },
    /// `ats_cpl*` handshake.
    AtsCompleted {
        /// The answer
        completion: TranslationCompletion,
    },
    /// `ats_inv*` handshake: a device is to drop translations.
    InvalidationRequested {
        /// Which
        request: InvalidationRequest,
    },
    /// `ats_done*` handshake.
    InvalidationDone {
        /// Who has dropped what it was to
        completion: InvalidationCompletion,
    },
    /// A page request shows on `ats_page*` for the first time.
    PageOffered {
        /// Which
        request: PageRequest,
    },
    /// `ats_page*` handshake: a device asks for a page, or marks a stop.
    PageRequested {
        /// Which
        request: PageRequest,
    },
    /// `ats_rsp*` handshake.
    PageResponded {
        /// To whom, and what
        response: GroupResponse,
    },
    /// The interrupt wires changed.
    Wires {
        /// `wsi_o`
        wsi: u16,
    },
    /// Somebody broke a rule of a protocol: who watches the wires says so.
    ProtocolBroken {
        /// Stable key of the rule: `axi-stable` …
        rule: String,
        /// What was right
        right: String,
        /// What came
        wrong: String,
        /// Where, and what the rule is
        place: String,
    },
    /// Memory holds this, and nobody has stored it: it was there from the beginning. What is never told holds 0.
    Held {
        /// Aligned doubleword
        addr: Spa,
        /// What it holds
        value: u64,
    },
    /// Software begins to write a register: from now on the device may act on it.
    RegWriteBegun {
        /// Byte offset
        offset: u16,
        /// 4 or 8
        bytes: u8,
        /// Value
        value: u64,
    },
    /// Software begins an operation. Within another one it is a part of that.
    OperationBegun {
        /// What it is called, and what it promises
        operation: Operation,
    },
    /// Software returns from the operation that it began last.
    OperationEnded {
        /// It did what it was asked for; one that failed promises nothing
        done: bool,
    },
    /// Software gives up memory: from now on no device may reach it.
    Freed {
        /// First byte
        start: Spa,
        /// Length
        bytes: u64,
    },
    /// Memory belongs to somebody again.
    Taken {
        /// First byte
        start: Spa,
        /// Length
        bytes: u64,
    },
    /// What software calls something. For reports.
    Named {
        /// The name
        name: String,
        /// Of what
        what: Named,
    },
    /// What was asked of the device before this cycle should have been done by now, and is late.
    Due {
        /// Up to when
        before: Cycle,
    },
    /// The machine has come to rest: nothing is under way, and nothing more will come of what was asked.
    Rest,
}
