// SPDX-License-Identifier: Apache-2.0
//! Making domains and devices as the scenario names them.

use std::collections::BTreeMap;

use driver::format::{PageSize, ProcessMode, Prot, Scheme};
use driver::{HwptRequest, Mapping as DriverMapping, NestedData, Target};
use events::QosIds;
use golden::{DeviceId, Spa};
use scenario::{Ats, Domain, DomainKind, Mapping, Mode, MsiWindow, ProcessDirectory, Scenario};
use testbench::Testbench;

use super::config::BACKING;
use super::{DomainHandle, Fault, Player};

/// Memory for the page tables of a guest, if it is no superpage.
const GUEST_TABLES: u64 = 64 << 12;

/// At most so much of a mapping gets contents before the run; the rest reads as zeros.
const MOST_CONTENTS: u64 = 1 << 20;

/// Where the pages lie that a scenario maps without saying where. It is decided once, so that a domain that is made
/// again maps the same pages.
#[derive(Debug)]
pub(super) struct Backing {
    /// By domain and first address of the mapping
    places: BTreeMap<(String, u64), u64>,
    next: u64,
}

impl Backing {
    /// Gives each mapping its pages, and the pages contents, by which a transaction tells them apart.
    pub(super) fn new(scenario: &Scenario, bench: &mut Testbench, seed: u32) -> Backing {
        let mut backing = Backing { places: BTreeMap::new(), next: BACKING };
        for (name, domain) in scenario.domains.iter().filter(|(_, domain)| domain.kind.value == DomainKind::Paging) {
            for mapping in &domain.map {
                let to = backing.place(name, mapping);
                for page in (0..mapping.bytes().min(MOST_CONTENTS)).step_by(1 << 12) {
                    let page = to.saturating_add(page);
                    let words = std::array::from_fn(|word| contents(page + 8 * word as u64, seed));
                    bench.set_up_page(Spa(page), &words);
                }
            }
        }
        backing
    }

    /// Where the first interrupt file of a domain leads; the others follow.
    pub(super) fn files(&mut self, domain: &str, window: &MsiWindow) -> u64 {
        if let Some(to) = &window.to {
            return to.0;
        }
        // No mapping begins at an address that is not on a page.
        let key = (domain.to_owned(), window.address.0 | 1);
        let next = &mut self.next;
        *self.places.entry(key).or_insert_with(|| {
            let place = next.next_multiple_of(1 << 12);
            *next = place.saturating_add(window.bytes()).saturating_add(1 << 12);
            place
        })
    }

    /// Where a mapping leads.
    pub(super) fn place(&mut self, domain: &str, mapping: &Mapping) -> u64 {
        if let Some(to) = &mapping.to {
            return to.0;
        }
        let key = (domain.to_owned(), mapping.iova.0);
        if let Some(&place) = self.places.get(&key) {
            return place;
        }
        let place = self.next.next_multiple_of(mapping.page.bytes());
        // A page between two mappings: what runs over the end of one shows.
        self.next = place.saturating_add(mapping.bytes()).saturating_add(1 << 12);
        self.places.insert(key, place);
        place
    }
}

/// A word that tells its address and its run.
fn contents(addr: u64, seed: u32) -> u64 {
    (addr ^ u64::from(seed) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31)
}

impl<'a> Player<'a> {
    /// Makes all domains that are there from the start: parents first, in the order of the file.
    pub(super) fn make_domains(&mut self) -> Result<(), Fault> {
        let scenario = self.scenario;
        for nested in [false, true] {
            for (name, domain) in scenario.domains.iter() {
                if !domain.late && (domain.kind.value == DomainKind::Nested) == nested {
                    self.make(name, domain).map_err(|fault| fault.at(name.place))?;
                }
            }
        }
        Ok(())
    }

