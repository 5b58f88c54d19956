// SPDX-License-Identifier: Apache-2.0
//! What software sets up: programming policy, domains, devices.

use schemars::JsonSchema;
use serde::Deserialize;

use super::at::{At, Named};
use super::ats::DeviceAts;
use super::msi::MsiWindow;
use super::scalar::{Number, Size};

/// How the driver programs the IOMMU.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Driver {
    /// How a device context is changed while its device may be active
    pub policy: At<Policy>,
    /// When translations are flushed
    pub flush: At<Flush>,
    /// Bugs that are switched on, for negative controls
    pub faults: Vec<At<DriverFault>>,
    /// Cycles that the handler of faults takes for itself between making room in the fault queue and looking for errors
    pub handler_pause: u32,
    /// How many entries the page-request queue has, a power of two; default: 64
    pub page_queue: Option<At<u32>>,
    /// How many PSCIDs there are, from 1; default: all
    pub pscids: Option<At<u32>>,
    /// How many GSCIDs there are, from 1; default: all
    pub gscids: Option<At<u16>>,
    /// Physical address of the driver's memory, 256 MiB: queues, directories, page tables and the memory of guests lie in it.
    /// Default: 0x8000_0000
    pub memory: Option<At<Number>>,
    /// Entries of the command queue, a power of two from 2 on; default: 64
    pub command_queue: Option<At<u32>>,
    /// Entries of the fault queue, a power of two from 2 on; default: 128
    pub fault_queue: Option<At<u32>>,
}

/// How a device context is changed while its device may be active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// By used bits and one critical word: hitless wherever that is possible, fewest syncs
    #[default]
    Sequenced,
    /// Clear V, sync, rewrite, set V, sync
    Upstream,
    /// As the reviewed patch did it
    Rfc,
}

impl Policy {
    /// Its name in scenarios and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Policy::Sequenced => "sequenced",
            Policy::Upstream => "upstream",
            Policy::Rfc => "rfc",
        }
    }
}

/// When translations are flushed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Flush {
    /// At each change of a device context, keyed on the old tags, as the specification says
    #[default]
    Spec,
    /// Tags are clean before they are handed out; no flush on attach
    Tags,
}

impl Flush {
    /// Its name in scenarios.
    pub const fn name(self) -> &'static str {
        match self {
            Flush::Spec => "spec",
            Flush::Tags => "tags",
        }
    }
}

/// A bug of the driver that can be switched on. Each was made in earnest, in the reviewed patch or elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DriverFault {
    /// A changed device context is not followed by IODIR.INVAL_DDT
    SkipAttachSync,
    /// A changed device context is followed by IODIR.INVAL_DDT, but no translation is flushed
    SkipAttachFlush,
    /// Unmapping flushes nothing
    SkipUnmapFlush,
    /// Unmapping on a nest parent flushes only for devices that are attached to the parent itself
    SkipNestedUnmapFlush,
    /// Unmapping on a nest parent leaves contexts cached that hold the translated root of a guest
    SkipRootIodir,
    /// First-stage invalidations of guests lack GV, and reach only host entries
    FlushWithoutGv,
    /// No IOTINVAL.GVMA is sent
    SkipGvma,
    /// What devices keep of changed translations is not invalidated by ATS.INVAL
    SkipAtsInvalidation,
    /// PSCID and GSCID go back into their pools without a flush
    SkipReleaseFlush,
    /// Tables are freed before their flush
    FreeBeforeFlush,
    /// A command queue that fails counts as done
    IgnoreCommandErrors,
    /// Fences lack PR and PW
    UnorderedFence,
    /// A new context is written with V in the first store
    ValidFirst,
    /// The old bond goes before the new one is there
    UnlinkFirst,
    /// A nested domain takes the second stage from the live context of a device at allocation
    SnapshotSecondStage,
    /// The context that a guest gives is not checked
    UncheckedContext,
    /// Commands of a guest are passed on as they are
    UncheckedInvalidations,
    /// A PSCID is lost when an allocation fails after it
    LeakPscid,
    /// Detaching leaves the domain referenced
    KeepReference,
    /// A nested domain gets a root and a PSCID of its own, which nothing uses
    NestedAllocates,
    /// Domains of user space are freed by a function of their own, which forgets the identifiers
    SecondFree,
    /// Mapping in a nested domain is accepted, and maps in the parent
    MapOnNested,
    /// Flags are looked at after everything else
    LateFlags,
    /// Dirty tracking is accepted, though nothing tracks
    AcceptDirtyTracking,
    /// The flag that asks for a nest parent is accepted and has no effect
    IgnoreNestParent,
    /// Domains are allocated by what some other IOMMU can do
    ForeignCapabilities,
    /// Each domain that user space asks for is a second stage
    UserSecondStage,
    /// The root is allocated with one page, freed, and allocated again with more, wherever they lie
    RootTwice,
    /// The context of a guest may have any length
    UncheckedLength,
    /// The allocation of a nested domain writes to where user space wants events
    EventPointer,
    /// The context of a guest is kept once for all nested domains on a parent
    ContextPerParent,
    /// A changed process context is not followed by IODIR.INVAL_PDT
    SkipProcessSync,
    /// A changed MSI page table is not followed by IOTINVAL.GVMA; nor is one that was switched on or off, by its tags
    SkipMsiFlush,
}

