// SPDX-License-Identifier: Apache-2.0
//! One request moved over a reconfiguration, call by call of software: each store and each command of the plan passes
//! over the fetch of the context, beat by beat.
//!
//! What the device fetched is seen on the bus. It must be a context that the plan allows, and the request must come
//! out as that context says: so a hitless plan refuses nothing and shows nothing but old and new, and another one
//! shows what it predicts and no more. Device contexts with and without MSI page tables and process directories, and
//! process contexts; what the RTL lacks is swept on the model.

mod controls;
mod rig;
mod rows;

use std::path::Path;

use boundary::Dut;
use hdl::{BuildOptions, Description, Library, Rtl};
use model::{CacheConfig, Model, ModelConfig};
use rig::{Format, Rig};
use rows::{Row, Swept};

/// Each row with each `stride`-th offset.
fn sweep<E: Swept>(dut: &dyn Fn() -> Box<dyn Dut>, format: Format, rows: &[Row<E>], stride: usize) {
    for row in rows {
        let mut rig = Rig::new(dut(), format);
        let mut seen = Vec::new();
        // The first one is late enough to tell how long it takes undisturbed.
        let took = rig.play(row, 5_000, &mut seen).unwrap_or_else(|wrong| panic!("{wrong}"));
        seen.clear();
        for offset in (0..took + 40).step_by(stride) {
            rig.play(row, offset, &mut seen).unwrap_or_else(|wrong| panic!("{wrong}"));
        }
        for allowed in &row.allowed {
            assert!(seen.contains(&allowed.seen()), "{}: no fetch met {allowed:x?} of the plan", row.name);
        }
    }
}

fn everything(dut: &dyn Fn() -> Box<dyn Dut>, capabilities: u64, stride: usize) {
    let has = |format: Format| capabilities & format.capabilities().0 & !0xff == format.capabilities().0 & !0xff;
    assert!(has(Format::Base) || capabilities == 0);
    sweep(dut, Format::Base, &rows::contexts(), stride);
    if has(Format::Extended) {
        sweep(dut, Format::Extended, &rows::msi(), stride);
    }
    if has(Format::Directory) {
        sweep(dut, Format::Directory, &rows::directories(), stride);
        sweep(dut, Format::Directory, &rows::processes(), stride);
    }
}

fn model() -> Box<dyn Dut> {
    Box::new(Model::new(ModelConfig { caches: CacheConfig::large(), ..ModelConfig::plain(1) }))
}

fn rtl() -> (Library, u64) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("lockstep lies in the workspace");
    let description = Description::read(&root.join("hdl/iommu.yaml")).expect("our description");
    let library = Rtl::build(&description, &BuildOptions::new(root.join("target"))).expect("our RTL");
    (library, description.capabilities.expect("our description says what it has"))
}

fn on_rtl(stride: usize) {
    let (library, capabilities) = rtl();
    everything(&|| Box::new(library.instance(1).expect("a device")), capabilities, stride);
}

#[test]
fn a_sample_of_the_sweep_on_the_model() {
    everything(&model, u64::MAX, 7);
}

#[test]
fn a_sample_of_the_sweep_on_the_rtl() {
    on_rtl(11);
}

#[test]
#[ignore = "every cycle: run by `make proof`"]
fn the_sweep_on_the_model() {
    everything(&model, u64::MAX, 1);
}

#[test]
#[ignore = "every cycle: run by `make proof`"]
fn the_sweep_on_the_rtl() {
    on_rtl(1);
}
