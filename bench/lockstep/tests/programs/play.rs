// SPDX-License-Identifier: Apache-2.0
//! Playing a program: on a device under test, by way of the driver.

use std::collections::BTreeMap;

use boundary::Dut;
use bus::{BusConfig, PortTiming};
use driver::{
    ApiError, Device, Domain, Driver, Errno, Guest, GuestTable, Ledger, Machine, Options, Quirk, Quirks, Resources,
    Target,
};
use golden::{DeviceId, Iova, ProcessId, Spa, SpecVersion};
use oracle::{Bound, Settings};
use testbench::{Bounds, Config, End, RunOutcome, Shapes, StreamSpec, Testbench};

use super::computer::Computer;
use super::program::{MachineSpec, Program, To};
use super::shadow::Shadow;
use super::step::{Left, Sent};

const POOL: std::ops::Range<u64> = 0x8000_0000..0x8400_0000;
/// Where the pages are that are mapped.
const RAM: u64 = 0x9000_0000;

/// What is to be different from the program as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Twist {
    /// This command is left out, or weakened
    pub left: Option<Left>,
    /// The driver has this bug during one operation
    pub quirk: Option<(usize, Quirk)>,
    /// A wait behind one operation
    pub wait: Option<(usize, u64)>,
}

/// What came of it.
#[derive(Debug)]
pub struct Played {
    pub outcome: RunOutcome,
    pub sent: Vec<Sent>,
    /// How many of them the driver sends when it starts
    pub started: usize,
    pub compared: u64,
    pub stale: Vec<String>,
    pub late: Vec<String>,
    /// Operations of the driver, and when they began and ended
    pub log: Vec<String>,
    /// Operations that were refused, and how
    pub refused: Vec<(usize, Errno)>,
    /// Operations that were done
    pub done: usize,
    /// Something failed that may not: of the driver
    pub wrong: Option<String>,
}

impl Played {
    pub fn is_finished(&self) -> bool {
        self.outcome.end == End::Finished
    }

    /// What is wrong with it, if it was legal.
    pub fn blame(&self) -> Option<String> {
        if let Some(wrong) = &self.wrong {
            return Some(format!(
                "driver: {wrong}\n{:?} {:?}\n{:?}",
                self.outcome.end, self.outcome.figures, self.sent
            ));
        }
        if let Some(found) = self.outcome.violation.as_ref().or(self.outcome.hazard.as_ref()) {
            return Some(format!(
                "{:?} {} ({}): right {}; wrong {}\n{}",
                found.blame, found.rule, found.detail, found.right, found.wrong, found.evidence
            ));
        }
        if self.outcome.end != End::Finished {
            return Some(format!("ended otherwise: {:?}", self.outcome.end));
        }
        if let Some(stale) = self.stale.first() {
            return Some(format!("shadow: stale, and not blamed: {stale}"));
        }
        self.late.first().map(|late| format!("shadow: late, and not blamed: {late}"))
    }
}

/// A domain that is there.
#[derive(Clone, Debug)]
pub struct DomainHandle {
    pub domain: Domain,
    pub guest: Option<(Guest, GuestTable)>,
    /// Memory behind its mappings, by IOVA: where, how much
    pub areas: BTreeMap<u64, (u64, u64)>,
    /// Pages of interrupt files
    pub files: BTreeMap<u32, u64>,
    /// 2 MiB ranges in which own steps have changed entries: the driver does not know what they translate to
    pub touched: Vec<u64>,
}

/// Pages that are handed out: what was given up last comes first.
#[derive(Debug)]
pub struct Ram {
    next: u64,
    free: Vec<(u64, u64)>,
}

impl Ram {
    pub fn take(&mut self, bytes: u64) -> u64 {
        if let Some(at) = self.free.iter().rposition(|&(_, own)| own == bytes) {
            return self.free.remove(at).0;
        }
        let align = if bytes >= 2 << 20 { 2 << 20 } else { 4096 };
        let at = self.next.next_multiple_of(align);
        self.next = at + bytes;
        at
    }

    pub fn give(&mut self, at: u64, bytes: u64) {
        self.free.push((at, bytes));
    }
}

/// A program at work.
pub struct Player<'a> {
    pub program: &'a Program,
    pub computer: Computer,
    pub driver: Driver,
    pub devices: Vec<Device>,
    pub domains: Vec<Option<DomainHandle>>,
    pub ram: Ram,
}

fn config(machine: &MachineSpec) -> Config {
    let timing = |latency: (u32, u32), stall_percent: u8| PortTiming {
        latency: latency.0..=latency.1,
        reorder: machine.reorder,
        stall_percent,
        ..PortTiming::default()
    };
    let bus = BusConfig {
        mem: timing(machine.mem_latency, machine.mem_stall),
        ptw: timing(machine.ptw_latency, machine.stall),
        ..BusConfig::default()
    };
    let (capabilities, version) = (machine.capabilities, SpecVersion::default());
    let oracle = Settings::new(capabilities, version, Bound::FREE);
    Config { capabilities: capabilities.0, bus, bounds: Bounds::default(), oracle: Some(oracle) }
}

fn options(machine: &MachineSpec) -> Options {
    Options {
        flush: machine.flush,
        completion: machine.completion,
        poll: machine.poll,
        page_flushes: machine.page_flushes,
        poison: machine.poison.then_some(0x5a5a_5a5a_5a5a_5a5a),
        ..Options::default()
    }
}

