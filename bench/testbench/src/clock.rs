// SPDX-License-Identifier: Apache-2.0
//! The clock: each cycle, devices and memory drive, the device under test computes, the bus observes, the oracle
//! judges.

use std::io::Write;
use std::time::{Duration, Instant};

use boundary::{Dut, Inputs, Outputs};
use bus::{Bus, BusConfig, FaultRange, IllegalRequest, Memory, usual_attributes};
use driver::Halted;
use events::{Attributes, Cycle, Device, DmaRequest, Event, Ticket};
use golden::Spa;
use oracle::{Figures, Finding, Lenience, Oracle, Ports, Settings, Violation};

use super::asking::{Asker, Asking};
use super::other_cpu::OtherCpu;
use super::recording::Recording;
use super::sequence::{Sequence, Sequences};
use super::series::Recorder;
use super::stream::{IDS_PER_STREAM, Issue, MAX_STREAMS, Stream, StreamSpec};
use super::timing::Timing;

/// Cycles in reset before a run begins.
pub const RESET_CYCLES: u32 = 8;

/// The first ID of single transactions that somebody waits for, and of those that nobody does.
const SINGLE: u8 = MAX_STREAMS as u8 * IDS_PER_STREAM;
const POSTED: u8 = SINGLE + 8;

/// How often the bounds are looked at.
const BOUND_CHECK: Cycle = 64;

/// How long anything may take, in cycles. What takes longer hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// A DMA transaction, from acceptance to its answer, and a translation request by software
    pub request: Cycle,
    /// A command, from its doorbell to its fetch, and a fence, from its fetch to its store
    pub command: Cycle,
    /// A register access
    pub register: Cycle,
    /// Coming to rest at the end
    pub rest: Cycle,
}

impl Bounds {
    /// Nothing is ever late.
    pub const ENDLESS: Bounds =
        Bounds { request: Cycle::MAX, command: Cycle::MAX, register: Cycle::MAX, rest: Cycle::MAX };
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { request: 20_000, command: 20_000, register: 5_000, rest: 100_000 }
    }
}

/// What a test bench is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// Value on `caps_i`
    pub capabilities: u64,
    /// Fabric and memory
    pub bus: BusConfig,
    /// When something hangs
    pub bounds: Bounds,
    /// What the oracle has to know of the device, but for its ports, which the device tells; none runs without an oracle
    pub oracle: Option<Settings>,
}

/// What a device saw of a single transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DmaAnswer {
    /// Worst response
    pub resp: u8,
    /// Read data by beat
    pub data: Vec<u64>,
}

/// A single transaction that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DmaError {
    /// The machine stopped.
    #[error(transparent)]
    Halted(#[from] Halted),
    /// No AXI device can make this request.
    #[error(transparent)]
    Illegal(#[from] IllegalRequest),
}

/// Where software stored, and where the device under test read by itself, since somebody began to look.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// Doublewords that software stored: when, where, what
    pub stores: Vec<(Cycle, Spa, u64)>,
    /// First addresses of implicit reads, and when they were asked for
    pub reads: Vec<(Cycle, Spa)>,
}

/// Why the clock stands still.
#[derive(Clone, Debug)]
pub(super) enum Halt {
    Violation(Finding),
    Stopped(boundary::Stopped),
    Hung(String),
    OutOfTime(Duration),
}

/// Device, bus and oracle, and the traffic of the devices.
pub struct Testbench {
    pub(super) dut: Box<dyn Dut>,
    pub(super) bus: Bus,
    pub(super) oracle: Option<Oracle>,
    pub(super) recording: Recording,
    pub(super) bounds: Bounds,
    pub(super) inputs: Inputs,
    pub(super) outputs: Outputs,
    pub(super) events: Vec<Event>,
    kept: Option<Vec<Event>>,
    pub(super) watch: Option<Watch>,
    timing: Option<Timing>,
    pub(super) now: Cycle,
    pub(super) others: Vec<OtherCpu>,
    streams: Vec<Stream>,
    sequences: Sequences,
    /// Transactions under way, which stream or single one each is of, and the device
    owners: Vec<(Ticket, Option<u8>, u32)>,
    pub(super) recorder: Option<Recorder>,
    single: Option<DmaAnswer>,
    pub(super) asking: Asking,
    pub(super) read: Option<u64>,
    pub(super) halt: Option<Halt>,
    pub(super) run_on_until: Cycle,
    wall_clock: Option<WallClock>,
    seed: u64,
}

