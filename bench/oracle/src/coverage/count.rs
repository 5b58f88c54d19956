// SPDX-License-Identifier: Apache-2.0
//! Counting: what the oracle sees and explains, as cells of the table.

use events::{Burst, Cycle, Direction, TranslationCompletion};
use golden::{Access, Command, Fault, Iotinval, Kind, Outcome, Pointer, Pte, Purpose, Request, Role, Target};

use super::Coverage;
use super::seen::Seen;
use super::table::{
    ATS, BURST, CAUSES, COLLISION, COMMANDS, FENCE, MODES, RACE, RANGE, REFUSAL, REGISTER, STOP, UPDATE, WALK, WINDOW,
};
use crate::Oracle;
use crate::choice::Choice;
use crate::dma::Transaction;
use crate::explain::Explanation;
use crate::window::Window;

/// A change of a word counts as new for so many cycles.
const RECENT: Cycle = 4096;

/// What is counted, and what is remembered for it.
#[derive(Debug, Default)]
pub struct Counted {
    cells: Coverage,
    seen: Seen,
}

impl Counted {
    /// The cells.
    pub fn cells(&self) -> &Coverage {
        &self.cells
    }
}

impl Oracle {
    /// What the run has tried so far.
    pub fn coverage(&self) -> &Coverage {
        self.covered.cells()
    }

    /// A request came out as this explanation says.
    pub(crate) fn cover_explanation(&mut self, request: &Request, explanation: &Explanation, window: Window) {
        let choices = &explanation.choices;
        let modes = modes(choices);
        match &explanation.outcome {
            Outcome::Translated(to) => {
                let leaf = match to.target {
                    Target::Mrif(_) => 8,
                    Target::Msi => 7,
                    Target::Memory => size_of(to.size_log2),
                };
                let stages = usize::from(to.pscid.is_some()) + 2 * usize::from(to.gscid.is_some());
                let leaf = if stages == 0 && leaf < 7 { 0 } else { leaf };
                self.covered.cells.hit(WALK, &[access(request), stages, leaf]);
                self.covered.cells.hit(MODES, &[modes.0, modes.1, 0]);
                if let Some(at) = self.covered.seen.translated(request, to) {
                    self.covered.cells.hit(COLLISION, &at);
                }
            }
            Outcome::Fault(fault) => {
                self.covered.cells.hit(MODES, &[modes.0, modes.1, 1]);
                self.cover_refusal(fault, choices);
            }
            Outcome::Unavailable => {}
        }
        for choice in choices {
            self.cover_window(choice, window);
        }
    }

    fn cover_refusal(&mut self, fault: &Fault, choices: &[Choice]) {
        let Some(cause) = CAUSES.iter().position(|own| *own == fault.cause.code()) else { return };
        let place = choices.last().map_or(0, |choice| match choice.word.role {
            Role::DdtEntry { .. } => 1,
            Role::DeviceContext { .. } => 2,
            Role::PdtEntry { .. } => 3,
            Role::ProcessContext { .. } => 4,
            Role::FirstStage { .. } => 5,
            Role::SecondStage { purpose: Purpose::Final, .. } => 6,
            Role::SecondStage { purpose: Purpose::FirstStage { .. }, .. } => 7,
            Role::SecondStage { purpose: Purpose::ProcessDirectory { .. }, .. } => 8,
            Role::MsiPte { .. } => 9,
            Role::Mrif => 10,
        });
        self.covered.cells.hit(REFUSAL, &[cause, place]);
    }

    /// Which value of a word was used, if software had changed it not long before.
    fn cover_window(&mut self, choice: &Choice, window: Window) {
        let Some(word) = self.search.histories.word(choice.word.addr) else { return };
        let recent = window.end.saturating_sub(RECENT);
        let Some(changed) = word.changes().rev().find(|cycle| *cycle <= window.end).filter(|at| *at >= recent) else {
            return;
        };
        let structure = structure(choice);
        // What had been there before the change, if it is not what was used.
        let old = if choice.stale { Some(choice.value) } else { word.at(changed) };
        let mut fetched = false;
        let mut fenced = false;
        for command in self.search.invalidations.since(changed) {
            let covers = |value| crate::invalidation::covers(&command.command, &choice.word, value, Default::default());
            if !old.is_some_and(covers) && !covers(choice.value) {
                continue;
            }
            fetched = true;
            fenced |= command.completed.is_some_and(|done| done < window.start);
            if command.fetched >= window.offered && command.fetched <= window.end {
                let read = word.sightings().iter().find(|seen| seen.value == choice.value);
                let is_before = read.is_some_and(|read| read.last_sampled >= command.fetched);
                let kind = match command.command {
                    Command::InvalVma(_) => 0,
                    Command::InvalGvma(_) => 1,
                    Command::InvalDdt { .. } => 2,
                    Command::InvalPdt { .. } => 3,
                    _ => continue,
                };
                self.covered.cells.hit(RACE, &[structure, kind, usize::from(!is_before)]);
            }
        }
        let state = if fenced { 2 } else { usize::from(fetched) };
        self.covered.cells.hit(WINDOW, &[structure, usize::from(!choice.stale), state]);
    }

