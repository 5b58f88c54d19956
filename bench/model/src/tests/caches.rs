// SPDX-License-Identifier: Apache-2.0
//! Each cache: it keeps what it may keep, and a command that covers the entry makes it go.

use golden::{Command, Fsc, Iotinval};

use super::rig::*;
use crate::{CacheConfig, Habit, ModelConfig};

/// A structure, and a way to make it lead from data A to data B.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structure {
    DdtEntry,
    DeviceContext,
    PdtEntry,
    ProcessContext,
    FirstLeaf,
    FirstPointer,
    SecondLeaf,
    SecondPointer,
    Msi,
}

pub use Structure::*;

const ALL: [Structure; 9] =
    [DdtEntry, DeviceContext, PdtEntry, ProcessContext, FirstLeaf, FirstPointer, SecondLeaf, SecondPointer, Msi];

impl Structure {
    /// A model that caches this structure alone.
    pub fn alone(self) -> CacheConfig {
        let mut config = CacheConfig::none();
        *match self {
            DdtEntry => &mut config.ddt_entries,
            DeviceContext => &mut config.device_contexts,
            PdtEntry => &mut config.pdt_entries,
            ProcessContext => &mut config.process_contexts,
            FirstLeaf => &mut config.first_leaves,
            FirstPointer => &mut config.first_pointers,
            SecondLeaf => &mut config.second_leaves,
            SecondPointer => &mut config.second_pointers,
            Msi => &mut config.msi,
        } = 32;
        config
    }

    /// The address of the word that changes, and its new value.
    pub fn change(self) -> (u64, u64) {
        let dc = DDT_LEAF + (u64::from(DEVICE.0) & 0x3f) * 64;
        let (high, low) = (u64::from(PROCESS.0 >> 8), u64::from(PROCESS.0 & 0xff));
        match self {
            DdtEntry => (DDT_ROOT + (u64::from(DEVICE.0) >> 6) * 8, table(DDT_LEAF_B)),
            DeviceContext => (dc + 24, Fsc(0).with_ppn(PDT_ROOT_B >> 12).with_mode(2).0),
            PdtEntry => (PDT_ROOT + SHIFT + high * 8, table(PC_PAGE_B)),
            ProcessContext => (PC_PAGE + SHIFT + low * 16 + 8, Fsc(0).with_ppn(S1_ROOT_B >> 12).with_mode(8).0),
            FirstLeaf => (S1_L0 + SHIFT + 5 * 8, leaf(DATA_B, LEAF)),
            FirstPointer => (S1_L1 + SHIFT, table(S1_L0_B)),
            SecondLeaf => (S2_L0 + ((DATA_A - 0x20_0000) >> 12) * 8, leaf(DATA_B + SHIFT, LEAF)),
            SecondPointer => (S2_L1 + 8, table(S2_L0_B)),
            Msi => (MSI_TABLE, leaf(DATA_B + SHIFT, 0b111)),
        }
    }

    pub fn iova(self) -> u64 {
        if self == Msi { IOVA_MSI } else { IOVA }
    }

