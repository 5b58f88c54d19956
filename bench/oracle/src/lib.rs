// SPDX-License-Identifier: Apache-2.0
//! The oracle: can this result be explained by values that the device really read, and that no completed invalidation
//! has struck since?
//!
//! It sees bus events and nothing of the device's inside, so it holds for any RTL. Two verdicts, never mixed: what the
//! device must not do is a [`Violation`] and stops the run, unless [`Lenience`] lets it go on; what
//! software let through is a hazard and is counted.

mod adoption;
mod ats;
mod attribution;
mod choice;
mod choices;
mod chooser;
mod commands;
mod configuration;
mod counters;
mod coverage;
mod ddtp;
mod debug;
mod device_caches;
mod device_commands;
mod device_writes;
mod dma;
mod doubts;
mod evidence;
mod exchange;
mod explain;
mod explained;
mod faults;
mod fences;
mod freed;
mod hazards;
mod history;
mod interrupt_files;
mod interrupts;
mod invalidation;
mod memory;
mod messages;
mod mrif;
mod observe;
mod operations;
mod page_interrupts;
mod page_queue;
mod page_requests;
mod picture;
mod qos;
mod queue_status;
mod record_queue;
mod refusals;
mod register_accesses;
mod requesters;
mod rest;
mod ring;
mod roots;
mod rule;
mod search;
mod session;
mod slips;
mod software;
mod speculative;
mod status;
mod tagged;
#[cfg(test)]
mod tests;
mod unnamed;
mod updates;
mod usable;
mod value;
mod vectors;
mod verdict;
mod view;
mod waivers;
mod window;
mod wires;

use events::Cycle;
use golden::{Capabilities, Spa, SpecVersion};

pub use choices::Bound;
pub use coverage::{Axis, Cell, Coverage, GROUPS, Group, by_group};
pub use dma::Transaction;
pub use picture::{Asked, Entry, Moment, MomentKind, Picture, Seen};
pub use rule::{Rule, Violation};
pub use session::{Judge, TimeRunsBack, UnknownChoice, Verdict};
pub use slips::Slip;
pub use verdict::{Blame, Figures, Finding, Kind};
pub use waivers::{Divergence, Lenience, Pattern};
pub use wires::Wires;

/// What the oracle has to know of the device beforehand.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The strap; the value that software reads from the register takes its place
    pub capabilities: Capabilities,
    /// Version of the specification
    pub version: SpecVersion,
    /// Those choices of the implementation that its description binds
    pub choices: Bound,
    /// Optional ports that it has
    pub ports: Ports,
}

/// Ports that not every device has, and that the oracle goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// Poisoned read data are told from refused reads
    pub poison: bool,
    /// QoS IDs of accesses to memory are shown
    pub qos_ids: bool,
}

impl Settings {
    /// Of a device without optional ports.
    pub fn new(capabilities: Capabilities, version: SpecVersion, choices: Bound) -> Self {
        Settings { capabilities, version, choices, ports: Ports::default() }
    }

    /// The choices that are bound. "If the IO bridge is not capable of signaling such deferred errors uniquely …, then the
    /// IOMMU may report such errors as access faults" (section "Reliability, Availability, and Serviceability"): with a port
    /// for poison it is, and an error answer is no corruption.
    fn bound(&self) -> Bound {
        let mut bound = self.choices;
        if self.ports.poison {
            bound.bind("port-error-is-corruption", false);
        }
        bound
    }
}

/// The oracle.
pub struct Oracle {
    settings: Settings,
    search: search::Search,
    commands: commands::Commands,
    faults: faults::Faults,
    refusals: refusals::Refusals,
    interrupts: interrupts::Interrupts,
    messages: messages::Messages,
    software: software::Software,
    freed: freed::Freed,
    /// Values that were used after software had changed them, each once
    stale_uses: Vec<software::StaleUse>,
    transactions: dma::Transactions,
    files: interrupt_files::InterruptFiles,
    translation_requests: ats::TranslationRequests,
    debug: debug::Debug,
    device_commands: device_commands::DeviceCommands,
    device_caches: device_caches::DeviceCaches,
    page_queue: page_queue::PageQueue,
    page_requests: page_requests::PageRequests,
    counters: counters::Counters,
    qos: qos::Qos,
    writes: device_writes::DeviceWrites,
    time_line: evidence::TimeLine,
    accesses: evidence::Accesses,
    names: evidence::Names,
    figures: Figures,
    /// What the run has tried
    covered: coverage::Counted,
    /// What the run went past
    divergences: waivers::Divergences,
    unnamed: Vec<unnamed::Unnamed>,
    hazard: Option<Finding>,
    /// Rules that it has wrong: none, but in tests of it
    slips: slips::Slips,
}

