// SPDX-License-Identifier: Apache-2.0
//! The second stage: guest physical to supervisor physical address (Privileged specification, "Two-Stage Address
//! Translation").

use crate::table::{Entry, Format, Need, Page, Privilege, Rv32, Rv64, Verdict};
use crate::walk::{MAX_UPDATES, Miss, Stop, Walk, swap};
use crate::{Cause, Decision, Gpa, Iohgatp, Pte, Purpose, Role, Spa, Stage, Tags, Trace, WordRef, Words};

/// Extra index bits at the root.
const ROOT_BITS: u32 = 2;

impl<W: Words, T: Trace> Walk<'_, W, T> {
    /// Translates `gpa` for `self.purpose`. Identity when the second stage is Bare.
    #[inline(always)]
    pub(crate) fn second_stage(&mut self, iohgatp: Iohgatp, gpa: u64, need: Need) -> Result<Page, Stop> {
        if iohgatp.is_bare() {
            return Ok(Page::identity(gpa));
        }
        let iohgatp = Iohgatp(self.words.table_root(Stage::Second, &self.tags, iohgatp.0));
        if self.fctl.gxl() || self.fctl.be() {
            let page = self.second_stage_of_another_kind(iohgatp, gpa, need)?;
            return Ok(page);
        }
        match iohgatp.mode() {
            8 => self.second_stage_walk::<Rv64, 3, false>(iohgatp, gpa, need),
            9 => self.second_stage_walk::<Rv64, 4, false>(iohgatp, gpa, need),
            // MODE has been checked.
            _ => self.second_stage_walk::<Rv64, 5, false>(iohgatp, gpa, need),
        }
    }

    /// RV32 schemes and big-endian tables.
    #[inline(never)]
    fn second_stage_of_another_kind(&mut self, iohgatp: Iohgatp, gpa: u64, need: Need) -> Result<Page, Stop> {
        match (self.fctl.gxl(), self.fctl.be(), iohgatp.mode()) {
            (true, false, _) => self.second_stage_walk::<Rv32, 2, false>(iohgatp, gpa, need),
            (true, true, _) => self.second_stage_walk::<Rv32, 2, true>(iohgatp, gpa, need),
            (false, _, 8) => self.second_stage_walk::<Rv64, 3, true>(iohgatp, gpa, need),
            (false, _, 9) => self.second_stage_walk::<Rv64, 4, true>(iohgatp, gpa, need),
            (false, _, _) => self.second_stage_walk::<Rv64, 5, true>(iohgatp, gpa, need),
        }
    }

    /// As [`Self::second_stage`], where it is rare: kept out of line.
    #[inline(never)]
    pub(crate) fn second_stage_again(&mut self, iohgatp: Iohgatp, gpa: u64, need: Need) -> Result<Page, Stop> {
        self.second_stage(iohgatp, gpa, need)
    }

    /// Levels and byte order are known when this is compiled, so that the walk has no loop: most words of a nested walk
    /// are read here.
    #[inline(always)]
    fn second_stage_walk<F: Format, const LEVELS: u8, const BIG_ENDIAN: bool>(
        &mut self,
        iohgatp: Iohgatp,
        gpa: u64,
        need: Need,
    ) -> Result<Page, Stop> {
        // With SXL, guest physical addresses have 34 bits whatever the scheme (section "Translation control").
        if gpa >> 34 != 0 && (gpa >> (F::width(LEVELS) + ROOT_BITS) != 0 || self.tc.sxl()) {
            return Err(self.guest_page_fault(gpa, need));
        }
        // All guest accesses count as user accesses: U must be set.
        let rules = self.rules(need, Privilege::User);
        let tags = Tags { gpa: Some(Gpa(gpa)), ..self.tags };
        let mut recalled = self.words.recall(Stage::Second, self.purpose, &tags);
        let top = recalled.map_or(LEVELS - 1, |(level, _)| level.min(LEVELS - 1));
        let mut table = iohgatp.ppn() << 12;
        for level in (0..=top).rev() {
            let index_bits = if level == LEVELS - 1 { F::INDEX_BITS + ROOT_BITS } else { F::INDEX_BITS };
            let slot = table + F::offset(gpa, level, index_bits);
            let pte = if let Some((_, image)) = recalled.take() {
                Pte(swap(image, F::PTE_BYTES, BIG_ENDIAN))
            } else {
                let role = Role::SecondStage { level, purpose: self.purpose };
                match self.load_word(slot, F::PTE_BYTES, role, Some(Gpa(gpa)), BIG_ENDIAN) {
                    Ok(pte) => Pte(pte),
                    Err(miss) => return Err(self.second_stage_miss(miss)),
                }
            };
            let entry = if level > 0 && rules.is_pointer(pte) {
                Entry::Table(pte)
            } else if let Some(page) = rules.usual_page(pte, gpa, F::shift(level)) {
                Entry::Page(page)
            } else {
                self.second_stage_entry::<F>(slot, level, pte, gpa, need)?
            };
            table = match entry {
                Entry::Table(pte) => pte.ppn() << 12,
                Entry::Page(page) => {
                    self.decide(Decision::Take(Spa(page.addr)));
                    return Ok(page);
                }
            };
            self.decide(Decision::Descend(Spa(table)));
        }
        // The last entry is a page or has been refused.
        Err(self.guest_page_fault(gpa, need))
    }

    /// What an entry says that is neither a pointer nor a usual page: judged by every rule, and updated.
    #[cold]
    #[inline(never)]
    fn second_stage_entry<F: Format>(
        &mut self,
        slot: u64,
        level: u8,
        mut pte: Pte,
        gpa: u64,
        need: Need,
    ) -> Result<Entry, Stop> {
        let be = self.fctl.be();
        let role = Role::SecondStage { level, purpose: self.purpose };
        let rules = self.rules(need, Privilege::User);
        for _ in 0..=MAX_UPDATES {
            let (missing, page) = match rules.judge(pte, gpa, level, F::shift(level), self.tc.gade()) {
                Verdict::Table => return Ok(Entry::Table(pte)),
                Verdict::Page(page) => return Ok(Entry::Page(page)),
                Verdict::Update(missing, page) => (missing, page),
                Verdict::Fault => return Err(self.guest_page_fault(gpa, need)),
            };
            let tags = Tags { gpa: Some(Gpa(gpa)), ..self.tags };
            let word = WordRef { addr: Spa(slot), bytes: F::PTE_BYTES, role, tags };
            let step = match self.update(&word, be, pte.0, pte.0 | missing) {
                Ok(true) => return Ok(Entry::Page(page)),
                // Somebody else has changed the entry: it is read anew.
                Ok(false) => self.load_word(slot, F::PTE_BYTES, role, Some(Gpa(gpa)), be),
                Err(miss) => Err(miss),
            };
            pte = Pte(step.map_err(|miss| self.second_stage_miss(miss))?);
        }
        Err(Stop::Unavailable)
    }

    /// An access fault or corruption met while the second stage was walked.
    #[cold]
    #[inline(never)]
    fn second_stage_miss(&self, miss: Miss) -> Stop {
        match self.purpose {
            // Section "Process to locate the Process-context".
            Purpose::ProcessDirectory { .. } => miss.stop(Cause::PdtAccessFault, Cause::PdtCorrupt),
            _ => miss.stop(Cause::access_fault(self.access()), Cause::PtCorrupt),
        }
    }

    /// The guest-page fault, of the original access type, with its `iotval2` (section "Fault/Event-Queue").
    #[cold]
    #[inline(never)]
    fn guest_page_fault(&self, gpa: u64, need: Need) -> Stop {
        let implicit = u64::from(self.purpose != Purpose::Final);
        let write = u64::from(implicit == 1 && need == Need::UPDATE) << 1;
        Stop::Fault(Cause::guest_page_fault(self.access()), (gpa & !3) | write | implicit)
    }
}
