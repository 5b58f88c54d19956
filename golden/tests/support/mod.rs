// SPDX-License-Identifier: Apache-2.0
//! Memory in one piece, and the tables that tests and benches put into it.

use golden::{
    Access, Capabilities, Cause, Config, DdtMode, Ddtp, DeviceContext, DeviceId, Fault, Fctl, Fsc, Iohgatp, Iova,
    Memory, MemoryError, Outcome, Platform, Pte, Read, Request, Spa, Ta, Tc, Translation, Update, WordRef, Words,
    translate,
};

/// Guest physical addresses of table pages are their physical addresses plus this.
pub const GUEST: u64 = 0x10_0000_0000;

/// Everything that an IOMMU can have.
pub fn all_capabilities() -> Capabilities {
    Capabilities(0x10)
        .with_sv32(true)
        .with_sv39(true)
        .with_sv48(true)
        .with_sv57(true)
        .with_svrsw60t59b(true)
        .with_svpbmt(true)
        .with_sv32x4(true)
        .with_sv39x4(true)
        .with_sv48x4(true)
        .with_sv57x4(true)
        .with_amo_mrif(true)
        .with_msi_flat(true)
        .with_msi_mrif(true)
        .with_amo_hwad(true)
        .with_ats(true)
        .with_t2gpa(true)
        .with_end(true)
        .with_igs(2)
        .with_hpm(true)
        .with_dbg(true)
        .with_pas(56)
        .with_pd8(true)
        .with_pd17(true)
        .with_pd20(true)
        .with_qosid(true)
        .with_nl(true)
        .with_s(true)
}

/// Flat memory from address 0 with a page allocator. Beyond its end there is nothing.
pub struct Arena {
    pub words: Vec<u64>,
    next: u64,
    /// Addresses of words that refuse accesses (true) or are poisoned (false)
    pub bad: Vec<(u64, bool)>,
    pub writes: Vec<(u64, u8, u64)>,
    pub messages: Vec<golden::Message>,
    pub reads: u64,
}

/// A paging scheme: levels, and extra bits at the root.
#[derive(Clone, Copy, Debug)]
pub struct Scheme {
    pub levels: u8,
    pub root_bits: u32,
    pub rv32: bool,
}

impl Scheme {
    pub const SV32: Self = Self { levels: 2, root_bits: 0, rv32: true };
    pub const SV39: Self = Self { levels: 3, root_bits: 0, rv32: false };
    pub const SV48: Self = Self { levels: 4, root_bits: 0, rv32: false };
    pub const SV57: Self = Self { levels: 5, root_bits: 0, rv32: false };
    pub const SV32X4: Self = Self { levels: 2, root_bits: 2, rv32: true };
    pub const SV39X4: Self = Self { levels: 3, root_bits: 2, rv32: false };
    pub const SV48X4: Self = Self { levels: 4, root_bits: 2, rv32: false };
    pub const SV57X4: Self = Self { levels: 5, root_bits: 2, rv32: false };

    pub fn mode(self) -> u8 {
        if self.rv32 { 8 } else { self.levels + 5 }
    }

    fn index_bits(self) -> u32 {
        if self.rv32 { 10 } else { 9 }
    }

    fn slot(self, addr: u64, level: u8) -> u64 {
        let bits = self.index_bits() + if level + 1 == self.levels { self.root_bits } else { 0 };
        (addr >> (12 + u32::from(level) * self.index_bits()) & ((1 << bits) - 1)) * if self.rv32 { 4 } else { 8 }
    }
}

impl Arena {
    pub fn new(bytes: usize) -> Self {
        Self {
            words: vec![0; bytes / 8],
            next: 0x1000,
            bad: Vec::new(),
            writes: Vec::new(),
            messages: Vec::new(),
            reads: 0,
        }
    }

    /// Pages of zeros, aligned to their number (a power of two).
    pub fn pages(&mut self, count: u64) -> u64 {
        let bytes = count * 4096;
        let addr = self.next.next_multiple_of(bytes);
        self.next = addr + bytes;
        assert!(self.next / 8 <= self.words.len() as u64, "arena is full");
        addr
    }

    pub fn get(&self, addr: u64) -> u64 {
        self.words[(addr / 8) as usize]
    }

    pub fn set(&mut self, addr: u64, value: u64) {
        self.words[(addr / 8) as usize] = value;
    }

    fn pte_get(&self, addr: u64, rv32: bool) -> u64 {
        if rv32 { self.get(addr & !7) >> ((addr & 4) * 8) & 0xffff_ffff } else { self.get(addr) }
    }

    fn pte_set(&mut self, addr: u64, rv32: bool, value: u64) {
        if rv32 {
            let (at, shift) = (addr & !7, (addr & 4) * 8);
            self.set(at, self.get(at) & !(0xffff_ffff << shift) | value << shift);
        } else {
            self.set(addr, value);
        }
    }