impl Oracle {
    /// An oracle for a device that has just been reset.
    pub fn new(settings: Settings) -> Self {
        Oracle {
            settings,
            search: search::Search::new(&settings),
            commands: commands::Commands::default(),
            faults: faults::Faults::new(),
            refusals: refusals::Refusals::default(),
            interrupts: interrupts::Interrupts::new(),
            messages: messages::Messages::default(),
            software: software::Software::default(),
            freed: freed::Freed::default(),
            stale_uses: Vec::new(),
            transactions: dma::Transactions::default(),
            files: interrupt_files::InterruptFiles::default(),
            translation_requests: ats::TranslationRequests::default(),
            debug: debug::Debug::default(),
            device_commands: device_commands::DeviceCommands::default(),
            device_caches: device_caches::DeviceCaches::default(),
            page_queue: page_queue::PageQueue::new(),
            page_requests: page_requests::PageRequests::default(),
            counters: counters::Counters::default(),
            qos: qos::Qos::new(settings.ports.qos_ids),
            writes: device_writes::DeviceWrites::default(),
            time_line: evidence::TimeLine::default(),
            accesses: evidence::Accesses::default(),
            names: evidence::Names::default(),
            figures: Figures::default(),
            covered: coverage::Counted::default(),
            divergences: waivers::Divergences::default(),
            unnamed: Vec::new(),
            hazard: None,
            slips: slips::Slips::default(),
        }
    }

    /// The same, and it goes on behind what the device must not do as far as `lenience` says.
    #[must_use]
    pub fn lenient(self, lenience: Lenience) -> Self {
        Oracle { divergences: waivers::Divergences::new(lenience), ..self }
    }

    /// What the run went past so far, each kind once; without refusals that wait for their record.
    pub fn gone_past(&self) -> &[Divergence] {
        self.divergences.all()
    }

    /// The page at this address holds these doublewords from the beginning: as many [`events::Event::Held`] say it one by one.
    pub fn holds_page(&mut self, addr: Spa, words: &[u64; 512]) {
        self.search.memory.held_page(addr, words);
    }

    /// The oldest request in flight: when it was accepted.
    pub fn oldest_request(&self) -> Option<Cycle> {
        self.transactions.live().iter().map(|t| t.accepted).chain(self.translation_requests.oldest()).min()
    }

    /// Since when a translation request by software has been under way, as far as reads of `tr_req_ctl` have shown: the
    /// time since the last of them is left out.
    pub fn oldest_debug(&self, now: Cycle) -> Option<Cycle> {
        self.debug.oldest_shown(now)
    }

    /// The oldest request that shows on `dev_*` and is not accepted: since when.
    pub fn oldest_offer(&self) -> Option<Cycle> {
        self.transactions.offers().iter().map(|(_, since)| *since).min()
    }

    /// Since when the command queue owes progress, unless it is off or may have met an error.
    pub fn oldest_command(&self, now: Cycle) -> Option<Cycle> {
        let excused =
            !self.commands.is_enabled() || self.interrupts.command_error_may() || self.device_commands.timeout_may(now);
        if excused {
            None
        } else {
            self.commands.waiting_since().into_iter().chain(self.device_commands.oldest()).min()
        }
    }

    /// What it has been told of the device beforehand.
    pub fn device(&self) -> events::Device {
        self.settings.device()
    }

    /// There are ATS and page requests.
    pub fn has_ats(&self) -> bool {
        self.search.configuration.caps.ats()
    }

    /// Counts so far.
    pub fn figures(&self) -> Figures {
        let mut figures = self.figures.clone();
        let hitless = self.software.hitless();
        figures.reconfigurations = self.software.reconfigurations();
        figures.explained_old = hitless.old;
        figures.explained_new = hitless.new;
        figures.fault_records = self.faults.counts().clone();
        figures.page_requests = self.page_queue.records();
        figures.commands = self.commands.counts().iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        figures
    }

    /// The first software hazard, with its evidence. Until the machine is at rest, it may be one that is heard again then.
    pub fn first_hazard(&self) -> Option<&Finding> {
        self.hazard.as_ref().or_else(|| self.refusals.first_accusation())
    }
}