/// An address space that devices can be attached to.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Domain {
    /// What it is
    pub kind: At<DomainKind>,
    /// A paging domain whose page table can be the second stage of nested domains
    #[serde(default)]
    pub nest_parent: bool,
    /// Paging mode; default: Sv39, or Sv39x4 for a nest parent
    pub mode: Option<At<Mode>>,
    /// Pages of a nest parent that are interrupt files of the guest
    pub msi: Option<At<MsiWindow>>,
    /// The nest parent of a nested domain
    pub parent: Option<At<String>>,
    /// Guest physical address where the memory for a nested domain's page tables begins (64 pages, which the parent
    /// maps). Default: above all that the scenario maps in the parent
    pub tables: Option<At<Number>>,
    /// Size of the pages by which the parent maps the memory for a nested domain's page tables: `4K`, or `2M` for one superpage
    #[serde(default)]
    pub tables_page: At<PageSize>,
    /// A nested domain whose guest has a process directory of this width in place of one page table: its processes are
    /// attached to other nested domains on the same parent, whose page tables they use
    #[schemars(with = "Option<ProcessDirectory>")]
    pub process_directory: Option<At<ProcessDirectory>>,
    /// Requests without a process ID use process 0 of that directory; default: they pass the first stage as they are
    #[serde(default)]
    pub default_process: bool,
    /// PSCID of a paging domain, or the one that the guest of a nested domain chooses; default: the lowest that is free
    pub pscid: Option<At<u32>>,
    /// GSCID of a nest parent; default: the lowest that is free
    pub gscid: Option<At<u32>>,
    /// It is made by a `create` step, not before the first step
    #[serde(default)]
    pub late: bool,
    /// What is mapped when it is made
    #[serde(default)]
    pub map: Vec<At<Mapping>>,
}

impl Domain {
    /// Its paging mode.
    pub fn paging_mode(&self) -> Mode {
        self.mode.as_ref().map_or(if self.nest_parent { Mode::Sv39x4 } else { Mode::Sv39 }, |mode| mode.value)
    }
}

/// What a domain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DomainKind {
    /// One stage of translation, mapped by the host
    Paging,
    /// The first stage of a guest over a nest parent
    Nested,
    /// Addresses pass as they are
    Identity,
    /// Every access is refused
    Blocked,
}

/// Names of domains that always exist.
pub const BUILT_IN_DOMAINS: [(&str, DomainKind); 2] =
    [("identity", DomainKind::Identity), ("blocked", DomainKind::Blocked)];

/// A paging mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// 39 bits, 3 levels
    Sv39,
    /// 48 bits, 4 levels
    Sv48,
    /// 57 bits, 5 levels
    Sv57,
    /// 41 bits, 3 levels, second stage
    Sv39x4,
    /// 50 bits, 4 levels, second stage
    Sv48x4,
    /// 59 bits, 5 levels, second stage
    Sv57x4,
}

impl Mode {
    /// It is a mode of the second stage.
    pub const fn is_second_stage(self) -> bool {
        matches!(self, Mode::Sv39x4 | Mode::Sv48x4 | Mode::Sv57x4)
    }

    /// Width of an input address. First-stage modes sign-extend it, second-stage modes do not.
    pub const fn input_bits(self) -> u32 {
        match self {
            Mode::Sv39 => 39,
            Mode::Sv48 => 48,
            Mode::Sv57 => 57,
            Mode::Sv39x4 => 41,
            Mode::Sv48x4 => 50,
            Mode::Sv57x4 => 59,
        }
    }

    /// The largest address from 0 on that it translates.
    pub const fn lower_end(self) -> u64 {
        let bits = if self.is_second_stage() { self.input_bits() } else { self.input_bits() - 1 };
        (1 << bits) - 1
    }

    /// It translates the address.
    pub const fn translates(self, address: u64) -> bool {
        address <= self.lower_end() || !self.is_second_stage() && !address <= self.lower_end()
    }

    /// It translates all addresses from `first` to `last`. Between the halves of a sign-extended space is a hole.
    pub const fn spans(self, first: u64, last: u64) -> bool {
        let same_half = first >> 63 == last >> 63;
        first <= last && same_half && self.translates(first) && self.translates(last)
    }

    /// Which addresses it translates, in words.
    pub fn addresses(self) -> String {
        let (name, end) = (self.name(), self.lower_end());
        if self.is_second_stage() {
            return format!("`{name}` has the addresses 0x0 to {end:#x}, not sign-extended");
        }
        let sign = self.input_bits() - 1;
        format!(
            "`{name}` has the addresses 0x0 to {end:#x} and {:#x} to {:#x}: bits 63..{sign} are all equal",
            !end,
            u64::MAX
        )
    }

