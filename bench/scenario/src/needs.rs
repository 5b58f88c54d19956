// SPDX-License-Identifier: Apache-2.0
//! What a scenario needs of a device by what it does, and what its strap offers to a device that lacks something.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::at::At;
use super::domain::{DomainKind, Mapping};
use super::file::Scenario;
use super::invalidate::Invalidate;
use super::machine::{ContextFormat, IGS, IGS_WSI};
use super::requirement::Requirement;
use super::step::Step;

/// `capabilities.PAS`
const PAS: u64 = 0x3F << 32;

/// `capabilities.MSI_FLAT`: contexts are extended
const MSI_FLAT: u64 = 1 << 22;

/// What a device offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// All that it has, as a value of the `capabilities` register
    pub capabilities: u64,
    /// It has no more than its strap says; else it always has all
    pub follows_strap: bool,
}

impl Offer {
    /// A device that has this, or less if its strap says so.
    pub const fn up_to(capabilities: u64) -> Self {
        Offer { capabilities, follows_strap: true }
    }
}

/// An invalidation whose operands not every device has (sections "Non-leaf PTE Invalidation Extension" and "Address
/// Range Invalidation Extension"): IOTINVAL with NL or S. Where they are reserved the command is illegal.
fn of_command(words: [u64; 2]) -> impl Iterator<Item = Requirement> {
    let is_iotinval = words[0] & 0x7F == 1;
    let nl = (is_iotinval && words[0] >> 34 & 1 == 1).then_some(Requirement::Nl);
    let s = (is_iotinval && words[1] >> 9 & 1 == 1).then_some(Requirement::S);
    nl.into_iter().chain(s)
}

/// A page-table entry with a memory type. The value 3 is reserved with Svpbmt, and without.
fn of_entry(value: u64) -> Option<Requirement> {
    matches!(value >> 61 & 0b11, 1 | 2).then_some(Requirement::Svpbmt)
}

/// What a step cannot do without.
fn of_step(step: &Step) -> Option<Requirement> {
    match step {
        // Who has to be told that there is no such interface wants none.
        Step::DebugTranslate(debug) => debug.fails.is_none().then_some(Requirement::Dbg),
        Step::MsiMap(map) | Step::MsiMove(map) if map.fails.is_none() => map.mrif.as_ref().map(|_| Requirement::Mrif),
        _ => None,
    }
}

impl Scenario {
    /// What its steps cannot do without, in no order: the strap offers it.
    pub(crate) fn needed_by_steps(&self) -> impl Iterator<Item = Requirement> {
        self.all_steps().into_iter().filter_map(|step| of_step(&step.value))
    }

    /// Devices with ATS or QoS IDs, and what they ask for, need an IOMMU that has these.
    pub(super) fn needs_of_devices(&self) -> impl Iterator<Item = Requirement> {
        let has_qos = self.devices.iter().any(|(_, device)| device.qos.is_some());
        self.needs_of_ats().chain(has_qos.then_some(Requirement::Qosid))
    }

    fn needs_of_ats(&self) -> impl Iterator<Item = Requirement> {
        let devices = || self.devices.iter().filter_map(|(_, device)| device.ats.as_ref());
        let asks = |step: &&At<Step>| match &step.value {
            Step::TranslationRequest(_)
            | Step::PageRequest(_)
            | Step::StopMarker(_)
            | Step::PageResponse(_)
            | Step::PageQueue(_)
            | Step::Invalidate(Invalidate::Ats(_)) => true,
            Step::Stream(stream) => stream.translated,
            _ => false,
        };
        let ats = devices().next().is_some() || self.all_steps().iter().any(asks);
        let t2gpa = devices().any(|ats| ats.0.t2gpa);
        ats.then_some(Requirement::Ats).into_iter().chain(t2gpa.then_some(Requirement::T2gpa))
    }

