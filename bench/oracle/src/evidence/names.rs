// SPDX-License-Identifier: Apache-2.0
//! What software calls the things that the IOMMU knows by numbers.

use events::Named;
use golden::{DeviceId, Gscid, Iohgatp, Pscid, Stage};

/// A domain, and how the IOMMU knows it.
#[derive(Debug)]
struct Domain {
    name: String,
    iohgatp: u64,
    pscid: u32,
    fsc: u64,
}

/// Names of devices and domains, for reports. Nothing is judged by them.
#[derive(Debug, Default)]
pub struct Names {
    devices: Vec<(DeviceId, String)>,
    domains: Vec<Domain>,
}

fn gscid(iohgatp: u64) -> Option<Gscid> {
    Iohgatp(iohgatp).gscid()
}

impl Names {
    /// Software gives something a name.
    pub fn named(&mut self, name: &str, what: &Named) {
        match what {
            Named::Device(ids) => {
                self.devices.retain(|(id, _)| !ids.contains(id));
                self.devices.extend(ids.iter().map(|id| (*id, name.to_owned())));
            }
            &Named::Domain { iohgatp, pscid, fsc } => {
                self.domains.push(Domain { name: name.to_owned(), iohgatp, pscid, fsc });
            }
        }
    }

    /// `device 0x12 (nic)`, or the number alone.
    pub fn device(&self, id: DeviceId) -> String {
        match self.devices.iter().find(|(known, _)| *known == id) {
            Some((_, name)) => format!("device {id:#x} ({name})"),
            None => format!("device {id:#x}"),
        }
    }

    /// The domain to which a tree belongs, by its tags. Tags may have been handed on: the root tells which of several it
    /// is, and else the newest is meant.
    fn domain(&self, stage: Stage, gscid_of: Option<Gscid>, pscid: Option<Pscid>, root: Option<u64>) -> Option<&str> {
        let has_tags = |domain: &&Domain| match stage {
            Stage::First => {
                domain.fsc != 0
                    && gscid(domain.iohgatp) == gscid_of
                    && pscid.is_none_or(|pscid| domain.pscid == pscid.0)
            }
            // A domain that nests on another one has the second stage of that.
            Stage::Second => domain.fsc == 0 && gscid(domain.iohgatp).is_some() && gscid(domain.iohgatp) == gscid_of,
        };
        let own = |domain: &&Domain| match stage {
            Stage::First => Some(domain.fsc) == root,
            Stage::Second => Some(domain.iohgatp) == root,
        };
        let with_tags = || self.domains.iter().rev().filter(has_tags);
        with_tags().find(own).or_else(|| with_tags().next()).map(|domain| domain.name.as_str())
    }

    /// `GSCID 0x2, PSCID 0x1 (domain red)`: whose the entries of a tree are.
    pub fn tags(&self, stage: Stage, gscid: Option<Gscid>, pscid: Option<Pscid>, root: Option<u64>) -> String {
        let pscid = pscid.filter(|_| stage == Stage::First);
        let numbers = match (gscid, pscid) {
            (Some(gscid), Some(pscid)) => format!("GSCID {gscid:#x}, PSCID {pscid:#x}"),
            (Some(gscid), None) => format!("GSCID {gscid:#x}"),
            (None, Some(pscid)) => format!("PSCID {pscid:#x}"),
            (None, None) => return "no translation".to_owned(),
        };
        match self.domain(stage, gscid, pscid, root) {
            Some(name) => format!("{numbers} (domain {name})"),
            None => numbers,
        }
    }

    /// Whose translation it is that a walk came to.
    pub fn translation(&self, gscid: Option<Gscid>, pscid: Option<Pscid>) -> String {
        let stage = if pscid.is_some() { Stage::First } else { Stage::Second };
        self.tags(stage, gscid, pscid, None)
    }

    /// The domain whose tags an IOTINVAL names, if that is one.
    pub fn operands(&self, stage: Stage, gscid: Option<Gscid>, pscid: Option<Pscid>) -> Option<&str> {
        if stage == Stage::First && pscid.is_none() {
            return None;
        }
        self.domain(stage, gscid, pscid, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S2: u64 = 8 << 60 | 2 << 44 | 0x80;

    fn names() -> Names {
        let mut names = Names::default();
        names.named("nic", &Named::Device(vec![DeviceId(0x12), DeviceId(0x13)]));
        names.named("old", &Named::Domain { iohgatp: 0, pscid: 1, fsc: 8 << 60 | 0x10 });
        names.named("red", &Named::Domain { iohgatp: 0, pscid: 1, fsc: 8 << 60 | 0x20 });
        names.named("host", &Named::Domain { iohgatp: S2, pscid: 0, fsc: 0 });
        names.named("guest", &Named::Domain { iohgatp: S2, pscid: 1, fsc: 8 << 60 | 0x30 });
        names
    }

    #[test]
    fn devices_have_all_their_ids() {
        let mut names = names();
        assert_eq!(names.device(DeviceId(0x13)), "device 0x13 (nic)");
        assert_eq!(names.device(DeviceId(0x14)), "device 0x14");
        names.named("disk", &Named::Device(vec![DeviceId(0x13)]));
        assert_eq!(names.device(DeviceId(0x13)), "device 0x13 (disk)");
    }

    #[test]
    fn a_tag_that_was_handed_on_is_told_by_its_root() {
        let names = names();
        let tags = |root| names.tags(Stage::First, None, Some(Pscid(1)), root);
        assert_eq!(tags(Some(8 << 60 | 0x10)), "PSCID 0x1 (domain old)");
        assert_eq!(tags(Some(8 << 60 | 0x20)), "PSCID 0x1 (domain red)");
        assert_eq!(tags(None), "PSCID 0x1 (domain red)", "the newest");
    }

    #[test]
    fn stages_of_a_nested_domain_have_names_of_their_own() {
        let names = names();
        let (gscid, pscid) = (Some(Gscid(2)), Some(Pscid(1)));
        assert_eq!(names.tags(Stage::First, gscid, pscid, None), "GSCID 0x2, PSCID 0x1 (domain guest)");
        assert_eq!(names.tags(Stage::Second, gscid, pscid, Some(S2)), "GSCID 0x2 (domain host)");
        assert_eq!(names.tags(Stage::Second, Some(Gscid(3)), None, None), "GSCID 0x3");
        assert_eq!(names.operands(Stage::First, gscid, None), None, "all domains of a guest");
    }
}
