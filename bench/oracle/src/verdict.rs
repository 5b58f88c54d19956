// SPDX-License-Identifier: Apache-2.0
//! What a run comes to: figures, and at most one violation and one hazard.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::picture::Picture;

/// Counts of one run. All of them are functions of scenario and seed alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Figures {
    /// DMA transactions completed on `dev_*`
    pub dma_transactions: u64,
    /// Translations compared with the golden model (one a DMA transaction)
    pub translations_compared: u64,
    /// Invalidation commands whose effect was put in force by a completed fence
    pub invalidations_compared: u64,
    /// Reconfigurations of a device that software finished
    pub reconfigurations: u64,
    /// DMA transactions that a device saw refused
    pub device_faults: u64,
    /// Completions of ATS translation requests compared with the golden model
    #[serde(default)]
    pub ats_completions: u64,
    /// Translation requests by software whose response was compared with the golden model
    #[serde(default)]
    pub debug_translations: u64,
    /// Page requests that came into their queue
    #[serde(default)]
    pub page_requests: u64,
    /// Fault records that the device under test wrote, by cause
    pub fault_records: BTreeMap<u16, u64>,
    /// Commands fetched, by mnemonic (`IOTINVAL.VMA`, `IODIR.INVAL_DDT`, `IOFENCE.C` …)
    pub commands: BTreeMap<String, u64>,
    /// Requests during a hitless reconfiguration that were translated by the old state, where the two differ
    pub explained_old: u64,
    /// The same, by the new state
    pub explained_new: u64,
    /// How often a value that memory no longer held was the only explanation, by structure
    pub stale_used: BTreeMap<String, u64>,
    /// The longest time, in cycles, from a change by software to the acceptance of a request that still used what was before
    #[serde(default)]
    pub longest_stale: u64,
    /// Software hazards seen
    pub hazards: u64,
    /// Allocations that software tried, of any kind
    #[serde(default)]
    pub allocations: u64,
    /// How many of them were made to fail by `--fail-alloc`
    #[serde(default)]
    pub failed_allocations: u64,
    /// Clock cycles of the device under test
    pub cycles: u64,
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Blame {
    /// The device did what the specification forbids.
    DutViolation,
    /// The device behaved, but the programming let a stale or torn value through.
    SoftwareHazard,
}

/// What findings of one cause have in common: no addresses, no names, no cycles.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Kind {
    /// Device or software
    pub blame: Blame,
    /// The rule that was broken, as a stable key
    pub rule: String,
    /// What differs, without addresses and names
    pub detail: String,
    /// The structure whose value led to it, where one is known
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structure: Option<String>,
    /// The command that had struck that value
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rule)?;
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        match (&self.structure, &self.command) {
            (Some(structure), Some(command)) => write!(f, "; {structure} kept over {command}"),
            (Some(structure), None) => write!(f, "; {structure}"),
            (None, _) => Ok(()),
        }
    }
}

/// The first divergence of its kind, with its evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Device or software
    pub blame: Blame,
    /// The rule that was broken, as a stable key: `translation`, `fault-record`, `axi-stable` …
    pub rule: String,
    /// What differs, without addresses and names: `another address`, `cause 13, right 12`, `cqh`
    pub detail: String,
    /// The structure whose value led to it, where one is known: `first-stage-pte`, `device-context`, `table-root`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structure: Option<String>,
    /// The command that had struck that value: `IOTINVAL.VMA`; `V=0` where it may not be kept at all
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Section of the specification (or of AXI) that says so
    pub section: String,
    /// What was right
    pub right: String,
    /// What came
    pub wrong: String,
    /// When
    pub cycle: u64,
    /// Evidence for people, several lines
    pub evidence: String,
    /// The same as data, for a drawing
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Box<Picture>>,
}

impl Finding {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        let Finding { blame, rule, detail, structure, command, .. } = self;
        Kind {
            blame: *blame,
            rule: rule.clone(),
            detail: detail.clone(),
            structure: structure.clone(),
            command: command.clone(),
        }
    }
}
