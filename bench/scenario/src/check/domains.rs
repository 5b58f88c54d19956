// SPDX-License-Identifier: Apache-2.0
//! Domains, mappings, devices.

use crate::at::At;
use crate::diagnostic::Problem;
use crate::domain::{BUILT_IN_DOMAINS, Domain, DomainKind, Mapping, Mode, PageSize};
use crate::file::Scenario;
use crate::machine::{ContextFormat, Feature};
use crate::place::Place;
use crate::requirement::Requirement;
use crate::scalar::Number;

impl Scenario {
    /// What a domain is, by name; the built-in ones included.
    pub fn domain_kind(&self, name: &str) -> Option<DomainKind> {
        let built_in = || BUILT_IN_DOMAINS.iter().find(|(own, _)| *own == name).map(|(_, kind)| *kind);
        self.domains.get(name).map(|domain| domain.kind.value).or_else(built_in)
    }

    /// Complains if there is no such domain.
    pub(super) fn known_domain(&self, name: &At<String>, problems: &mut Vec<Problem>) -> Option<DomainKind> {
        let kind = self.domain_kind(name);
        if kind.is_none() {
            let known = self.domains.names().chain(BUILT_IN_DOMAINS.iter().map(|(name, _)| *name));
            problems.push(
                Problem::new(name.place, format!("unknown domain `{name}`"), "no such domain").suggest(name, known),
            );
        }
        kind
    }

    /// Complains if there is no such device.
    pub(super) fn known_device(&self, name: &At<String>, problems: &mut Vec<Problem>) {
        if self.devices.get(name).is_none() {
            problems.push(
                Problem::new(name.place, format!("unknown device `{name}`"), "no such device")
                    .suggest(name, self.devices.names()),
            );
        }
    }

    pub(super) fn check_domains(&self, problems: &mut Vec<Problem>) {
        for (name, domain) in self.domains.iter() {
            if BUILT_IN_DOMAINS.iter().any(|(built_in, _)| *built_in == name.value) {
                problems.push(
                    Problem::new(name.place, format!("domain `{name}` exists already"), "a built-in name")
                        .help("leave it out: `identity` and `blocked` need no entry"),
                );
            }
            self.check_kind(name, domain, problems);
            check_tag(name, domain, problems);
            self.check_mode(domain, problems);
            self.check_window(domain, problems);
            for (index, mapping) in domain.map.iter().enumerate() {
                self.check_mapping(domain, mapping, problems);
                check_overlap(mapping, &domain.map[..index], problems);
            }
        }
    }