    /// What it does that not every device can, in no order. What its own strap does not offer it tries on purpose.
    fn does(&self) -> Vec<Requirement> {
        let has_tables = |kind: DomainKind| matches!(kind, DomainKind::Paging | DomainKind::Nested);
        let domains = self.domains.iter().filter(|(_, domain)| has_tables(domain.kind.value));
        let modes = domains.map(|(_, domain)| Requirement::of_mode(domain.paging_mode()));
        let asked = self.iommu.features.iter().flatten().fold(0, |bits, feature| bits | feature.value.bits());
        let by_name = Requirement::OF_STRAP.into_iter().filter(|needed| needed.met_by(asked));
        let context = self.iommu.is_extended().then_some(Requirement::Msi);
        let steps = self.all_steps();
        let steps = steps.iter().flat_map(|step| -> Vec<Requirement> {
            match &step.value {
                Step::Command([first, second]) => of_command([first.0, second.0]).collect(),
                Step::SetPte(set) => set.value.as_ref().and_then(|value| of_entry(value.value.0)).into_iter().collect(),
                _ => Vec::new(),
            }
        });
        let strap = self.capabilities();
        modes
            .chain(by_name)
            .chain(context)
            .chain(self.needs_of_devices())
            .chain(steps)
            .chain(self.needed_by_steps())
            .filter(|needed| needed.met_by(strap))
            .collect()
    }

    /// Whether the scenario's own strap leaves out what a device with these `capabilities` has, in a way that matters to it.
    fn leaves_out(&self, capabilities: u64) -> bool {
        let strap = self.capabilities();
        let listed = Requirement::OF_STRAP.into_iter().fold(0, |bits, needed| bits | needed.bits());
        let bits = self.iommu.directory.device_id_bits(ContextFormat::Extended);
        let is_wide = self.devices.iter().any(|(_, device)| device.id.0 >> bits != 0);
        let is_base = self.iommu.context.is_some() || is_wide;
        let formats = is_base && !self.iommu.is_extended() && capabilities & MSI_FLAT != 0;
        let features = self.iommu.features.is_some() && capabilities & !strap & listed != 0;
        let width = self.iommu.physical_bits.is_some() && strap & PAS < capabilities & PAS;
        formats || features || width
    }

    /// The highest physical address that its mappings name: those of the host.
    fn highest_address(&self) -> u64 {
        let of_host = |name: &str| self.domains.get(name).is_some_and(|own| own.kind.value == DomainKind::Paging);
        let last = |mapping: &Mapping| mapping.to.as_ref().map(|to| to.0.saturating_add(mapping.bytes() - 1));
        let made = self.domains.iter().filter(|(_, own)| own.kind.value == DomainKind::Paging);
        let steps = self.all_steps();
        let of_step = |step: &&At<Step>| match &step.value {
            Step::Map(map) if of_host(&map.domain) && map.fails.is_none() => last(&map.range),
            Step::SetPte(set) if of_host(&set.domain) => set.to.as_ref().map(|to| to.0),
            _ => None,
        };
        let made = made.flat_map(|(_, own)| own.map.iter()).filter_map(|mapping| last(mapping));
        made.chain(steps.iter().filter_map(of_step)).max().unwrap_or(0)
    }

    /// What a device lacks of what the scenario names, and of what it does: the paging modes of its domains, features
    /// that it asks for, operands of commands, memory types, physical addresses of a width.
    pub fn lacking(&self, offer: &Offer) -> BTreeSet<Requirement> {
        let Offer { capabilities, follows_strap } = *offer;
        let strap = (!follows_strap && self.leaves_out(capabilities)).then_some(Requirement::Strap);
        let is_beyond = self.highest_address() >> ((capabilities & PAS) >> 32) != 0;
        let is_wide = self.iommu.physical_bits.is_some() || self.driver.memory.is_some() || is_beyond;
        let width = is_wide.then_some(Requirement::PhysicalBits);
        let named = self.requires.iter().map(|needed| needed.value);
        let is_met = |needed: &Requirement| match needed {
            // A number tells, and no bit.
            Requirement::PhysicalBits => self.capabilities() & PAS <= capabilities & PAS,
            Requirement::Messages => capabilities & IGS != IGS_WSI,
            // Whoever names it means the strap itself.
            Requirement::Strap => follows_strap,
            needed => needed.met_by(capabilities),
        };
        named.chain(self.does()).chain(width).chain(strap).filter(|needed| !is_met(needed)).collect()
    }

