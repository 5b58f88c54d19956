//! The second stage: guest physical to supervisor physical address (Privileged specification, "Two-Stage Address
//! Translation").

use crate::walk::{
    Cursor, Format, MAX_UPDATES, Miss, Need, Page, Rv32, Rv64, Stop, Walk, fatal, leaf_range, missing_bits, page, swap,
};
use crate::{Cause, Decision, Gpa, Iohgatp, Pte, Purpose, Role, Spa, Stage, Tags, Trace, WordRef, Words};

/// All guest accesses count as user accesses: U must be set.
const U: u64 = 0x10;

/// Extra index bits at the root.
const ROOT_BITS: u32 = 2;

impl<W: Words, T: Trace> Walk<'_, W, T> {
    /// Translates `gpa`. Identity when the second stage is Bare.
    #[inline(always)]
    pub(crate) fn second_stage(
        &mut self,
        iohgatp: Iohgatp,
        gpa: u64,
        purpose: Purpose,
        need: Need,
    ) -> Result<Page, Stop> {
        if iohgatp.is_bare() {
            Ok(Page::identity(gpa))
        } else {
            let iohgatp = Iohgatp(self.words.table_root(Stage::Second, &self.tags, iohgatp.0));
            if self.config.fctl.gxl() {
                self.second_stage_rv32(iohgatp, gpa, purpose, need)
            } else {
                self.second_stage_walk::<Rv64>(iohgatp, gpa, purpose, need)
            }
        }
    }

    /// As [`Self::second_stage`], once more and rarely: kept out of line.
    #[inline(never)]
    pub(crate) fn second_stage_again(
        &mut self,
        iohgatp: Iohgatp,
        gpa: u64,
        purpose: Purpose,
        need: Need,
    ) -> Result<Page, Stop> {
        self.second_stage(iohgatp, gpa, purpose, need)
    }

    #[inline(never)]
    fn second_stage_rv32(&mut self, iohgatp: Iohgatp, gpa: u64, purpose: Purpose, need: Need) -> Result<Page, Stop> {
        self.second_stage_walk::<Rv32>(iohgatp, gpa, purpose, need)
    }

    #[inline(always)]
    fn second_stage_walk<F: Format>(
        &mut self,
        iohgatp: Iohgatp,
        gpa: u64,
        purpose: Purpose,
        need: Need,
    ) -> Result<Page, Stop> {
        let levels = F::levels(iohgatp.mode());
        let width = F::width(levels) + ROOT_BITS;
        // With SXL, guest physical addresses have 34 bits whatever the scheme (section "Translation control").
        if gpa >> (if self.tc.sxl() { 34 } else { width }) != 0 {
            return Err(self.guest_page_fault(gpa, purpose, need));
        }
        let be = self.config.fctl.be();
        let mut at = Cursor::root::<F>(iohgatp.ppn() << 12, levels, width, F::INDEX_BITS + ROOT_BITS, gpa);
        let mut updates = 0;
        let tags = Tags { gpa: Some(Gpa(gpa)), ..self.tags };
        let mut recalled = self.words.recall(Stage::Second, purpose, &tags);
        if let Some((level, _)) = recalled {
            at.skip_to::<F>(level);
        }
        loop {
            let role = Role::SecondStage { level: at.level, purpose };
            let pte = if let Some((_, image)) = recalled.take() {
                Pte(swap(image, F::PTE_BYTES, be))
            } else {
                match self.load_word(at.slot, F::PTE_BYTES, role, Some(Gpa(gpa)), be) {
                    Ok(pte) => Pte(pte),
                    Err(miss) => return Err(self.second_stage_miss(miss, purpose)),
                }
            };
            if at.level > 0 && self.is_pointer(pte) {
                at.descend::<F>(pte);
                self.decide(Decision::Descend(Spa(pte.ppn() << 12)));
                continue;
            }
            let shift = at.shift::<F>();
            // G is ignored.
            let page = if let Some(page) = self.plain_leaf(pte, need.plain() | U, 0, gpa, shift) {
                page
            } else {
                match self.second_stage_leaf(at, shift, pte, gpa, purpose, need)? {
                    Some(page) => page,
                    None if updates == MAX_UPDATES => return Err(Stop::Unavailable),
                    None => {
                        updates += 1;
                        continue;
                    }
                }
            };
            self.decide(Decision::Take(Spa(page.addr)));
            return Ok(page);
        }
    }

    /// The page of an entry that is neither a pointer nor a plain leaf; none: it has changed under an update of A and D.
    #[cold]
    #[inline(never)]
    fn second_stage_leaf(
        &mut self,
        at: Cursor,
        shift: u32,
        pte: Pte,
        gpa: u64,
        purpose: Purpose,
        need: Need,
    ) -> Result<Option<Page>, Stop> {
        if !self.is_valid_leaf(pte) || !pte.u() || pte.0 & need.permissions() != need.permissions() {
            return Err(self.guest_page_fault(gpa, purpose, need));
        }
        let Some((base, size_log2)) = leaf_range(pte, at.level, shift) else {
            return Err(self.guest_page_fault(gpa, purpose, need));
        };
        let missing = missing_bits(pte, need);
        if missing != 0 && self.tc.gade() {
            let word = WordRef {
                addr: Spa(at.slot),
                bytes: if self.config.fctl.gxl() { 4 } else { 8 },
                role: Role::SecondStage { level: at.level, purpose },
                tags: Tags { gpa: Some(Gpa(gpa)), ..self.tags },
            };
            let new = Pte(pte.0 | missing);
            return match self.update(&word, self.config.fctl.be(), pte.0, new.0) {
                Ok(true) => Ok(Some(page(gpa, base, size_log2, new))),
                Ok(false) => Ok(None),
                Err(miss) => Err(self.second_stage_miss(miss, purpose)),
            };
        }
        if fatal(missing, need) {
            return Err(self.guest_page_fault(gpa, purpose, need));
        }
        Ok(Some(page(gpa, base, size_log2, pte)))
    }

    /// An access fault or corruption met while the second stage was walked.
    #[cold]
    #[inline(never)]
    fn second_stage_miss(&self, miss: Miss, purpose: Purpose) -> Stop {
        match purpose {
            // Section "Process to locate the Process-context".
            Purpose::ProcessDirectory { .. } => miss.stop(Cause::PdtAccessFault, Cause::PdtCorrupt),
            _ => miss.stop(Cause::access_fault(self.access), Cause::PtCorrupt),
        }
    }

    /// The guest-page fault, of the original access type, with its `iotval2` (section "Fault/Event-Queue").
    #[cold]
    #[inline(never)]
    fn guest_page_fault(&self, gpa: u64, purpose: Purpose, need: Need) -> Stop {
        let implicit = u64::from(purpose != Purpose::Final);
        let write = u64::from(implicit == 1 && need == Need::UPDATE) << 1;
        Stop::Fault(Cause::guest_page_fault(self.access), (gpa & !3) | write | implicit)
    }
}
