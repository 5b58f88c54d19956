// SPDX-License-Identifier: Apache-2.0
//! Page tables of both stages: paging schemes, and what an entry says to an access (Privileged specification, "Supervisor"
//! and "Two-Stage Address Translation").

use crate::bits::mask;
use crate::{Access, Kind, Pte, Request};

/// Format of page tables. A scheme is a format and a number of levels; second stages have two more index bits at the
/// root.
pub(crate) trait Format {
    /// Index bits at each level
    const INDEX_BITS: u32;
    /// Bytes of a PTE
    const PTE_BYTES: u8;

    /// Bits of an address, without the two more of a second stage.
    #[inline(always)]
    fn width(levels: u8) -> u32 {
        Self::shift(levels)
    }

    /// log2 of the size of a page at a level.
    #[inline(always)]
    fn shift(level: u8) -> u32 {
        12 + u32::from(level) * Self::INDEX_BITS
    }

    /// Offset of the PTE for `addr` in a table at a level that has these index bits.
    #[inline(always)]
    fn offset(addr: u64, level: u8, index_bits: u32) -> u64 {
        ((addr >> Self::shift(level)) & ((1 << index_bits) - 1)) * u64::from(Self::PTE_BYTES)
    }
}

/// Sv32 and Sv32x4
pub(crate) struct Rv32;

impl Format for Rv32 {
    const INDEX_BITS: u32 = 10;
    const PTE_BYTES: u8 = 4;
}

/// Sv39 to Sv57, Sv39x4 to Sv57x4
pub(crate) struct Rv64;

impl Format for Rv64 {
    const INDEX_BITS: u32 = 9;
    const PTE_BYTES: u8 = 8;
}

const V: u64 = 0x01;
const R: u64 = 0x02;
const W: u64 = 0x04;
const X: u64 = 0x08;
const U: u64 = 0x10;
pub(crate) const G: u64 = 0x20;
const A: u64 = 0x40;
const D: u64 = 0x80;
const PBMT: u64 = mask(62, 61);
const N: u64 = 1 << 63;

/// What an access needs of a PTE, in one register: R, W, X in place; D where it may write; and a bit that no PTE has any
/// use for here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need(u64);

impl Need {
    /// An implicit read of a table.
    pub(crate) const READ: Self = Self(R);
    /// An implicit update of a table.
    pub(crate) const UPDATE: Self = Self(R | W | D);

    const LENIENT: u64 = 1 << 63;

    #[inline(always)]
    pub(crate) const fn of(request: &Request) -> Self {
        match (request.kind, request.access) {
            (Kind::Ats { no_write: true, .. }, _) => Self(Self::LENIENT),
            (Kind::Ats { no_write: false, .. }, _) => Self(Self::LENIENT | D),
            (_, Access::Read) => Self::READ,
            (_, Access::Write) => Self(W | D),
            (_, Access::Execute) => Self(X),
        }
    }

    /// Permission bits of a PTE that must be there; none for an ATS translation request.
    #[inline(always)]
    pub(crate) const fn permissions(self) -> u64 {
        self.0 & (R | W | X)
    }

    /// The access may write: D has to be set, by hardware if it may.
    const fn dirty(self) -> bool {
        self.0 & D != 0
    }

    /// Lack of D is no fault, but lack of W permission: an ATS translation request.
    const fn lenient(self) -> bool {
        self.0 & Self::LENIENT != 0
    }
}

/// Whose pages an access may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Privilege {
    /// User pages only: an access without supervisor privilege, and every access in the second stage.
    User,
    /// Pages that are not for the user.
    Supervisor,
    /// All pages, user pages not for execution (SUM).
    SupervisorUser,
}

