// SPDX-License-Identifier: Apache-2.0
//! What a program knows of its machine while it is drawn: what the IOMMU has, domains, devices, and who is where.

use scenario::Requirement;

use super::tree::Tree;

/// Bytes of a small page.
pub const PAGE: u64 = 0x1000;

/// What a domain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One stage, mapped by the host
    Paging,
    /// A second stage that guests can be nested on
    Parent,
    /// The first stage of a guest on this parent
    Nested(usize),
    /// The process directory of a guest on this parent
    Directory(usize),
    /// No translation
    Identity,
}

/// A mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// First address
    pub iova: u64,
    /// Length in bytes
    pub bytes: u64,
    /// Bytes of a page of it
    pub page: u64,
}

/// A domain.
#[derive(Clone, Debug)]
pub struct Domain {
    /// Its name
    pub name: String,
    /// What it is
    pub kind: Kind,
    /// Its mode, if it has a page table: `sv39`
    pub mode: &'static str,
    /// What it maps
    pub map: Vec<Piece>,
    /// Interrupt files of a parent
    pub files: u64,
    /// It is there now
    pub there: bool,
    /// It is made by a step
    pub late: bool,
}

impl Domain {
    /// It is a stage of translation with a table of its own.
    pub fn has_table(&self) -> bool {
        matches!(self.kind, Kind::Paging | Kind::Parent | Kind::Nested(_))
    }

    /// Levels of its page table.
    pub fn levels(&self) -> u64 {
        match self.mode {
            "sv48" | "sv48x4" => 4,
            "sv57" | "sv57x4" => 5,
            _ => 3,
        }
    }

    /// The parent that it lies on.
    pub fn parent(&self) -> Option<usize> {
        match self.kind {
            Kind::Nested(parent) | Kind::Directory(parent) => Some(parent),
            _ => None,
        }
    }
}

/// A process of a device, and the domain that it has.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    /// Its process_id
    pub id: u64,
    /// Its domain now
    pub domain: Option<usize>,
}

/// A device.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its name
    pub name: String,
    /// The domain that it has now
    pub domain: Option<usize>,
    /// It has a process directory of its own
    pub directory: bool,
    /// The processes of it that a program speaks of
    pub processes: Vec<Process>,
    /// It has ATS
    pub ats: bool,
    /// It has page requests
    pub page_requests: bool,
}

/// What is known while a program is drawn.
#[derive(Clone, Debug)]
pub struct World {
    /// What the IOMMU has
    pub has: u64,
    /// Contexts have 64 bytes
    pub extended: bool,
    /// Domains, in the order of the file
    pub domains: Vec<Domain>,
    /// Devices, in the order of the file
    pub devices: Vec<Device>,
    /// Names of the streams that run, each with its device
    pub streams: Vec<(String, usize)>,
    /// How many streams there have been
    pub started: u64,
    /// Memory answers with errors
    pub broken: bool,
    /// The command queue may have stopped at an error
    pub stopped: bool,
}

impl World {
    /// The IOMMU has it.
    pub fn offers(&self, needed: Requirement) -> bool {
        needed.bits() != 0 && needed.met_by(self.has)
    }

    /// Domains of which this holds, by their places.
    pub fn domains_that(&self, holds: impl Fn(&Domain) -> bool) -> Vec<usize> {
        (0..self.domains.len()).filter(|at| holds(&self.domains[*at])).collect()
    }

    /// Whoever uses a domain, or one that lies on it: free or not, nobody can take it away.
    pub fn is_used(&self, domain: usize) -> bool {
        let uses = |one: Option<usize>| one == Some(domain);
        let on_it = |own: &Domain| own.there && own.parent() == Some(domain);
        self.devices.iter().any(|device| uses(device.domain) || device.processes.iter().any(|own| uses(own.domain)))
            || self.domains.iter().any(on_it)
    }

    /// The domain through which the requests of a device go, or of one of its processes.
    pub fn domain_of(&self, device: usize, process: Option<u64>) -> Option<usize> {
        let device = self.devices.get(device)?;
        match process {
            Some(id) => device.processes.iter().find(|own| own.id == id)?.domain,
            None => device.domain,
        }
    }

    /// A device's name, as a value.
    pub fn device(&self, at: usize) -> Tree {
        self.devices.get(at).map_or("", |device| device.name.as_str()).into()
    }

    /// A domain's name, as a value.
    pub fn domain(&self, at: usize) -> Tree {
        self.domains.get(at).map_or("", |domain| domain.name.as_str()).into()
    }
}
