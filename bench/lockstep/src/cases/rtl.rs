// SPDX-License-Identifier: Apache-2.0
//! A device behind its wires as a subject: registers by `reg_*`, requests by DMA, results from `mem_*` and `ptw_*`.

use boundary::Dut;
use bus::{BusConfig, FaultKind, FaultOn, FaultPort, FaultRange, PortTiming};
use driver::{Halted, Machine};
use events::{Burst, Direction, DmaRequest, INCR, OKAY};
use golden::{Access, Capabilities, Fctl, Kind, Parameters, QueueBase, Request, Spa, TrReqCtl, TrResponse, offset};
use testbench::{Bounds, Config, DmaError, End, Testbench};
use vectors::{
    Action, Answer, BusAnswer, Case, Device, Lost, Observed, Profile, RegisterWrite, Subject, WATCHED, changes,
    entries, extent, merged, writes_to,
};

use super::traffic::Traffic;

/// Cycles without anything on any port after which a device counts as done with an operation.
const QUIET: u32 = 40;

/// Cycles within which an operation must come to its end.
const BOUND: u64 = 20_000;

/// `busy` of `cqcsr`, `fqcsr` and `pqcsr`; `cqon` is one below.
const BUSY: u64 = 1 << 17;

/// Why an operation has no end.
enum Trouble {
    Halted,
    Other(String),
}

impl From<Halted> for Trouble {
    fn from(_: Halted) -> Self {
        Self::Halted
    }
}

/// A device on the test bench, without an oracle: the case has the answers.
pub struct Rtl {
    /// Gone once the device is lost
    bench: Option<Testbench>,
    profile: Profile,
    manual_queues: bool,
    watched: [u64; 5],
    fqt: u64,
    pqt: u64,
}

impl Rtl {
    /// Resets a device with the capabilities of the case on its strap, finds out what it is, and sets up the case.
    /// `seed` decides the timing of the bus.
    ///
    /// # Errors
    /// [`Lost`]
    pub fn new(case: &Case, dut: Box<dyn Dut>, seed: u64) -> Result<Self, Lost> {
        let bench = Testbench::new(config(case), dut, seed).map_err(|stopped| Lost(format!("in reset: {stopped}")))?;
        let profile = Profile { parameters: case.parameters, poison: false };
        let manual_queues = case.manual_queues;
        let mut rtl = Self { bench: Some(bench), profile, manual_queues, watched: [0; 5], fqt: 0, pqt: 0 };
        rtl.guarded(|rtl, bench| rtl.set_up(bench, case))?;
        Ok(rtl)
    }

    /// Does something with the bench. After trouble there is none any more.
    fn guarded<T>(&mut self, act: impl FnOnce(&mut Self, &mut Testbench) -> Result<T, Trouble>) -> Result<T, Lost> {
        let mut bench = self.bench.take().ok_or_else(|| Lost("the device was lost before".to_owned()))?;
        match act(self, &mut bench) {
            Ok(value) => {
                self.bench = Some(bench);
                Ok(value)
            }
            Err(Trouble::Halted) => Err(Lost(reason(bench))),
            Err(Trouble::Other(reason)) => Err(Lost(reason)),
        }
    }

    fn set_up(&mut self, bench: &mut Testbench, case: &Case) -> Result<(), Trouble> {
        for (addr, words) in &case.memory {
            for (at, word) in words.iter().enumerate() {
                bench.set_up(Spa(addr.0.wrapping_add(8 * at as u64)), *word);
            }
        }
        self.profile.parameters = probe(bench, &case.parameters)?;
        for write in &case.setup {
            self.write(bench, write)?;
        }
        self.watched = settle(bench)?;
        self.fqt = bench.read_register(offset::FQT, 4)?;
        self.pqt = self.page_request_tail(bench)?;
        // What happened so far is not part of an operation; from here on the bench keeps what it sees.
        let _ = bench.take_events();
        Ok(())
    }

    fn has_ats(&self) -> bool {
        self.profile.parameters.caps.ats()
    }

    fn page_request_tail(&self, bench: &mut Testbench) -> Result<u64, Halted> {
        if self.has_ats() { bench.read_register(offset::PQT, 4) } else { Ok(0) }
    }

