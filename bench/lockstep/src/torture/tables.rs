// SPDX-License-Identifier: Apache-2.0
//! The tables of a world: every structure that an IOMMU may cache, with the values that its words change between.

use golden::{DirectoryEntry, Fsc, Iohgatp, Pte, Spa, Tc};
use testbench::Testbench;

use super::files;
use super::map;
use super::requesters::{HOST, NESTED, NESTED_TOO, PROCESS_DEVICE, REQUESTERS};
use super::scene::Scene;
use super::slot::{Cover, Kind, Slot};

/// PTE: valid, readable, writable, executable, for users, accessed, dirty
const FULL: u64 = 0xdf;
const V: u64 = 1;
const R: u64 = 1 << 1;
const W: u64 = 1 << 2;
const X: u64 = 1 << 3;
const U: u64 = 1 << 4;
const G: u64 = 1 << 5;
const A: u64 = 1 << 6;
const D: u64 = 1 << 7;
/// Svpbmt: non-cacheable, I/O
const NC: u64 = 1 << 61;
const IO: u64 = 2 << 61;
/// Svnapot: 64 KiB, where the page number ends with 1000
const N: u64 = 1 << 63;

/// Sv39, Sv39x4; PD8, PD17; flat MSI page table
const SV39: u8 = 8;
const PD8: u8 = 1;
const PD17: u8 = 2;
const MSI_FLAT: u64 = 1 << 60;

fn leaf(addr: u64, flags: u64) -> u64 {
    Pte(flags).with_ppn(addr >> 12).0
}

fn table(addr: u64) -> u64 {
    DirectoryEntry(1).with_ppn(addr >> 12).0
}

fn first_stage(root: u64, mode: u8) -> u64 {
    Fsc(0).with_ppn(root >> 12).with_mode(mode).0
}

/// What a word may hold as well where the device updates A and D bits: contexts that ask for it, and leaves that need it.
/// Two bits for software tell whether an update keeps the rest.
fn for_updates(kind: Kind, addr: u64, value: u64) -> Vec<u64> {
    const RSW: u64 = 3 << 8;
    match kind {
        Kind::Context if addr.is_multiple_of(64) && Tc(value).v() => {
            vec![Tc(value).with_sade(true).with_gade(true).0, Tc(value).with_sade(true).0, Tc(value).with_gade(true).0]
        }
        Kind::FirstLeaf | Kind::FirstSuperpage | Kind::SecondLeaf | Kind::SecondSuperpage | Kind::SecondTable
            if value & V != 0 =>
        {
            vec![value & !(A | D) | RSW, value & !D, value & !A]
        }
        _ => Vec::new(),
    }
}

/// Writes the tables, and notes the words that may change.
pub struct Tables<'a> {
    bench: &'a mut Testbench,
    scene: Scene,
    slots: Vec<Slot>,
}

impl<'a> Tables<'a> {
    /// Writes all tables into memory. Returns the words that may change.
    pub fn build(scene: Scene, bench: &'a mut Testbench) -> Vec<Slot> {
        let mut tables = Tables { bench, scene, slots: Vec::new() };
        for (gscid, root) in map::GUESTS {
            tables.second_stage(gscid, root);
        }
        let guest = Some(map::GUESTS[0].0);
        tables.first_stage(map::GUEST_ROOTS[0], map::GUEST, map::GUEST_DATA, [(guest, 9), (guest, 10)]);
        tables.first_stage(map::GUEST_ROOTS[1], map::GUEST, map::GUEST_DATA + 0x4000, [(guest, 10), (guest, 9)]);
        tables.first_stage(map::HOST_ROOTS[0], 0, 0x5000_0000, [(None, 9), (None, 3)]);
        tables.first_stage(map::HOST_ROOTS[1], 0, 0x5008_0000, [(None, 3), (None, 9)]);
        tables.copy_guest_tables();
        if scene.has(Scene::Pointers) {
            tables.move_roots();
        }
        tables.processes();
        tables.directory();
        tables.slots
    }

    fn put(&mut self, addr: u64, value: u64) {
        self.bench.set_up(Spa(addr), value);
    }

    fn slot(&mut self, kind: Kind, addr: u64, mut values: Vec<u64>, covers: &[Cover]) {
        if self.scene.has(Scene::Updates) {
            let news: Vec<u64> = values.iter().flat_map(|&value| for_updates(kind, addr, value)).collect();
            values.splice(0..0, news);
        }
        self.slot_as_is(kind, addr, values, covers);
    }

    fn slot_as_is(&mut self, kind: Kind, addr: u64, values: Vec<u64>, covers: &[Cover]) {
        self.put(addr, values.first().copied().unwrap_or_default());
        self.slots.push(Slot { kind, addr, values, covers: covers.to_vec() });
    }