    /// Makes one domain with its mappings.
    pub(super) fn make(&mut self, name: &'a str, domain: &Domain) -> Result<(), Fault> {
        let made = match domain.kind.value {
            DomainKind::Identity | DomainKind::Blocked => return Ok(()),
            DomainKind::Paging => {
                let request =
                    if domain.nest_parent { HwptRequest::nest_parent(name) } else { HwptRequest::paging(name) };
                let tag = if domain.nest_parent { &domain.gscid } else { &domain.pscid };
                let mut request = request.scheme(scheme(domain.paging_mode())).tag(tag.as_ref().map(|tag| tag.value));
                request.msi = Self::window(domain);
                let domain = self.call(|driver, bench| driver.hwpt_alloc(bench, &request))?;
                DomainHandle { domain, guest: None, directory: None }
            }
            DomainKind::Nested => self.make_nested(name, domain)?,
        };
        self.domains.insert(name, made);
        self.map_files(name, domain)?;
        for mapping in &domain.map {
            self.map(name, made, mapping).map_err(|fault| fault.at(mapping.place))?;
        }
        Ok(())
    }

    /// Memory and a table of a guest for a nested domain.
    pub(super) fn make_guest(&mut self, name: &str, domain: &Domain) -> Result<(DomainHandle, NestedData), Fault> {
        let parent_name = domain.parent.as_ref().map_or("", |parent| parent.as_str());
        let Some(parent) = self.domains.get(parent_name).copied() else {
            return Err(Fault::At(domain.kind.place, format!("parent `{parent_name}` is not there")));
        };
        let gpa = domain.tables.as_ref().map_or_else(|| self.tables_for(name, parent_name), |tables| tables.0);
        let bytes = domain.tables_page.value.bytes().max(GUEST_TABLES);
        let guest = self.call(|driver, bench| driver.guest_alloc(bench, parent.domain, gpa, bytes))?;
        if let Some(directory) = &domain.process_directory {
            let mode = process_mode(directory.value);
            let directory = self.call(|driver, bench| driver.guest_directory(bench, guest, mode))?;
            let data = self.driver.directory_data(directory, domain.default_process)?;
            let directory = Some((guest, directory));
            return Ok((DomainHandle { domain: parent.domain, guest: None, directory }, data));
        }
        // A guest counts its PSCIDs from 1, as the host does: only the GSCID tells them apart.
        let position = self.scenario.domains.position(name).unwrap_or(0) as u32;
        let pscid = domain.pscid.as_ref().map_or(position + 1, |pscid| pscid.value);
        let mode = scheme(domain.paging_mode());
        let table = self.call(|driver, bench| driver.guest_table(bench, guest, Some(mode), pscid))?;
        let data = self.driver.nested_data(table)?;
        Ok((DomainHandle { domain: parent.domain, guest: Some((guest, table)), directory: None }, data))
    }

    fn make_nested(&mut self, name: &str, domain: &Domain) -> Result<DomainHandle, Fault> {
        let (over, data) = self.make_guest(name, domain)?;
        let request = HwptRequest::nested(name, over.domain, data);
        Ok(DomainHandle { domain: self.call(|driver, bench| driver.hwpt_alloc(bench, &request))?, ..over })
    }

    /// A place for a guest's page tables that nothing else in the parent uses, the same each time.
    fn tables_for(&self, name: &str, parent: &str) -> u64 {
        const STEP: u64 = 2 << 20;
        let mapped =
            self.scenario.domains.get(parent).map_or(0, |domain| {
                domain.map.iter().map(|mapping| mapping.last().saturating_add(1)).max().unwrap_or(0)
            });
        let used =
            self.scenario.domains.iter().filter(|(_, own)| own.parent.as_ref().is_some_and(|own| own.value == parent));
        let led = used
            .flat_map(|(_, own)| own.map.iter())
            .filter_map(|mapping| mapping.to.as_ref().map(|to| to.0.saturating_add(mapping.bytes())));
        let number = self.scenario.domains.position(name).unwrap_or(0) as u64;
        led.fold(mapped, u64::max).next_multiple_of(STEP) + number * STEP
    }

