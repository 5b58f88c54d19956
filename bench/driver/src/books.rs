// SPDX-License-Identifier: Apache-2.0
//! All that the driver has noted, to be compared: a call that failed must have changed nothing.

use std::collections::{BTreeMap, BTreeSet};

use golden::Spa;

use super::alloc::{FreeList, Ledger};
use super::device_state::DeviceState;
use super::domain_state::DomainState;
use super::driver::Driver;
use super::guest_memory::GuestBooks;

/// What the driver knows at some moment: ledger, free memory, identifiers, devices and what they are attached to,
/// domains with their tables and bonds, guests with theirs.
#[derive(Clone, Debug, PartialEq)]
pub struct Books {
    ledger: Ledger,
    free: FreeList,
    identifiers: [BTreeSet<u32>; 2],
    directory: BTreeMap<(u8, u32), Spa>,
    devices: BTreeMap<u32, DeviceState>,
    domains: BTreeMap<u32, DomainState>,
    guests: BTreeMap<u32, GuestBooks>,
}

impl Driver {
    /// What the driver knows now.
    pub fn books(&self) -> Books {
        let (free, identifiers) = self.alloc.books();
        Books {
            ledger: self.alloc.ledger(),
            free,
            identifiers,
            directory: self.directory.tables().clone(),
            devices: self.devices.clone(),
            domains: self.domains.clone(),
            guests: self.guests.iter().map(|(&id, guest)| (id, guest.books())).collect(),
        }
    }
}

impl Books {
    /// What differs in `after`, in words; nothing if they are equal.
    pub fn difference(&self, after: &Books) -> Option<String> {
        if self.ledger != after.ledger {
            return Some(format!("the ledger: before {:?}, after {:?}", self.ledger, after.ledger));
        }
        if self.free != after.free {
            return Some("which pages are free".into());
        }
        if self.identifiers != after.identifiers {
            return Some("which identifiers are taken".into());
        }
        if self.directory != after.directory {
            return Some("the device directory".into());
        }
        let named = |what: &str, name: Option<&str>| format!("{what} {}", name.unwrap_or("that was not there"));
        if let Some(id) = differing(&self.devices, &after.devices) {
            return Some(named("device", self.devices.get(&id).map(|device| device.name.as_str())));
        }
        if let Some(id) = differing(&self.domains, &after.domains) {
            return Some(named("domain", self.domains.get(&id).map(|domain| domain.name.as_str())));
        }
        differing(&self.guests, &after.guests).map(|id| format!("guest #{id}"))
    }
}

/// The first key whose values differ.
fn differing<T: PartialEq>(a: &BTreeMap<u32, T>, b: &BTreeMap<u32, T>) -> Option<u32> {
    a.keys().chain(b.keys()).find(|id| a.get(id) != b.get(id)).copied()
}

#[cfg(test)]
mod tests {
    use golden::DeviceId;

    use super::super::tests::{CAPS, Mock, resources};
    use crate::{Driver, HwptRequest, Options, Target};

    #[test]
    fn books_tell_what_differs() {
        let mut machine = Mock::new(CAPS);
        let m = &mut machine;
        let mut driver = Driver::probe(m, &resources(), Options::default()).unwrap();
        let nic = driver.add_device(m, "nic", &[DeviceId(1)]).unwrap();
        let red = driver.hwpt_alloc(m, &HwptRequest::paging("red")).unwrap();
        let before = driver.books();
        assert_eq!(before.difference(&driver.books()), None);
        driver.attach(m, nic, Target::Identity).unwrap();
        assert_eq!(before.difference(&driver.books()).as_deref(), Some("device nic"), "no object is taken by identity");
        driver.detach(m, nic).unwrap();
        assert_eq!(before.difference(&driver.books()), None, "there and back leaves nothing");
        driver.attach(m, nic, Target::Domain(red)).unwrap();
        assert!(before.difference(&driver.books()).is_some_and(|what| what.starts_with("the ledger")));
    }
}