    /// Sv39x4: 4 KiB pages from 0x20_0000, superpages from 0x40_0000. The guest's first-stage tables lie in the lower
    /// pages, its data in the upper ones.
    fn second_stage(&mut self, gscid: u16, root: u64) {
        let (middle, pages, other_pages) = (root + 0x4000, root + 0x5000, root + 0x6000);
        // The guests share their tables, but not their data.
        let apart = if gscid == map::GUESTS[0].0 { 0 } else { 0x800_0000 };
        self.put(root, table(middle));
        self.slot(
            Kind::SecondPointer,
            middle + 8,
            vec![table(pages), table(other_pages)],
            &[Cover::Second { gscid, page: 0x200 }],
        );
        for number in 0..512u64 {
            let guest = 0x20_0000 + number * 0x1000;
            let is_data = guest >= map::GUEST_DATA;
            let spa = guest + map::GUEST + if is_data { apart } else { 0 };
            let covers = [Cover::Second { gscid, page: guest >> 12 }];
            let at = pages + number * 8;
            if is_data && number < 0x118 {
                let napot = leaf(spa & !0xffff | 0x8000, FULL) | N;
                let mut values = vec![
                    leaf(spa, FULL),
                    leaf(spa + 0x40_0000, FULL),
                    leaf(spa, FULL & !W),
                    leaf(spa, FULL & !U),
                    leaf(spa, FULL & !X),
                    0,
                    leaf(spa, FULL & !A),
                    leaf(spa, FULL & !D),
                    leaf(spa, FULL) | NC,
                    leaf(spa + 0x40_0000, FULL | G),
                    leaf(spa, FULL) | 1 << 56,
                    napot,
                ];
                if self.scene.has(Scene::Ranges) {
                    values.extend([napot, napot | 1 << 8, napot & !W]);
                }
                if self.scene.has(Scene::Choices) {
                    values.splice(1..1, [leaf(spa | map::WIDE, FULL); 3]);
                }
                self.slot(Kind::SecondLeaf, at, values, &covers);
            } else if !is_data && (0x10..0x40).contains(&number) {
                let moved = spa + map::COPY;
                let mut values = vec![leaf(spa, FULL), leaf(moved, FULL), leaf(spa, FULL), 0, leaf(spa, FULL & !U)];
                if self.scene.has(Scene::Pointers) && map::GUEST_ROOTS.contains(&guest) {
                    values.truncate(2);
                }
                self.slot(Kind::SecondTable, at, values, &covers);
            } else {
                self.put(at, leaf(spa, FULL));
            }
            self.put(other_pages + number * 8, leaf(if is_data { spa + 0x60_0000 } else { spa }, FULL));
        }
        for number in 2..6u64 {
            let spa = 0x2000_0000 + apart * 4 + number * 0x20_0000;
            let values = vec![
                leaf(spa, FULL),
                leaf(spa + 0x100_0000, FULL),
                leaf(spa, FULL & !X),
                leaf(spa, FULL & !A),
                0,
                leaf(spa + 0x1000, FULL),
            ];
            self.slot(
                Kind::SecondSuperpage,
                middle + number * 8,
                values,
                &[Cover::Second { gscid, page: number * 0x200 }],
            );
        }
    }

    /// Sv39 at `root`, whose pages lie `offset` above: eight pages and a superpage, for two address spaces.
    fn first_stage(&mut self, root: u64, offset: u64, data: u64, spaces: [(Option<u16>, u32); 2]) {
        let covers = |page: u64| spaces.map(|(gscid, pscid)| Cover::First { gscid, pscid, page });
        let (middle, pages, other_pages) = (root + 0x1000, root + 0x2000, root + 0x3000);
        let first = map::PAGES >> 12;
        self.put(root + offset + 8, table(middle));
        let mut pointers = vec![table(pages), table(other_pages), table(pages) | G];
        if self.scene.has(Scene::Choices) {
            pointers.push(table(pages | map::WIDE));
        }
        self.slot(Kind::FirstPointer, middle + offset, pointers, &covers(first));
        for number in 0..8u64 {
            let page = |n: u64| data + n * 0x1000;
            let here = page(number);
            let mut values = vec![
                leaf(here, FULL),
                leaf(page(number + 8), FULL),
                leaf(here, FULL | G),
                leaf(here, FULL & !D),
                leaf(here, FULL & !W),
                leaf(here, FULL & !A),
                leaf(here, FULL & !U),
                leaf(here, V | X | U | A | D),
                leaf(page(number + 1), V | R | U | A | D),
                0,
                leaf(here, FULL & !V),
                leaf(here, FULL) | NC,
                leaf(here, FULL) | IO,
                leaf(here, FULL) | 1 << 57,
                leaf(here, V | W | U | A | D),
                leaf(page(8), FULL) | N,
            ];
            if self.scene.has(Scene::Choices) {
                values.splice(1..1, [leaf(here | map::WIDE, FULL); 3]);
            }
            self.slot(Kind::FirstLeaf, pages + offset + number * 8, values.clone(), &covers(first + number));
            values[0] = leaf(page(number + 16), FULL);
            self.slot(Kind::FirstLeaf, other_pages + offset + number * 8, values, &covers(first + number));
        }
        let big = |n: u64| (data & !0x1f_ffff) + n * 0x20_0000;
        let values = vec![
            leaf(big(1), FULL),
            leaf(big(2), FULL),
            leaf(big(1), FULL | G),
            leaf(big(1) + 0x1000, FULL),
            0,
            leaf(big(1), V | X | U | A | D),
            leaf(big(1), V | R | U | A | D),
            leaf(big(2), FULL & !A),
        ];
        self.slot(Kind::FirstSuperpage, middle + offset + 8, values, &covers(map::SUPERPAGE >> 12));
    }

