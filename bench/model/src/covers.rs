// SPDX-License-Identifier: Apache-2.0
//! What an invalidation obliges the model to drop (sections "IOMMU Page-Table cache invalidation commands" and "IOMMU
//! directory cache invalidation commands"), and what it drops instead where it has a habit.

use golden::{Command, Gscid, Iotinval, Pscid, Pte, Purpose, Role, WordRef};

use super::habit::{Habit, Nature};

/// A word that a cache holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// Which, and whose
    pub word: WordRef,
    /// What it holds, in host order
    pub value: u64,
    /// Part of a global mapping: a first-stage entry with G, or below one
    pub global: bool,
}

impl Held {
    fn is_leaf(&self) -> bool {
        Pte(self.value).is_leaf()
    }

    /// Bits of the page number that are free because the 64 KiB of a NAPOT entry are one mapping.
    pub(super) fn napot_bits(&self) -> u32 {
        let last = matches!(self.word.role, Role::FirstStage { level: 0 } | Role::SecondStage { level: 0, .. });
        if last && self.word.bytes == 8 && Pte(self.value).is_napot() { 4 } else { 0 }
    }

    /// First and last page that the entry stands for, given the address that it was read for.
    fn pages(&self, addr: u64, level: u8) -> (u64, u64) {
        let bits = if self.word.bytes == 4 { 10 } else { 9 };
        let span = u32::from(level) * bits + self.napot_bits();
        let first = addr >> 12 >> span << span;
        (first, first | ((1 << span) - 1))
    }
}

/// An address operand covers the entry. `by_first_page`: the habit of missing superpages.
fn in_range(operands: &Iotinval, held: &Held, addr: u64, level: u8, by_first_page: bool) -> bool {
    let Some(range) = operands.pages() else { return true };
    if !held.is_leaf() && !operands.nl {
        return false;
    }
    let (first, last) = held.pages(addr, level);
    if by_first_page {
        return range.contains(&first);
    }
    *range.start() <= last && first <= *range.end()
}

/// `command` drops the entry.
pub(super) fn covers(nature: Nature, command: &Command, held: &Held) -> bool {
    let tags = &held.word.tags;
    let has = |habit| nature.has(habit);
    match (command, held.word.role) {
        (Command::InvalDdt { device }, Role::DdtEntry { .. }) => {
            device.is_none() && !has(Habit::DdtIgnored) && !has(Habit::DdtAllIgnored) && !has(Habit::DdtSparesEntries)
        }
        (
            Command::InvalDdt { device },
            Role::DeviceContext { .. } | Role::PdtEntry { .. } | Role::ProcessContext { .. },
        ) => {
            if has(Habit::DdtIgnored)
                || has(Habit::DdtSparesPdt) && !matches!(held.word.role, Role::DeviceContext { .. })
            {
                return false;
            }
            match device {
                None => !has(Habit::DdtAllIgnored),
                Some(_) if has(Habit::DdtOneIgnored) => false,
                Some(device) if has(Habit::DdtNarrowId) => device.0 == tags.device.0 & 0x3f,
                Some(device) => *device == tags.device,
            }
        }
        (Command::InvalPdt { device, process }, Role::ProcessContext { .. }) => {
            *device == tags.device && tags.process == Some(*process) && !has(Habit::PdtIgnored)
        }
        (Command::InvalVma(operands), Role::FirstStage { level }) => vma(nature, *operands, held, level),
        (Command::InvalGvma(operands), Role::SecondStage { level, purpose }) => {
            if has(Habit::GvmaSparesTables) && purpose != Purpose::Final {
                return false;
            }
            gvma(nature, *operands, held, level)
        }
        (Command::InvalGvma(operands), Role::MsiPte { .. }) => {
            // An MSI PTE is a leaf for one page; its value is not a PTE.
            let leaf = Held { value: 0xdf, ..*held };
            !has(Habit::GvmaSparesMsi) && gvma(nature, *operands, &leaf, 0)
        }
        _ => false,
    }
}

fn vma(nature: Nature, mut operands: Iotinval, held: &Held, level: u8) -> bool {
    let tags = &held.word.tags;
    let has = |habit| nature.has(habit);
    let spared = has(Habit::VmaIgnored)
        || has(Habit::VmaHostIgnored) && operands.gscid.is_none()
        || has(Habit::VmaGuestIgnored) && operands.gscid.is_some()
        || has(Habit::VmaPscidNever) && operands.pscid.is_some()
        || has(Habit::VmaSparesGlobal) && held.global
        || has(Habit::VmaAddressIgnored) && operands.page.is_some()
        || has(Habit::VmaLeafOnly) && operands.page.is_none() && !held.is_leaf();
    if spared {
        return false;
    }
    if has(Habit::VmaPscidAlways) {
        operands.pscid = operands.pscid.or(Some(Pscid(0)));
    }
    if has(Habit::VmaAddressAlways) {
        operands.page = operands.page.or(Some(0));
    }
    if has(Habit::VmaGscidOffByOne) {
        operands.gscid = operands.gscid.map(|gscid| Gscid(gscid.0.wrapping_sub(1)));
    }
    operands.s &= !has(Habit::VmaRangeAsPage);
    operands.nl &= !has(Habit::VmaNlIgnored);
    // GV = 0 reaches host entries only: those without a second stage.
    operands.gscid == tags.gscid
        && operands.pscid.is_none_or(|pscid| tags.pscid == Some(pscid) && !held.global)
        && in_range(&operands, held, tags.iova.0, level, has(Habit::VmaSuperpageMissed))
}

fn gvma(nature: Nature, mut operands: Iotinval, held: &Held, level: u8) -> bool {
    let tags = &held.word.tags;
    let has = |habit| nature.has(habit);
    let spared = has(Habit::GvmaIgnored)
        || has(Habit::GvmaAllIgnored) && operands.gscid.is_none()
        || has(Habit::GvmaOneIgnored) && operands.gscid.is_some()
        || has(Habit::GvmaLeafOnly) && operands.page.is_none() && !held.is_leaf();
    if spared {
        return false;
    }
    // "GV = 0: AV is ignored, all VM address spaces."
    if operands.gscid.is_none() && !has(Habit::GvmaAllByAddress) {
        operands.page = None;
    }
    if has(Habit::GvmaAddressAlways) {
        operands.page = operands.page.or(Some(0));
    }
    if has(Habit::GvmaGscidOffByOne) {
        operands.gscid = operands.gscid.map(|gscid| Gscid(gscid.0.wrapping_sub(1)));
    }
    operands.s &= !has(Habit::GvmaRangeAsPage);
    operands.nl &= !has(Habit::GvmaNlIgnored);
    let space = match operands.gscid {
        None => tags.gscid.is_some(),
        some => some == tags.gscid,
    };
    let gpa = tags.gpa.map_or(0, |gpa| gpa.0);
    space && (tags.gpa.is_none() || in_range(&operands, held, gpa, level, has(Habit::GvmaSuperpageMissed)))
}

/// `command` drops a whole translation that rests on this word. A translation holds no pointers and no tables: an
/// address-specific command reaches it where it reaches a leaf that it rests on.
pub(super) fn covers_result(nature: Nature, command: &Command, held: &Held) -> bool {
    let spared = match command {
        Command::InvalVma(_) => nature.has(Habit::VmaSparesResults),
        Command::InvalGvma(_) => nature.has(Habit::GvmaSparesResults),
        Command::InvalDdt { .. } => nature.has(Habit::DdtSparesResults),
        Command::InvalPdt { .. } => nature.has(Habit::PdtSparesResults),
        _ => false,
    };
    !spared && covers(nature, command, held)
}
