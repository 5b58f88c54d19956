// SPDX-License-Identifier: Apache-2.0
//! What a device lacks, and which answers depend on it.
//!
//! A case fits a device as it is if the device has what the device of the case has. Few do. But most answers do not
//! depend on most capabilities: the model in the shape of the device under test (the *shadow*) tells which. Where the
//! shadow gives another answer than the case, the case says nothing about this device, and the operation is skipped.
//! The shadow decides what is compared, never what is right: that stands in the case.

use golden::Capabilities;

use super::case::Case;
use super::compare::compare;
use super::model::Model;
use super::subject::{Profile, Subject};

/// Bits `hi:lo` of `capabilities`.
const fn field(hi: u32, lo: u32) -> u64 {
    (u64::MAX >> (63 - hi)) & (u64::MAX << lo)
}

/// Something that a device has or has not.
struct Feature {
    name: &'static str,
    /// Its bits of `capabilities`
    caps: u64,
    /// What else belongs to it
    rest: fn(&mut Profile, &Profile),
}

const fn capability(name: &'static str, caps: u64) -> Feature {
    Feature { name, caps, rest: |_, _| {} }
}

/// All features; the first one that explains a deviation is named.
const FEATURES: &[Feature] = &[
    capability("process directory", field(40, 38)),
    capability("ATS and page requests", field(26, 25)),
    capability("A/D updates by hardware", field(24, 24)),
    capability("MRIF", field(23, 23) | field(21, 21)),
    capability("MSI page tables", field(22, 22)),
    Feature {
        name: "Sv32 and GXL",
        caps: field(16, 16) | field(8, 8),
        rest: |profile, device| {
            profile.parameters.choices.gxl_writable = device.parameters.choices.gxl_writable;
            let gxl = device.parameters.fctl_reset.gxl();
            profile.parameters.fctl_reset = profile.parameters.fctl_reset.with_gxl(gxl);
        },
    },
    capability("performance monitor", field(30, 30)),
    capability("debug translation", field(31, 31)),
    Feature {
        name: "big endian",
        caps: field(27, 27),
        rest: |profile, device| {
            profile.parameters.choices.be_writable = device.parameters.choices.be_writable;
            let be = device.parameters.fctl_reset.be();
            profile.parameters.fctl_reset = profile.parameters.fctl_reset.with_be(be);
        },
    },
    Feature {
        name: "interrupts by message",
        caps: field(29, 28),
        rest: |profile, device| {
            let wsi = device.parameters.fctl_reset.wsi();
            profile.parameters.fctl_reset = profile.parameters.fctl_reset.with_wsi(wsi);
        },
    },
    capability("QoS IDs", field(41, 41)),
    Feature { name: "poisoned data", caps: 0, rest: |profile, device| profile.poison = device.poison },
    Feature {
        name: "width of icvec",
        caps: 0,
        rest: |profile, device| profile.parameters.vector_bits = device.parameters.vector_bits,
    },
    capability("Sv57, Sv57x4", field(19, 19) | field(11, 11)),
    capability("Sv48, Sv48x4", field(18, 18) | field(10, 10)),
    capability("Sv39, Sv39x4", field(17, 17) | field(9, 9)),
    capability("Svpbmt", field(15, 15)),
    capability("Svrsw60t59b", field(14, 14)),
    capability("NL and S of invalidations", field(43, 42)),
    capability("width of physical addresses", field(37, 32)),
    capability("version of the specification", field(7, 0)),
];

/// Several at once, or an operation that had to be left out.
const SEVERAL: &str = "follows from operations that were skipped";

/// The operation is not made.
pub(super) const NO_ATS_PORTS: &str = "messages of PCIe ATS: the cases are not played on those ports yet";

/// The operation is made, and what shows on the ports depends on more than the case says.
pub(super) const IN_MEMORY: &str = "an interrupt file in memory: of accesses to it only MSIs have an effect";

/// Why operations of a case are skipped on a device.
pub(super) struct Blame<'a> {
    case: &'a Case,
    device: Profile,
    /// For each feature that the device lacks: its name, and which operations then have another answer. Made when it
    /// is asked for.
    variants: Option<Vec<(&'static str, Vec<bool>)>>,
}

impl<'a> Blame<'a> {
    pub(super) fn new(case: &'a Case, device: &Profile) -> Self {
        Self { case, device: *device, variants: None }
    }

    /// Why the answer to an operation depends on what the device lacks.
    pub(super) fn reason(&mut self, op: usize) -> String {
        let (case, device) = (self.case, &self.device);
        let variants = self.variants.get_or_insert_with(|| variants(case, device));
        match variants.iter().find(|(_, deviates)| deviates[op]) {
            Some((name, _)) => format!("the answer depends on: {name}"),
            None => SEVERAL.to_owned(),
        }
    }
}

/// Runs the case on the model of its own device with one feature after the other as the device under test has it.
fn variants(case: &Case, device: &Profile) -> Vec<(&'static str, Vec<bool>)> {
    let own = Profile::of(case);
    let mut variants = Vec::new();
    for feature in FEATURES {
        let mut profile = own;
        let caps = own.parameters.caps.0 & !feature.caps | device.parameters.caps.0 & feature.caps;
        profile.parameters.caps = Capabilities(caps);
        (feature.rest)(&mut profile, device);
        if profile != own {
            let mut model = Model::with(case, &profile);
            let deviates = case.ops.iter().map(|op| match model.act(&op.action) {
                Ok(observed) => !compare(op, &observed.on_bus()).is_empty(),
                Err(_) => true,
            });
            variants.push((feature.name, deviates.collect()));
        }
    }
    variants
}