/// A page that a stage found. Fields have the width of registers: it is copied often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Translated address with the offset
    pub addr: u64,
    /// R, W, X and G in place as in a PTE; W only where the page is dirty
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
        Self { addr, bits: R | W | X, size_log2: 64, pbmt: 0 }
    }

    /// What an MSI PTE makes of the page of an interrupt file: it has the permissions of a PTE with R and W set.
    pub(crate) const fn msi(addr: u64) -> Self {
        Self { addr, bits: R | W, size_log2: 12, pbmt: 0 }
    }

    /// The page that a leaf maps around `addr`.
    #[inline(always)]
    const fn of(addr: u64, base: u64, size_log2: u32, pte: Pte) -> Self {
        let offset = addr & !(u64::MAX << size_log2);
        let bits = pte.0 & (R | X | G | ((pte.0 >> (D.ilog2() - W.ilog2())) & W));
        Self { addr: base | offset, bits, size_log2, pbmt: pte.pbmt() as u32 }
    }
}

/// What an entry says to an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The next table is where the PPN says.
    Table,
    /// The access goes to this page.
    Page(Page),
    /// So it does once hardware has set these bits, A or D; the page is the one that it is then.
    Update(u64, Page),
    /// The stage's page fault
    Fault,
}

/// Where an entry leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// To the next table
    Table(Pte),
    /// To a page
    Page(Page),
}

/// The rules by which the entries of a stage are judged for one access.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Bits that must be 0 in a leaf
    pub reserved: u64,
    /// What for
    pub need: Need,
    /// Whose pages
    pub privilege: Privilege,
}

impl Rules {
    /// The entry points to the next table: V is set, R, W and X are not, nor is anything that is reserved there: what is
    /// reserved in a leaf, N and PBMT, U, A and D (Privileged specification, "Addressing and Memory Protection", Svnapot,
    /// Svpbmt).
    #[inline(always)]
    pub(crate) const fn is_pointer(&self, pte: Pte) -> bool {
        pte.0 & (self.reserved | N | PBMT | V | R | W | X | U | A | D) == V
    }

    /// The page of a leaf that has nothing unusual about it, or none: it may be good all the same, and [`Self::judge`]
    /// says.
    ///
    /// Nearly all leaves are told by the one comparison here: readable besides what the access needs, A set (and D for a
    /// write), U as it must be, no NAPOT, no memory type. What it takes, [`Self::judge`] takes alike: a property test
    /// says so.
    #[inline(always)]
    pub(crate) const fn usual_page(&self, pte: Pte, addr: u64, shift: u32) -> Option<Page> {
        let user = match self.privilege {
            Privilege::User => U,
            Privilege::Supervisor | Privilege::SupervisorUser => 0,
        };
        let required = V | R | A | user | (self.need.0 & !Need::LENIENT);
        let looked_at = required | U | self.reserved | N | PBMT;
        let base = pte.ppn() << 12;
        if pte.0 & looked_at == required && base & !(u64::MAX << shift) == 0 {
            Some(Page { pbmt: 0, ..Page::of(addr, base, shift, pte) })
        } else {
            None
        }
    }

    /// What an entry at `level` says, where a page has `2^shift` bytes; `updates`: hardware sets A and D.
    pub(crate) const fn judge(&self, pte: Pte, addr: u64, level: u8, shift: u32, updates: bool) -> Verdict {
        if level > 0 && self.is_pointer(pte) {
            return Verdict::Table;
        }
        // W without R is reserved, also where a hart would take it for a shadow stack page.
        let valid = pte.v()
            && pte.is_leaf()
            && pte.0 & (R | W) != W
            && pte.0 & self.reserved == 0
            && pte.pbmt() != 3
            && match self.privilege {
                Privilege::User => pte.u(),
                Privilege::Supervisor => !pte.u(),
                Privilege::SupervisorUser => !pte.u() || self.need.permissions() & X == 0,
            };
        if !valid || pte.0 & self.need.permissions() != self.need.permissions() {
            return Verdict::Fault;
        }
        let Some((base, size_log2)) = leaf_range(pte, level, shift) else { return Verdict::Fault };
        let missing = self.missing_bits(pte);
        if missing != 0 && updates {
            return Verdict::Update(missing, self.page(addr, base, size_log2, Pte(pte.0 | missing)));
        }
        if missing & A != 0 || (missing != 0 && !self.need.lenient()) {
            return Verdict::Fault;
        }
        Verdict::Page(self.page(addr, base, size_log2, pte))
    }

