//! The first stage: I/O virtual to guest physical address (Privileged specification, "Supervisor" and "Two-Stage
//! Address Translation").

use crate::second::{fatal, missing_bits, page};
use crate::walk::{MAX_UPDATES, Miss, Need, Page, Scheme, Stop, Walk, leaf_range};
use crate::{Cause, Decision, Fsc, Iohgatp, Pointer, Pte, Purpose, Role, Spa, Trace, WordRef, Words};

/// The first stage of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FirstStage {
    /// Root and scheme
    pub iosatp: Fsc,
    /// Who holds it
    pub pointer: Pointer,
    /// `PC.ta.SUM`
    pub sum: bool,
}

impl<W: Words, T: Trace> Walk<'_, W, T> {
    /// Translates the address of the request. Identity when the first stage is Bare.
    #[inline]
    pub(crate) fn first_stage(&mut self, stage: FirstStage, iohgatp: Iohgatp, need: Need) -> Result<Page, Stop> {
        let iova = self.request.iova.0;
        let rv32 = self.tc.sxl();
        let Some(scheme) = Scheme::new(stage.iosatp.mode(), rv32, 0) else {
            let global = self.config.choices.bare_first_stage_is_global;
            return Ok(Page { global, ..Page::identity(iova) });
        };
        // Sv32 takes 32 bits, zero-extended (section "Translation control"); the others are sign-extended.
        let width = scheme.width();
        let canonical = if rv32 {
            iova >> 32 == 0
        } else {
            let unused = 64 - width;
            ((iova << unused) as i64 >> unused) as u64 == iova
        };
        if !canonical {
            return Err(self.page_fault());
        }
        let be = self.tc.sbe();
        let mut table = stage.iosatp.ppn() << 12;
        let mut pointer = stage.pointer;
        let mut level = scheme.levels - 1;
        let mut global = false;
        let mut updates = 0;
        loop {
            let gpa = table + scheme.offset(iova, level);
            let purpose = Purpose::FirstStage { level, pointer };
            let addr = self.second_stage(iohgatp, gpa, purpose, Need::READ)?.addr;
            let role = Role::FirstStage { level };
            let word = WordRef { addr: Spa(addr), bytes: scheme.pte_bytes(), role, tags: self.tags };
            let pte = Pte(self.load_word(&word, be).map_err(|miss| self.first_stage_miss(miss))?);
            // W without R is reserved, also where a hart would take it for a shadow stack page.
            if !pte.v() || pte.0 & 0b0110 == 0b0100 {
                return Err(self.page_fault());
            }
            global |= pte.g();
            if !pte.is_leaf() {
                if level == 0 || pte.0 & self.pointer_reserved() != 0 {
                    return Err(self.page_fault());
                }
                table = pte.ppn() << 12;
                pointer = Pointer::Pte;
                level -= 1;
                self.decide(Decision::Descend(Spa(table)));
                continue;
            }
            if pte.0 & self.leaf_reserved != 0
                || pte.pbmt() == 3
                || pte.0 & need.permissions != need.permissions
                || !self.privilege_fits(pte, stage.sum, need)
            {
                return Err(self.page_fault());
            }
            let Some((base, size_log2)) = leaf_range(pte, scheme, level) else {
                return Err(self.page_fault());
            };
            let missing = missing_bits(pte, need);
            let hardware = self.tc.sade();
            if missing != 0 && hardware {
                // The update is an implicit write: the second stage must allow it and mark its page dirty.
                let addr = self.second_stage(iohgatp, gpa, purpose, Need::UPDATE)?.addr;
                let word = WordRef { addr: Spa(addr), ..word };
                let updated =
                    self.update(&word, be, pte.0, pte.0 | missing).map_err(|miss| self.first_stage_miss(miss))?;
                if !updated {
                    updates += 1;
                    if updates == MAX_UPDATES {
                        return Err(Stop::Unavailable);
                    }
                    continue;
                }
            } else if fatal(missing, need) {
                return Err(self.page_fault());
            }
            let mut page = page(iova, base, size_log2, Pte(pte.0 | if hardware { missing } else { 0 }));
            page.global = global;
            if self.request.is_privileged() && pte.u() {
                page.permissions &= 0b0110;
            }
            self.decide(Decision::Take(Spa(page.addr)));
            return Ok(page);
        }
    }

    /// The U bit fits the privilege of the request (section "Process-context fields").
    #[inline]
    fn privilege_fits(&self, pte: Pte, sum: bool, need: Need) -> bool {
        if !self.request.is_privileged() { pte.u() } else { !pte.u() || (sum && need.permissions & 0b1000 == 0) }
    }

    #[cold]
    fn first_stage_miss(&self, miss: Miss) -> Stop {
        miss.stop(Cause::access_fault(self.access), Cause::PtCorrupt)
    }

    #[cold]
    fn page_fault(&self) -> Stop {
        Stop::Fault(Cause::page_fault(self.access), 0)
    }
}