    /// Commands of which each must do.
    fn covered_by(self) -> Vec<Command> {
        let operands = |page: Option<u64>, s: bool, nl: bool| Iotinval { gscid: Some(GSCID), pscid: None, page, s, nl };
        let vma = |o: Iotinval| Command::InvalVma(o);
        let gvma = |o: Iotinval| Command::InvalGvma(o);
        let (iova, gpa) = (Some(IOVA >> 12), Some(DATA_A >> 12));
        let mine = |o: Iotinval| Iotinval { pscid: Some(PSCID), ..o };
        match self {
            DdtEntry => vec![Command::InvalDdt { device: None }],
            DeviceContext | PdtEntry => {
                vec![Command::InvalDdt { device: None }, Command::InvalDdt { device: Some(DEVICE) }]
            }
            ProcessContext => vec![
                Command::InvalPdt { device: DEVICE, process: PROCESS },
                Command::InvalDdt { device: None },
                Command::InvalDdt { device: Some(DEVICE) },
            ],
            FirstLeaf => vec![
                vma(operands(None, false, false)),
                vma(mine(operands(None, false, false))),
                vma(operands(iova, false, false)),
                vma(mine(operands(iova, false, false))),
                vma(operands(Some(IOVA >> 12 & !15 | 7), true, false)),
            ],
            FirstPointer => vec![
                vma(operands(None, false, false)),
                vma(mine(operands(None, false, false))),
                vma(operands(iova, false, true)),
            ],
            SecondLeaf => vec![
                gvma(Iotinval::default()),
                gvma(Iotinval { page: Some(1), ..Iotinval::default() }),
                gvma(operands(None, false, false)),
                gvma(operands(gpa, false, false)),
                gvma(operands(Some(DATA_A >> 12 & !15 | 7), true, false)),
            ],
            SecondPointer => {
                vec![gvma(Iotinval::default()), gvma(operands(None, false, false)), gvma(operands(gpa, false, true))]
            }
            Msi => vec![
                gvma(Iotinval::default()),
                gvma(operands(None, false, false)),
                gvma(operands(Some(MSI_GPA >> 12), false, false)),
            ],
        }
    }

    /// Commands that leave the entry alone.
    fn spared_by(self) -> Vec<Command> {
        let other = Iotinval { gscid: Some(golden::Gscid(8)), ..Iotinval::default() };
        let elsewhere = |page: u64| Iotinval { gscid: Some(GSCID), page: Some(page), ..Iotinval::default() };
        let mut commands = vec![
            Command::InvalVma(Iotinval::default()),
            Command::InvalVma(other),
            Command::InvalGvma(other),
            Command::InvalVma(Iotinval { pscid: Some(golden::Pscid(8)), ..elsewhere(IOVA >> 12) }),
            Command::InvalVma(elsewhere((IOVA >> 12) + 1)),
            Command::InvalGvma(elsewhere((DATA_A >> 12) + 1)),
            Command::InvalDdt { device: Some(golden::DeviceId(DEVICE.0 ^ 1)) },
            Command::InvalPdt { device: DEVICE, process: golden::ProcessId(PROCESS.0 ^ 1) },
        ];
        if self == DdtEntry {
            commands.push(Command::InvalDdt { device: Some(DEVICE) });
        }
        if matches!(self, FirstPointer | SecondPointer) {
            commands.push(Command::InvalVma(elsewhere(IOVA >> 12)));
            commands.push(Command::InvalGvma(elsewhere(DATA_A >> 12)));
        }
        commands
    }
}

/// Warms the caches, changes the structure, executes commands: what does the device see before and after?
pub fn change(config: ModelConfig, structure: Structure, commands: &[Command]) -> (Option<u64>, Option<u64>) {
    let mut rig = Rig::new(config);
    assert_eq!(rig.peek(structure.iova()), Some(A), "{structure:?}");
    let (addr, value) = structure.change();
    rig.store(addr, value);
    let before = rig.peek(structure.iova());
    rig.commands(commands);
    (before, rig.peek(structure.iova()))
}

pub fn with(caches: CacheConfig) -> ModelConfig {
    ModelConfig { caches, ..ModelConfig::plain(1) }
}

#[test]
fn without_caches_a_change_shows_at_once() {
    for structure in ALL {
        assert_eq!(change(with(CacheConfig::none()), structure, &[]).0, Some(B), "{structure:?}");
    }
}

#[test]
fn a_covered_entry_is_read_again_after_the_fence() {
    for structure in ALL {
        for command in structure.covered_by() {
            for tagged in [false, true] {
                let config = with(CacheConfig { tagged, ..structure.alone() });
                assert_eq!(change(config, structure, &[command]), (Some(A), Some(B)), "{structure:?} {command:?}");
            }
        }
    }
}