    const fn page(&self, addr: u64, base: u64, size_log2: u32, pte: Pte) -> Page {
        let mut page = Page::of(addr, base, size_log2, pte);
        if pte.u() && !matches!(self.privilege, Privilege::User) {
            // Never to be executed with supervisor privilege, whatever SUM says.
            page.bits &= !X;
        }
        page
    }

    /// A and D bits that the access needs and the leaf does not have.
    const fn missing_bits(&self, pte: Pte) -> u64 {
        // An ATS request that may write makes the page dirty only if it may be written at all.
        let dirty = self.need.dirty() && (!self.need.lenient() || pte.w());
        let wanted = A | if dirty { D } else { 0 };
        wanted & !pte.0
    }
}

/// The page that a leaf maps, or none when its PPN is misaligned or its NAPOT encoding is reserved: base address and
/// log2 of the size.
const fn leaf_range(pte: Pte, level: u8, shift: u32) -> Option<(u64, u32)> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Entries of all bits, and entries that differ from a plain pointer or leaf in a few.
    fn pte() -> impl Strategy<Value = Pte> {
        let flags = prop_oneof![0u64..0x400, Just(V), Just(V | R | W | X | U | A | D), Just(V | R | A | U)];
        let high = prop_oneof![6 => Just(0u64), 1 => 0u64..0x400];
        let ppn = prop_oneof![any::<u64>(), any::<u64>().prop_map(|ppn| ppn << 27), Just(0b1000)];
        let near = (flags, high, ppn, any::<bool>(), 0u32..64)
            .prop_map(|(flags, high, ppn, flip, bit)| Pte((flags | high << 54) ^ u64::from(flip) << bit).with_ppn(ppn));
        prop_oneof![1 => any::<u64>().prop_map(Pte), 8 => near]
    }

    fn rules() -> impl Strategy<Value = Rules> {
        let reserved = prop_oneof![Just(mask(58, 54)), Just(mask(60, 54)), Just(mask(62, 54))];
        let need = prop_oneof![
            Just(Need::READ),
            Just(Need::UPDATE),
            Just(Need(W | D)),
            Just(Need(X)),
            Just(Need(Need::LENIENT)),
            Just(Need(Need::LENIENT | D)),
        ];
        let privilege =
            prop_oneof![Just(Privilege::User), Just(Privilege::Supervisor), Just(Privilege::SupervisorUser)];
        (reserved, need, privilege).prop_map(|(reserved, need, privilege)| Rules { reserved, need, privilege })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// The comparison that takes most pages takes none that the rules one by one do not give alike, whether or not
        /// hardware updates A and D.
        #[test]
        fn usual_pages_are_pages(rules in rules(), pte in pte(), addr in any::<u64>(), level in 0u8..5, updates in any::<bool>()) {
            let shift = Rv64::shift(level);
            if let Some(page) = rules.usual_page(pte, addr, shift) {
                prop_assert_eq!(rules.judge(pte, addr, level, shift, updates), Verdict::Page(page));
            }
        }

        /// An entry is a pointer or a page or neither, never both.
        #[test]
        fn pointers_are_no_pages(rules in rules(), pte in pte(), addr in any::<u64>(), level in 0u8..5) {
            let shift = Rv64::shift(level);
            if rules.is_pointer(pte) {
                prop_assert_eq!(rules.usual_page(pte, addr, shift), None);
                let verdict = if level > 0 { Verdict::Table } else { Verdict::Fault };
                prop_assert_eq!(rules.judge(pte, addr, level, shift, true), verdict);
            }
        }

        /// Nearly every page of working software is told by the one comparison: permissions for everything, A and D set.
        #[test]
        fn plain_pages_are_usual(rules in rules(), ppn in any::<u64>(), addr in any::<u64>()) {
            let user = if rules.privilege == Privilege::User { U } else { 0 };
            let pte = Pte(V | R | W | X | A | D | user).with_ppn(ppn);
            prop_assert!(rules.usual_page(pte, addr, Rv64::shift(0)).is_some());
        }
    }
}