    fn check_kind(&self, name: &At<String>, domain: &Domain, problems: &mut Vec<Problem>) {
        let kind = &domain.kind;
        match (kind.value, &domain.parent) {
            (DomainKind::Nested, None) => problems.push(
                Problem::new(name.place, format!("nested domain `{name}` has no parent"), "over what?")
                    .help("name a paging domain with `nest-parent: true` as `parent`"),
            ),
            (DomainKind::Nested, Some(parent)) => match self.domains.get(parent) {
                Some(above) if above.kind.value == DomainKind::Paging && above.nest_parent => {}
                Some(above) => problems.push(
                    Problem::new(parent.place, format!("`{parent}` is no nest parent"), "cannot be nested on")
                        .help("a parent is a paging domain with `nest-parent: true`")
                        .and(above.kind.place, "this is what it is"),
                ),
                None => {
                    let known = self.domains.iter().filter(|(_, own)| own.nest_parent).map(|(own, _)| own.as_str());
                    problems.push(
                        Problem::new(parent.place, format!("unknown domain `{parent}`"), "no such domain")
                            .suggest(parent, known),
                    );
                }
            },
            (_, Some(parent)) => problems.push(
                Problem::new(parent.place, "only a nested domain has a parent", "not here")
                    .and(kind.place, "this is no nested domain"),
            ),
            (_, None) => {}
        }
        if let Some(parent) = &domain.parent
            && !domain.late
            && self.domains.get(parent).is_some_and(|above| above.late)
        {
            problems.push(Problem::new(parent.place, format!("`{parent}` is not there at the start"), "`late`"));
        }
        if domain.nest_parent && kind.value != DomainKind::Paging {
            problems.push(Problem::new(kind.place, "only a paging domain can be a nest parent", "not this one"));
        }
        if let (false, Some(tables)) = (kind.value == DomainKind::Nested, &domain.tables) {
            problems.push(Problem::new(tables.place, "only a nested domain says where its tables are", "not here"));
        }
        if let Some(directory) = &domain.process_directory {
            self.check_directory(directory.place, problems);
            if kind.value != DomainKind::Nested {
                problems.push(
                    Problem::new(directory.place, "only a guest's domain has a process directory", "not here")
                        .help("the host's own belongs to a device: `process-directory` there"),
                );
            }
            if let Some(mapping) = domain.map.first() {
                problems.push(
                    Problem::new(mapping.place, "nothing can be mapped here", "no page table")
                        .and(directory.place, "a process directory has its place"),
                );
            }
        } else if domain.default_process {
            problems.push(Problem::new(kind.place, "a default process needs a process directory", "has none"));
        }
        let page = &domain.tables_page;
        if page.value != PageSize::K4 && kind.value != DomainKind::Nested {
            problems.push(Problem::new(page.place, "only a nested domain says where its tables are", "not here"));
        } else if !matches!(page.value, PageSize::K4 | PageSize::M2) {
            problems.push(Problem::new(page.place, "there is no room for tables in so large a page", "`4K` or `2M`"));
        } else if let Some(tables) = domain.tables.as_ref().filter(|tables| !tables.0.is_multiple_of(page.bytes())) {
            let what = format!("{tables} is not aligned to a page of {}", page.size());
            problems.push(Problem::new(tables.place, what, "where the tables begin"));
        }
        if let (DomainKind::Identity | DomainKind::Blocked, Some(mapping)) = (kind.value, domain.map.first()) {
            problems.push(
                Problem::new(mapping.place, "nothing can be mapped here", "no page table")
                    .and(kind.place, "a domain of this kind has none"),
            );
        }
    }

    fn check_directory(&self, place: Place, problems: &mut Vec<Problem>) {
        if !self.needs(Requirement::Pdt) {
            let what = "a process directory needs an IOMMU that knows them";
            problems.push(Problem::new(place, what, "not required so far").help("add `requires: [pdt]`"));
        }
    }

    fn check_window(&self, domain: &Domain, problems: &mut Vec<Problem>) {
        let Some(window) = &domain.msi else { return };
        if !domain.nest_parent {
            problems.push(
                Problem::new(window.place, "only a nest parent has interrupt files", "not here")
                    .help("nested domains on it share them"),
            );
        }
        if !self.needs(Requirement::Msi) {
            problems.push(
                Problem::new(window.place, "interrupt files need MSI page tables", "not required so far")
                    .help("add `requires: [msi]`, and `iommu: { context: extended }`"),
            );
        }
        let files = &window.files;
        if !files.value.is_power_of_two() || files.value > 4096 {
            problems.push(Problem::new(
                files.place,
                format!("{files} interrupt files"),
                "a power of two, at most 4096",
            ));
        } else if !window.address.0.is_multiple_of(window.bytes()) {
            let (address, bytes) = (&window.address, window.bytes());
            problems.push(
                Problem::new(
                    address.place,
                    format!("{address} is not on a multiple of the files' size"),
                    "not aligned",
                )
                .help(format!("a multiple of {bytes:#x}")),
            );
        } else if window
            .address
            .0
            .checked_add(window.bytes() - 1)
            .is_none_or(|last| !domain.paging_mode().spans(window.address.0, last))
        {
            problems.push(Problem::new(window.address.place, "beyond the second stage", "too high"));
        }
        if let Some(to) = window.to.as_ref().filter(|to| to.0 % 4096 != 0) {
            problems.push(Problem::new(to.place, format!("{to} is not on a page"), "not aligned"));
        }
    }