#[test]
fn what_no_command_covers_stays() {
    for structure in ALL {
        let commands = structure.spared_by();
        assert_eq!(change(with(structure.alone()), structure, &commands), (Some(A), Some(A)), "{structure:?}");
    }
}

#[test]
fn a_whole_translation_goes_with_any_word_that_it_rests_on() {
    let results = CacheConfig { results: 16, ..CacheConfig::none() };
    for structure in ALL {
        for command in structure.covered_by() {
            assert_eq!(change(with(results), structure, &[command]), (Some(A), Some(B)), "{structure:?} {command:?}");
        }
    }
}

#[test]
fn all_caches_together_forget_what_is_covered() {
    for structure in ALL {
        for command in structure.covered_by() {
            let (_, after) = change(with(CacheConfig::combined()), structure, &[command]);
            // Entries above or below may have to go as well: a leaf that is tagged keeps what the pointer led to.
            assert_eq!(after, Some(B), "{structure:?} {command:?}");
        }
    }
}

/// Caches of random sizes, none of which outlives its context.
fn strict(seed: u64) -> ModelConfig {
    ModelConfig { caches: CacheConfig::happy(seed).strict(), ..ModelConfig::plain(seed) }
}

#[test]
fn happy_caches_forget_what_is_covered() {
    for seed in 0..20 {
        for structure in ALL {
            let commands = structure.covered_by();
            let command = commands[seed as usize % commands.len()];
            let (_, after) = change(strict(seed), structure, &[command]);
            assert_eq!(after, Some(B), "{structure:?} {command:?} seed {seed}");
        }
    }
}

#[test]
fn a_pointer_that_a_context_holds_goes_with_iodir_alone() {
    // The page of the first-stage root moves: a copy leads to data B.
    let moved = |config: ModelConfig, commands: &[Command]| {
        let mut rig = Rig::new(config);
        assert_eq!(rig.peek(IOVA), Some(A));
        rig.store(S2_L0 + ((S1_ROOT - 0x20_0000) >> 12) * 8, leaf(S1_ROOT_B + SHIFT, LEAF));
        rig.commands(commands);
        rig.peek(IOVA)
    };
    let held = CacheConfig { process_contexts: 8, device_contexts: 8, held_pointers: true, ..CacheConfig::none() };
    let gvma = Command::InvalGvma(Iotinval { gscid: Some(GSCID), ..Iotinval::default() });
    let pdt = Command::InvalPdt { device: DEVICE, process: PROCESS };
    assert_eq!(moved(with(held), &[gvma]), Some(A));
    assert_eq!(moved(with(held), &[gvma, pdt]), Some(B));
    assert_eq!(moved(with(CacheConfig { held_pointers: false, ..held }), &[gvma]), Some(B));
    let ddt = Command::InvalDdt { device: Some(DEVICE) };
    assert_eq!(moved(with(held), &[gvma, ddt]), Some(B));
    let spares = ModelConfig { habit: Some(Habit::DdtSparesPointers), ..with(held) };
    assert_eq!(moved(spares, &[gvma, ddt]), Some(A));
}

#[test]
fn an_entry_that_is_not_valid_is_not_kept() {
    for structure in ALL {
        let (addr, value) = match structure {
            DeviceContext => (DDT_LEAF + (u64::from(DEVICE.0) & 0x3f) * 64, None),
            ProcessContext => (PC_PAGE + SHIFT + u64::from(PROCESS.0 & 0xff) * 16, None),
            other => (other.change().0, Some(other.change().1)),
        };
        let mut rig = Rig::new(with(CacheConfig::combined()));
        let right = rig.load(addr);
        rig.store(addr, 0);
        assert_eq!(rig.peek(structure.iova()), None, "{structure:?}");
        rig.store(addr, value.unwrap_or(right));
        let wanted = if value.is_some() { B } else { A };
        assert_eq!(rig.peek(structure.iova()), Some(wanted), "{structure:?}: no command is needed");
    }
}
