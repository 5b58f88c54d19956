// SPDX-License-Identifier: Apache-2.0
//! A software device under test: the golden walk behind the wires of the device boundary.
//!
//! It answers scenario authors in milliseconds (`--dut model`), and it is the counter-test of the oracle: with caches it
//! takes every liberty that the specification gives an implementation, and must never be blamed; with one [`Habit`] it
//! does one thing that is forbidden, and must be. Each walk is `golden::translate`, replayed over the words that the
//! walk has read on `ptw_*`; nothing here knows what a page table means.

mod ats;
mod axi;
mod bank;
mod cache;
mod commands;
mod config;
mod covers;
mod debug;
mod dice;
mod dma;
mod exchange;
mod faults;
mod habit;
mod hpm;
mod keyed;
mod lite;
mod messages;
mod mrif;
mod page_requests;
mod path;
mod ptw;
mod qos;
mod record_queue;
mod registers;
mod results;
#[cfg(test)]
mod tests;
mod view;
mod walker;
mod write;

use boundary::{Dut, Groups, Inputs, Outputs, Stopped};
use golden::Capabilities;

pub use config::{CacheConfig, ModelConfig};
pub use habit::Habit;
pub use registers::CAPABILITIES;

use ats::Ats;
use axi::Axi;
use cache::Caches;
use commands::{Before, Commands, Liberties};
use dice::Dice;
use dma::Transactions;
use faults::FaultQueue;
use habit::Nature;
use lite::Lite;
use mrif::InterruptFiles;
use page_requests::PageRequests;
use ptw::Ptw;
use registers::Registers;
use walker::{Walkers, World};
use write::{Write, Writer};

/// The device. All its outputs come from registers: they never depend on the inputs of the same cycle.
#[derive(Clone, Debug)]
pub struct Model {
    config: ModelConfig,
    registers: Registers,
    lite: Lite,
    ptw: Ptw,
    dma: Transactions,
    axi: Axi,
    walkers: Walkers,
    caches: Caches,
    commands: Commands,
    faults: FaultQueue,
    files: InterruptFiles,
    ats: Ats,
    pages: PageRequests,
    /// Translations after which the next write that nobody asked for comes
    stray_at: u64,
}

impl Model {
    /// A device that has not been reset yet: its `capabilities` are 0 until a cycle with `rst_n` low straps them.
    #[must_use]
    pub fn new(config: ModelConfig) -> Self {
        Self::reset(config, Capabilities(0))
    }

    fn reset(config: ModelConfig, strap: Capabilities) -> Self {
        let (nature, caches, seed) = (Nature(config.habit), config.caches, config.seed);
        let liberties = Liberties {
            burst: u32::from(caches.command_burst.clamp(1, 4)),
            eager_percent: caches.eager_percent,
            strict_fence: caches.strict_fence,
            abort_pending: caches.abort_pending,
            late_directory: caches.late_directory,
        };
        // With a port for poison there is nothing to be taken for it.
        let errors_corrupt = caches.errors_corrupt && !config.groups.poison;
        Self {
            config,
            registers: Registers::new(strap, &config),
            lite: Lite::default(),
            ptw: Ptw::new(),
            dma: Transactions::new(nature),
            axi: Axi::new(nature, caches.early_cycles, Dice::new(seed, 5)),
            walkers: Walkers::new(nature, seed, &caches, errors_corrupt),
            caches: Caches::new(nature, caches, seed),
            commands: Commands::new(nature, liberties, Dice::new(seed, 3)),
            faults: FaultQueue::new(nature),
            files: InterruptFiles::new(nature, caches.post_msis, errors_corrupt),
            ats: Ats::new(nature, Dice::new(seed, 4)),
            pages: PageRequests::new(nature),
            stray_at: 100,
        }
    }