    /// A transaction ended.
    pub(crate) fn cover_transaction(&mut self, direction: Direction, burst: Burst, refused: bool) {
        let beats = match burst.beats() {
            0..=1 => 0,
            2..=8 => 1,
            _ => 2,
        };
        let direction = usize::from(direction == Direction::Write);
        let at = [direction, usize::from(burst.kind), beats, usize::from(burst.size), usize::from(refused)];
        self.covered.cells.hit(BURST, &at);
    }

    /// The device has fetched a command.
    pub(crate) fn cover_command(&mut self, command: &Command) {
        let live = self.transactions.live();
        let at_memory = live.iter().any(|one| one.translated().is_some());
        let translating = live.iter().any(|one| one.translated().is_none());
        let traffic = usize::from(translating) + 2 * usize::from(at_memory);
        self.covered.cells.hit(COMMANDS, &[form(command), traffic]);
        match command {
            Command::InvalVma(operands) => self.cover_range(0, operands),
            Command::InvalGvma(operands) => self.cover_range(1, operands),
            Command::Fence(fence) => {
                let open = |direction| {
                    let is_open = |one: &&Transaction| one.request.direction == direction && one.translated().is_some();
                    usize::from(live.iter().any(|one| is_open(&one)))
                };
                let waits = usize::from(fence.pr) + 2 * usize::from(fence.pw);
                let tells = usize::from(fence.store.is_some()) + 2 * usize::from(fence.wsi);
                let open = open(Direction::Read) + 2 * open(Direction::Write);
                self.covered.cells.hit(FENCE, &[waits, tells, open]);
            }
            _ => {}
        }
    }

    fn cover_range(&mut self, command: usize, operands: &Iotinval) {
        let Some(pages) = operands.pages() else { return };
        let range = match (pages.end() - pages.start()).saturating_add(1) {
            1 => 0,
            2..=4 => 1,
            5..=16 => 2,
            17..=512 => 3,
            513..=0x4_0000 => 4,
            _ => 5,
        };
        self.covered.cells.hit(RANGE, &[command, usize::from(operands.nl), range]);
    }

    /// The command queue met an error.
    pub(crate) fn cover_stop(&mut self, why: usize) {
        let open = match (self.commands.open_fences().is_empty(), self.commands.behind_last_fence()) {
            (false, _) => 2,
            (true, first) if self.search.invalidations.count() > first => 1,
            _ => 0,
        };
        self.covered.cells.hit(STOP, &[why, open]);
    }

    /// Software read or wrote a register.
    pub(crate) fn cover_register(&mut self, offset: u16, write: bool) {
        let register = match offset {
            0..=7 => 0,
            8..=11 => 1,
            16..=23 => 2,
            24..=31 => 3,
            32..=35 => 4,
            36..=39 => 5,
            40..=47 => 6,
            48..=51 => 7,
            52..=55 => 8,
            56..=63 => 9,
            64..=67 => 10,
            68..=71 => 11,
            72..=75 => 12,
            76..=79 => 13,
            80..=83 => 14,
            84..=87 => 15,
            88..=91 => 16,
            92..=95 => 17,
            96..=103 => 18,
            104..=351 => 19,
            352..=599 => 20,
            600..=615 => 21,
            616..=623 => 22,
            624..=627 => 23,
            760..=767 => 24,
            768..=1023 => 25,
            _ => 26,
        };
        let busy = !self.transactions.live().is_empty();
        self.covered.cells.hit(REGISTER, &[register, usize::from(write), usize::from(busy)]);
    }

