// SPDX-License-Identifier: Apache-2.0
//! Background traffic: devices that go on with their DMA while software reconfigures their domains.

use std::ops::RangeInclusive;

use bus::Cached;
use events::{Burst, Cycle, Direction, DmaRequest, FIXED, INCR, TranslationCompletion, TranslationRequest, WRAP};
use golden::{DeviceId, Iova, ProcessId};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The AXI IDs that belong to one stream: its number in the upper bits.
pub const IDS_PER_STREAM: u8 = 16;

/// How many streams there can be; the last block of IDs is left to single transactions.
pub const MAX_STREAMS: usize = 15;

/// What a stream moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Reads only
    Read,
    /// Writes only
    Write,
    /// Both, at random
    Mixed,
}

/// Which bursts a stream makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shapes {
    /// INCR bursts of whole doublewords
    #[default]
    Doublewords,
    /// All that AXI allows: INCR, FIXED and WRAP, beats of 1 to 8 bytes, from any address
    Any,
}

/// A stream of DMA transactions by one device.
#[derive(Clone, Debug)]
pub struct StreamSpec {
    /// For people, and to stop it by name
    pub name: String,
    /// `device_id`
    pub device: DeviceId,
    /// `process_id`, if the device sends one
    pub process: Option<ProcessId>,
    /// Supervisor privilege
    pub privileged: bool,
    /// Instruction fetches instead of plain reads
    pub instruction: bool,
    /// What it moves
    pub kind: Kind,
    /// First address of the window
    pub start: Iova,
    /// Size of the window in bytes, at least 8
    pub bytes: u64,
    /// Transactions in flight at most
    pub outstanding: u32,
    /// Idle cycles between the issue of two transactions
    pub gap: RangeInclusive<u32>,
    /// Which bursts it makes
    pub shapes: Shapes,
    /// Beats in a burst; a burst is cut where it would cross a 4 KiB page or leave the window, and where its shape allows
    /// fewer beats
    pub beats: RangeInclusive<u32>,
    /// AXI IDs in use, at most [`IDS_PER_STREAM`]; with one ID everything stays in order
    pub ids: u8,
    /// It asks for translations, keeps them, and makes its requests with translated addresses
    pub translated: bool,
}

/// What a stream has its device do.
#[derive(Debug)]
pub enum Issue {
    /// A transaction
    Dma(DmaRequest),
    /// Asking for a translation; [`Stream::translation_came`] is told of the completion
    Ask(TranslationRequest),
}

/// A transaction that waits for its translation.
#[derive(Debug)]
struct Waiting {
    /// As it would be made without ATS
    request: DmaRequest,
    /// The device has asked, and has not been answered
    asked: bool,
}

/// A stream at work.
#[derive(Debug)]
pub struct Stream {
    spec: StreamSpec,
    base_id: u8,
    rng: ChaCha8Rng,
    /// Apart, so that what a write leaves out does not change when and where the stream goes
    strobes: ChaCha8Rng,
    next_issue: Cycle,
    in_flight: u32,
    /// How many of those in flight the device has not accepted yet
    offered: u32,
    /// When one of them was accepted or answered last
    progress: Cycle,
    running: bool,
    waiting: Option<Waiting>,
}