    /// What it is like.
    #[must_use]
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Nothing is under way in it.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.dma.is_idle()
            && self.walkers.is_idle()
            && self.ptw.is_idle()
            && self.commands.is_idle()
            && self.faults.is_idle()
            && self.registers.messages.is_idle()
            && self.registers.debug.is_idle()
            && self.files.is_idle()
            && self.ats.is_idle()
            && self.pages.is_idle()
    }

    /// What the rising edge does.
    fn edge(&mut self, seen: &Inputs, driven: &Outputs) {
        self.lite.take(&seen.reg, &driven.reg, &mut self.registers);
        self.axi.take(&mut self.dma, seen, driven);
        self.ptw.take(&seen.ptw);
        self.ats.take(&seen.ats, &driven.ats);
        if seen.ats.page.valid && driven.ats.page_ready {
            self.pages.accept(seen.ats.page);
        }
        let (mut recorded, mut queued) = (false, false);
        while let Some((writer, resp)) = self.ptw.written() {
            match writer {
                Writer::Fault => recorded |= self.faults.written(resp, &mut self.registers.fq),
                Writer::Fence => self.commands.stored(resp, &mut self.registers),
                Writer::Message => self.registers.messages.answered(resp, &mut self.faults),
                Writer::Notice => self.files.noticed(&mut self.dma),
                Writer::Pending => {
                    let highest = self.registers.caps.spa_max();
                    self.files.written(resp, &mut self.dma, &mut self.ptw, highest, &mut self.faults);
                }
                Writer::Page => queued |= self.pages.written(resp, &mut self.registers, &mut self.ats),
                Writer::Exchange(_) | Writer::Nobody => {}
            }
        }
        while let Some(exchanged) = self.ptw.exchanged() {
            if exchanged.tag == mrif::TAG {
                let highest = self.registers.caps.spa_max();
                self.files.exchanged(&exchanged, &mut self.dma, &mut self.ptw, highest, &mut self.faults);
            } else {
                self.walkers.exchanged(&exchanged);
            }
        }
        while let Some(fetch) = self.ptw.fetched() {
            if fetch.readers.commands {
                self.commands.arrived(&fetch, &self.registers);
            } else if fetch.readers.files {
                self.files.arrived(&fetch, &mut self.dma, &mut self.ptw, &mut self.faults);
            } else {
                self.walkers.arrived(&fetch);
            }
        }
        self.change_directory();
        let before = Before { dma: &self.dma, files: &self.files };
        self.commands.step(&mut self.registers, &mut self.ptw, before, &mut self.caches, &mut self.ats);
        self.walkers.step(&mut World {
            registers: &mut self.registers,
            dma: &mut self.dma,
            caches: &mut self.caches,
            faults: &mut self.faults,
            ptw: &mut self.ptw,
            files: &mut self.files,
            ats: &mut self.ats,
            pages: &mut self.pages,
        });
        if self.faults.has_room() {
            self.files.step(&mut self.dma, &mut self.ptw, &self.registers.caps, &mut self.faults);
        }
        self.pages.step(&mut self.registers, &mut self.ptw, &mut self.ats);
        let (pas, be) = (self.registers.caps.pas().into(), self.registers.fctl.be());
        self.faults.step(&mut self.registers.fq, pas, be, &mut self.ptw);
        if self.config.habit == Some(Habit::UnowedWrite) && self.walkers.translations() >= self.stray_at {
            self.stray();
        }
        self.registers.hpm.tick();
        for happened in self.walkers.happened() {
            self.registers.hpm.count(&happened);
        }
        self.registers.update_pending(recorded, queued);
        self.registers.announce(&mut self.ptw, &mut self.faults);
        self.axi.present(&mut self.dma);
        self.ats.present();
        self.ptw.present(self.caches.epoch(), self.registers.qos.own());
    }

    /// A write of `ddtp` takes effect when nothing that began under the old value is left, at memory neither (section
    /// "Device-directory-table pointer").
    fn change_directory(&mut self) {
        if let Some(next) = self.registers.ddtp_next
            && self.walkers.is_idle()
            && self.dma.is_settled()
            && self.files.is_idle()
            && self.ats.is_settled()
        {
            self.registers.ddtp = next;
            self.registers.ddtp_next = None;
            self.caches.forget_results();
        }
    }

    fn stray(&mut self) {
        self.stray_at += 100;
        let addr = self.registers.cqb.base();
        let beats = [(0, 0xff), (0, 0), (0, 0), (0, 0)];
        self.ptw.write(Write { writer: Writer::Nobody, addr, size: 3, beats, len: 1, ids: None });
    }
}

impl Dut for Model {
    fn cycle(&mut self, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), Stopped> {
        *outputs = Outputs::default();
        if !inputs.rst_n {
            *self = Self::reset(self.config, Capabilities(inputs.caps));
            return Ok(());
        }
        self.axi.drive(&self.dma, outputs);
        self.ptw.drive(&mut outputs.ptw);
        self.lite.drive(&mut outputs.reg);
        if self.registers.caps.ats() {
            self.ats.drive(self.pages.has_room(), &mut outputs.ats);
        }
        outputs.wsi = self.registers.wires();
        self.edge(inputs, outputs);
        Ok(())
    }

    fn groups(&self) -> Groups {
        self.config.groups
    }
}