/// A run may take this long on the wall clock, from here on.
#[derive(Clone, Copy, Debug)]
struct WallClock {
    begun: Instant,
    length: Duration,
}

impl Testbench {
    /// Resets the device. `seed` decides everything that is left to chance in bus and traffic.
    ///
    /// # Errors
    /// [`boundary::Stopped`] if the device stops itself in reset.
    pub fn new(config: Config, mut dut: Box<dyn Dut>, seed: u64) -> Result<Self, boundary::Stopped> {
        let mut inputs = Inputs { caps: config.capabilities, ..Inputs::default() };
        let mut outputs = Outputs::default();
        let mut bus = Bus::new(config.bus, seed);
        let groups = dut.groups();
        if groups.poison {
            bus.tell_poison();
        }
        let ports = Ports { poison: groups.poison, qos_ids: groups.qos_ids };
        for _ in 0..RESET_CYCLES {
            dut.cycle(&inputs, &mut outputs)?;
        }
        inputs.rst_n = true;
        Ok(Testbench {
            dut,
            bus,
            oracle: config.oracle.map(|settings| Oracle::new(Settings { ports, ..settings })),
            recording: Recording::None,
            bounds: config.bounds,
            inputs,
            outputs,
            events: Vec::new(),
            kept: None,
            watch: None,
            timing: None,
            now: 0,
            others: Vec::new(),
            streams: Vec::new(),
            sequences: Sequences::default(),
            owners: Vec::new(),
            recorder: None,
            single: None,
            asking: Asking::default(),
            read: None,
            halt: None,
            run_on_until: 0,
            wall_clock: None,
            seed,
        })
    }

    /// Memory, to look at or to set up without taking time.
    pub fn memory(&self) -> &Memory {
        self.bus.memory()
    }

    /// Sets up a doubleword of memory that no device has seen yet. It takes no time.
    pub fn set_up(&mut self, addr: Spa, value: u64) {
        self.bus.memory_mut().write_u64(addr, value);
        let _ = self.tell(&Event::Held { addr: Spa(addr.0 & !7), value });
    }

    /// The same for a whole page, its doublewords in order.
    pub fn set_up_page(&mut self, addr: Spa, words: &[u64; 512]) {
        self.bus.memory_mut().write_page(addr, words);
        if let Some(oracle) = &mut self.oracle {
            oracle.holds_page(addr, words);
        }
        if self.recording.is_on() {
            for (at, &value) in words.iter().enumerate() {
                let held = Event::Held { addr: Spa((addr.0 & !0xfff) + 8 * at as u64), value };
                self.recording.events(std::slice::from_ref(&held), self.now);
            }
        }
    }

    /// Tells the oracle what the bus does not see. Once the clock stands still, what software does to clean up is no news.
    pub(super) fn tell(&mut self, event: &Event) -> Result<(), Halted> {
        if self.halt.is_some() {
            return Err(Halted);
        }
        self.recording.events(std::slice::from_ref(event), self.now);
        let told = self.oracle.as_mut().map(|oracle| oracle.observe(std::slice::from_ref(event), self.now));
        match told {
            Some(Err(violation)) => self.violated(violation),
            _ => Ok(()),
        }
    }

    /// What the bus saw since the last call; the first call begins to keep it.
    pub fn take_events(&mut self) -> Vec<Event> {
        self.kept.replace(Vec::new()).unwrap_or_default()
    }

    /// What was stored and read since the first call, which begins to keep it.
    pub fn watch(&mut self) -> &Watch {
        self.watch.get_or_insert_default()
    }

    /// The same, if somebody began.
    pub fn watched(&self) -> Option<&Watch> {
        self.watch.as_ref()
    }

