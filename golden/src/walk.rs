//! State of one walk, and how it reads a word.

use crate::bits::mask;
use crate::{
    Access, Cause, Config, Decision, Gpa, Kind, Pte, Read, Request, Role, Spa, Step, Tags, Tc, Trace, Update, WordRef,
    Words,
};

/// A compare-and-exchange that fails this often in a row is given up as unavailable: a walk is bounded.
pub(crate) const MAX_UPDATES: u32 = 64;

/// Why a walk ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A fault, and its `iotval2`
    Fault(Cause, u64),
    /// A word was not available
    Unavailable,
}

impl From<Cause> for Stop {
    #[inline]
    fn from(cause: Cause) -> Self {
        Self::Fault(cause, 0)
    }
}

/// Why a word could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Miss {
    AccessFault,
    Corrupt,
    Unavailable,
}

impl Miss {
    /// As the fault that this structure makes of it.
    #[cold]
    pub(crate) const fn stop(self, access_fault: Cause, corrupt: Cause) -> Stop {
        match self {
            Self::AccessFault => Stop::Fault(access_fault, 0),
            Self::Corrupt => Stop::Fault(corrupt, 0),
            Self::Unavailable => Stop::Unavailable,
        }
    }
}

/// What an access needs of a PTE, in one register: R, W, X in place; D where it may write; and a bit that no PTE has any
/// use for here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need(u64);

impl Need {
    /// An implicit read of a table.
    pub(crate) const READ: Self = Self(0b0010);
    /// An implicit update of a table.
    pub(crate) const UPDATE: Self = Self(0b0110 | Self::DIRTY);

    const DIRTY: u64 = 0x80;
    const LENIENT: u64 = 1 << 63;

    #[inline(always)]
    pub(crate) const fn of(request: &Request) -> Self {
        match (request.kind, request.access) {
            (Kind::Ats { no_write: true, .. }, _) => Self(Self::LENIENT),
            (Kind::Ats { no_write: false, .. }, _) => Self(Self::LENIENT | Self::DIRTY),
            (_, Access::Read) => Self::READ,
            (_, Access::Write) => Self(0b0100 | Self::DIRTY),
            (_, Access::Execute) => Self(0b1000),
        }
    }

    /// Permission bits of a PTE that must be there; none for an ATS translation request.
    #[inline(always)]
    pub(crate) const fn permissions(self) -> u64 {
        self.0 & 0b1110
    }

    /// The access may write: D has to be set, by hardware if it may.
    #[inline(always)]
    pub(crate) const fn dirty(self) -> bool {
        self.0 & Self::DIRTY != 0
    }

    /// Lack of D is no fault, but lack of W permission: an ATS translation request.
    #[inline(always)]
    pub(crate) const fn lenient(self) -> bool {
        self.0 & Self::LENIENT != 0
    }

    /// Bits of a leaf that must be set for the access to go through as it is: permissions, A, and D for a write.
    #[inline(always)]
    pub(crate) const fn plain(self) -> u64 {
        (self.0 & !Self::LENIENT) | 0x40
    }
}

/// A page that a stage found. Fields have the width of registers: it is copied often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Translated address with the offset
    pub addr: u64,
    /// R, W, X and (first stage) G in place as in a PTE; W only where the page is dirty
    pub bits: u64,
    /// log2 of its size; 64 when the stage is Bare
    pub size_log2: u32,
    /// Memory type as in the PTE
    pub pbmt: u32,
}

impl Page {
    /// What a Bare stage makes of an address.
    #[inline(always)]
    pub(crate) const fn identity(addr: u64) -> Self {
        Self { addr, bits: 0b1110, size_log2: 64, pbmt: 0 }
    }
}

/// State of one walk.
pub(crate) struct Walk<'a, W, T> {
    pub config: &'a Config,
    pub words: &'a mut W,
    pub trace: &'a mut T,
    pub request: &'a Request,
    /// Which access page faults, guest-page faults and access faults are reported for
    pub access: Access,
    pub tags: Tags,
    /// Of the device context, once it is located
    pub tc: Tc,
    /// Bits that must be 0 in a leaf PTE
    pub leaf_reserved: u64,
    /// Bits of a PTE that points to a table: V alone is set
    pub pointer_mask: u64,
    /// Highest physical address
    pub spa_max: u64,
}

impl<'a, W: Words, T: Trace> Walk<'a, W, T> {
    #[inline]
    pub(crate) fn new(config: &'a Config, words: &'a mut W, request: &'a Request, trace: &'a mut T) -> Self {
        let caps = config.caps;
        let mut leaf_reserved = mask(58, 54);
        if !caps.svrsw60t59b() {
            leaf_reserved |= mask(60, 59);
        }
        if !caps.svpbmt() {
            leaf_reserved |= mask(62, 61);
        }
        let access = match request.kind {
            Kind::Ats { execute: true, .. } => Access::Execute,
            Kind::Ats { .. } => Access::Read,
            _ => request.access,
        };
        let tags =
            Tags { device: request.device, process: None, gscid: None, pscid: None, iova: request.iova, gpa: None };
        Self {
            config,
            words,
            trace,
            request,
            access,
            tags,
            tc: Tc(0),
            leaf_reserved,
            pointer_mask: leaf_reserved | mask(63, 61) | 0b1101_1111,
            spa_max: caps.spa_max(),
        }
    }

