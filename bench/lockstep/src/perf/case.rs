// SPDX-License-Identifier: Apache-2.0
//! What is measured: page tables, and a pattern of requests.

/// Page tables between a device and memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tables {
    /// `ddtp.iommu_mode` is Bare: there is no device directory
    Bare,
    /// A device context with both stages Bare
    Identity,
    /// First stage alone
    First(Page),
    /// Second stage alone
    Second(Page),
    /// Both
    Nested(Page),
    /// Second stage, and an MSI page table that the requests go to
    Msi,
}

/// The size of the leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Page {
    /// 4 KiB
    Small,
    /// 64 KiB by Svnapot
    Napot,
    /// 2 MiB
    Large,
}

impl Page {
    /// Its bytes.
    pub const fn bytes(self) -> u64 {
        match self {
            Page::Small => 4 << 10,
            Page::Napot => 64 << 10,
            Page::Large => 2 << 20,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Page::Small => "4k",
            Page::Napot => "64k",
            Page::Large => "2m",
        }
    }
}

/// A pattern of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pattern {
    /// The same page again and again
    Hit,
    /// The next page each time: directory and tables are known, the leaf is not
    Near,
    /// Everything was invalidated before each request
    Cold,
    /// The directory was invalidated before each request, the translations were not
    Directory,
    /// As [`Pattern::Hit`], while another device is refused all the time
    Neighbour,
    /// As [`Pattern::Hit`], while software invalidates a page that nobody uses, again and again
    Storm,
    /// The blocks that a matrix multiplication reads and writes
    Matrix,
    /// One page after the other in a fixed disorder, each when the one before has been answered
    Chase,
}

impl Pattern {
    /// By its name.
    pub const fn name(self) -> &'static str {
        match self {
            Pattern::Hit => "hit",
            Pattern::Near => "near",
            Pattern::Cold => "cold",
            Pattern::Directory => "directory",
            Pattern::Neighbour => "neighbour",
            Pattern::Storm => "storm",
            Pattern::Matrix => "matrix",
            Pattern::Chase => "chase",
        }
    }

    /// In a sentence.
    pub const fn sentence(self) -> &'static str {
        match self {
            Pattern::Hit => "the same page again and again",
            Pattern::Near => "the next page each time",
            Pattern::Cold => "everything was invalidated before each request",
            Pattern::Directory => "the device directory was invalidated before each request",
            Pattern::Neighbour => "hits, while another device is refused all the time",
            Pattern::Storm => "hits, while software invalidates a page that nobody uses",
            Pattern::Matrix => "the blocks of a matrix multiplication, 96 pages",
            Pattern::Chase => "a pointer chase over 256 pages",
        }
    }
}

/// Page tables and a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Case {
    /// Between device and memory
    pub tables: Tables,
    /// What the devices ask for
    pub pattern: Pattern,
}

const PATTERNS: [Pattern; 4] = [Pattern::Hit, Pattern::Near, Pattern::Cold, Pattern::Directory];

const TABLES: [Tables; 7] = [
    Tables::First(Page::Small),
    Tables::First(Page::Napot),
    Tables::First(Page::Large),
    Tables::Second(Page::Small),
    Tables::Nested(Page::Small),
    Tables::Nested(Page::Large),
    Tables::Msi,
];

impl Case {
    /// All cases, in the order in which they are reported.
    pub fn all() -> Vec<Case> {
        let case = |tables, pattern| Case { tables, pattern };
        let mut all = vec![
            case(Tables::Bare, Pattern::Hit),
            case(Tables::Identity, Pattern::Hit),
            case(Tables::Identity, Pattern::Cold),
        ];
        all.extend(TABLES.iter().flat_map(|&tables| PATTERNS.map(|pattern| case(tables, pattern))));
        let rest = [Pattern::Neighbour, Pattern::Storm, Pattern::Matrix, Pattern::Chase];
        all.extend(rest.map(|pattern| case(Tables::Nested(Page::Small), pattern)));
        all
    }

    /// `nested-4k.hit`
    pub fn name(self) -> String {
        let pattern = self.pattern.name();
        match self.tables {
            Tables::Bare => format!("bare.{pattern}"),
            Tables::Identity => format!("identity.{pattern}"),
            Tables::First(page) => format!("s1-{}.{pattern}", page.name()),
            Tables::Second(page) => format!("g-{}.{pattern}", page.name()),
            Tables::Nested(page) => format!("nested-{}.{pattern}", page.name()),
            Tables::Msi => format!("msi.{pattern}"),
        }
    }

    /// By its name.
    pub fn from_name(name: &str) -> Option<Case> {
        Case::all().into_iter().find(|case| case.name() == name)
    }
}