    /// Times of the requests since the first call, which begins to keep them.
    pub fn timing(&mut self) -> &Timing {
        self.timing.get_or_insert_default()
    }

    /// The same, if somebody began.
    pub fn timed(&self) -> Option<&Timing> {
        self.timing.as_ref()
    }

    /// The counts so far.
    pub fn figures(&self) -> Figures {
        self.oracle.as_ref().map(Oracle::figures).unwrap_or_default()
    }

    /// What the oracle has been told of the device beforehand; none without an oracle.
    pub fn device(&self) -> Option<Device> {
        self.oracle.as_ref().map(Oracle::device)
    }

    /// Writes a trace of the run from its beginning. An error of `to` ends the trace and not the run:
    /// [`crate::RunOutcome::unrecorded`] tells.
    pub fn record(&mut self, to: Box<dyn Write>, device: &Device) {
        self.recording = Recording::begin(to, device);
    }

    /// Goes on behind what the device must not do, as far as this says.
    pub fn go_on(&mut self, lenience: Lenience) {
        if !lenience.is_strict() && self.oracle.is_some() {
            self.bus.go_on();
        }
        self.oracle = self.oracle.take().map(|oracle| oracle.lenient(lenience));
    }

    /// Records DMA over time from now on, for [`crate::RunOutcome::series`].
    pub fn record_series(&mut self) {
        self.recorder = Some(Recorder::new());
    }

    /// Gives up after this time on the wall clock: figures and findings so far are kept.
    pub fn give_up_after(&mut self, length: Duration) {
        self.wall_clock = Some(WallClock { begun: Instant::now(), length });
    }

    /// Nothing is under way on any port.
    pub fn is_idle(&self) -> bool {
        self.bus.ports_idle()
    }

    /// Runs one clock cycle.
    ///
    /// # Errors
    /// [`Halted`]: the device stopped or a rule was broken; the reason is kept for [`Testbench::finish`].
    pub fn tick(&mut self) -> Result<(), Halted> {
        if self.halt.is_some() {
            return Err(Halted);
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.tick(self.now);
        }
        for (number, stream) in self.streams.iter_mut().enumerate() {
            match stream.issue(self.now, self.bus.cached()) {
                Some(Issue::Dma(request)) => {
                    // A stream makes bursts that AXI allows; if it did not, nothing would be in flight.
                    let queued = self.bus.enqueue(request);
                    if queued.is_err() {
                        stream.never_issued();
                    }
                }
                Some(Issue::Ask(request)) => {
                    self.bus.ask_translation(request);
                    self.asking.asked(Asker::Stream(number));
                }
                None => {}
            }
        }
        if let Err(illegal) = self.sequences.issue(&mut self.bus) {
            return self.hung(format!("a request of a sequence is none: {illegal}"));
        }
        for cpu in &mut self.others {
            if let Some((addr, value)) = cpu.store(self.bus.memory(), self.now) {
                self.bus.store_at(self.now, addr, value);
                if let Some(watch) = &mut self.watch {
                    watch.stores.push((self.now, addr, value));
                }
            }
        }
        self.bus.drive(self.now, &mut self.inputs);
        if let Err(stopped) = self.dut.cycle(&self.inputs, &mut self.outputs) {
            return self.stop(Halt::Stopped(stopped));
        }
        self.bus.recycle(&mut self.events);
        if let Err(broken) = self.bus.observe(self.now, &self.inputs, &self.outputs, &mut self.events) {
            let event = broken.event();
            // Without an oracle it is a violation all the same, and so it is where the oracle would go past it: the bus
            // cannot.
            let violation = Violation::of_protocol(&event);
            self.tell(&event)?;
            return violation.map_or(Ok(()), |mut violation| {
                violation
                    .evidence
                    .insert_str(0, "the run cannot go past it: the state of the port is not known any more\n");
                self.violated(violation)
            });
        }
        self.answer();
        if let Some(timing) = &mut self.timing {
            timing.cycle(&self.outputs, &self.events, self.now);
        }
        if let Some(kept) = &mut self.kept {
            kept.extend(self.events.iter().cloned());
        }
        self.recording.events(&self.events, self.now);
        if let Some(oracle) = &mut self.oracle
            && let Err(violation) = oracle.observe(&self.events, self.now)
        {
            return self.violated(violation);
        }
        self.now += 1;
        if self.now.is_multiple_of(BOUND_CHECK) { self.check_bounds() } else { Ok(()) }
    }

