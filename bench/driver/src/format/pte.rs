// SPDX-License-Identifier: Apache-2.0
//! Page-table entries and paging schemes (Privileged specification, Sv39 to Sv57 and their x4 forms).

use core::fmt;

use super::{PAGE, PPN_10, ppn_at_10};

/// Which of the two stages of translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// IOVA to guest physical, or to physical where the second stage is Bare
    First,
    /// Guest physical to physical
    Second,
}

/// A paging scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// 39-bit first stage, three levels
    Sv39,
    /// 48-bit first stage, four levels
    Sv48,
    /// 57-bit first stage, five levels
    Sv57,
    /// 41-bit second stage, three levels
    Sv39x4,
    /// 50-bit second stage, four levels
    Sv48x4,
    /// 59-bit second stage, five levels
    Sv57x4,
}

impl Scheme {
    /// All schemes of a stage, largest first: the order in which Linux prefers them.
    pub const fn of(stage: Stage) -> [Scheme; 3] {
        match stage {
            Stage::First => [Scheme::Sv57, Scheme::Sv48, Scheme::Sv39],
            Stage::Second => [Scheme::Sv57x4, Scheme::Sv48x4, Scheme::Sv39x4],
        }
    }

    /// The stage that it serves.
    pub const fn stage(self) -> Stage {
        match self {
            Scheme::Sv39 | Scheme::Sv48 | Scheme::Sv57 => Stage::First,
            Scheme::Sv39x4 | Scheme::Sv48x4 | Scheme::Sv57x4 => Stage::Second,
        }
    }

    /// Levels of the table.
    pub const fn levels(self) -> u8 {
        match self {
            Scheme::Sv39 | Scheme::Sv39x4 => 3,
            Scheme::Sv48 | Scheme::Sv48x4 => 4,
            Scheme::Sv57 | Scheme::Sv57x4 => 5,
        }
    }

    /// `MODE` in `iosatp` or `iohgatp` (with `SXL` or `GXL` 0).
    pub const fn mode(self) -> u64 {
        5 + self.levels() as u64
    }

    /// The scheme that a `MODE` field of a stage names; `None` for Bare and for reserved encodings.
    pub fn from_mode(stage: Stage, mode: u64) -> Option<Scheme> {
        Scheme::of(stage).into_iter().find(|s| s.mode() == mode)
    }

    /// Width of the input address in bits.
    pub const fn address_bits(self) -> u32 {
        let wide = match self.stage() {
            Stage::First => 0,
            Stage::Second => 2,
        };
        12 + 9 * self.levels() as u32 + wide
    }

    /// Pages of the root table: 16 KiB for the second stage, and aligned to as much.
    pub const fn root_pages(self) -> u64 {
        match self.stage() {
            Stage::First => 1,
            Stage::Second => 4,
        }
    }

    /// Index into a table of `level` (0 is the last one).
    pub const fn index(self, addr: u64, level: u8) -> u16 {
        let bits = if level + 1 == self.levels() && matches!(self.stage(), Stage::Second) { 11 } else { 9 };
        (addr >> (12 + 9 * level as u32) & ((1 << bits) - 1)) as u16
    }

    /// The first address of the upper half of a sign-extended space; the second stage has none.
    pub const fn upper_half(self) -> Option<u64> {
        match self.stage() {
            Stage::First => Some(u64::MAX << (self.address_bits() - 1)),
            Stage::Second => None,
        }
    }

    /// Whether the scheme can translate the address at all: sign-extended for the first stage, zero-extended for
    /// the second.
    pub const fn translates(self, addr: u64) -> bool {
        let bits = self.address_bits();
        match self.stage() {
            Stage::First => {
                let shift = 64 - bits;
                (((addr << shift) as i64) >> shift) as u64 == addr
            }
            Stage::Second => addr >> bits == 0,
        }
    }
}

/// The size of a page: the level of its leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageSize(u8);

impl PageSize {
    /// 4 KiB
    pub const SIZE_4K: PageSize = PageSize(0);
    /// 2 MiB
    pub const SIZE_2M: PageSize = PageSize(1);
    /// 1 GiB
    pub const SIZE_1G: PageSize = PageSize(2);
    /// 512 GiB
    pub const SIZE_512G: PageSize = PageSize(3);
    /// 256 TiB
    pub const SIZE_256T: PageSize = PageSize(4);

    /// The page of a leaf at this level, 0 to 4.
    pub const fn from_level(level: u8) -> Option<PageSize> {
        if level < 5 { Some(PageSize(level)) } else { None }
    }

    /// The level of its leaf.
    pub const fn level(self) -> u8 {
        self.0
    }

    /// Its bytes.
    pub const fn bytes(self) -> u64 {
        PAGE << (9 * self.0 as u32)
    }
}

impl fmt::Display for PageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(["4K", "2M", "1G", "512G", "256T"].get(usize::from(self.0)).copied().unwrap_or("?"))
    }
}

/// What a leaf entry allows and how it is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prot {
    /// Readable
    pub read: bool,
    /// Writable
    pub write: bool,
    /// Executable
    pub execute: bool,
    /// `U`. Needed for traffic without supervisor privilege, and always in the second stage.
    pub user: bool,
    /// `G`: in all address spaces
    pub global: bool,
    /// `A`
    pub accessed: bool,
    /// `D`
    pub dirty: bool,
    /// Svpbmt: 0 PMA, 1 NC, 2 IO
    pub pbmt: u8,
}

impl Prot {
    /// Read only.
    pub const R: Prot = Prot {
        read: true,
        write: false,
        execute: false,
        user: true,
        global: false,
        accessed: true,
        dirty: true,
        pbmt: 0,
    };
    /// Read and write. A and D are set: without hardware update a page that lacks them only faults.
    pub const RW: Prot = Prot { write: true, ..Prot::R };
    /// Read, write and execute.
    pub const RWX: Prot = Prot { write: true, execute: true, ..Prot::R };
}

/// A page-table entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pte(pub u64);

impl Pte {
    /// An entry that points to the next table.
    pub const fn table(addr: u64) -> Pte {
        Pte(ppn_at_10(addr) | 1)
    }

    /// A leaf.
    pub const fn leaf(addr: u64, prot: Prot) -> Pte {
        Pte(ppn_at_10(addr)
            | 1
            | (prot.read as u64) << 1
            | (prot.write as u64) << 2
            | (prot.execute as u64) << 3
            | (prot.user as u64) << 4
            | (prot.global as u64) << 5
            | (prot.accessed as u64) << 6
            | (prot.dirty as u64) << 7
            | (prot.pbmt as u64 & 3) << 61)
    }

    /// `V`
    pub const fn valid(self) -> bool {
        self.0 & 1 != 0
    }

    /// Any of R, W, X: a leaf if it is valid.
    pub const fn is_leaf(self) -> bool {
        self.0 & 0xe != 0
    }

    /// `G`
    pub const fn global(self) -> bool {
        self.0 & 1 << 5 != 0
    }

    /// The address that the page number stands for.
    pub const fn addr(self) -> u64 {
        (self.0 & PPN_10) >> 10 << 12
    }

    /// The same entry with another page number.
    #[must_use]
    pub const fn with_addr(self, addr: u64) -> Pte {
        Pte(self.0 & !PPN_10 | ppn_at_10(addr))
    }
}