    /// Reads a doubleword of a directory or a context; the value is in host order.
    #[inline(always)]
    pub(crate) fn load(&mut self, addr: u64, role: Role, big_endian: bool) -> Result<u64, Miss> {
        self.load_word(addr, 8, role, None, big_endian)
    }

    /// Reads a word of 4 or 8 bytes; the value is in host order.
    ///
    /// The reference to the word is made here, and again where it is updated: a source that ignores its tags then costs
    /// nothing for them.
    #[inline(always)]
    pub(crate) fn load_word(
        &mut self,
        addr: u64,
        bytes: u8,
        role: Role,
        gpa: Option<Gpa>,
        big_endian: bool,
    ) -> Result<u64, Miss> {
        if addr > self.spa_max {
            return Err(Miss::AccessFault);
        }
        let word = WordRef { addr: Spa(addr), bytes, role, tags: Tags { gpa, ..self.tags } };
        match self.words.read(&word) {
            Read::Value(raw) => {
                let value = swap(raw, bytes, big_endian);
                if T::ENABLED {
                    self.trace.step(Step::Read { word, value });
                }
                Ok(value)
            }
            Read::AccessFault => Err(Miss::AccessFault),
            Read::Corrupt => Err(Miss::Corrupt),
            Read::Unavailable => Err(Miss::Unavailable),
        }
    }

    /// Sets bits of a PTE atomically. `Ok(false)`: memory has changed, read again.
    pub(crate) fn update(&mut self, word: &WordRef, big_endian: bool, old: u64, new: u64) -> Result<bool, Miss> {
        let (raw_old, raw_new) = (swap(old, word.bytes, big_endian), swap(new, word.bytes, big_endian));
        match self.words.compare_exchange(word, raw_old, raw_new) {
            Update::Done => {
                self.decide(Decision::Update(old, new));
                Ok(true)
            }
            Update::Changed => Ok(false),
            Update::AccessFault => Err(Miss::AccessFault),
            Update::Corrupt => Err(Miss::Corrupt),
            Update::Unavailable => Err(Miss::Unavailable),
        }
    }

    #[inline(always)]
    pub(crate) fn decide(&mut self, decision: Decision) {
        if T::ENABLED {
            self.trace.step(Step::Decide(decision));
        }
    }

    /// The PTE points to the next table: V is set, R, W and X are not, nor is anything that is reserved there: what is
    /// reserved in a leaf, N and PBMT, U, A and D (Privileged specification, "Addressing and Memory Protection", Svnapot,
    /// Svpbmt).
    #[inline(always)]
    pub(crate) const fn is_pointer(&self, pte: Pte) -> bool {
        pte.0 & self.pointer_mask == 1
    }

    /// The page that a plain leaf maps around `addr`: V and `required` are set, `clear` is not, no reserved bit or
    /// encoding, no NAPOT, aligned to its `2^shift` bytes. A leaf that is not plain may still be good.
    #[inline(always)]
    pub(crate) const fn plain_leaf(&self, pte: Pte, required: u64, clear: u64, addr: u64, shift: u32) -> Option<Page> {
        let (required, base, low) = (required | 1, pte.ppn() << 12, !(u64::MAX << shift));
        let plain = pte.0 & (required | clear | self.leaf_reserved | 1 << 63) == required
            && pte.is_leaf()
            && pte.0 & 0b0110 != 0b0100
            && pte.pbmt() != 3
            && base & low == 0;
        if plain { Some(page(addr, base, shift, pte)) } else { None }
    }

    /// The PTE is valid, it is a leaf, and it uses no reserved bits or encodings. W without R is reserved, also where a
    /// hart would take it for a shadow stack page.
    pub(crate) const fn is_valid_leaf(&self, pte: Pte) -> bool {
        pte.v() && pte.is_leaf() && pte.0 & 0b0110 != 0b0100 && pte.0 & self.leaf_reserved == 0 && pte.pbmt() != 3
    }
}

#[inline(always)]
pub(crate) fn swap(value: u64, bytes: u8, big_endian: bool) -> u64 {
    if big_endian {
        swap_bytes(value, bytes)
    } else if bytes == 4 {
        value & 0xffff_ffff
    } else {
        value
    }
}

/// Out of line, so that little-endian tables do not wait for a swap that is not taken.
#[cold]
#[inline(never)]
const fn swap_bytes(value: u64, bytes: u8) -> u64 {
    if bytes == 4 { (value as u32).swap_bytes() as u64 } else { value.swap_bytes() }
}

