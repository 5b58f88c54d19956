// SPDX-License-Identifier: Apache-2.0
//! All that the search for an explanation goes by: what the device read, what memory held, and what was invalidated.

use events::Cycle;
use golden::Config;

use super::Settings;
use super::choices::KnownChoices;
use super::chooser::Buffers;
use super::configuration::Configuration;
use super::history::Histories;
use super::invalidation::Invalidations;
use super::memory::Memory;
use super::requesters::Requesters;
use super::roots::Roots;
use super::slips::Slips;
use super::tagged::Tagged;
use super::updates::Updates;
use super::usable::Facts;

/// What is known, and room to search in. The search itself is in `explain.rs` and `speculative.rs`.
pub struct Search {
    /// Registers that a translation depends on
    pub configuration: Configuration,
    /// What the implementation is thought to have chosen
    pub choices: KnownChoices,
    /// What memory holds
    pub memory: Memory,
    /// What each word held when, and what the device read of it
    pub histories: Histories,
    /// What was invalidated
    pub invalidations: Invalidations,
    /// Under which roots the device has translated
    pub roots: Roots,
    /// By which entries it has translated
    pub tagged: Tagged,
    /// Who has asked for anything
    pub requesters: Requesters,
    /// Which words it tried to update
    pub updates: Updates,
    /// Memory that is used over and over
    pub buffers: Buffers,
    /// For tests of the oracle
    pub slips: Slips,
}

impl Search {
    /// Nothing has been seen of this device.
    pub fn new(settings: &Settings) -> Self {
        let (&Settings { capabilities, version, .. }, ref choices) = (settings, settings.bound());
        Search {
            configuration: Configuration::new(version, capabilities),
            choices: KnownChoices::new(version, capabilities, choices),
            memory: Memory::default(),
            histories: Histories::default(),
            invalidations: Invalidations::default(),
            roots: Roots::default(),
            tagged: Tagged::default(),
            requesters: Requesters::default(),
            updates: Updates::default(),
            buffers: Buffers::default(),
            slips: Slips::default(),
        }
    }

    /// What is known of memory, of commands, and of the ways by which entries were found.
    pub const fn facts(&self) -> Facts<'_> {
        Facts { histories: &self.histories, invalidations: &self.invalidations, tagged: &self.tagged }
    }

    /// Every configuration that may have ruled in this cycle, oldest first: while `ddtp` may still be busy, both its old
    /// and its new value.
    pub fn configs_at(&self, cycle: Cycle) -> Vec<Config> {
        let now = Config { fctl: self.configuration.fctl_at(cycle), ..self.config() };
        let of = |ddtp| Config { ddtp, ..now };
        let mut configs: Vec<Config> = self.configuration.ddtp_choices(cycle, cycle).map(of).collect();
        configs.reverse();
        configs
    }

    /// The configuration as it is now.
    pub fn config(&self) -> Config {
        Config {
            caps: self.configuration.caps,
            fctl: self.configuration.fctl(),
            ddtp: self.configuration.ddtp(),
            version: self.configuration.version,
            choices: self.choices.now().golden,
        }
    }
}
