// SPDX-License-Identifier: Apache-2.0
//! A computer made of a map, with just enough IOMMU to work commands off. It decodes them for itself.

use std::collections::BTreeMap;

use events::Operation;
use golden::Spa;

use crate::{Halted, Machine};

/// What software did, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A store of the CPU
    Store(u64, u64),
    /// A command was carried out
    Command(Seen),
    /// `begin`
    Begin(Operation),
    /// `end`
    End(bool),
}

/// A command as the device decodes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    Vma {
        gscid: Option<u16>,
        pscid: Option<u32>,
        addr: Option<u64>,
    },
    Gvma {
        gscid: Option<u16>,
        addr: Option<u64>,
    },
    Ddt(Option<u32>),
    Pdt {
        device: u32,
        process: u32,
    },
    /// ATS.INVAL: device, PASID, payload
    Ats(u32, Option<u32>, u64),
    /// ATS.PRGR likewise
    Response(u32, Option<u32>, u64),
    Fence,
}

/// Capabilities: version 1.0, all six schemes, Svpbmt, wired interrupts, 56-bit addresses; base-format contexts.
pub const CAPS: u64 = 0x10 | 0b111 << 9 | 1 << 15 | 0b111 << 17 | 1 << 28 | 56 << 32;
/// ATS and T2GPA
pub const ATS: u64 = 0b11 << 25;
/// PD8, PD17 and PD20: process directories
pub const PDT: u64 = 0b111 << 38;
/// MSI_FLAT: extended-format contexts
pub const MSI_FLAT: u64 = 1 << 22;

pub struct Mock {
    pub memory: BTreeMap<u64, u64>,
    pub registers: BTreeMap<u16, u64>,
    pub log: Vec<Action>,
    pub now: u64,
    /// Commands are not worked off
    pub hung: bool,
    /// Error bits of `fqcsr` that stay whatever software writes
    pub stuck: u64,
    /// The machine stops after so many accesses
    pub halt_in: Option<u64>,
}

impl Mock {
    pub fn new(caps: u64) -> Mock {
        Mock {
            memory: BTreeMap::new(),
            registers: BTreeMap::from([(0, caps)]),
            log: Vec::new(),
            now: 0,
            hung: false,
            stuck: 0,
            halt_in: None,
        }
    }

    pub fn read(&self, addr: u64) -> u64 {
        assert_eq!(addr % 8, 0, "unaligned {addr:#x}");
        self.memory.get(&addr).copied().unwrap_or(0)
    }

    pub fn register(&self, offset: u16) -> u64 {
        self.registers.get(&offset).copied().unwrap_or(0)
    }

    /// Commands carried out since the log was cleared, without fences.
    pub fn invalidations(&self) -> Vec<Seen> {
        let commands = self.log.iter().filter_map(|a| match a {
            Action::Command(seen) => Some(*seen),
            _ => None,
        });
        commands.filter(|c| *c != Seen::Fence).collect()
    }

    pub fn fences(&self) -> usize {
        self.log.iter().filter(|a| **a == Action::Command(Seen::Fence)).count()
    }

    /// Stores outside the command queue.
    pub fn stores(&self) -> Vec<(u64, u64)> {
        let base = (self.register(24) >> 10 & ((1 << 44) - 1)) << 12;
        let end = base + (32 << (self.register(24) & 0x1f));
        let stores = self.log.iter().filter_map(|a| match a {
            Action::Store(addr, value) => Some((*addr, *value)),
            _ => None,
        });
        stores.filter(|(addr, _)| !(base..end).contains(addr)).collect()
    }