    /// The strap for a device: it is offered nothing that it lacks. Where it ignores its strap, that is all that it has.
    pub fn strap_for(&self, offer: &Offer) -> u64 {
        let Offer { capabilities, follows_strap } = *offer;
        if !follows_strap {
            return capabilities;
        }
        // Version, width of addresses, and how interrupts come are no features that one has or lacks.
        const OTHER: u64 = PAS | 0xFF | IGS;
        let strap = self.capabilities();
        let pas = (strap & PAS).min(capabilities & PAS);
        strap & capabilities & !OTHER | strap & OTHER & !PAS | pas
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    /// All that the first release of the RTL has.
    const ALL: u64 = 0x0000_0C38_104E_CE10;

    fn scenario(rest: &str) -> Scenario {
        let text = format!("name: a.b\ndevices: {{ nic: {{ id: 1 }} }}\n{rest}\n");
        parse("a.yaml", &text).unwrap_or_else(|wrong| panic!("{wrong}"))
    }

    const READ: &str = "steps: [ dma: { device: nic, read: 0x1000 } ]";

    fn of(scenario: &Scenario, capabilities: u64) -> Vec<Requirement> {
        scenario.lacking(&Offer::up_to(capabilities)).into_iter().collect()
    }

    fn lacking(rest: &str, lacks: u64) -> Vec<Requirement> {
        let scenario = scenario(rest);
        assert_eq!(of(&scenario, ALL), [], "{rest}");
        of(&scenario, ALL & !lacks)
    }

    #[test]
    fn what_a_scenario_does_tells_what_it_needs() {
        let domain = |mode: &str| format!("domains: {{ a: {{ kind: paging, mode: {mode}, map: [] }} }}\n{READ}");
        assert_eq!(lacking(&domain("sv48"), 1 << 10), [Requirement::Sv48]);
        assert_eq!(lacking(&domain("sv39"), 1 << 10), [], "it does without");
        assert_eq!(lacking(&format!("iommu: {{ features: [svpbmt] }}\n{READ}"), 1 << 15), [Requirement::Svpbmt]);
        assert_eq!(lacking(READ, u64::MAX), [], "a device without a page table asks for none");
        let command = |words: &str| format!("steps: [ command: [{words}], dma: {{ device: nic, read: 0x1000 }} ]");
        assert_eq!(lacking(&command("0x4_0000_0401, 0x0400_1e00"), 0b11 << 42), [Requirement::Nl, Requirement::S]);
        assert_eq!(lacking(&command("0x401, 0x0400_1000"), 0b11 << 42), []);
        assert_eq!(lacking(&command("0x4_0000_0003, 0"), 1 << 42), [], "the bit is another one there");
        let own = format!("iommu: {{ features: [sv39] }}\n{}", command("0x4_0000_0401, 0"));
        assert_eq!(lacking(&own, 1 << 42), [], "its strap offers no NL: the command is meant to be illegal");
    }

    #[test]
    fn what_a_step_needs_the_strap_offers() {
        let debug = |rest: &str| {
            scenario(&format!(
                "steps: [ debug-translate: {{ device: nic, address: 0{rest} }}, dma: {{ device: nic, read: 0 }} ]"
            ))
        };
        assert_eq!(of(&debug(""), ALL), [Requirement::Dbg]);
        assert_eq!(debug("").capabilities() >> 31 & 1, 1);
        assert_eq!(of(&debug(", fails: EOPNOTSUPP"), ALL), [], "it wants none");
        assert_eq!(debug(", fails: EOPNOTSUPP").capabilities() >> 31 & 1, 0);
        let files = "requires: [msi]\niommu: { context: extended }\n\
            domains: { a: { kind: paging, nest-parent: true, map: [], msi: { address: 0, files: 1, unmapped: true } } }\n\
            steps: [ msi-map: { domain: a, file: 0, mrif: { address: 0x200, notice: 0x1000, nid: 1 } }, dma: { device: nic, read: 0 } ]";
        assert_eq!(of(&scenario(files), ALL | MSI_FLAT), [Requirement::Mrif]);
        assert_eq!(scenario(files).capabilities() >> 21 & 0b101, 0b101, "MSI_MRIF, and the atomics for it");
    }

    #[test]
    fn devices_with_ats_need_it_and_the_strap_offers_it() {
        const BITS: u64 = 0b11 << 25;
        let text = |ats: &str, steps: &str| {
            format!(
                "name: a.b\ndevices: {{ nic: {{ id: 1{ats} }} }}\nsteps: [{steps} dma: {{ device: nic, read: 0x1000 }}]\n"
            )
        };
        let of = |ats: &str, steps: &str| {
            let scenario = parse("a.yaml", &text(ats, steps)).unwrap_or_else(|wrong| panic!("{wrong}"));
            (scenario.capabilities() & BITS, self::of(&scenario, ALL & !BITS))
        };
        assert_eq!(of("", ""), (0, vec![]));
        assert_eq!(of(", ats: true", ""), (1 << 25, vec![Requirement::Ats]));
        assert_eq!(of(", ats: { t2gpa: true }", ""), (BITS, vec![Requirement::Ats, Requirement::T2gpa]));
        let ask = "translation-request: { device: nic, address: 0x1000 },";
        assert_eq!(of("", ask), (1 << 25, vec![Requirement::Ats]), "by a device without it");
    }

    #[test]
    fn a_width_of_addresses_is_needed_only_where_it_is_named() {
        let wide = format!("iommu: {{ physical-bits: 50 }}\n{READ}");
        let narrow = ALL & !PAS | 40 << 32;
        assert_eq!(of(&scenario(&wide), narrow), [Requirement::PhysicalBits]);
        let named = format!("requires: [physical-bits]\n{READ}");
        assert_eq!(of(&scenario(&named), narrow), [Requirement::PhysicalBits]);
        assert_eq!(of(&scenario(&named), ALL), [], "56 bits, which nobody had to name");
        assert_eq!(of(&scenario(READ), narrow), []);
        let mapped = |to: &str| {
            format!("domains: {{ a: {{ kind: paging, map: [{{ iova: 0x1000, to: {to}, pages: 2 }}] }} }}\n{READ}")
        };
        assert_eq!(of(&scenario(&mapped("0xff_ffff_e000")), narrow), [], "the last two pages that there are");
        assert_eq!(of(&scenario(&mapped("0xff_ffff_f000")), narrow), [Requirement::PhysicalBits], "one is beyond");
        assert_eq!(scenario(READ).strap_for(&Offer::up_to(narrow)) & PAS, 40 << 32);
    }

    #[test]
    fn the_strap_offers_nothing_that_the_device_lacks() {
        let strap = scenario(READ).strap_for(&Offer::up_to(ALL & !(1 << 10 | 1 << 11)));
        assert_eq!(strap >> 9 & 0b111, 1, "Sv39 alone");
        assert_eq!(scenario(READ).strap_for(&Offer::up_to(u64::MAX)), scenario(READ).capabilities());
    }

    #[test]
    fn a_device_that_ignores_its_strap_plays_what_does_not_depend_on_it() {
        let fixed = |capabilities| Offer { capabilities, follows_strap: false };
        let lacks =
            |rest: &str, capabilities| scenario(rest).lacking(&fixed(capabilities)).into_iter().collect::<Vec<_>>();
        assert_eq!(lacks(READ, ALL), [], "contexts of whatever format");
        assert_eq!(scenario(READ).strap_for(&fixed(ALL)), ALL);
        let base = format!("iommu: {{ context: base }}\n{READ}");
        assert_eq!(lacks(&base, ALL), [Requirement::Strap], "it says the format");
        assert_eq!(lacks(&base, ALL & !MSI_FLAT), []);
        let listed = format!("iommu: {{ features: [sv39] }}\n{READ}");
        assert_eq!(lacks(&listed, ALL), [Requirement::Strap]);
        assert_eq!(lacks(&listed, 0x0038_0000_0210), [], "it has no more");
        let narrow = format!("iommu: {{ physical-bits: 40 }}\n{READ}");
        assert_eq!(lacks(&narrow, ALL), [Requirement::Strap]);
    }
}
