// SPDX-License-Identifier: Apache-2.0
//! A program from a seed. What it asks for mostly makes sense; where it does not, the driver refuses it.

use driver::format::{PageSize, ProcessMode, Prot, Scheme};
use driver::{Completion, FlushPolicy};
use golden::Capabilities;
use testbench::Kind;

use super::dice::Dice;
use super::program::{
    DATA, DeviceSpec, DomainSpec, FILES, MSI, MachineSpec, Op, Program, SLOT, SLOTS, TABLE_PAGES, To, Traffic,
};

const PAGE: u64 = 4096;
const LARGE: u64 = 2 << 20;
const FIRST: [Scheme; 3] = [Scheme::Sv39, Scheme::Sv48, Scheme::Sv57];
const SECOND: [Scheme; 3] = [Scheme::Sv39x4, Scheme::Sv48x4, Scheme::Sv57x4];

/// What is fixed beforehand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Capabilities of the device: process directories and the extended format only if it has them
    pub capabilities: Option<Capabilities>,
    /// Short, with traffic on few pages that are mapped, and pauses in which they are used: what is stale shows
    pub hot: bool,
}

/// What the generator believes to be so.
struct Belief {
    attached: Vec<Option<To>>,
    processes: Vec<Vec<u32>>,
    has_directory: Vec<bool>,
    mapped: Vec<Vec<(u64, u64)>>,
}

struct Generator {
    hot: bool,
    dice: Dice,
    program: Program,
    belief: Belief,
}

/// The program of a seed.
pub fn program(seed: u64, limits: Limits) -> Program {
    let mut dice = Dice::new(seed, 1);
    let machine = machine(&mut dice, limits);
    let domains = domains(&mut dice, &machine);
    let devices = devices(&mut dice, &machine);
    let (n, d) = (devices.len(), domains.len());
    let belief = Belief {
        attached: vec![None; n],
        processes: vec![Vec::new(); n],
        has_directory: vec![false; n],
        mapped: vec![Vec::new(); d],
    };
    let program = Program { seed, machine, domains, devices, traffic: Vec::new(), ops: Vec::new() };
    let mut generator = Generator { hot: limits.hot, dice, program, belief };
    generator.set_up();
    generator.traffic();
    let count = if limits.hot { 2 + generator.dice.below(8) } else { 5 + generator.dice.below(36) };
    // Software that never waits, that waits a little, or as long as it likes.
    let patience = generator.dice.one(&[0, 0, 60, 600]);
    if let Some((_, wait)) = generator.program.ops.last_mut().filter(|_| limits.hot) {
        *wait = 300;
    }
    for _ in 0..count {
        let op = generator.op();
        let wait = if limits.hot {
            100 + generator.dice.below(200)
        } else if generator.dice.percent(50) {
            0
        } else {
            generator.dice.below(patience + 1)
        };
        generator.program.ops.push((op, wait));
    }
    generator.program
}

fn machine(dice: &mut Dice, limits: Limits) -> MachineSpec {
    let base = Capabilities(0x10)
        .with_sv39(true)
        .with_sv48(true)
        .with_sv57(true)
        .with_sv39x4(true)
        .with_sv48x4(true)
        .with_sv57x4(true)
        .with_svpbmt(true)
        .with_igs(1)
        .with_pas(56);
    let drawn = base
        .with_msi_flat(dice.percent(60))
        .with_pd8(dice.percent(70))
        .with_pd17(dice.percent(50))
        .with_pd20(dice.percent(50))
        .with_nl(dice.percent(50))
        .with_s(dice.percent(50));
    let latency = |dice: &mut Dice| {
        let least = dice.one(&[1, 1, 4, 10]);
        (least, least + dice.below(40) as u32)
    };
    MachineSpec {
        capabilities: limits.capabilities.unwrap_or(drawn),
        mem_latency: latency(dice),
        ptw_latency: latency(dice),
        reorder: dice.percent(70),
        stall: dice.one(&[0, 10, 30]),
        mem_stall: dice.one(&[0, 10, 30, 70]),
        directory_levels: 1 + dice.below(3) as u8,
        fault_queue_log2: dice.one(&[2, 7]),
        command_queue_log2: dice.one(&[1, 2, 6]),
        flush: dice.one(&[FlushPolicy::Spec, FlushPolicy::Tags]),
        completion: dice.one(&[Completion::Memory, Completion::Head]),
        page_flushes: dice.one(&[0, 2, 16]),
        poison: dice.percent(30),
        poll: dice.one(&[1, 4, 20]),
        pscids: dice.one(&[4, 0xf_ffff]),
        gscids: dice.one(&[2, 0xffff]),
    }
}

