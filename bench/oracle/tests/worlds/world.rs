// SPDX-License-Identifier: Apache-2.0
//! A toy world: its words, the handful of values that each may take, and who may ask for what.

use rustc_hash::FxHashMap;

use crate::trace::{Answer, Cmd, FenceKind, Operands, Promise, Request};

/// A doubleword of some table.
#[derive(Clone, Debug)]
pub struct Word {
    /// As a trace shows it
    pub name: &'static str,
    /// Where it lies
    pub addr: u64,
    /// What it holds at first
    pub initial: u64,
    /// What software may store there, by name; none: it never changes
    pub values: Vec<(&'static str, u64)>,
}

/// A toy world.
#[derive(Clone, Debug)]
pub struct World {
    /// Its name
    pub name: &'static str,
    /// Device contexts have eight doublewords, and there are MSI page tables
    pub extended: bool,
    /// All words that a walk can come to
    pub words: Vec<Word>,
    /// Where they are, by address
    at: FxHashMap<u64, usize>,
    /// Requests
    pub requests: Vec<Request>,
    /// Commands
    pub commands: Vec<Cmd>,
    /// Kinds of fences
    pub fences: Vec<FenceKind>,
    /// A fence is fetched and completes at once
    pub prompt: bool,
    /// Answers that are conceivable
    pub answers: Vec<Answer>,
    /// The device has read words that change before the trace begins; those that never change, it always has
    pub warm: bool,
    /// A request may be offered long before it is accepted
    pub offers: bool,
    /// The queue may stop at an illegal command
    pub stops: bool,
    /// Software stores and sends commands only in operations, which promise one of these; none: there are no operations
    pub promises: Vec<Promise>,
    /// Pages that software may give up and take again
    pub frees: Vec<u64>,
    /// The scenario ends behind the last request, and until then commands may still follow
    pub rests: bool,
    /// Software may switch the directory off within an operation, once all requests have been answered
    pub turns_off: bool,
    /// Software also acts outside of its operations
    pub loose: bool,
    /// Requests in a trace, at most
    pub rounds: usize,
    /// Operations of the sample, and of the long run
    pub depth: (usize, usize),
}

/// Page of the device directory.
pub const DDT: u64 = 0x10_0000_0000;
/// How wide physical addresses are.
pub const PAS: u32 = 46;
/// A leaf with every right, for user mode.
pub const LEAF: u64 = 0xDF;
/// Where pages lie that requests are led to.
pub const A: u64 = 0x20_0000_0000;
/// The second one.
pub const B: u64 = 0x20_4000_0000;
/// The third one.
pub const C: u64 = 0x20_8000_0000;

/// A PTE that maps the page at `addr`.
pub const fn leaf(addr: u64) -> u64 {
    addr >> 2 | LEAF
}

/// A PTE that points to the table at `addr`.
pub const fn table(addr: u64) -> u64 {
    addr >> 2 | 1
}

/// `fsc`, `iohgatp` or `msiptp` with a mode, a tag, and the table at `addr`.
pub const fn root(mode: u64, tag: u64, addr: u64) -> u64 {
    mode << 60 | tag << 44 | addr >> 12
}

impl World {
    /// A world without anything in it.
    pub fn new(name: &'static str) -> Self {
        World {
            name,
            extended: false,
            words: Vec::new(),
            at: FxHashMap::default(),
            requests: Vec::new(),
            commands: Vec::new(),
            fences: vec![FenceKind::default()],
            prompt: true,
            answers: vec![Answer::Refused],
            warm: true,
            offers: false,
            stops: false,
            promises: Vec::new(),
            frees: Vec::new(),
            rests: false,
            turns_off: false,
            loose: false,
            rounds: 1,
            depth: (4, 6),
        }
    }

    /// With a word that never changes.
    pub fn fixed(mut self, name: &'static str, addr: u64, value: u64) -> Self {
        self.at.insert(addr, self.words.len());
        self.words.push(Word { name, addr, initial: value, values: Vec::new() });
        self
    }