    /// Maps pages: in a nested domain the guest does it.
    pub(super) fn map(&mut self, name: &str, made: DomainHandle, mapping: &Mapping) -> Result<(), Fault> {
        let output = self.backing.place(name, mapping);
        let mapping = DriverMapping {
            iova: mapping.iova.0,
            output,
            bytes: mapping.bytes(),
            prot: self.protection(name, mapping),
            page: PageSize::from_level(mapping.page.level() as u8),
        };
        match made.guest {
            Some((_, table)) => self.call(|driver, bench| driver.guest_map(bench, table, mapping)),
            None => self.call(|driver, bench| driver.map(bench, made.domain, mapping)),
        }
    }

    fn protection(&self, domain: &str, mapping: &Mapping) -> Prot {
        // Every access is a user access to the second stage.
        let second = self.scenario.domains.get(domain).is_some_and(|domain| domain.nest_parent);
        Prot {
            read: mapping.access.read(),
            write: mapping.access.write(),
            execute: mapping.access.execute(),
            user: mapping.user || second,
            global: mapping.global && !second,
            ..Prot::R
        }
    }

    pub(super) fn add_devices(&mut self) -> Result<(), Fault> {
        let scenario = self.scenario;
        for (name, device) in scenario.devices.iter() {
            let add = |player: &mut Self| -> Result<(), Fault> {
                let ids = [DeviceId(device.id.0 as u32)];
                let handle = player.call(|driver, bench| driver.add_device(bench, name, &ids))?;
                player.devices.insert(name, handle);
                if let Some(ats) = &device.ats {
                    let Ats { page_requests, prpr, t2gpa, .. } = &ats.value.0;
                    let ats = driver::Ats {
                        page_requests: *page_requests,
                        response_pasid: prpr.value,
                        guest_addresses: *t2gpa,
                    };
                    player.driver.set_ats(handle, Some(ats))?;
                }
                if let Some(qos) = &device.qos {
                    let scenario::Qos { rcid, mcid } = qos.value;
                    player.driver.set_qos_ids(handle, QosIds { rcid, mcid })?;
                }
                if let Some(directory) = &device.process_directory {
                    player.enable_processes(handle, directory.value)?;
                }
                let Some(domain) = &device.domain else { return Ok(()) };
                let target = player.target(domain)?;
                player.call(|driver, bench| driver.attach(bench, handle, target))
            };
            add(self).map_err(|fault| fault.at(name.place))?;
        }
        Ok(())
    }

    /// What a device can be attached to by this name.
    pub(super) fn target(&self, name: &str) -> Result<Target, Fault> {
        match self.scenario.domain_kind(name) {
            Some(DomainKind::Identity) => Ok(Target::Identity),
            Some(DomainKind::Blocked) => Ok(Target::Blocked),
            _ => Ok(Target::Domain(self.made(name)?.domain)),
        }
    }

    /// A domain that is there now.
    pub(super) fn made(&self, name: &str) -> Result<DomainHandle, Fault> {
        // As the API says it of a domain that was freed.
        let gone = driver::ApiError::NoSuchObject { kind: "domain", id: 0 };
        self.domains.get(name).copied().ok_or(Fault::Api(gone))
    }
}

pub(super) fn process_mode(directory: ProcessDirectory) -> ProcessMode {
    match directory {
        ProcessDirectory::Pd8 => ProcessMode::Pd8,
        ProcessDirectory::Pd17 => ProcessMode::Pd17,
        ProcessDirectory::Pd20 => ProcessMode::Pd20,
    }
}

pub(super) fn scheme(mode: Mode) -> Scheme {
    match mode {
        Mode::Sv39 => Scheme::Sv39,
        Mode::Sv48 => Scheme::Sv48,
        Mode::Sv57 => Scheme::Sv57,
        Mode::Sv39x4 => Scheme::Sv39x4,
        Mode::Sv48x4 => Scheme::Sv48x4,
        Mode::Sv57x4 => Scheme::Sv57x4,
    }
}