    /// The device has updated bits of an entry that was read as this.
    pub(crate) fn cover_update(&mut self, role: &Role, old: u64, new: u64) {
        let stage = match role {
            Role::FirstStage { .. } => 0,
            Role::SecondStage { purpose: Purpose::Final, .. } => 1,
            Role::SecondStage { .. } => 2,
            _ => return,
        };
        let (old, new) = (Pte(old), Pte(new));
        let bits = match (old.a() != new.a(), old.d() != new.d()) {
            (true, true) => 2,
            (false, true) => 1,
            (true, false) => 0,
            (false, false) => return,
        };
        self.covered.cells.hit(UPDATE, &[stage, bits]);
    }

    /// A translation request was completed.
    pub(crate) fn cover_completion(&mut self, request: &Request, came: &TranslationCompletion) {
        let (no_write, execute) = match request.kind {
            Kind::Ats { no_write, execute } => (no_write, execute),
            _ => return,
        };
        let (asked, granted) = match (execute, no_write) {
            (true, _) => (2, came.x),
            (false, false) => (1, came.w),
            (false, true) => (0, came.r),
        };
        let answer = match came.status {
            0 if granted => 0,
            0 if came.r || came.w || came.x => 1,
            0 => 2,
            1 => 3,
            _ => 4,
        };
        self.cover_ats(asked, answer);
    }

    /// What a device asked by ATS, and what came: places on the axes of that group.
    pub(crate) fn cover_ats(&mut self, request: usize, answer: usize) {
        self.covered.cells.hit(ATS, &[request, answer]);
    }
}

fn access(request: &Request) -> usize {
    match (request.kind, request.access) {
        (Kind::Translated, _) => 3,
        (Kind::Ats { .. }, _) => 4,
        (Kind::Debug, _) => 5,
        (Kind::Untranslated, Access::Read) => 0,
        (Kind::Untranslated, Access::Write) => 1,
        (Kind::Untranslated, Access::Execute) => 2,
    }
}

/// The leaf that a range of so many bits comes from.
fn size_of(log2: u8) -> usize {
    match log2 {
        0..=15 => 1,
        16..=20 => 2,
        21..=29 => 3,
        30..=38 => 4,
        39..=47 => 5,
        _ => 6,
    }
}

/// The modes of both stages, as the contexts that were read have them.
fn modes(choices: &[Choice]) -> (usize, usize) {
    let mode = |value: u64| match value >> 60 {
        8 => 1,
        9 => 2,
        10 => 3,
        _ => 0,
    };
    let word = |role: Role| choices.iter().find(|choice| choice.word.role == role).map(|choice| choice.value);
    let is_walked = choices.iter().any(|choice| matches!(choice.word.role, Role::FirstStage { .. }));
    let first = word(Role::ProcessContext { index: 1 }).or_else(|| word(Role::DeviceContext { index: 3 }));
    let second = word(Role::DeviceContext { index: 1 });
    (first.filter(|_| is_walked).map_or(0, mode), second.map_or(0, mode))
}

fn structure(choice: &Choice) -> usize {
    let is_leaf = Pte(choice.value).is_leaf();
    match choice.word.role {
        Role::DdtEntry { .. } => 0,
        Role::DeviceContext { .. } => 1,
        Role::PdtEntry { .. } => 2,
        Role::ProcessContext { .. } => 3,
        Role::FirstStage { .. } => 4 + usize::from(is_leaf),
        Role::SecondStage { purpose: Purpose::Final, .. } => 6 + usize::from(is_leaf),
        Role::SecondStage { purpose: Purpose::FirstStage { pointer: Pointer::Pte, .. }, .. } => 8,
        Role::SecondStage { purpose: Purpose::FirstStage { .. }, .. } => 9,
        Role::SecondStage { purpose: Purpose::ProcessDirectory { .. }, .. } => 10,
        Role::MsiPte { .. } | Role::Mrif => 11,
    }
}

fn form(command: &Command) -> usize {
    let of = |operands: &Iotinval| {
        usize::from(operands.page.is_some())
            + 2 * usize::from(operands.pscid.is_some())
            + 4 * usize::from(operands.gscid.is_some())
    };
    match command {
        Command::InvalVma(operands) => of(operands),
        Command::InvalGvma(Iotinval { gscid: None, .. }) => 8,
        Command::InvalGvma(operands) => 9 + usize::from(operands.page.is_some()),
        Command::InvalDdt { device } => 11 + usize::from(device.is_some()),
        Command::InvalPdt { .. } => 13,
        Command::AtsInval(_) => 14,
        Command::AtsPrgr(_) => 15,
        Command::Fence(_) => 16,
    }
}