    /// With a word that takes one of these values, the first of them at the beginning.
    pub fn word(mut self, name: &'static str, addr: u64, values: &[(&'static str, u64)]) -> Self {
        self.at.insert(addr, self.words.len());
        self.words.push(Word { name, addr, initial: values[0].1, values: values.to_vec() });
        self
    }

    /// With a device context in base format or extended format.
    pub fn context(mut self, device: u32, words: [&[(&'static str, u64)]; 7]) -> Self {
        const NAMES: [[&str; 8]; 2] = [
            ["tc", "iohgatp", "ta", "fsc", "msiptp", "msi_addr_mask", "msi_addr_pattern", "reserved"],
            ["tc'", "iohgatp'", "ta'", "fsc'", "msiptp'", "msi_addr_mask'", "msi_addr_pattern'", "reserved'"],
        ];
        let (bytes, count) = if self.extended { (64, 8) } else { (32, 4) };
        for (index, name) in NAMES[usize::from(device != 1)].iter().enumerate().take(count) {
            let addr = DDT + u64::from(device) * bytes + 8 * index as u64;
            self = match words.get(index).copied().unwrap_or_default() {
                [] => self.fixed(name, addr, 0),
                [(_, value)] => self.fixed(name, addr, *value),
                values => self.word(name, addr, values),
            };
        }
        self
    }

    /// With a request.
    pub fn request(mut self, device: u32, process: Option<u32>, page: u64, write: bool) -> Self {
        self.requests.push(Request { device, process, page, write });
        self
    }

    /// With commands.
    pub fn commands(mut self, commands: &[Cmd]) -> Self {
        self.commands.extend(commands);
        self
    }

    /// With pages that an answer may lead to.
    pub fn pages(mut self, pages: &[u64]) -> Self {
        self.answers.extend(pages.iter().map(|page| Answer::Page(page >> 12)));
        self
    }

    /// Explored so deep in the sample, and in the long run.
    pub fn depth(mut self, sample: usize, long: usize) -> Self {
        self.depth = (sample, long);
        self
    }

    /// The same with one command alone.
    pub fn with_one(&self, cmd: Cmd) -> World {
        let mut world = self.clone();
        world.commands = vec![cmd];
        world
    }

    /// Software is judged in it, too.
    pub fn judges_software(&self) -> bool {
        !self.promises.is_empty() || !self.frees.is_empty() || self.rests
    }

    /// The word at an address.
    ///
    /// # Panics
    /// When there is none: then a walk left the toy world, which is a mistake of the world.
    pub fn at(&self, addr: u64) -> usize {
        *self.at.get(&addr).unwrap_or_else(|| panic!("{}: no word at {addr:#x}", self.name))
    }
}

/// IOTINVAL.VMA for the host.
pub fn vma(pscid: Option<u32>, page: Option<u64>) -> Cmd {
    Cmd::Vma(Operands { pscid, page, ..Operands::default() })
}

/// IOTINVAL.VMA for a guest.
pub fn guest_vma(gscid: u16, pscid: Option<u32>, page: Option<u64>) -> Cmd {
    Cmd::Vma(Operands { gscid: Some(gscid), pscid, page, ..Operands::default() })
}

/// IOTINVAL.GVMA.
pub fn gvma(gscid: Option<u16>, page: Option<u64>) -> Cmd {
    Cmd::Gvma(Operands { gscid, page, ..Operands::default() })
}

/// The same with NL.
pub fn nl(cmd: Cmd) -> Cmd {
    match cmd {
        Cmd::Vma(operands) => Cmd::Vma(Operands { nl: true, ..operands }),
        Cmd::Gvma(operands) => Cmd::Gvma(Operands { nl: true, ..operands }),
        other => other,
    }
}

/// The same with S.
pub fn range(cmd: Cmd) -> Cmd {
    match cmd {
        Cmd::Vma(operands) => Cmd::Vma(Operands { range: true, ..operands }),
        Cmd::Gvma(operands) => Cmd::Gvma(Operands { range: true, ..operands }),
        other => other,
    }
}
