//! State of one walk, and how it reads a word.

use crate::bits::mask;
use crate::{
    Access, Cause, Config, Decision, Kind, Read, Request, Role, Spa, Step, Tags, Tc, Trace, Update, WordRef, Words,
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

/// What an access needs of a PTE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    /// Permission bits of a PTE (R, W, X in place) that must be there; none for an ATS translation request
    pub permissions: u64,
    /// The access may write: D has to be set, by hardware if it may
    pub dirty: bool,
    /// Lack of D is no fault, but lack of W permission: an ATS translation request
    pub lenient: bool,
}

impl Need {
    /// An implicit read of a table.
    pub(crate) const READ: Self = Self { permissions: 0b0010, dirty: false, lenient: false };
    /// An implicit update of a table.
    pub(crate) const UPDATE: Self = Self { permissions: 0b0110, dirty: true, lenient: false };

    pub(crate) const fn of(request: &Request) -> Self {
        match (request.kind, request.access) {
            (Kind::Ats { no_write, .. }, _) => Self { permissions: 0, dirty: !no_write, lenient: true },
            (_, Access::Read) => Self::READ,
            (_, Access::Write) => Self { permissions: 0b0100, dirty: true, lenient: false },
            (_, Access::Execute) => Self { permissions: 0b1000, dirty: false, lenient: false },
        }
    }
}

/// A page that a stage found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Translated address with the offset
    pub addr: u64,
    /// log2 of its size; 64 when the stage is Bare
    pub size_log2: u8,
    /// R, W, X in place as in a PTE; W only where the page is dirty
    pub permissions: u64,
    /// Memory type as in the PTE
    pub pbmt: u8,
    /// First stage: global
    pub global: bool,
}

impl Page {
    /// What a Bare stage makes of an address.
    #[inline]
    pub(crate) const fn identity(addr: u64) -> Self {
        Self { addr, size_log2: 64, permissions: 0b1110, pbmt: 0, global: false }
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
    /// Bits that must be 0 in a leaf PTE of 8 bytes
    pub leaf_reserved: u64,
}

impl<'a, W: Words, T: Trace> Walk<'a, W, T> {
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
        Self { config, words, trace, request, access, tags, tc: Tc(0), leaf_reserved }
    }

    /// Reads a doubleword; the value is in host order.
    #[inline]
    pub(crate) fn load(&mut self, addr: u64, role: Role, big_endian: bool) -> Result<u64, Miss> {
        let word = WordRef { addr: Spa(addr), bytes: 8, role, tags: self.tags };
        self.load_word(&word, big_endian)
    }

    /// Reads a word of 4 or 8 bytes; the value is in host order.
    #[inline]
    pub(crate) fn load_word(&mut self, word: &WordRef, big_endian: bool) -> Result<u64, Miss> {
        if word.addr.0 >> self.config.caps.pas() != 0 {
            return Err(Miss::AccessFault);
        }
        match self.words.read(word) {
            Read::Value(raw) => {
                let value = swap(raw, word.bytes, big_endian);
                if T::ENABLED {
                    self.trace.step(Step::Read { word: *word, value });
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

    #[inline]
    pub(crate) fn decide(&mut self, decision: Decision) {
        if T::ENABLED {
            self.trace.step(Step::Decide(decision));
        }
    }

    /// Bits that must be 0 in a PTE that points to a table: what is reserved in a leaf, N and PBMT, and U, A and D
    /// (Privileged specification, "Addressing and Memory Protection", Svnapot, Svpbmt).
    #[inline]
    pub(crate) const fn pointer_reserved(&self) -> u64 {
        self.leaf_reserved | mask(63, 61) | 0b1101_0000
    }
}

#[inline]
const fn swap(value: u64, bytes: u8, big_endian: bool) -> u64 {
    match (big_endian, bytes) {
        (false, 4) => value as u32 as u64,
        (false, _) => value,
        (true, 4) => (value as u32).swap_bytes() as u64,
        (true, _) => value.swap_bytes(),
    }
}

/// A radix-tree scheme of either stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scheme {
    /// 2 to 5
    pub levels: u8,
    /// Index bits at each level: 9, or 10 where PTEs have 4 bytes
    pub index_bits: u8,
    /// Extra index bits at the root: 2 in the second stage
    pub root_bits: u8,
}

impl Scheme {
    /// From a MODE that has been checked; none when Bare.
    #[inline]
    pub(crate) const fn new(mode: u8, rv32: bool, root_bits: u8) -> Option<Self> {
        match (mode, rv32) {
            (0, _) => None,
            (_, true) => Some(Self { levels: 2, index_bits: 10, root_bits }),
            (mode, false) => Some(Self { levels: mode.wrapping_sub(5) & 7, index_bits: 9, root_bits }),
        }
    }

    #[inline]
    pub(crate) const fn pte_bytes(self) -> u8 {
        if self.index_bits == 10 { 4 } else { 8 }
    }

    /// Bits of an address that the scheme translates.
    #[inline]
    pub(crate) const fn width(self) -> u32 {
        12 + self.levels as u32 * self.index_bits as u32 + self.root_bits as u32
    }

    /// Lowest address bit that this level resolves: log2 of the size of a page mapped here.
    #[inline]
    pub(crate) const fn shift(self, level: u8) -> u32 {
        12 + level as u32 * self.index_bits as u32
    }

    /// Offset in bytes of the PTE for `addr` in its table.
    #[inline]
    pub(crate) const fn offset(self, addr: u64, level: u8) -> u64 {
        let bits = self.index_bits as u32 + if level + 1 == self.levels { self.root_bits as u32 } else { 0 };
        ((addr >> self.shift(level)) & ((1 << bits) - 1)) * self.pte_bytes() as u64
    }
}

/// The page that a leaf maps, or none when its PPN is misaligned or its NAPOT encoding is reserved: base address and
/// log2 of the size.
#[inline]
pub(crate) const fn leaf_range(pte: crate::Pte, scheme: Scheme, level: u8) -> Option<(u64, u32)> {
    let (ppn, shift) = (pte.ppn(), scheme.shift(level));
    if pte.n() {
        // Svnapot: only 64 KiB at level 0 is defined.
        return if level == 0 && ppn & 0xf == 0b1000 { Some(((ppn & !0xf) << 12, 16)) } else { None };
    }
    if ppn & ((1 << (shift - 12)) - 1) != 0 {
        return None;
    }
    Some((ppn << 12, shift))
}