    /// Levels of its page table.
    pub const fn levels(self) -> u8 {
        match self {
            Mode::Sv39 | Mode::Sv39x4 => 3,
            Mode::Sv48 | Mode::Sv48x4 => 4,
            Mode::Sv57 | Mode::Sv57x4 => 5,
        }
    }

    /// Its name in scenarios.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Sv39 => "sv39",
            Mode::Sv48 => "sv48",
            Mode::Sv57 => "sv57",
            Mode::Sv39x4 => "sv39x4",
            Mode::Sv48x4 => "sv48x4",
            Mode::Sv57x4 => "sv57x4",
        }
    }
}

/// A range of pages in a domain.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Mapping {
    /// First I/O virtual address
    pub iova: At<Number>,
    /// Where it leads: a physical address, or a guest physical one for a nested domain. Default: fresh memory
    /// that the driver allocates (not for nested domains)
    pub to: Option<At<Number>>,
    /// Number of pages
    #[serde(default = "one")]
    pub pages: At<u32>,
    /// Size of a page
    #[serde(default)]
    pub page: At<PageSize>,
    /// What is allowed
    #[serde(default)]
    pub access: Rights,
    /// U bit of a first-stage mapping; devices without a process ID access as user. Default: true
    #[serde(default = "yes")]
    pub user: bool,
    /// G bit
    #[serde(default)]
    pub global: bool,
}

fn one() -> At<u32> {
    At::from(1)
}

fn yes() -> bool {
    true
}

impl Mapping {
    /// Bytes that it covers; saturates.
    pub fn bytes(&self) -> u64 {
        self.page.bytes().saturating_mul(u64::from(self.pages.value))
    }

    /// Its last address; saturates.
    pub fn last(&self) -> u64 {
        self.iova.0.saturating_add(self.bytes().saturating_sub(1))
    }
}

/// Size of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum PageSize {
    /// 4 KiB
    #[default]
    #[serde(rename = "4K")]
    K4,
    /// 2 MiB
    #[serde(rename = "2M")]
    M2,
    /// 1 GiB
    #[serde(rename = "1G")]
    G1,
    /// 512 GiB
    #[serde(rename = "512G")]
    G512,
}

impl PageSize {
    /// Its bytes.
    pub const fn bytes(self) -> u64 {
        1 << (12 + 9 * self.level())
    }

    /// Level of the leaf entry in the page table: 0 is 4 KiB.
    pub const fn level(self) -> u32 {
        match self {
            PageSize::K4 => 0,
            PageSize::M2 => 1,
            PageSize::G1 => 2,
            PageSize::G512 => 3,
        }
    }

    /// The size as one would write it.
    pub const fn size(self) -> Size {
        Size(self.bytes())
    }
}

/// What a mapping allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rights {
    /// Read
    R,
    /// Read and write
    #[default]
    Rw,
    /// Execute only
    X,
    /// Read and execute
    Rx,
    /// All
    Rwx,
}

impl Rights {
    /// Reads are allowed.
    pub const fn read(self) -> bool {
        !matches!(self, Rights::X)
    }
    /// Writes are allowed.
    pub const fn write(self) -> bool {
        matches!(self, Rights::Rw | Rights::Rwx)
    }
    /// Instruction fetches are allowed.
    pub const fn execute(self) -> bool {
        matches!(self, Rights::X | Rights::Rx | Rights::Rwx)
    }
}

/// A device behind the IOMMU.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Device {
    /// Its device_id
    pub id: At<Number>,
    /// The domain that it is attached to before the first step; default: it has none, and every access is refused
    pub domain: Option<At<String>>,
    /// Its processes can be attached, by way of a process directory of this width; default: it has none
    pub process_directory: Option<At<ProcessDirectory>>,
    /// It keeps translations of its own (PCIe ATS); default: it has no ATS
    pub ats: Option<At<DeviceAts>>,
    /// QoS IDs of its accesses to memory, as its context has them; default: both 0
    pub qos: Option<At<Qos>>,
}

/// QoS IDs of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Qos {
    /// Resource control ID, 12 bits
    pub rcid: u16,
    /// Monitoring counter ID, 12 bits
    pub mcid: u16,
}

/// Width of the process IDs that a process directory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessDirectory {
    /// 8 bits, one level
    Pd8,
    /// 17 bits, two levels
    Pd17,
    /// 20 bits, three levels
    Pd20,
}

impl ProcessDirectory {
    /// How many bits of a process ID it holds.
    pub const fn bits(self) -> u32 {
        match self {
            ProcessDirectory::Pd8 => 8,
            ProcessDirectory::Pd17 => 17,
            ProcessDirectory::Pd20 => 20,
        }
    }
}

/// Devices and domains by the names that the scenario gave them.
pub type Devices = Named<Device>;
/// Domains by name.
pub type Domains = Named<Domain>;