impl Stream {
    /// Starts a stream; `number` is its place among the streams, and gives it its IDs and its random numbers.
    pub fn new(spec: StreamSpec, number: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut strobes = rng.clone();
        rng.set_stream(number as u64);
        strobes.set_stream((MAX_STREAMS + number) as u64);
        let base_id = number as u8 * IDS_PER_STREAM;
        Stream {
            spec,
            base_id,
            rng,
            strobes,
            next_issue: 0,
            in_flight: 0,
            offered: 0,
            progress: 0,
            running: true,
            waiting: None,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Issues no more; what is in flight comes to its end.
    pub fn stop(&mut self) {
        self.running = false;
    }

    /// Nothing in flight and nothing to come.
    pub fn is_done(&self) -> bool {
        !self.running && self.in_flight == 0
    }

    /// One of its transactions was accepted.
    pub fn accepted(&mut self, now: Cycle) {
        self.offered = self.offered.saturating_sub(1);
        self.progress = now;
    }

    /// One of its transactions was answered.
    pub fn answered(&mut self, now: Cycle) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.progress = now;
    }

    /// What it had issued last is no request at all.
    pub fn never_issued(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.offered = self.offered.saturating_sub(1);
    }

    /// When a transaction of it was accepted or answered last.
    pub fn last_progress(&self) -> Cycle {
        self.progress
    }

    /// What it still waits for, in words.
    pub fn left(&self) -> String {
        let (name, all, offered) = (&self.spec.name, self.in_flight, self.offered);
        match offered {
            0 => format!("stream `{name}`: none of its {all} transactions under way was answered"),
            _ if offered == all => format!("stream `{name}`: none of its {all} transactions was accepted"),
            _ => format!("stream `{name}`: of its {all} transactions, {offered} not accepted, none got on"),
        }
    }

    /// What it issues in this cycle, if anything. `kept` are the translations that devices keep.
    pub fn issue(&mut self, now: Cycle, kept: &[Cached]) -> Option<Issue> {
        let mut waiting = match self.waiting.take() {
            Some(waiting) => waiting,
            None => {
                let request = self.next(now)?;
                if !self.spec.translated {
                    return Some(Issue::Dma(request));
                }
                Waiting { request, asked: false }
            }
        };
        if let Some(address) = kept.iter().find_map(|kept| kept.serves(&waiting.request)) {
            return Some(Issue::Dma(DmaRequest { iova: Iova(address), translated: true, ..waiting.request }));
        }
        let asks = !std::mem::replace(&mut waiting.asked, true);
        let request = &waiting.request;
        let ask = TranslationRequest {
            device: request.device,
            process: request.process,
            privileged: request.privileged,
            exec: request.instruction,
            no_write: request.direction == Direction::Read && self.spec.kind == Kind::Read,
            addr: request.iova,
            ..TranslationRequest::default()
        };
        self.waiting = Some(waiting);
        asks.then_some(Issue::Ask(ask))
    }

    /// The translation that it had asked for came, or its refusal. What is not permitted is given up; where the device
    /// kept nothing, as after an invalidation meanwhile, it asks again. Returns a transaction that has to go untranslated.
    pub fn translation_came(&mut self, completion: &TranslationCompletion, now: Cycle) -> Option<DmaRequest> {
        let mut waiting = self.waiting.take()?;
        let permitted = match waiting.request.direction {
            Direction::Write => completion.w,
            Direction::Read if waiting.request.instruction => completion.x,
            Direction::Read => completion.r,
        };
        self.progress = now;
        if completion.status != 0 || !permitted {
            self.never_issued();
            return None;
        }
        if completion.u {
            return Some(waiting.request);
        }
        waiting.asked = false;
        self.waiting = Some(waiting);
        None
    }

    fn next(&mut self, now: Cycle) -> Option<DmaRequest> {
        if !self.running || self.in_flight >= self.spec.outstanding || now < self.next_issue {
            return None;
        }
        self.next_issue = now + 1 + u64::from(self.rng.random_range(self.spec.gap.clone()));
        self.in_flight += 1;
        self.offered += 1;
        let direction = match self.spec.kind {
            Kind::Read => Direction::Read,
            Kind::Write => Direction::Write,
            Kind::Mixed if self.rng.random_bool(0.5) => Direction::Write,
            Kind::Mixed => Direction::Read,
        };
        let (iova, burst) = match self.spec.shapes {
            Shapes::Doublewords => self.doublewords(),
            Shapes::Any => self.any_shape(),
        };
        let data = match direction {
            Direction::Read => Vec::new(),
            Direction::Write => (0..burst.beats()).map(|_| (self.rng.random(), 0xFF)).collect(),
        };
        let mut data = self.leave_out(data);
        for (beat, (_, strobes)) in (0..).zip(&mut data) {
            *strobes &= burst.lanes(iova, beat);
        }
        Some(DmaRequest {
            id: self.base_id + self.rng.random_range(0..self.spec.ids.clamp(1, IDS_PER_STREAM)),
            process: self.spec.process,
            privileged: self.spec.privileged,
            instruction: self.spec.instruction && direction == Direction::Read,
            data,
            ..DmaRequest::new(direction, self.spec.device, Iova(iova), burst)
        })
    }

    /// An INCR burst of whole doublewords in the window, and where it begins.
    fn doublewords(&mut self) -> (u64, Burst) {
        let offset = self.rng.random_range(0..(self.spec.bytes / 8).max(1)) * 8;
        let iova = self.spec.start.0.wrapping_add(offset);
        let room = (0x1000 - (iova & 0xFFF)).min(self.spec.bytes.saturating_sub(offset)).max(8) / 8;
        let beats = u64::from(self.rng.random_range(self.spec.beats.clone())).clamp(1, room.min(256));
        (iova, Burst::incr(beats as u16))
    }

    /// A burst of any shape in the window, and where it begins.
    fn any_shape(&mut self) -> (u64, Burst) {
        let size = self.rng.random_range(0..=3_u8);
        let unit = 1_u64 << size;
        let offset = self.rng.random_range(0..self.spec.bytes.max(8));
        let iova = self.spec.start.0.wrapping_add(offset);
        let wanted = u64::from(self.rng.random_range(self.spec.beats.clone())).clamp(1, 256);
        let (kind, beats) = match self.rng.random_range(0..4) {
            0 => (FIXED, wanted.min(16)),
            1 => {
                // The whole block that it goes round in lies in the window.
                let offset = offset - offset % unit;
                let fits = |beats: u64| {
                    let base = offset.checked_sub((iova - iova % unit) % (beats * unit));
                    beats <= wanted && base.is_some_and(|base| base + beats * unit <= self.spec.bytes)
                };
                match [16, 8, 4, 2].into_iter().find(|&beats| fits(beats)) {
                    Some(beats) => return (iova - iova % unit, Burst { len: (beats - 1) as u8, size, kind: WRAP }),
                    None => (INCR, 1),
                }
            }
            _ => {
                let room = (0x1000 - (iova & 0xFFF)).min(self.spec.bytes.saturating_sub(offset));
                (INCR, wanted.min((room + iova % unit) / unit).max(1))
            }
        };
        (iova, Burst { len: (beats - 1) as u8, size, kind })
    }

    /// Some writes begin or end within a doubleword, as those of a network device do, and a few leave out bytes
    /// between, or all of a beat.
    fn leave_out(&mut self, mut data: Vec<(u64, u8)>) -> Vec<(u64, u8)> {
        if data.is_empty() || self.strobes.random_bool(0.5) {
            return data;
        }
        if let Some((_, first)) = data.first_mut() {
            *first = 0xFF << self.strobes.random_range(0..8);
        }
        if let Some((_, last)) = data.last_mut() {
            *last &= 0xFF >> self.strobes.random_range(0..8);
        }
        if self.strobes.random_bool(0.1) {
            let beat = self.strobes.random_range(0..data.len());
            data[beat].1 = self.strobes.random();
        }
        data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(start: u64, bytes: u64, seed: u64) -> Stream {
        let spec = StreamSpec {
            name: "any".into(),
            device: DeviceId(1),
            process: None,
            privileged: false,
            instruction: false,
            kind: Kind::Mixed,
            start: Iova(start),
            bytes,
            outstanding: u32::MAX,
            gap: 0..=0,
            translated: false,
            shapes: Shapes::Any,
            beats: 1..=256,
            ids: 4,
        };
        Stream::new(spec, 0, seed)
    }

    #[test]
    fn bursts_of_any_shape_are_legal_stay_in_the_window_and_are_of_every_kind() {
        let mut seen = std::collections::BTreeSet::new();
        for (start, bytes) in [(0x1000, 0x3000), (0xff8, 16), (0x2008, 8), (u64::MAX - 0x7f, 0x80)] {
            let mut stream = stream(start, bytes, start);
            for now in 0..4000 {
                let Some(Issue::Dma(DmaRequest { iova, burst, data, .. })) = stream.issue(now, &[]) else {
                    panic!("no bound of those in flight, and no ATS")
                };
                assert_eq!(burst.check(iova.0), Ok(()), "{burst:?} at {iova:?}");
                for beat in 0..burst.beats() {
                    let (at, lanes) = (burst.beat_address(iova.0, beat), burst.lanes(iova.0, beat));
                    let within = (at & !7).wrapping_sub(start).wrapping_add(lanes.trailing_zeros().into());
                    assert!(within < bytes, "{burst:?} at {iova:?} leaves the window at {at:#x}");
                    let strobes = data.get(usize::from(beat)).map_or(0, |(_, strobes)| *strobes);
                    assert_eq!(strobes & !lanes, 0);
                }
                seen.insert((burst.kind, burst.size));
            }
        }
        assert_eq!(seen.len(), 12, "{seen:?}");
    }
}