    fn check_mode(&self, domain: &Domain, problems: &mut Vec<Problem>) {
        let Some(mode) = &domain.mode else { return };
        let wanted = if domain.nest_parent { ["sv39x4", "sv48x4", "sv57x4"] } else { ["sv39", "sv48", "sv57"] };
        if mode.is_second_stage() != domain.nest_parent {
            let stage = if domain.nest_parent { "second" } else { "first" };
            problems.push(
                Problem::new(mode.place, format!("`{}` is no {stage}-stage mode", mode.name()), "the wrong stage")
                    .help(format!("here: {}", wanted.join(", "))),
            );
        }
        let bit = match mode.value {
            Mode::Sv39 => Feature::Sv39,
            Mode::Sv48 => Feature::Sv48,
            Mode::Sv57 => Feature::Sv57,
            Mode::Sv39x4 => Feature::Sv39x4,
            Mode::Sv48x4 => Feature::Sv48x4,
            Mode::Sv57x4 => Feature::Sv57x4,
        };
        if self.iommu.capabilities() & bit.bits() != bit.bits() {
            problems.push(
                Problem::new(mode.place, format!("the IOMMU has no `{}`", mode.name()), "not in `features`")
                    .help("add it to `iommu: { features: […] }`, or use another mode"),
            );
        }
    }

    pub(super) fn check_mapping(&self, domain: &Domain, mapping: &At<Mapping>, problems: &mut Vec<Problem>) {
        let (page, mode) = (mapping.page.bytes(), domain.paging_mode());
        if mapping.pages.value == 0 {
            problems.push(Problem::new(mapping.pages.place, "a mapping of no page", "at least 1"));
        }
        for address in std::iter::once(&mapping.iova).chain(&mapping.to) {
            if address.0 % page != 0 {
                problems.push(
                    Problem::new(address.place, format!("{address} is not on a page"), "not aligned")
                        .help(format!("pages of {} begin at multiples of {page:#x}", mapping.page.size())),
                );
            }
        }
        if mapping.page.level() >= u32::from(mode.levels()) {
            let (size, mode) = (mapping.page.size(), mode.name());
            problems.push(Problem::new(mapping.page.place, format!("`{mode}` has no pages of {size}"), "too large"));
        }
        let fits = |start: u64, bits: u32| {
            mapping.bytes() == 0 || start.checked_add(mapping.bytes() - 1).is_some_and(|last| last >> bits == 0)
        };
        check_span(mode, &mapping.iova, mapping.bytes(), "mapping", problems);
        let parent = domain.parent.as_ref().and_then(|parent| self.domains.get(parent));
        let (bits, what) = match parent {
            Some(parent) => (parent.paging_mode().input_bits(), "guest physical"),
            None => (u32::from(self.physical_bits()), "physical"),
        };
        match &mapping.to {
            Some(to) if !fits(to.0, bits) => problems.push(
                Problem::new(to.place, format!("the target does not fit in {bits} bits of {what} address"), "too high")
                    .help(format!("the last address is at most {:#x}", (1_u64 << bits) - 1)),
            ),
            None if domain.kind.value == DomainKind::Nested => problems.push(
                Problem::new(mapping.place, "a mapping of a nested domain says where it leads", "no `to`")
                    .help("add `to: <guest physical address>`"),
            ),
            _ => {}
        }
    }