fn domains(dice: &mut Dice, machine: &MachineSpec) -> Vec<DomainSpec> {
    let mut domains = Vec::new();
    for _ in 0..dice.below(3) {
        domains.push(DomainSpec::Paging { scheme: dice.one(&FIRST) });
    }
    for _ in 0..dice.below(3) {
        let msi = machine.capabilities.msi_flat() && dice.percent(50);
        let parent = domains.len();
        domains.push(DomainSpec::Parent { scheme: dice.one(&SECOND), msi });
        for _ in 0..dice.below(3) {
            domains.push(DomainSpec::Nested { parent, scheme: dice.one(&FIRST), pscid: 1 + domains.len() as u32 });
        }
    }
    if domains.is_empty() {
        domains.push(DomainSpec::Paging { scheme: dice.one(&FIRST) });
    }
    domains
}

fn devices(dice: &mut Dice, machine: &MachineSpec) -> Vec<DeviceSpec> {
    let mut next = 0;
    (0..1 + dice.below(3))
        .map(|_| {
            let ids = (0..if dice.percent(25) { 2 } else { 1 })
                .map(|_| {
                    // Wide enough for one level of the extended format, or spread over the directory.
                    next += 1 + dice.below(9) as u32;
                    if machine.directory_levels > 1 && dice.percent(50) {
                        next + 0x80 * dice.below(4) as u32
                    } else {
                        next
                    }
                })
                .collect::<std::collections::BTreeSet<u32>>();
            next += 0x200 * u32::from(machine.directory_levels > 1);
            DeviceSpec { ids: ids.into_iter().collect() }
        })
        .collect()
}

impl Generator {
    fn set_up(&mut self) {
        for domain in 0..self.program.domains.len() {
            self.program.ops.push((Op::Create { domain }, 0));
            for slot in 0..self.slots() {
                if self.hot || self.dice.percent(70) {
                    let op = self.map(domain, slot);
                    self.program.ops.push((op, 0));
                }
            }
            if self.has_files_below(domain) && self.dice.percent(70) {
                let (bytes, page) = (PAGE * u64::from(FILES), Some(PageSize::SIZE_4K));
                let op = Op::Map { domain, iova: MSI, bytes, page, prot: Prot::RW, output: Some(MSI) };
                self.belief.mapped[domain].push((MSI, bytes));
                self.program.ops.push((op, 0));
            }
            if matches!(self.program.domains[domain], DomainSpec::Parent { msi: true, .. }) {
                for file in 0..FILES {
                    if self.dice.percent(70) {
                        self.program.ops.push((Op::MsiMap { domain, file }, 0));
                    }
                }
            }
        }
        for device in 0..self.program.devices.len() {
            if self.has_directories() && self.dice.percent(30) {
                self.set_up_processes(device);
            } else if self.hot || self.dice.percent(70) {
                let op = self.attach(device);
                self.program.ops.push((op, 0));
            }
        }
    }

    fn set_up_processes(&mut self, device: usize) {
        self.belief.has_directory[device] = true;
        let mode = self.mode();
        self.program.ops.push((Op::EnableProcesses { device, mode }, 0));
        for process in [1, 2] {
            self.belief.processes[device].push(process);
            let to = self.process_to();
            self.program.ops.push((Op::AttachProcess { device, process, to }, 0));
        }
    }

    /// A directory that the device has.
    fn mode(&mut self) -> ProcessMode {
        let caps = self.program.machine.capabilities;
        let all = [(caps.pd8(), ProcessMode::Pd8), (caps.pd17(), ProcessMode::Pd17), (caps.pd20(), ProcessMode::Pd20)];
        let there: Vec<ProcessMode> = all.into_iter().filter(|(has, _)| *has).map(|(_, mode)| mode).collect();
        self.dice.one(&there)
    }

    /// Processes have first stages of the host.
    fn process_to(&mut self) -> To {
        let is_first = |at: &usize| matches!(self.program.domains[*at], DomainSpec::Paging { .. });
        let first: Vec<usize> = (0..self.program.domains.len()).filter(is_first).collect();
        if first.is_empty() || self.dice.percent(15) { self.to() } else { To::Domain(self.dice.one(&first)) }
    }

    fn slots(&self) -> u64 {
        if self.hot { 1 } else { SLOTS }
    }

