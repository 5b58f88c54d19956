// SPDX-License-Identifier: Apache-2.0
//! One device, one process of the host, one page: a device context of the base format and an Sv39 tree of three levels.

use events::{Agent, Cycle, Direction};
use golden::{
    Access, Capabilities, Command, DdtMode, Ddtp, DeviceId, Iofence, Iotinval, Iova, Outcome, Pscid, Request, Role,
    Spa, SpecVersion, Tags, WordRef, offset,
};

use crate::chooser::Chooser;
use crate::explain::Explanation;
use crate::window::Window;
use crate::{Bound, Oracle, Settings};

/// Who asks.
pub const DEVICE: DeviceId = DeviceId(1);
/// What for.
pub const IOVA: Iova = Iova(0x5008);
/// `tc` of its device context.
pub const TC: Spa = Spa(0x1020);
/// `ta`.
pub const TA: Spa = Spa(0x1030);
/// `fsc`.
pub const FSC: Spa = Spa(0x1038);
/// The entry of the last level.
pub const LEAF: Spa = Spa(0x4028);
/// The entry that points to the last table.
pub const POINTER: Spa = Spa(0x3000);
/// Its PSCID.
pub const PSCID: u32 = 3;

/// An entry that points to a table.
pub const fn pointer(to: u64) -> u64 {
    (to >> 12) << 10 | 1
}

/// An entry that maps a page for everything.
pub const fn leaf(to: u64) -> u64 {
    (to >> 12) << 10 | 0xDF
}

/// The tree, and what is known of it.
pub struct Tree {
    pub oracle: Oracle,
    invalidations: usize,
}

impl Tree {
    /// The device has read all of it in cycle 20; the page is at 0x9000.
    pub fn new() -> Self {
        let mut tree = Tree::unread();
        let config = tree.oracle.search.config();
        assert!(matches!(config.ddtp.mode(), DdtMode::Levels(1)));
        for (addr, value) in WORDS {
            tree.read(addr, value, 20);
        }
        tree
    }

    /// Nothing of it has been read; memory has held it from the beginning.
    pub fn unread() -> Self {
        let capabilities = Capabilities(0x10).with_sv39(true).with_pas(46);
        Tree::unread_by(Settings::new(capabilities, SpecVersion::default(), Bound::FREE))
    }

    /// The same for another device.
    pub fn unread_by(settings: Settings) -> Self {
        let mut tree = Tree { oracle: Oracle::new(settings), invalidations: 0 };
        let ddtp = Ddtp(0).with_mode(DdtMode::Levels(1)).with_ppn(1);
        tree.oracle.search.configuration.written(offset::DDTP, ddtp.0, 1);
        tree.oracle.search.configuration.ddtp_read(ddtp, 5).expect("it keeps what was written");
        for (addr, value) in WORDS {
            tree.oracle.search.histories.untouched(Spa(addr), value);
        }
        tree
    }

    /// The device reads a word.
    pub fn read(&mut self, addr: u64, value: u64, cycle: Cycle) {
        self.oracle.search.histories.sighted(Spa(addr), value, 0, cycle, cycle);
    }

    /// Software stores a word.
    pub fn store(&mut self, addr: Spa, new: u64, cycle: Cycle) {
        let old = self.oracle.search.histories.word(addr).and_then(|word| word.current()).unwrap_or(0);
        self.oracle.search.histories.stored(Agent::Cpu, addr, old, new, cycle);
    }

    /// The device fetches a command, and a fence behind it is complete.
    pub fn invalidate(&mut self, command: Command, fetched: Cycle, completed: Cycle) {
        self.oracle.search.invalidations.fetched(command, fetched);
        self.invalidations += 1;
        self.oracle.search.invalidations.completed(self.invalidations, &Iofence::default(), fetched, completed);
    }

    /// The same with an IOTINVAL.VMA for the process.
    pub fn vma(&mut self, fetched: Cycle, completed: Cycle) {
        let operands = Iotinval { pscid: Some(Pscid(PSCID)), ..Iotinval::default() };
        self.invalidate(Command::InvalVma(operands), fetched, completed);
    }

    /// How a read of the page is explained that leads to what `accept` takes.
    pub fn explain(&mut self, window: Window, accept: impl Fn(&Outcome, &Chooser<'_>) -> bool) -> Option<Explanation> {
        self.oracle.search.explain(&request(), window, accept)
    }

    /// How a read of the page is explained that leads here.
    pub fn leads_to(&mut self, page: u64, window: Window) -> Option<Explanation> {
        self.explain(window, |outcome, _| page_of(outcome) == Some(page))
    }
}

/// Every word of it.
pub const WORDS: [(u64, u64); 7] = [
    (TC.0, 1),
    (0x1028, 0),
    (TA.0, (PSCID as u64) << 12),
    (FSC.0, 8 << 60 | 2),
    (0x2000, pointer(0x3000)),
    (POINTER.0, pointer(0x4000)),
    (LEAF.0, leaf(0x9000)),
];

/// A read of the page.
pub fn request() -> Request {
    Request::untranslated(DEVICE, Access::Read, IOVA)
}

/// The page that an outcome leads to.
pub fn page_of(outcome: &Outcome) -> Option<u64> {
    match outcome {
        Outcome::Translated(translation) => Some(translation.spa.0 & !0xFFF),
        _ => None,
    }
}

/// A word of the tree as a walk for the page looks for it.
pub fn word(addr: Spa, role: Role) -> WordRef {
    let pscid = matches!(role, Role::FirstStage { .. }).then_some(Pscid(PSCID));
    let tags = Tags { device: DEVICE, process: None, gscid: None, pscid, iova: IOVA, gpa: None };
    WordRef { addr, bytes: 8, role, tags }
}

/// A request that shows at its end.
pub fn shown(start: Cycle, end: Cycle) -> Window {
    Window { shown: Some(Direction::Read), ..Window::new(start, end) }
}