    pub(super) fn check_devices(&self, problems: &mut Vec<Problem>) {
        if self.devices.is_empty() {
            problems.push(Problem::new(self.name.place, "a scenario without devices compares nothing", "no device"));
        }
        let bits = self.iommu.directory.device_id_bits(self.iommu.format());
        for (index, (_, device)) in self.devices.iter().enumerate() {
            let id = &device.id;
            if id.0 >> bits != 0 {
                let format = match self.iommu.format() {
                    ContextFormat::Base => "base",
                    ContextFormat::Extended => "extended",
                };
                let levels = self.iommu.directory.levels();
                problems.push(
                    Problem::new(id.place, format!("device ID {id} does not fit in {bits} bits"), "too wide").help(
                        format!(
                            "a {levels}-level directory with {format} contexts holds IDs up to {:#x}",
                            (1_u64 << bits) - 1
                        ),
                    ),
                );
            }
            if let Some((name, first)) = self.devices.iter().take(index).find(|(_, first)| first.id == *id) {
                problems.push(
                    Problem::new(id.place, format!("device ID {id} is taken"), "the second one")
                        .and(first.id.place, format!("`{name}` has it")),
                );
            }
            if let Some(ats) = &device.ats {
                self.check_ats(ats, problems);
            }
            if let Some(qos) = device.qos.as_ref().filter(|qos| qos.value.rcid >> 12 != 0 || qos.value.mcid >> 12 != 0)
            {
                problems.push(Problem::new(qos.place, "a QoS ID of more than 12 bits", "at most 0xfff"));
            }
            if let Some(directory) = &device.process_directory {
                self.check_directory(directory.place, problems);
            }
            if let Some(name) = &device.domain {
                self.known_domain(name, problems);
                if self.domains.get(name).is_some_and(|domain| domain.late) {
                    problems.push(
                        Problem::new(name.place, format!("domain `{name}` is not there at the start"), "`late`")
                            .help("attach the device by a step after `create`"),
                    );
                }
            }
        }
    }

    /// Width of a physical address.
    pub fn physical_bits(&self) -> u8 {
        self.iommu.physical_bits.as_ref().map_or(crate::DEFAULT_PHYSICAL_BITS, |bits| bits.value)
    }
}

/// The tag of its translations is one that it has, and that exists.
fn check_tag(name: &At<String>, domain: &Domain, problems: &mut Vec<Problem>) {
    let (is_paging, is_parent) = (domain.kind.value == DomainKind::Paging, domain.nest_parent);
    let is_guest = domain.kind.value == DomainKind::Nested && domain.process_directory.is_none();
    for (what, tag, has, last) in [
        ("PSCID", &domain.pscid, is_guest || is_paging && !is_parent, 0xF_FFFF),
        ("GSCID", &domain.gscid, is_paging && is_parent, 0xFFFF),
    ] {
        let Some(tag) = tag else { continue };
        if !has {
            let problem = Problem::new(tag.place, format!("domain `{name}` has no {what} of its own"), "whose?");
            problems.push(problem.help("`pscid` is of a first stage, `gscid` of a nest parent"));
        } else if tag.value > last {
            problems.push(Problem::new(
                tag.place,
                format!("{what} {tag} does not exist"),
                format!("at most {last:#x}"),
            ));
        }
    }
}

/// Complains if a range of input addresses is not one that a mode translates.
pub(super) fn check_span(mode: Mode, first: &At<Number>, bytes: u64, what: &str, problems: &mut Vec<Problem>) {
    let last = first.0.checked_add(bytes.saturating_sub(1));
    if last.is_some_and(|last| mode.spans(first.0, last)) {
        return;
    }
    let name = mode.name();
    let problem = if mode.translates(first.0) {
        let end = last.map_or_else(|| "behind the last address of all".to_owned(), |last| format!("at {last:#x}"));
        Problem::new(first.place, format!("the {what} reaches beyond the addresses of `{name}`"), format!("ends {end}"))
    } else {
        let label = if mode.is_second_stage() { "too high" } else { "not sign-extended" };
        Problem::new(first.place, format!("{first} is no address of `{name}`"), label)
    };
    problems.push(problem.help(mode.addresses()));
}

fn check_overlap(mapping: &At<Mapping>, before: &[At<Mapping>], problems: &mut Vec<Problem>) {
    let overlaps = |other: &&At<Mapping>| mapping.iova.0 <= other.last() && other.iova.0 <= mapping.last();
    if let Some(other) = before.iter().find(overlaps) {
        let problem = Problem::new(
            mapping.iova.place,
            format!(
                "overlapping mappings: {:#x}..={:#x}",
                mapping.iova.0.max(other.iova.0),
                mapping.last().min(other.last())
            ),
            format!("maps {} to {:#x}", mapping.iova.value, mapping.last()),
        )
        .and(other.iova.place, format!("maps {} to {:#x}", other.iova.value, other.last()));
        problems.push(match other.last().checked_add(1) {
            Some(next) => problem.help(format!("the next free address is {next:#x}")),
            None => problem,
        });
    }
}