    fn traffic(&mut self) {
        for device in 0..self.program.devices.len() {
            for _ in 0..1 + self.dice.below(2) {
                let id = self.dice.below(self.program.devices[device].ids.len() as u64) as usize;
                let often = if self.belief.has_directory[device] { 75 } else { 15 };
                let process = self.has_directories() && self.dice.percent(often);
                let process = process.then(|| 1 + self.dice.below(2) as u32);
                let slot = self.dice.below(self.slots());
                let has_files = |domain: &DomainSpec| matches!(domain, DomainSpec::Parent { msi: true, .. });
                let files = if self.program.domains.iter().any(has_files) { 35 } else { 5 };
                let start = if self.dice.percent(files) { MSI } else { DATA + slot * SLOT };
                let bytes = if self.hot {
                    self.dice.one(&[64, PAGE])
                } else {
                    self.dice.one(&[64, PAGE, PAGE, 2 * PAGE, 8 * PAGE, 16 * PAGE])
                };
                self.program.traffic.push(Traffic {
                    device,
                    id,
                    process,
                    kind: self.dice.one(&[Kind::Read, Kind::Write, Kind::Mixed]),
                    start,
                    bytes,
                    outstanding: 1 + self.dice.below(8) as u32,
                    gap: self.dice.one(&[0, 10, 60]),
                    beats: self.dice.one(&[1, 4]),
                });
            }
        }
    }

    /// A nested domain on a parent with interrupt files.
    fn has_files_below(&self, domain: usize) -> bool {
        match self.program.domains[domain] {
            DomainSpec::Nested { parent, .. } => {
                matches!(self.program.domains[parent], DomainSpec::Parent { msi: true, .. })
            }
            _ => false,
        }
    }

    fn has_directories(&self) -> bool {
        let caps = self.program.machine.capabilities;
        caps.pd8() || caps.pd17() || caps.pd20()
    }

    fn any_domain(&mut self) -> usize {
        let used: Vec<usize> = self
            .belief
            .attached
            .iter()
            .filter_map(|to| match to {
                Some(To::Domain(domain)) => Some(*domain),
                _ => None,
            })
            .collect();
        if self.hot && !used.is_empty() && self.dice.percent(50) {
            let domain = self.dice.one(&used);
            return match self.program.domains[domain] {
                DomainSpec::Nested { parent, .. } if self.dice.percent(50) => parent,
                _ => domain,
            };
        }
        self.dice.below(self.program.domains.len() as u64) as usize
    }

    fn to(&mut self) -> To {
        match self.dice.below(if self.hot { 14 } else { 10 }) {
            0 => To::Blocked,
            1 => To::Identity,
            _ => To::Domain(self.any_domain()),
        }
    }

    fn attach(&mut self, device: usize) -> Op {
        let to = self.to();
        self.belief.attached[device] = Some(to);
        Op::Attach { device, to }
    }

    fn prot(&mut self) -> Prot {
        match self.dice.below(8) {
            0 | 1 => Prot::R,
            2 => Prot::RWX,
            3 => Prot { pbmt: 1, ..Prot::RW },
            _ => Prot::RW,
        }
    }

    fn map(&mut self, domain: usize, slot: u64) -> Op {
        let page = match self.dice.below(10) {
            0..=5 => Some(PageSize::SIZE_4K),
            6..=8 => Some(PageSize::SIZE_2M),
            _ => None,
        };
        let bytes = match page {
            Some(PageSize::SIZE_4K) if self.dice.percent(10) => LARGE,
            Some(PageSize::SIZE_4K) => PAGE * self.dice.one(&[1, 1, 2, 4, 16]),
            _ => LARGE,
        };
        let iova = DATA + slot * SLOT;
        let output = self.program.is_nested(domain).then(|| {
            let has_files = self.dice.percent(20) && bytes <= PAGE * u64::from(FILES);
            if has_files { MSI } else { DATA + self.dice.below(self.slots()) * SLOT }
        });
        let (iova, bytes) = if self.program.is_nested(domain) && self.dice.percent(10) {
            (MSI, PAGE * u64::from(FILES))
        } else {
            (iova, bytes)
        };
        let page = if bytes < LARGE { Some(PageSize::SIZE_4K) } else { page };
        let output = if iova == MSI { Some(MSI) } else { output };
        self.belief.mapped[domain].push((iova, bytes));
        Op::Map { domain, iova, bytes, page, prot: self.prot(), output }
    }

    /// A mapping of a domain, mostly one that is there.
    fn mapped(&mut self, domain: usize) -> (u64, u64) {
        let known = &self.belief.mapped[domain];
        if known.is_empty() || self.dice.percent(5) {
            return (DATA + self.dice.below(self.slots()) * SLOT, PAGE << self.dice.below(5));
        }
        let at = self.dice.below(known.len() as u64) as usize;
        known[at]
    }

