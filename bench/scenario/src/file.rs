// SPDX-License-Identifier: Apache-2.0
//! A scenario file as a whole.

use schemars::JsonSchema;
use serde::Deserialize;

use super::at::{At, Named};
use super::axes::Matrix;
use super::domain::{Devices, Domains, Driver};
use super::expect::Expectation;
use super::litmus::Litmus;
use super::machine::{IGS, IGS_BOTH, Iommu, Memory};
use super::requirement::Requirement;
use super::step::Step;
use super::variables::Source;

/// A scenario: what is set up, what happens, what must come of it.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    /// Dotted name; its parts are selectors: `nested.s2-to-nested`
    pub name: At<String>,
    /// What it is for, in a sentence or two
    #[serde(default)]
    pub description: String,
    /// Words to select by: `lockstep run @hitless`
    #[serde(default)]
    pub tags: Vec<At<String>>,
    /// How many seeds it is played with
    #[serde(default = "one")]
    pub seeds: At<u32>,
    /// Settings to play it with, every combination: `{ policy: [sequenced, upstream] }`
    #[serde(default)]
    pub matrix: Matrix,
    /// Values by name: `$name` stands for one wherever one value may stand. So does an axis of the matrix that is no setting
    #[serde(default)]
    pub variables: Named<At<String>>,
    /// What the IOMMU must have. A device under test that lacks it is replaced by the model, and the run is counted
    /// apart; what the model lacks as well fails
    #[serde(default)]
    pub requires: Vec<At<Requirement>>,
    /// It is a litmus test: whether what the description asks for may be seen
    #[serde(default)]
    pub litmus: Option<Litmus>,
    /// The IOMMU
    #[serde(default)]
    pub iommu: Iommu,
    /// The memory behind it
    #[serde(default)]
    pub memory: Memory,
    /// How software programs it
    #[serde(default)]
    pub driver: Driver,
    /// Address spaces, by name
    #[serde(default)]
    pub domains: Domains,
    /// Devices, by name
    pub devices: Devices,
    /// What happens, in order
    pub steps: Vec<At<Step>>,
    /// What a run must show; default: verdict `pass`
    #[serde(default)]
    pub expect: Vec<At<Expectation>>,
    /// Its text, where it has variables
    #[serde(skip)]
    pub(super) source: Option<Source>,
}

impl Scenario {
    /// The value of the `capabilities` strap: what the IOMMU is said to have, and what the scenario needs of it.
    pub fn capabilities(&self) -> u64 {
        let named = self.requires.iter().map(|needed| needed.value);
        let all = named.chain(self.needed_by_steps()).chain(self.needs_of_devices());
        let bits = all.fold(self.iommu.capabilities(), |bits, needed| bits | needed.offered());
        if self.needs(Requirement::Messages) { bits & !IGS | IGS_BOTH } else { bits }
    }

    /// It names this among what it needs.
    pub fn needs(&self, requirement: Requirement) -> bool {
        self.requires.iter().any(|own| own.value == requirement)
    }
}

fn one() -> At<u32> {
    At::from(1)
}
