// SPDX-License-Identifier: Apache-2.0
//! The oracle's counter-test: random worlds with the model as the device under test.
//!
//! A `World` has every structure that an IOMMU may cache, devices that stream through them, and
//! software that changes words at random, invalidates them more or less as it should, and waits or does not wait for
//! it. Whatever software does there, a model that is legal by construction must never be blamed; a model with an
//! illegal [`Habit`](model::Habit) must be, sooner or later. [`hunt`] says how soon.

mod ats;
mod counters;
mod debug;
mod dice;
mod files;
mod hunt;
mod map;
mod messages;
mod requesters;
mod scene;
mod slot;
mod software;
mod tables;
mod world;

use driver::Halted;
use events::DmaRequest;
use golden::Capabilities;
use testbench::{DmaError, Testbench};

pub use hunt::{Catch, Hunt, hunt, json, markdown};
pub use scene::Scene;
pub use world::{play, play_in, play_on};

/// What the model implements here.
#[must_use]
pub fn capabilities() -> Capabilities {
    Capabilities(0x10)
        .with_sv39(true)
        .with_sv48(true)
        .with_sv57(true)
        .with_sv39x4(true)
        .with_sv48x4(true)
        .with_sv57x4(true)
        .with_svpbmt(true)
        .with_msi_flat(true)
        .with_pd8(true)
        .with_pd17(true)
        .with_nl(true)
        .with_s(true)
        .with_igs(1)
        .with_pas(56)
}

/// One transaction, waited for. What the device answers is for the oracle to judge.
fn send(bench: &mut Testbench, request: DmaRequest) -> Result<(), Halted> {
    match bench.dma(request, None) {
        Err(DmaError::Halted(halted)) => Err(halted),
        Ok(_) | Err(DmaError::Illegal(_)) => Ok(()),
    }
}