    /// Maps `from` in a table by a leaf at `level`, and makes the tables on the way; they are `shift` higher in the
    /// address space that the table's entries count in. Gives the address of the leaf, and calls `made` for each table.
    #[expect(clippy::too_many_arguments, reason = "a test helper that says all at once")]
    pub fn map(
        &mut self,
        root: u64,
        scheme: Scheme,
        from: u64,
        leaf: Pte,
        level: u8,
        shift: u64,
        made: &mut Vec<u64>,
    ) -> u64 {
        let mut table = root;
        for at in (level + 1..scheme.levels).rev() {
            let slot = table + scheme.slot(from, at);
            let mut pte = Pte(self.pte_get(slot, scheme.rv32));
            if !pte.v() {
                let page = self.pages(1);
                made.push(page);
                pte = Pte(0).with_v(true).with_ppn((page + shift) >> 12);
                self.pte_set(slot, scheme.rv32, pte.0);
            }
            table = (pte.ppn() << 12) - shift;
        }
        let slot = table + scheme.slot(from, level);
        self.pte_set(slot, scheme.rv32, leaf.0);
        slot
    }
}

impl Words for Arena {
    #[inline]
    fn read(&mut self, word: &WordRef) -> Read {
        self.reads += 1;
        if !self.bad.is_empty()
            && let Some(bad) = self.bad.iter().find(|bad| bad.0 == word.addr.0 & !7)
        {
            return if bad.1 { Read::AccessFault } else { Read::Corrupt };
        }
        match self.words.get((word.addr.0 / 8) as usize) {
            None => Read::AccessFault,
            Some(value) if word.bytes == 8 => Read::Value(*value),
            Some(value) => Read::Value(value >> ((word.addr.0 & 4) * 8) & 0xffff_ffff),
        }
    }

    fn compare_exchange(&mut self, word: &WordRef, old: u64, new: u64) -> Update {
        if word.addr.0 / 8 >= self.words.len() as u64 {
            return Update::AccessFault;
        }
        let rv32 = word.bytes == 4;
        if self.pte_get(word.addr.0, rv32) != old {
            return Update::Changed;
        }
        self.pte_set(word.addr.0, rv32, new);
        self.writes.push((word.addr.0, word.bytes, new));
        Update::Done
    }
}

impl Memory for Arena {
    #[inline]
    fn read(&mut self, addr: Spa, bytes: u8) -> Result<u64, MemoryError> {
        if let Some(bad) = self.bad.iter().find(|bad| bad.0 == addr.0 & !7) {
            return Err(if bad.1 { MemoryError::AccessFault } else { MemoryError::Corrupt });
        }
        let word = self.words.get((addr.0 / 8) as usize).ok_or(MemoryError::AccessFault)?;
        Ok(if bytes == 8 { *word } else { word >> ((addr.0 & 4) * 8) & 0xffff_ffff })
    }

    fn write(&mut self, addr: Spa, bytes: u8, value: u64) -> Result<(), MemoryError> {
        if addr.0 / 8 >= self.words.len() as u64 || self.bad.iter().any(|bad| bad.0 == addr.0 & !7) {
            return Err(MemoryError::AccessFault);
        }
        self.pte_set(addr.0, bytes == 4, value);
        self.writes.push((addr.0, bytes, value));
        Ok(())
    }
}

impl Platform for Arena {
    fn send(&mut self, message: golden::Message) {
        self.messages.push(message);
    }
}

/// A leaf with these permission bits (`R`, `W`, `X`, `U`, `G` in place), accessed and dirty.
pub fn leaf(page: u64, bits: u64) -> Pte {
    Pte(bits | 0xc1).with_ppn(page >> 12)
}

pub const R: u64 = 2;
pub const W: u64 = 4;
pub const X: u64 = 8;
pub const U: u64 = 16;
pub const G: u64 = 32;

/// One device with its tables.
pub struct World {
    pub arena: Arena,
    pub config: Config,
    pub device: DeviceId,
    /// Address of its context
    pub dc_addr: u64,
    pub dc: DeviceContext,
    /// Roots of the two stages, where there are any
    pub first: Option<(u64, Scheme)>,
    pub second: Option<(u64, Scheme)>,
}