    /// So that second stages can move the guest's tables without a change of what these say at first.
    fn copy_guest_tables(&mut self) {
        let from = 0x21_0000 + map::GUEST;
        for at in (from..from + 0x3_0000).step_by(8) {
            let value = self.bench.memory().read_u64(Spa(at));
            if value != 0 {
                self.put(at + map::COPY, value);
            }
        }
    }

    /// A root that has moved leads to a tree of its own, to which nothing else leads: it shows which of the two was used.
    fn move_roots(&mut self) {
        let guest = Some(map::GUESTS[0].0);
        for (at, root) in map::GUEST_ROOTS.into_iter().enumerate() {
            let tree = map::MOVED_TREES[at];
            let data = map::GUEST_DATA + 0x2_0000 * (at as u64 + 1);
            self.first_stage(tree, map::GUEST, data, [(guest, 9), (guest, 10)]);
            self.put(root + map::GUEST + map::COPY + 8, table(tree + 0x1000));
        }
    }

    /// PD17 in guest pages: two leaf tables, and two processes in each.
    fn processes(&mut self) {
        let [root, one, other] = map::PROCESSES;
        let covers = [Cover::Device(PROCESS_DEVICE)];
        self.slot(Kind::Process, root + map::GUEST + 8, vec![table(one), table(other), 0, table(one) | 2], &covers);
        let [first, second] = map::GUEST_ROOTS.map(|root| first_stage(root, SV39));
        for (leaves, roots) in [(one, [first, second]), (other, [second, first])] {
            // ENS of the second process: supervisors may use it
            for (index, flags) in [(0x12u64, 1u64), (0x13, 3)] {
                let at = leaves + map::GUEST + index * 16;
                let ta = |pscid: u64, flags: u64| flags | pscid << 12;
                let covers = [Cover::Process(PROCESS_DEVICE, 0x100 | index as u32)];
                let values = vec![ta(9, flags), ta(10, flags), ta(9, flags | 4), ta(9, 1), ta(9, 0), ta(9, flags | 8)];
                self.slot(Kind::Process, at, values, &covers);
                self.slot(Kind::Process, at + 8, vec![roots[0], roots[1], 0], &covers);
            }
        }
    }

    /// Two levels, extended contexts: each leaf table in two versions.
    fn directory(&mut self) {
        for index in [0, 1, 4] {
            let leaves = map::DIRECTORY + 0x1000 + index * 0x2000;
            let values = vec![table(leaves), table(leaves + 0x1000), 0, table(leaves) | 4];
            self.slot(Kind::Directory, map::DIRECTORY + index * 8, values, &[Cover::Directory]);
            for version in 0..2 {
                let table = leaves + version * 0x1000;
                let mut ids: Vec<u32> = REQUESTERS.map(|requester| requester.id).to_vec();
                ids.dedup();
                for id in ids.into_iter().filter(|id| u64::from(id >> 6) == index) {
                    self.context(table + u64::from(id & 63) * 64, id, version == 0);
                }
            }
        }
        let msi = [Cover::Second { gscid: map::GUESTS[0].0, page: map::MSI_PAGE }];
        let file = |addr: u64| leaf(addr, V | 3 << 1);
        let covers = [msi[0], Cover::Second { gscid: map::GUESTS[1].0, page: map::MSI_PAGE }];
        let mut values = vec![file(0x5100_0000), file(0x5200_0000), 0, file(0x5100_0000) | 8];
        if self.scene.has(Scene::Files) {
            values.splice(0..0, files::entries());
            self.slot(Kind::Msi, map::MSI_TABLE + 8, files::notices().to_vec(), &covers);
        }
        self.slot(Kind::Msi, map::MSI_TABLE, values, &covers);
    }