    /// Writes a register and waits until the device has done what it says.
    fn write(&self, bench: &mut Testbench, write: &RegisterWrite) -> Result<(), Trouble> {
        let RegisterWrite { offset, bytes, value } = *write;
        bench.write_register(offset, bytes, value)?;
        let busy = match offset {
            offset::DDTP => 1 << 4,
            offset::CQCSR | offset::FQCSR | offset::PQCSR => BUSY,
            offset::TR_REQ_CTL if self.profile.parameters.caps.dbg() => TrReqCtl(0).with_go(true).0,
            _ => return Ok(()),
        };
        let begun = bench.now();
        while bench.read_register(offset, bytes)? & busy != 0 {
            if bench.now() - begun > BOUND {
                return Err(Trouble::Other(format!("register {offset} was still busy after {BOUND} cycles")));
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, bench: &mut Testbench, action: &Action) -> Result<Observed, Trouble> {
        let mut observed = Observed::default();
        let mut answer = None;
        match action {
            Action::Write(write) => {
                self.write(bench, write)?;
                if write.offset == offset::TR_REQ_CTL && self.profile.parameters.caps.dbg() {
                    observed.debug = Some(TrResponse(bench.read_register(offset::TR_RESPONSE, 8)?));
                }
            }
            Action::Read { offset, bytes } => observed.value = Some(bench.read_register(*offset, *bytes)?),
            Action::Store { addr, bytes, words } => {
                for (at, word) in words.iter().enumerate() {
                    let addr = addr.0.wrapping_add(at as u64 * u64::from(*bytes));
                    let held = bench.memory().read_u64(Spa(addr));
                    bench.store(Spa(addr & !7), merged(held, addr, *bytes, *word))?;
                }
            }
            Action::Command(words) => {
                let base = QueueBase(bench.read_register(offset::CQB, 8)?);
                let tail = bench.read_register(offset::CQT, 4)?;
                for (half, word) in words.iter().enumerate() {
                    bench.store(Spa(base.base() + tail * 16 + half as u64 * 8), *word)?;
                }
                bench.write_register(offset::CQT, 4, (tail + 1) % base.entries())?;
            }
            Action::Translate(request) => {
                let done = bench.dma(dma(request)?, None).map_err(|error| match error {
                    DmaError::Halted(_) => Trouble::Halted,
                    DmaError::Illegal(illegal) => Trouble::Other(illegal.to_string()),
                })?;
                answer = Some(done.resp != OKAY);
            }
            Action::PageRequest(_) | Action::Completion(_) | Action::Timeout { .. } => {
                return Err(Trouble::Other("messages of PCIe ATS are not played".to_owned()));
            }
        }
        let watched = settle(bench)?;
        let (fqt, pqt) = (bench.read_register(offset::FQT, 4)?, self.page_request_tail(bench)?);
        let seen = Traffic::of(&bench.take_events());
        observed.answer = answer.map(|refused| Answer::Bus(BusAnswer { refused, translated: seen.translated }));
        let faults = QueueBase(bench.read_register(offset::FQB, 8)?);
        let mut queues = vec![extent(faults, 32)];
        if !writes_to(action, offset::FQCSR) {
            observed.fault_records = records(bench, faults, 32, self.fqt, fqt);
        }
        if self.has_ats() {
            let requests = QueueBase(bench.read_register(offset::PQB, 8)?);
            queues.push(extent(requests, 16));
            if !writes_to(action, offset::PQCSR) {
                observed.page_requests = records(bench, requests, 16, self.pqt, pqt);
            }
        }
        observed.writes = seen.writes;
        observed.writes.retain(|write| !queues.iter().any(|queue| queue.contains(&write[0])));
        observed.registers = changes(self.watched, watched);
        (self.watched, self.fqt, self.pqt) = (watched, fqt, pqt);
        if !self.manual_queues {
            bench.write_register(offset::FQH, 4, fqt)?;
            if self.has_ats() {
                bench.write_register(offset::PQH, 4, pqt)?;
            }
        }
        Ok(observed)
    }
}

impl Device for Rtl {
    fn profile(&self) -> &Profile {
        &self.profile
    }
}

impl Subject for Rtl {
    fn act(&mut self, action: &Action) -> Result<Observed, Lost> {
        self.guarded(|rtl, bench| rtl.carry_out(bench, action))
    }
}

fn config(case: &Case) -> Config {
    let timing = PortTiming { latency: 1..=8, stall_percent: 5, ..PortTiming::default() };
    // AXI has one error for refused and for poisoned data. The final access is no matter of the IOMMU.
    let faults = case.bad.iter().map(|bad| FaultRange {
        start: bad.start,
        bytes: bad.bytes,
        kind: FaultKind::SlvErr,
        on: FaultOn::Both,
        port: FaultPort::Ptw,
    });
    let bus = BusConfig {
        mem: timing.clone(),
        ptw: timing,
        faults: faults.collect(),
        reg_stall_percent: 0,
        ..BusConfig::default()
    };
    // The devices of the bench answer messages on their own; the cases say themselves what comes, and when.
    let caps = case.parameters.caps.with_ats(false).with_t2gpa(false);
    Config { capabilities: caps.0, bus, bounds: Bounds::default(), oracle: None }
}

/// Finds out what the device is. What its registers do not tell is as in the case.
fn probe(bench: &mut Testbench, case: &Parameters) -> Result<Parameters, Halted> {
    let caps = Capabilities(bench.read_register(offset::CAPABILITIES, 8)?);
    let mut reset = Fctl(bench.read_register(offset::FCTL, 4)? as u32);
    bench.write_register(offset::FCTL, 4, u32::MAX.into())?;
    let set = Fctl(bench.read_register(offset::FCTL, 4)? as u32);
    bench.write_register(offset::FCTL, 4, 0)?;
    let clear = Fctl(bench.read_register(offset::FCTL, 4)? as u32);
    let mut choices = case.choices;
    choices.be_writable = set.be() != clear.be();
    choices.gxl_writable = set.gxl() != clear.gxl();
    // A device may be built with any reset value; the case says which it wants.
    if (Fctl(set.0 & case.fctl_reset.0 | clear.0), reset) == (case.fctl_reset, clear) {
        reset = case.fctl_reset;
    }
    bench.write_register(offset::FCTL, 4, reset.0.into())?;
    bench.write_register(offset::ICVEC, 8, u64::MAX)?;
    let vector_bits = (bench.read_register(offset::ICVEC, 8)? & 0xf).count_ones() as u8;
    bench.write_register(offset::ICVEC, 8, 0)?;
    Ok(Parameters { caps, fctl_reset: reset, choices, vector_bits, ..*case })
}

/// A request as DMA: one byte, and a write that leaves memory as it is, for the address may be that of a table.
fn dma(request: &Request) -> Result<DmaRequest, Trouble> {
    let translated = match request.kind {
        Kind::Untranslated => false,
        Kind::Translated => true,
        Kind::Ats { .. } => return Err(Trouble::Other("messages of PCIe ATS are not played".to_owned())),
        Kind::Debug => return Err(Trouble::Other("a request by software is no DMA".to_owned())),
    };
    let (direction, data) = match request.access {
        Access::Write => (Direction::Write, vec![(0, 0)]),
        Access::Read | Access::Execute => (Direction::Read, Vec::new()),
    };
    let burst = Burst { len: 0, size: 0, kind: INCR };
    Ok(DmaRequest {
        process: request.process,
        privileged: request.privileged,
        instruction: request.access == Access::Execute,
        translated,
        data,
        ..DmaRequest::new(direction, request.device, request.iova, burst)
    })
}

/// Waits until the device rests: nothing on its ports, nothing busy, no command that it could still fetch. Returns what
/// the watched registers hold then.
fn settle(bench: &mut Testbench) -> Result<[u64; 5], Trouble> {
    let begun = bench.now();
    loop {
        let mut quiet = 0;
        while quiet < QUIET {
            bench.tick()?;
            quiet = if bench.is_idle() { quiet + 1 } else { 0 };
            if bench.now() - begun > BOUND {
                return Err(Trouble::Other(format!("the device did not come to rest within {BOUND} cycles")));
            }
        }
        let mut watched = [0; 5];
        for (value, offset) in watched.iter_mut().zip(WATCHED) {
            *value = bench.read_register(offset, 4)?;
        }
        let [cqh, cqcsr, fqcsr, pqcsr, _] = watched;
        let busy = (cqcsr | fqcsr | pqcsr) & BUSY != 0;
        // On, and no cqmf, cmd_to, cmd_ill.
        let fetching = cqcsr & (1 << 16 | 0b111 << 8) == 1 << 16;
        let commands = fetching && bench.read_register(offset::CQT, 4)? != cqh;
        if !(busy || commands) {
            return Ok(watched);
        }
    }
}

/// Entries of a queue between two indices.
fn records(bench: &Testbench, base: QueueBase, bytes: u64, from: u64, to: u64) -> Vec<Vec<u64>> {
    let words = |addr: u64| (addr..addr + bytes).step_by(8).map(|at| bench.memory().read_u64(Spa(at)));
    entries(base, bytes, from, to).map(|addr| words(addr).collect()).collect()
}

/// Why a bench stands still.
fn reason(bench: Testbench) -> String {
    let outcome = bench.finish(None);
    match (outcome.end, outcome.violation) {
        (_, Some(finding)) => {
            format!(
                "{} ({}): right = {} wrong = {}; {}",
                finding.rule, finding.section, finding.right, finding.wrong, finding.evidence
            )
        }
        (End::Stopped { file, line, message }, _) => format!("the device stopped itself: {file}:{line}: {message}"),
        (End::Hung { waiting }, _) => format!("the device hangs: {}", waiting.trim_end()),
        (end, _) => format!("{end:?}"),
    }
}
