// SPDX-License-Identifier: Apache-2.0
//! What a program is: a machine, domains, devices, traffic, and operations one after the other. It is data, so that it
//! can be printed and made smaller.

use std::fmt;

use driver::format::{PageSize, ProcessMode, Prot, Scheme};
use driver::{Completion, FlushPolicy};
use golden::Capabilities;
use testbench::Kind;

/// First address of what devices access: IOVA, guest physical, and, where nothing translates, memory of nobody.
pub const DATA: u64 = 0x10_0000_0000;
/// Slots of it are so far apart.
pub const SLOT: u64 = 4 << 20;
/// How many there are.
pub const SLOTS: u64 = 4;
/// Interrupt files, guest physical.
pub const MSI: u64 = 0x14_0000_0000;
/// Page tables of guests, guest physical.
pub const TABLES: u64 = 0x18_0000_0000;
/// Pages of each.
pub const TABLE_PAGES: u64 = 20;
/// Interrupt files of a window.
pub const FILES: u32 = 4;

/// The device under test and what is around it.
#[derive(Clone, Debug)]
pub struct MachineSpec {
    pub capabilities: Capabilities,
    pub mem_latency: (u32, u32),
    pub ptw_latency: (u32, u32),
    pub reorder: bool,
    pub stall: u8,
    pub mem_stall: u8,
    pub directory_levels: u8,
    pub fault_queue_log2: u8,
    pub command_queue_log2: u8,
    pub flush: FlushPolicy,
    pub completion: Completion,
    pub page_flushes: usize,
    pub poison: bool,
    pub poll: u64,
    pub pscids: u32,
    pub gscids: u16,
}

/// A domain.
#[derive(Clone, Debug)]
pub enum DomainSpec {
    /// A first stage of the host
    Paging { scheme: Scheme },
    /// A second stage
    Parent { scheme: Scheme, msi: bool },
    /// A guest's first stage on a parent
    Nested { parent: usize, scheme: Scheme, pscid: u32 },
}

/// A device with its IDs.
#[derive(Clone, Debug)]
pub struct DeviceSpec {
    pub ids: Vec<u32>,
}

/// What a device does all the time.
#[derive(Clone, Debug)]
pub struct Traffic {
    pub device: usize,
    pub id: usize,
    pub process: Option<u32>,
    pub kind: Kind,
    pub start: u64,
    pub bytes: u64,
    pub outstanding: u32,
    pub gap: u32,
    pub beats: u32,
}

/// What something is attached to, by its place in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    Blocked,
    Identity,
    Domain(usize),
}

/// One operation. Where it makes no sense the driver refuses it, and nothing changes.
#[derive(Clone, Debug)]
pub enum Op {
    Attach {
        device: usize,
        to: To,
    },
    Replace {
        device: usize,
        to: To,
    },
    Detach {
        device: usize,
    },
    EnableProcesses {
        device: usize,
        mode: ProcessMode,
    },
    DisableProcesses {
        device: usize,
    },
    AttachProcess {
        device: usize,
        process: u32,
        to: To,
    },
    ReplaceProcess {
        device: usize,
        process: u32,
        to: To,
    },
    DetachProcess {
        device: usize,
        process: u32,
    },
    /// On a nested domain: in the table of the guest. `output` is a slot of guest memory, or the interrupt files.
    Map {
        domain: usize,
        iova: u64,
        bytes: u64,
        page: Option<PageSize>,
        prot: Prot,
        output: Option<u64>,
    },
    /// `give_up`: the memory behind it is freed
    Unmap {
        domain: usize,
        iova: u64,
        bytes: u64,
        give_up: bool,
    },
    Cut {
        domain: usize,
        at: u64,
    },
    Protect {
        domain: usize,
        iova: u64,
        bytes: u64,
        prot: Prot,
    },
    Split {
        domain: usize,
        iova: u64,
    },
    Merge {
        domain: usize,
        iova: u64,
    },
    MsiMap {
        domain: usize,
        file: u32,
    },
    MsiMove {
        domain: usize,
        file: u32,
        give_up: bool,
    },
    MsiUnmap {
        domain: usize,
        file: u32,
        give_up: bool,
    },
    MsiSwitch {
        domain: usize,
        on: bool,
    },
    /// A page of a guest's tables is taken away for a while.
    HideTable {
        domain: usize,
        page: u64,
        wait: u64,
    },
    Create {
        domain: usize,
    },
    Free {
        domain: usize,
    },
    /// The fault queue is drained.
    Drain,
    /// Own steps: a leaf by way of V clear, and an invalidation of its page; `far`: of all pages of the tag
    OwnPte {
        domain: usize,
        iova: u64,
        writable: bool,
        moved: bool,
        far: bool,
    },
    /// Own steps: the context of a device by way of V clear, to another domain and, after a wait, back again
    OwnContext {
        device: usize,
        to: To,
        wait: u64,
    },
    /// Own steps: an invalidation that nobody needs, with a fence or without
    OwnInvalidation {
        which: u64,
        fence: bool,
    },
    /// The allocation that fails next.
    FailAllocation {
        nth: u64,
    },
}

/// A program.
#[derive(Clone, Debug)]
pub struct Program {
    pub seed: u64,
    pub machine: MachineSpec,
    pub domains: Vec<DomainSpec>,
    pub devices: Vec<DeviceSpec>,
    pub traffic: Vec<Traffic>,
    /// Each with the wait behind it
    pub ops: Vec<(Op, u64)>,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {:?}", self.seed, self.machine)?;
        for (at, domain) in self.domains.iter().enumerate() {
            writeln!(f, "  domain {at}: {domain:?}")?;
        }
        for (at, device) in self.devices.iter().enumerate() {
            writeln!(f, "  device {at}: {device:x?}")?;
        }
        for traffic in &self.traffic {
            writeln!(f, "  {traffic:x?}")?;
        }
        for (at, (op, wait)) in self.ops.iter().enumerate() {
            writeln!(f, "  {at}: {op:x?}, wait {wait}")?;
        }
        Ok(())
    }
}

impl Program {
    /// Whether a domain nests on another one.
    pub fn is_nested(&self, domain: usize) -> bool {
        matches!(self.domains.get(domain), Some(DomainSpec::Nested { .. }))
    }
}