impl World {
    /// A world with a one-level directory, and a device with these stages and nothing mapped.
    pub fn new(caps: Capabilities, first: Option<Scheme>, second: Option<Scheme>) -> Self {
        let mut arena = Arena::new(32 << 20);
        let ddt = arena.pages(1);
        let rv32_guest = second.is_some_and(|scheme| scheme.rv32);
        let config =
            Config::new(caps, Fctl(0).with_gxl(rv32_guest), Ddtp(0).with_mode(DdtMode::Levels(1)).with_ppn(ddt >> 12));
        let device = DeviceId(5);
        let mut dc = DeviceContext { tc: Tc(0).with_v(true), ..DeviceContext::default() };
        if first.is_some_and(|scheme| scheme.rv32) || rv32_guest {
            dc.tc = dc.tc.with_sxl(true);
        }
        let second = second.map(|scheme| {
            let root = arena.pages(4);
            dc.iohgatp = Iohgatp(0).with_mode(scheme.mode()).with_ppn(root >> 12).with_gscid_bits(7);
            (root, scheme)
        });
        let mut world = Self {
            dc_addr: ddt + u64::from(device.0) * caps.dc_bytes(),
            arena,
            config,
            device,
            dc,
            first: None,
            second,
        };
        if let Some(scheme) = first {
            let root = world.arena.pages(1);
            world.map_table(root);
            world.dc.fsc = Fsc(0).with_mode(scheme.mode()).with_ppn((root + world.shift()) >> 12);
            world.dc.ta = Ta(0).with_pscid_bits(9);
            world.first = Some((root, scheme));
        }
        world.store_dc();
        world
    }

    /// An untranslated request of the device.
    pub fn request(&self, access: Access, iova: u64) -> Request {
        Request::untranslated(self.device, access, Iova(iova))
    }

    /// Translates a request.
    pub fn run(&mut self, request: &Request) -> Outcome {
        translate(&self.config, &mut self.arena, request)
    }

    /// Translates; the translation.
    #[track_caller]
    pub fn pass(&mut self, request: &Request) -> Translation {
        match self.run(request) {
            Outcome::Translated(translation) => translation,
            outcome => panic!("{outcome:x?}"),
        }
    }

    /// Translates; the fault.
    #[track_caller]
    pub fn fail(&mut self, request: &Request) -> Fault {
        match self.run(request) {
            Outcome::Fault(fault) => fault,
            outcome => panic!("{outcome:x?}"),
        }
    }

    /// Translates; the cause of the fault.
    #[track_caller]
    pub fn cause(&mut self, request: &Request) -> Cause {
        self.fail(request).cause
    }

    /// What table pages are moved by in the guest.
    pub fn shift(&self) -> u64 {
        match self.second {
            None => 0,
            Some((_, scheme)) if scheme.rv32 => 0,
            Some(_) => GUEST,
        }
    }

    /// Writes the context to memory.
    pub fn store_dc(&mut self) {
        let words = (self.config.caps.dc_bytes() / 8) as usize;
        for (index, word) in self.dc.to_words().into_iter().take(words).enumerate() {
            self.arena.set(self.dc_addr + index as u64 * 8, word);
        }
    }

    /// Makes a table page visible to the guest.
    pub fn map_table(&mut self, page: u64) {
        if self.second.is_some() {
            self.map_second(page + self.shift(), leaf(page, R | W | U), 0);
        }
    }

    /// Maps in the first stage; gives the address of the leaf PTE.
    pub fn map_first(&mut self, iova: u64, leaf: Pte, level: u8) -> u64 {
        let (root, scheme) = self.first.expect("a first stage");
        let (shift, mut made) = (self.shift(), Vec::new());
        let slot = self.arena.map(root, scheme, iova, leaf, level, shift, &mut made);
        for page in made {
            self.map_table(page);
        }
        slot
    }

    /// Maps in the second stage; gives the address of the leaf PTE.
    pub fn map_second(&mut self, gpa: u64, leaf: Pte, level: u8) -> u64 {
        let (root, scheme) = self.second.expect("a second stage");
        self.arena.map(root, scheme, gpa, leaf, level, 0, &mut Vec::new())
    }

    /// Adds a process directory of `pdtp.MODE` with a context for `process`: the first stage moves there.
    pub fn add_process(&mut self, mode: u8, process: u32, ta: u64) -> u64 {
        let bits = [0, 8, 17, 20][usize::from(mode & 3)];
        assert!(process >> bits == 0);
        let shift = self.shift();
        let fsc = self.dc.fsc;
        if !self.dc.tc.pdtv() {
            let root = self.arena.pages(1);
            self.map_table(root);
            self.dc.tc = self.dc.tc.with_pdtv(true);
            self.dc.fsc = Fsc(0).with_mode(mode).with_ppn((root + shift) >> 12);
        }
        let mut table = (self.dc.fsc.ppn() << 12) - shift;
        for level in (1..mode).rev() {
            let slot = table + u64::from(process >> (8 + 9 * (level - 1)) & 0x1ff) * 8;
            if self.arena.get(slot) & 1 == 0 {
                let page = self.arena.pages(1);
                self.map_table(page);
                self.arena.set(slot, 1 | (page + shift) >> 12 << 10);
            }
            table = (self.arena.get(slot) >> 10 << 12) - shift;
        }
        let slot = table + u64::from(process & 0xff) * 16;
        self.arena.set(slot, ta);
        self.arena.set(slot + 8, fsc.0);
        self.store_dc();
        slot
    }
}
