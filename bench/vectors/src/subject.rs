// SPDX-License-Identifier: Apache-2.0
//! What cases run on, and what can be seen of an operation there.

use std::collections::BTreeMap;

use golden::{Message, Outcome, Parameters, TrResponse, offset};

use super::case::{Action, Case};

/// Registers whose changes are compared.
pub const WATCHED: [u16; 5] = [offset::CQH, offset::CQCSR, offset::FQCSR, offset::PQCSR, offset::IPSR];

/// Something in the state that a case sets up, for one operation after the other.
pub trait Subject {
    /// Carries out an operation, to its end.
    ///
    /// # Errors
    /// [`Lost`]
    fn act(&mut self, action: &Action) -> Result<Observed, Lost>;
}

/// A subject that is not the model the answers are of: what it lacks is left out of account.
pub trait Device: Subject {
    /// What the device has turned out to be.
    fn profile(&self) -> &Profile;
}

/// The subject hangs, has stopped itself or has broken its bus: nothing more can be learned from it in this case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Lost(pub String);

/// What an operation did, as far as it can be seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// What came of a request
    pub answer: Option<Answer>,
    /// New fault records, in host order
    pub fault_records: Vec<Vec<u64>>,
    /// New page requests, in host order
    pub page_requests: Vec<Vec<u64>>,
    /// Other writes by the IOMMU: address, bytes, value
    pub writes: Vec<Vec<u64>>,
    /// What it sent and ordered; nothing where this cannot be seen
    pub messages: Option<Messages>,
    /// Those of [`WATCHED`] with a new value
    pub registers: BTreeMap<u16, u64>,
    /// What a read brought back
    pub value: Option<u64>,
    /// `tr_response` after a debug request
    pub debug: Option<TrResponse>,
}

/// What leaves an IOMMU that is no access to memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// PCIe messages
    pub sent: Vec<Message>,
    /// Orderings that fences asked for: `r`, `w` or `rw` each
    pub ordered: String,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// All that the specification says
    Full(Outcome),
    /// What a bus shows
    Bus(BusAnswer),
}

/// What a bus shows of a DMA transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusAnswer {
    /// The device got an error.
    pub refused: bool,
    /// What appeared as translated: address and memory type
    pub translated: Vec<(u64, u8)>,
}

impl Answer {
    /// As a bus would show it.
    #[must_use]
    pub fn on_bus(self) -> BusAnswer {
        match self {
            Self::Bus(answer) => answer,
            Self::Full(Outcome::Translated(t)) => {
                BusAnswer { refused: false, translated: vec![(t.spa.0, t.pbmt as u8)] }
            }
            Self::Full(_) => BusAnswer { refused: true, translated: Vec::new() },
        }
    }
}

impl Observed {
    /// With what can be seen through the ports of a device only.
    #[must_use]
    pub fn on_bus(self) -> Self {
        Self { answer: self.answer.map(|answer| Answer::Bus(answer.on_bus())), messages: None, ..self }
    }
}

/// What a device is, as far as answers depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Capabilities, widths, choices
    pub parameters: Parameters,
    /// Poison can be told from other errors of memory
    pub poison: bool,
}

impl Profile {
    /// The device that gave the answers of a case.
    #[must_use]
    pub fn of(case: &Case) -> Self {
        Self { parameters: case.parameters, poison: true }
    }
}