/// Plays a program to its end.
pub fn play(program: &Program, dut: Box<dyn Dut>, twist: Twist) -> Played {
    let machine = &program.machine;
    let mut bench = Testbench::new(config(machine), dut, program.seed).expect("out of reset");
    bench.take_events();
    let mut computer = Computer::new(bench, Shadow::new(machine.capabilities), twist.left);
    let resources = Resources {
        command_queue_log2: machine.command_queue_log2,
        fault_queue_log2: machine.fault_queue_log2,
        directory_levels: machine.directory_levels,
        pscids: 1..=machine.pscids,
        gscids: 1..=machine.gscids,
        ..Resources::with_pool(Spa(POOL.start)..Spa(POOL.end))
    };
    let driver = Driver::probe(&mut computer, &resources, options(machine)).expect("probe");
    let mut player = Player {
        program,
        computer,
        driver,
        devices: Vec::new(),
        domains: vec![None; program.domains.len()],
        ram: Ram { next: RAM, free: Vec::new() },
    };
    let started = player.computer.sent.len();
    let (mut refused, mut done, mut wrong) = (Vec::new(), 0, None);
    if let Err(error) = player.start() {
        wrong = Some(error.to_string());
    }
    for (number, (op, wait)) in program.ops.iter().enumerate() {
        player.computer.op = number;
        if let Some((_, quirk)) = twist.quirk.filter(|(at, _)| *at == number) {
            player.driver.options_mut().quirks = quirk.into();
        }
        let result = player.op(op);
        player.driver.options_mut().quirks = Quirks::default();
        match result.as_ref().map_err(ApiError::errno) {
            Ok(()) => done += 1,
            Err(None) => break,
            Err(Some(errno @ (Errno::EIO | Errno::ETIMEDOUT))) => {
                wrong = Some(format!("operation {number}, {op:?}: {errno}"));
                break;
            }
            Err(Some(errno)) => refused.push((number, errno)),
        }
        let wait = wait + twist.wait.filter(|(at, _)| *at == number).map_or(0, |(_, wait)| wait);
        if player.computer.wait(wait).is_err() {
            break;
        }
    }
    player.computer.op = program.ops.len();
    if wrong.is_none() {
        wrong = match player.give_back() {
            Ok(left) if left == Ledger::default() => None,
            Ok(left) => Some(format!("left in the end: {left:?}")),
            Err(ApiError::Halted(_)) => None,
            Err(error) => Some(format!("when everything was given back: {error}")),
        };
    }
    let Computer { bench, shadow, sent, log, .. } = player.computer;
    let outcome = bench.finish(None);
    Played {
        outcome,
        sent,
        started,
        compared: shadow.compared,
        stale: shadow.stale,
        late: shadow.late,
        log,
        refused,
        done,
        wrong,
    }
}

impl Player<'_> {
    fn start(&mut self) -> Result<(), ApiError> {
        for (number, spec) in self.program.devices.iter().enumerate() {
            let ids: Vec<DeviceId> = spec.ids.iter().copied().map(DeviceId).collect();
            let device = self.driver.add_device(&mut self.computer, &format!("dev{number}"), &ids)?;
            self.devices.push(device);
        }
        for (number, traffic) in self.program.traffic.iter().enumerate() {
            let Some(spec) = self.program.devices.get(traffic.device) else { continue };
            self.computer.bench.start_stream(StreamSpec {
                name: number.to_string(),
                device: DeviceId(spec.ids[traffic.id.min(spec.ids.len() - 1)]),
                process: traffic.process.map(ProcessId),
                privileged: false,
                instruction: false,
                kind: traffic.kind,
                start: Iova(traffic.start),
                bytes: traffic.bytes,
                outstanding: traffic.outstanding,
                gap: 0..=traffic.gap,
                shapes: Shapes::Doublewords,
                beats: 1..=traffic.beats,
                ids: 4,
                translated: false,
            });
        }
        Ok(())
    }

    pub fn target(&self, to: To) -> Result<Target, ApiError> {
        Ok(match to {
            To::Blocked => Target::Blocked,
            To::Identity => Target::Identity,
            To::Domain(domain) => Target::Domain(self.made(domain)?.domain),
        })
    }

    pub fn made(&self, domain: usize) -> Result<&DomainHandle, ApiError> {
        self.domains[domain].as_ref().ok_or(ApiError::NoSuchObject { kind: "domain", id: domain as u32 })
    }

    pub fn made_mut(&mut self, domain: usize) -> Result<&mut DomainHandle, ApiError> {
        self.domains[domain].as_mut().ok_or(ApiError::NoSuchObject { kind: "domain", id: domain as u32 })
    }

    /// Everything is given back; what is left then.
    fn give_back(&mut self) -> Result<Ledger, ApiError> {
        self.driver.fail_allocation(None);
        self.computer.bench.stop_streams(None)?;
        self.computer.wait(0)?;
        self.driver.drain_faults(&mut self.computer)?;
        for device in self.devices.clone() {
            if self.driver.target(device)?.is_some() {
                self.driver.detach(&mut self.computer, device)?;
            }
            if self.driver.has_processes(device)? {
                for process in self.driver.attached_processes(device)? {
                    self.driver.detach_process(&mut self.computer, device, process)?;
                }
                self.driver.disable_processes(&mut self.computer, device)?;
            }
        }
        for domain in (0..self.domains.len()).rev() {
            if self.domains[domain].is_some() {
                self.free(domain)?;
            }
        }
        for device in self.devices.clone() {
            self.driver.remove_device(device)?;
        }
        self.driver.clone().shutdown(&mut self.computer)
    }
}