    fn tick(&mut self) -> Result<(), Halted> {
        self.now += 1;
        match &mut self.halt_in {
            Some(0) => Err(Halted),
            Some(n) => {
                *n -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn run_commands(&mut self) {
        let cqb = self.register(24);
        let base = (cqb >> 10 & ((1 << 44) - 1)) << 12;
        let entries = 2u64 << (cqb & 0x1f);
        while !self.hung
            && self.register(72) & 1 << 16 != 0
            && self.register(72) & 0x700 == 0
            && self.register(32) != self.register(36)
        {
            let head = self.register(32);
            let (low, high) = (self.read(base + head * 16), self.read(base + head * 16 + 8));
            let Some(seen) = self.decode(low, high) else {
                *self.registers.entry(72).or_default() |= 1 << 10;
                return;
            };
            if seen == Seen::Fence && low >> 10 & 1 != 0 {
                let addr = high << 2;
                let shift = addr % 8 * 8;
                let old = self.read(addr & !7);
                let data = (low >> 32) << shift;
                self.memory.insert(addr & !7, old & !(0xffff_ffff << shift) | data);
            }
            self.log.push(Action::Command(seen));
            self.registers.insert(32, (head + 1) % entries);
        }
    }

    fn decode(&self, low: u64, high: u64) -> Option<Seen> {
        let bit = |n: u32| low >> n & 1 != 0;
        let field = |from: u32, bits: u32| low >> from & ((1 << bits) - 1);
        let addr = bit(10).then_some(high >> 10 << 12);
        let gscid = bit(33).then_some(field(44, 16) as u16);
        let zero = |from: u32, to: u32| low << (63 - to) >> (63 - to + from) == 0;
        match (field(0, 7), field(7, 3)) {
            (1, 0 | 1) if !zero(11, 11) || !zero(34, 43) || !zero(60, 63) || high & 0x3ff != 0 || high >> 62 != 0 => {
                None
            }
            (1, 0) => Some(Seen::Vma { gscid, pscid: bit(32).then_some(field(12, 20) as u32), addr }),
            (1, 1) if !bit(32) => Some(Seen::Gvma { gscid, addr }),
            (2, 0) if zero(14, 31) && !bit(11) && high >> 62 == 0 => Some(Seen::Fence),
            // DV must be 1 (section "IOMMU directory cache invalidation commands").
            (3, 1) if bit(33) && zero(10, 11) && zero(32, 32) && zero(34, 39) && high == 0 => {
                Some(Seen::Pdt { device: (low >> 40) as u32, process: field(12, 20) as u32 })
            }
            (4, 0 | 1) if zero(10, 11) && zero(34, 39) && self.register(0) >> 25 & 1 == 1 => {
                let segment = if bit(33) { field(56, 8) } else { 0 };
                let device = (segment << 16 | field(40, 16)) as u32;
                let process = bit(32).then_some(field(12, 20) as u32);
                let seen = if bit(7) { Seen::Response } else { Seen::Ats };
                Some(seen(device, process, high))
            }
            (3, 0) if zero(10, 32) && zero(34, 39) && high == 0 => {
                Some(Seen::Ddt(bit(33).then_some((low >> 40) as u32)))
            }
            _ => None,
        }
    }
}

impl Machine for Mock {
    fn store(&mut self, addr: Spa, value: u64) -> Result<(), Halted> {
        assert_eq!(addr.0 % 8, 0);
        self.tick()?;
        self.memory.insert(addr.0, value);
        self.log.push(Action::Store(addr.0, value));
        Ok(())
    }

    fn load(&mut self, addr: Spa) -> Result<u64, Halted> {
        self.tick()?;
        Ok(self.read(addr.0))
    }

    fn write_register(&mut self, offset: u16, bytes: u8, value: u64) -> Result<(), Halted> {
        let wide = [0, 16, 24, 40, 56, 760];
        assert_eq!(bytes, if wide.contains(&offset) { 8 } else { 4 }, "width of register {offset}");
        self.tick()?;
        match offset {
            72 | 76 | 80 => {
                let old = self.register(offset);
                let stuck = if offset == 76 { self.stuck } else { 0 };
                let errors = old & 0xf00 & !value | old & stuck;
                let on = if value & 1 != 0 { 1 << 16 } else { 0 };
                if old & 1 == 0 && value & 1 != 0 {
                    let index = match offset {
                        72 => 32,
                        76 => 52,
                        _ => 68,
                    };
                    self.registers.insert(index, 0);
                }
                self.registers.insert(offset, value & 3 | errors | on);
            }
            84 => {
                let old = self.register(84);
                self.registers.insert(84, old & !value);
            }
            // Four vectors
            760 => {
                self.registers.insert(760, value & 0x3333);
            }
            0 | 32 | 52 | 68 => panic!("write to read-only register {offset}"),
            _ => {
                self.registers.insert(offset, value);
            }
        }
        if matches!(offset, 36 | 72) {
            self.run_commands();
        }
        Ok(())
    }

    fn read_register(&mut self, offset: u16, _: u8) -> Result<u64, Halted> {
        self.tick()?;
        Ok(self.register(offset))
    }

    fn wait(&mut self, cycles: u64) -> Result<(), Halted> {
        self.now += cycles;
        Ok(())
    }

    fn now(&self) -> u64 {
        self.now
    }

    fn begin(&mut self, operation: Operation) {
        self.log.push(Action::Begin(operation));
    }

    fn end(&mut self, done: bool) {
        self.log.push(Action::End(done));
    }
}