/// Format of page tables.
pub(crate) trait Format {
    /// Index bits at each level
    const INDEX_BITS: u32;
    /// Bytes of a PTE
    const PTE_BYTES: u8;
    /// Levels, from a MODE that has been checked and is not Bare
    fn levels(mode: u8) -> u8;
    /// Bits of an address below the root table's extra index bits
    #[inline(always)]
    fn width(levels: u8) -> u32 {
        12 + u32::from(levels) * Self::INDEX_BITS
    }
}

/// Sv32 and Sv32x4
pub(crate) struct Rv32;

impl Format for Rv32 {
    const INDEX_BITS: u32 = 10;
    const PTE_BYTES: u8 = 4;
    #[inline(always)]
    fn levels(_: u8) -> u8 {
        2
    }
}

/// Sv39 to Sv57, Sv39x4 to Sv57x4
pub(crate) struct Rv64;

impl Format for Rv64 {
    const INDEX_BITS: u32 = 9;
    const PTE_BYTES: u8 = 8;
    #[inline(always)]
    fn levels(mode: u8) -> u8 {
        mode.wrapping_sub(5) & 7
    }
}

/// Where a walk through a page table stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    /// Address of the PTE
    pub slot: u64,
    /// Its level, 0 = 4 KiB
    pub level: u8,
    /// The indices into the tables below, at the top of the word
    indices: u64,
}

impl Cursor {
    /// At the root of a tree that translates the lowest `width` bits of `addr`; its table has `index_bits`.
    #[inline(always)]
    pub(crate) const fn root<F: Format>(table: u64, levels: u8, width: u32, index_bits: u32, addr: u64) -> Self {
        let indices = addr << (64 - width);
        let slot = table + Self::offset::<F>(indices, index_bits);
        Self { slot, level: levels - 1, indices: indices << index_bits }
    }

    /// On to the next table.
    #[inline(always)]
    pub(crate) const fn descend<F: Format>(&mut self, pte: Pte) {
        self.slot = (pte.ppn() << 12) + Self::offset::<F>(self.indices, F::INDEX_BITS);
        self.level -= 1;
        self.indices <<= F::INDEX_BITS;
    }

    /// Straight to a level, for an entry whose table nobody looks for.
    #[inline(always)]
    pub(crate) const fn skip_to<F: Format>(&mut self, level: u8) {
        while self.level > level {
            self.level -= 1;
            self.indices <<= F::INDEX_BITS;
        }
    }

    /// Offset of a PTE, from an index of `index_bits` at the top of the word.
    #[inline(always)]
    const fn offset<F: Format>(indices: u64, index_bits: u32) -> u64 {
        // PTE_BYTES is 4 or 8: shift the index to its place and clear what is below it.
        (indices >> (64 - index_bits - F::PTE_BYTES.trailing_zeros())) & !(F::PTE_BYTES as u64 - 1)
    }

    /// log2 of the size of a page at this level.
    #[inline(always)]
    pub(crate) const fn shift<F: Format>(&self) -> u32 {
        12 + self.level as u32 * F::INDEX_BITS
    }
}

/// The page that a leaf maps, or none when its PPN is misaligned or its NAPOT encoding is reserved: base address and
/// log2 of the size.
pub(crate) const fn leaf_range(pte: Pte, level: u8, shift: u32) -> Option<(u64, u32)> {
    let ppn = pte.ppn();
    if pte.n() {
        // Svnapot: only 64 KiB at level 0 is defined.
        return if level == 0 && ppn & 0xf == 0b1000 { Some(((ppn & !0xf) << 12, 16)) } else { None };
    }
    if ppn & ((1 << (shift - 12)) - 1) != 0 {
        return None;
    }
    Some((ppn << 12, shift))
}

/// A and D bits that the access needs and the leaf does not have.
pub(crate) const fn missing_bits(pte: Pte, need: Need) -> u64 {
    // An ATS request that may write makes the page dirty only if it may be written at all.
    let dirty = need.dirty() && (!need.lenient() || pte.w());
    let wanted = 0x40 | if dirty { 0x80 } else { 0 };
    wanted & !pte.0
}

/// The missing bits refuse the access, where hardware may not set them.
pub(crate) const fn fatal(missing: u64, need: Need) -> bool {
    missing & 0x40 != 0 || (missing != 0 && !need.lenient())
}

/// The page that a leaf maps around `addr`.
#[inline(always)]
pub(crate) const fn page(addr: u64, base: u64, size_log2: u32, pte: Pte) -> Page {
    let offset = addr & !(u64::MAX << size_log2);
    // Bit 7 is D, bit 2 is W.
    let bits = pte.0 & (0b1010 | (pte.0 >> 5) & 0b0100);
    Page { addr: base | offset, bits, size_log2, pbmt: pte.pbmt() as u32 }
}