    /// ATS and page requests switched on where the world has them. One device is given guest addresses; half of them
    /// want a PASID in responses.
    fn with_ats(&self, tc: Tc, id: u32) -> Tc {
        if !self.scene.has(Scene::Ats) {
            return tc;
        }
        tc.with_en_ats(true).with_en_pri(true).with_prpr(id & 1 == 1).with_t2gpa(id == NESTED_TOO)
    }

    /// `tc` of a context: these values, and where the world has ATS, ones that switch it off in part or whole.
    fn controls(&self, mut values: Vec<u64>, plain: Tc) -> Vec<u64> {
        if self.scene.has(Scene::Ats) {
            let with = Tc(values[0]);
            let without_pages = with.with_en_pri(false).with_prpr(false);
            values.extend([plain.0, without_pages.0, plain.0, without_pages.0]);
        }
        values
    }

    /// The values that `ta` takes, with QoS IDs where the world has them.
    fn attributes(&self, pscids: [u64; 2], id: u32) -> Vec<u64> {
        if !self.scene.has(Scene::Ports) {
            return pscids.map(|pscid| pscid << 12).to_vec();
        }
        let of = |pscid: u64, class: u64| pscid << 12 | (u64::from(id) | class << 8) << 40 | (0xfff - class) << 52;
        vec![of(pscids[0], 2), of(pscids[1], 2), of(pscids[0], 3)]
    }

    fn context(&mut self, at: u64, id: u32, first_version: bool) {
        let covers = [Cover::Device(id)];
        let plain = Tc(0).with_v(true);
        let valid = self.with_ats(plain, id);
        let [iohgatp, other_iohgatp] =
            map::GUESTS.map(|(gscid, root)| Iohgatp(0).with_ppn(root >> 12).with_gscid_bits(gscid).with_mode(SV39).0);
        match id {
            PROCESS_DEVICE => {
                let tc = valid.with_pdtv(true);
                let values = vec![tc.0, tc.with_dtf(true).0, tc.with_v(false).0, tc.0 | 1 << 12];
                let values = self.controls(values, plain.with_pdtv(true));
                self.slot(Kind::Context, at, values, &covers);
                self.put(at + 8, iohgatp);
                if self.scene.has(Scene::Ports) {
                    self.slot(Kind::Context, at + 16, self.attributes([0, 0], id), &covers);
                }
                let root = map::PROCESSES[0];
                self.slot(Kind::Context, at + 24, vec![first_stage(root, PD17), first_stage(root, PD8)], &covers);
            }
            NESTED | NESTED_TOO => {
                // One of them never has its tables updated.
                let slot = if id == NESTED { Self::slot } else { Self::slot_as_is };
                let values = vec![valid.0, valid.with_dtf(true).0, 0, valid.0 | 1 << 12];
                let values = self.controls(values, plain);
                slot(self, Kind::Context, at, values, &covers);
                self.put(at + 8, iohgatp);
                self.slot(Kind::Context, at + 16, self.attributes([9, 10], id), &covers);
                self.slot(
                    Kind::Context,
                    at + 24,
                    map::GUEST_ROOTS.map(|root| first_stage(root, SV39)).to_vec(),
                    &covers,
                );
            }
            HOST => {
                let values = self.controls(vec![valid.0, 0, valid.0 | 1 << 12], plain);
                self.slot(Kind::Context, at, values, &covers);
                self.slot(Kind::Context, at + 16, self.attributes([3, 9], id), &covers);
                let mut roots = map::HOST_ROOTS.map(|root| first_stage(root, SV39)).to_vec();
                if self.scene.has(Scene::Choices) {
                    roots.push(first_stage(map::HOST_ROOTS[0] | map::WIDE, SV39));
                }
                self.slot(Kind::Context, at + 24, roots, &covers);
            }
            _ => {
                if self.scene.has(Scene::Updates) {
                    self.slot(Kind::Context, at, vec![valid.0], &covers);
                } else {
                    self.put(at, valid.0);
                }
                if self.scene.has(Scene::Ports) {
                    self.slot(Kind::Context, at + 16, self.attributes([0, 0], id), &covers);
                }
                let mut roots = vec![iohgatp, other_iohgatp];
                let mut tables = vec![MSI_FLAT | map::MSI_TABLE >> 12, 0];
                if self.scene.has(Scene::Choices) {
                    // Without a second stage, and with one that lies too far out.
                    roots.extend([0, iohgatp | map::WIDE >> 12]);
                    tables.push(MSI_FLAT | (map::MSI_TABLE | map::WIDE) >> 12);
                }
                self.slot(Kind::Context, at + 8, roots, &covers);
                if first_version {
                    self.slot(Kind::Context, at + 32, tables, &covers);
                }
                self.put(at + 48, map::MSI_PAGE);
            }
        }
    }
}