    /// Tells streams, and whoever waits for a single transaction, what was answered.
    fn answer(&mut self) {
        for event in &self.events {
            match event {
                Event::DmaAccepted { ticket, request } => {
                    let listed = self.sequences.accepted(*ticket, request.id, self.now);
                    let owner = if listed || request.id >= POSTED { None } else { Some(request.id / IDS_PER_STREAM) };
                    if let Some(stream) = owner.and_then(|owner| self.streams.get_mut(usize::from(owner))) {
                        stream.accepted(self.now);
                    }
                    self.owners.push((*ticket, owner, request.device.0));
                }
                Event::DmaDone { ticket, resp, data } => {
                    let Some(at) = self.owners.iter().position(|(of, ..)| of == ticket) else { continue };
                    let (_, owner, device) = self.owners.swap_remove(at);
                    if let Some(recorder) = &mut self.recorder {
                        recorder.answered(device, *resp, self.now);
                    }
                    self.sequences.answered(*ticket, self.now);
                    let Some(owner) = owner else { continue };
                    match self.streams.get_mut(usize::from(owner)) {
                        Some(stream) => stream.answered(self.now),
                        None => self.single = Some(DmaAnswer { resp: *resp, data: data.clone() }),
                    }
                }
                Event::RegRead { value, .. } => self.read = Some(*value),
                Event::AtsRequested { request } => self.asking.taken(request.tag),
                Event::AtsCompleted { completion } => {
                    if let Some(number) = self.asking.completed(completion)
                        && let Some(stream) = self.streams.get_mut(number)
                        && let Some(request) = stream.translation_came(completion, self.now)
                        && self.bus.enqueue(request).is_err()
                    {
                        stream.never_issued();
                    }
                }
                Event::PageRequested { .. } => self.asking.page_taken(),
                Event::PageResponded { response } => self.asking.responded(*response),
                Event::PtwReadAddress { addr, .. } => {
                    if let Some(watch) = &mut self.watch {
                        watch.reads.push((self.now, *addr));
                    }
                }
                _ => {}
            }
        }
    }

    fn check_bounds(&mut self) -> Result<(), Halted> {
        if let Some(limit) = self.wall_clock.filter(|limit| limit.begun.elapsed() > limit.length) {
            return self.stop(Halt::OutOfTime(limit.length));
        }
        let now = self.now;
        self.tell(&Event::Due { before: now.saturating_sub(self.bounds.request) })?;
        let Some(oracle) = &self.oracle else { return Ok(()) };
        let late = |since: Option<Cycle>, bound: Cycle| since.is_some_and(|since| now.saturating_sub(since) > bound);
        let what = if late(oracle.oldest_offer(), self.bounds.request) {
            format!("a request was offered and not accepted within {} cycles", self.bounds.request)
        } else if late(oracle.oldest_request(), self.bounds.request) {
            format!("no answer within {} cycles", self.bounds.request)
        } else if late(oracle.oldest_debug(now), self.bounds.request) {
            format!("tr_req_ctl.Go/Busy did not become 0 within {} cycles", self.bounds.request)
        } else if late(oracle.oldest_command(now), self.bounds.command) {
            format!("no progress of the command queue within {} cycles", self.bounds.command)
        } else {
            return Ok(());
        };
        self.hung(what)
    }

    /// The first reason counts: what is seen of a machine that stands still already says nothing.
    fn stop(&mut self, halt: Halt) -> Result<(), Halted> {
        self.halt.get_or_insert(halt);
        Err(Halted)
    }

    pub(super) fn hung(&mut self, what: String) -> Result<(), Halted> {
        let waiting = self.oracle.as_ref().map(|oracle| oracle.waiting(self.now)).unwrap_or_default();
        self.stop(Halt::Hung(format!("{what}\n{waiting}")))
    }