    fn op(&mut self) -> Op {
        match self.dice.below(100) {
            0..=29 => self.device_op(),
            30..=69 => self.mapping_op(),
            70..=77 => self.msi_op(),
            78..=84 => self.life_op(),
            85 => Op::Drain,
            86 => Op::FailAllocation { nth: 1 + self.dice.below(6) },
            87 => Op::OwnInvalidation { which: self.dice.next(), fence: self.dice.percent(50) },
            88..=92 => {
                let device = self.dice.below(self.program.devices.len() as u64) as usize;
                let wait = self.dice.one(&[0, 0, 50, 300]);
                Op::OwnContext { device, to: self.to(), wait }
            }
            _ => {
                let domain = self.any_domain();
                let (iova, bytes) = self.mapped(domain);
                Op::OwnPte {
                    domain,
                    iova: iova + self.dice.below((bytes / PAGE).min(4)) * PAGE,
                    writable: self.dice.percent(70),
                    moved: self.dice.percent(70),
                    far: self.dice.percent(30),
                }
            }
        }
    }

    fn device_op(&mut self) -> Op {
        let device = self.dice.below(self.program.devices.len() as u64) as usize;
        let often = if self.belief.has_directory[device] { 70 } else { 15 };
        if self.has_directories() && self.dice.percent(often) {
            return self.process_op(device);
        }
        let attached = self.belief.attached[device].is_some();
        match self.dice.below(10) {
            0..=6 if attached => {
                let to = self.to();
                self.belief.attached[device] = Some(to);
                Op::Replace { device, to }
            }
            7 if !attached => Op::Detach { device },
            _ if attached => {
                self.belief.attached[device] = None;
                Op::Detach { device }
            }
            _ => self.attach(device),
        }
    }

    fn process_op(&mut self, device: usize) -> Op {
        let process = 1 + self.dice.below(2) as u32;
        if !self.belief.has_directory[device] {
            if matches!(self.belief.attached[device], Some(To::Domain(_))) && self.dice.percent(70) {
                self.belief.attached[device] = None;
                return Op::Detach { device };
            }
            self.belief.has_directory[device] = true;
            let mode = self.mode();
            return Op::EnableProcesses { device, mode };
        }
        let bound = self.belief.processes[device].contains(&process);
        match (self.dice.below(10), bound) {
            (0, _) => {
                self.belief.has_directory[device] = false;
                Op::DisableProcesses { device }
            }
            (1..=6, true) => Op::ReplaceProcess { device, process, to: self.process_to() },
            (_, true) => {
                self.belief.processes[device].retain(|own| *own != process);
                Op::DetachProcess { device, process }
            }
            _ => {
                self.belief.processes[device].push(process);
                Op::AttachProcess { device, process, to: self.process_to() }
            }
        }
    }

    fn mapping_op(&mut self) -> Op {
        let domain = self.any_domain();
        let (iova, bytes) = self.mapped(domain);
        match self.dice.below(20) {
            0..=5 => {
                let slot = self.dice.below(self.slots());
                self.map(domain, slot)
            }
            6..=11 => {
                self.belief.mapped[domain].retain(|own| *own != (iova, bytes));
                Op::Unmap { domain, iova, bytes, give_up: self.dice.percent(60) }
            }
            12 => Op::Cut { domain, at: iova + PAGE * self.dice.below(bytes / PAGE) },
            13..=15 => Op::Protect { domain, iova, bytes, prot: self.prot() },
            16 => Op::Split { domain, iova: iova + PAGE * self.dice.below(bytes / PAGE) },
            17 | 18 => Op::Merge { domain, iova },
            _ => Op::HideTable { domain, page: self.dice.below(TABLE_PAGES / 3), wait: self.dice.one(&[0, 0, 100]) },
        }
    }

    fn msi_op(&mut self) -> Op {
        let is_parent = |at: &usize| matches!(self.program.domains[*at], DomainSpec::Parent { msi: true, .. });
        let parents: Vec<usize> = (0..self.program.domains.len()).filter(is_parent).collect();
        if parents.is_empty() {
            return self.mapping_op();
        }
        let domain = self.dice.one(&parents);
        let file = self.dice.below(u64::from(FILES)) as u32;
        match self.dice.below(8) {
            0 | 1 => Op::MsiMap { domain, file },
            2..=4 => Op::MsiMove { domain, file, give_up: self.dice.percent(60) },
            5 | 6 => Op::MsiUnmap { domain, file, give_up: self.dice.percent(60) },
            _ => Op::MsiSwitch { domain, on: self.dice.percent(50) },
        }
    }

    fn life_op(&mut self) -> Op {
        let domain = self.any_domain();
        if self.dice.percent(50) { Op::Create { domain } } else { Op::Free { domain } }
    }
}
