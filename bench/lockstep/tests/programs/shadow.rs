// SPDX-License-Identifier: Apache-2.0
//! Who watches requests without the oracle. A request whose whole life falls between two operations, while software
//! stores to no table, can only come out as memory says at that time. If it does not, something stale was used.

use std::collections::{BTreeMap, VecDeque};

use bus::Memory;
use events::{Direction, DmaRequest, Event, OKAY, Ticket};
use golden::{
    Access, Capabilities, Config, Ddtp, Fctl, Kind, Outcome, Read, Request, Spa, Update, WordRef, Words, translate,
};

struct Now<'a>(&'a Memory);

impl Words for Now<'_> {
    fn read(&mut self, word: &WordRef) -> Read {
        let whole = self.0.read_u64(Spa(word.addr.0 & !7));
        Read::Value(if word.bytes == 4 { whole >> (8 * (word.addr.0 & 4)) & 0xffff_ffff } else { whole })
    }
    fn compare_exchange(&mut self, _: &WordRef, _: u64, _: u64) -> Update {
        Update::Done
    }
}

struct Live {
    ticket: Ticket,
    request: DmaRequest,
    /// What had been disturbed when it was offered; none while an operation was under way
    since: Option<u64>,
}

/// The watcher.
pub struct Shadow {
    capabilities: Capabilities,
    now: u64,
    ddtp: u64,
    depth: u32,
    /// An operation has returned, and no cycle has passed since
    fresh: bool,
    disturbances: u64,
    offered: [Option<Option<u64>>; 2],
    live: Vec<Live>,
    /// Addresses on `mem_*` by direction and ID, not answered yet
    shown: BTreeMap<(bool, u8), VecDeque<Spa>>,
    freed: BTreeMap<u64, u64>,
    /// Requests that were compared
    pub compared: u64,
    /// Those that came out by something stale, in words
    pub stale: Vec<String>,
    /// Those that came to memory that had been given up
    pub late: Vec<String>,
}

impl Shadow {
    pub fn new(capabilities: Capabilities) -> Shadow {
        Shadow {
            capabilities,
            now: 0,
            ddtp: 0,
            depth: 0,
            fresh: false,
            disturbances: 0,
            offered: [None, None],
            live: Vec::new(),
            shown: BTreeMap::new(),
            freed: BTreeMap::new(),
            compared: 0,
            stale: Vec::new(),
            late: Vec::new(),
        }
    }

    pub fn ddtp(&mut self, value: u64) {
        self.ddtp = value;
    }

    pub fn disturbed(&mut self) {
        self.disturbances += 1;
    }

    pub fn begin(&mut self) {
        self.depth += 1;
        self.disturbed();
    }

    pub fn end(&mut self) {
        self.depth -= 1;
        self.fresh = true;
        self.disturbed();
    }

    /// Nothing is compared until [`Shadow::go_on`].
    pub fn pause(&mut self) {
        self.begin();
    }

    pub fn go_on(&mut self) {
        self.end();
    }

    pub fn freed(&mut self, start: Spa, bytes: u64) {
        for page in (start.0..start.0 + bytes).step_by(4096) {
            self.freed.insert(page, 0);
        }
    }

    pub fn taken(&mut self, start: Spa, bytes: u64) {
        for page in (start.0..start.0 + bytes).step_by(4096) {
            self.freed.remove(&page);
        }
    }

    pub fn events(&mut self, events: &[Event], memory: &Memory, now: u64) {
        self.now = now;
        for event in events {
            self.event(event, memory);
        }
        self.fresh = false;
    }

    fn event(&mut self, event: &Event, memory: &Memory) {
        let now = if self.depth == 0 && !self.fresh { Some(self.disturbances) } else { None };
        match event {
            Event::DmaOffered { request } => {
                self.offered[usize::from(request.direction == Direction::Write)] = Some(now);
            }
            Event::DmaAccepted { ticket, request } => {
                let offered = self.offered[usize::from(request.direction == Direction::Write)].take();
                let since = offered.unwrap_or(now);
                self.live.push(Live { ticket: *ticket, request: request.clone(), since });
            }
            Event::MemAddress { direction, id, addr, .. } => {
                self.shown.entry((*direction == Direction::Write, *id)).or_default().push_back(*addr);
                if self.freed.contains_key(&(addr.0 & !0xfff)) {
                    self.late.push(format!("{direction:?} at {addr:#x}, which had been given up"));
                }
            }
            Event::DmaDone { ticket, resp, .. } => {
                let Some(at) = self.live.iter().position(|live| live.ticket == *ticket) else { return };
                let Live { request, since, .. } = self.live.swap_remove(at);
                let key = (request.direction == Direction::Write, request.id);
                let shown = if *resp == OKAY { self.shown.get_mut(&key).and_then(VecDeque::pop_front) } else { None };
                if since.is_some() && since == now {
                    self.compare(&request, shown, memory);
                }
            }
            _ => {}
        }
    }

    fn compare(&mut self, request: &DmaRequest, shown: Option<Spa>, memory: &Memory) {
        let access = match (request.direction, request.instruction) {
            (Direction::Write, _) => Access::Write,
            (Direction::Read, true) => Access::Execute,
            (Direction::Read, false) => Access::Read,
        };
        let asked = Request {
            device: request.device,
            process: request.process,
            privileged: request.privileged,
            access,
            kind: Kind::Untranslated,
            iova: request.iova,
        };
        let config = Config::new(self.capabilities, Fctl(0).with_wsi(true), Ddtp(self.ddtp));
        self.compared += 1;
        let right = match translate(&config, &mut Now(memory), &asked) {
            Outcome::Translated(translation) => Some(translation.spa),
            Outcome::Fault(_) => None,
            Outcome::Unavailable => return,
        };
        if right != shown {
            let of = (request.device.0, request.process.map(|own| own.0), request.direction, request.iova);
            self.stale.push(format!("until {}, {of:x?}: {shown:x?}, and memory says {right:x?}", self.now));
        }
    }
}