    pub(super) fn violated(&mut self, violation: Violation) -> Result<(), Halted> {
        self.stop(Halt::Violation(violation.found(self.now)))
    }

    /// Lets memory answer with an error from now on.
    pub fn break_memory(&mut self, range: FaultRange) {
        self.bus.add_fault(range);
    }

    /// Lets all memory answer as it should.
    pub fn mend_memory(&mut self) {
        self.bus.clear_faults();
    }

    /// Starts a stream of background traffic; false when there is no room for another one.
    pub fn start_stream(&mut self, spec: StreamSpec) -> bool {
        let seed = self.seed;
        let free = self.streams.iter().position(Stream::is_done);
        match free {
            Some(number) => self.streams[number] = Stream::new(spec, number, seed),
            None if self.streams.len() < MAX_STREAMS => {
                let number = self.streams.len();
                self.streams.push(Stream::new(spec, number, seed));
            }
            None => return false,
        }
        true
    }

    /// Stops a stream by name, or all of them, and waits for what is in flight: as long as each of them gets on within
    /// the bound of a request.
    ///
    /// # Errors
    /// [`Halted`]
    pub fn stop_streams(&mut self, name: Option<&str>) -> Result<(), Halted> {
        let meant = |stream: &Stream| name.is_none_or(|name| stream.name() == name);
        for stream in self.streams.iter_mut().filter(|stream| meant(stream)) {
            stream.stop();
        }
        let (begun, bound) = (self.now, self.bounds.request);
        while self.streams.iter().any(|stream| meant(stream) && !stream.is_done()) {
            self.tick()?;
            let late = |stream: &&Stream| {
                meant(stream) && !stream.is_done() && self.now.saturating_sub(stream.last_progress().max(begun)) > bound
            };
            if let Some(what) = self.streams.iter().find(late).map(Stream::left) {
                self.hung(format!("{what} within {bound} cycles after it was stopped"))?;
            }
        }
        Ok(())
    }

    /// Starts requests that are made as they are listed; false when there is no room for another sequence. Streams and
    /// sequences share IDs: a bench has the one or the other.
    pub fn start_sequence(&mut self, sequence: Sequence) -> bool {
        self.sequences.start(sequence, self.now)
    }

    /// All sequences that do not repeat have come to their end.
    pub fn sequences_are_done(&self) -> bool {
        self.sequences.are_done()
    }

    /// Stops all sequences, and waits for what is in flight.
    ///
    /// # Errors
    /// [`Halted`]
    pub fn stop_sequences(&mut self) -> Result<(), Halted> {
        self.sequences.stop();
        while !self.sequences.is_quiet() {
            self.tick()?;
            if self.now.saturating_sub(self.sequences.last_progress()) > self.bounds.request {
                self.hung(format!("a sequence of requests made no progress in {} cycles", self.bounds.request))?;
            }
        }
        Ok(())
    }

    /// One transaction of a device that nobody waits for: what comes of it is for the oracle to judge. Its ID, below 8,
    /// is taken from the block that no stream has.
    ///
    /// # Errors
    /// [`IllegalRequest`]: no AXI device can make it.
    pub fn post(&mut self, mut request: DmaRequest) -> Result<(), IllegalRequest> {
        request.id |= POSTED;
        self.bus.enqueue(request).map(|_| ())
    }

    /// One transaction of a device, waited for, with these attributes or the usual ones. Its ID, below 8, is taken from
    /// the block that no stream has.
    ///
    /// # Errors
    /// [`DmaError`]
    pub fn dma(&mut self, request: DmaRequest, attributes: Option<Attributes>) -> Result<DmaAnswer, DmaError> {
        let mut request = DmaRequest { id: request.id | SINGLE, ..request };
        request.attributes = attributes.unwrap_or_else(|| usual_attributes(&request));
        self.single = None;
        self.bus.enqueue_as_it_is(request)?;
        let begun = self.now;
        loop {
            self.tick()?;
            if let Some(answer) = self.single.take() {
                return Ok(answer);
            }
            if self.now - begun > self.bounds.request {
                self.hung(format!("a transaction was not accepted within {} cycles", self.bounds.request))?;
            }
        }
    }
}
