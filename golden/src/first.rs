// SPDX-License-Identifier: Apache-2.0
//! The first stage: I/O virtual to guest physical address (Privileged specification, "Supervisor" and "Two-Stage
//! Address Translation").

use crate::table::{Entry, Format, G, Need, Page, Privilege, Rules, Rv32, Rv64, Verdict};
use crate::walk::{MAX_UPDATES, Miss, Stop, Walk, swap};
use crate::{Cause, Decision, Fsc, Iohgatp, Pointer, Pscid, Pte, Purpose, Role, Spa, Stage, Trace, WordRef, Words};

/// The first stage of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FirstStage {
    /// Root and scheme
    pub iosatp: Fsc,
    /// PSCID, where the stage is not Bare
    pub tag: Pscid,
    /// Who holds it
    pub pointer: Pointer,
    /// `PC.ta.SUM`
    pub sum: bool,
}

impl FirstStage {
    /// None.
    pub(crate) const BARE: Self = Self { iosatp: Fsc(0), tag: Pscid(0), pointer: Pointer::DeviceContext, sum: false };

    /// The tag of the translations of this stage; none when it is Bare.
    #[inline(always)]
    pub(crate) const fn pscid(&self) -> Option<Pscid> {
        if self.iosatp.mode() == 0 { None } else { Some(self.tag) }
    }
}

impl<W: Words, T: Trace> Walk<'_, W, T> {
    /// Translates the address of the request. Identity when the first stage is Bare.
    #[inline(always)]
    pub(crate) fn first_stage(&mut self, stage: FirstStage, iohgatp: Iohgatp, need: Need) -> Result<Page, Stop> {
        if stage.iosatp.mode() == 0 {
            let mut page = Page::identity(self.request.iova.0);
            if self.config.choices.bare_first_stage_is_global {
                page.bits |= G;
            }
            Ok(page)
        } else {
            let iosatp = Fsc(self.words.table_root(Stage::First, &self.tags, stage.iosatp.0));
            let stage = FirstStage { iosatp, ..stage };
            if self.tc.sxl() || self.tc.sbe() {
                let page = self.first_stage_of_another_kind(stage, iohgatp, need)?;
                return Ok(page);
            }
            self.first_stage_walk::<Rv64, false>(stage, iohgatp, need)
        }
    }

    /// RV32 schemes and big-endian tables.
    #[inline(never)]
    fn first_stage_of_another_kind(&mut self, stage: FirstStage, iohgatp: Iohgatp, need: Need) -> Result<Page, Stop> {
        match (self.tc.sxl(), self.tc.sbe()) {
            (true, false) => self.first_stage_walk::<Rv32, false>(stage, iohgatp, need),
            (true, true) => self.first_stage_walk::<Rv32, true>(stage, iohgatp, need),
            (false, _) => self.first_stage_walk::<Rv64, true>(stage, iohgatp, need),
        }
    }

    /// A user access needs U; a privileged one must not have it, unless SUM lets it read and write user pages.
    #[inline(always)]
    fn first_stage_rules(&self, stage: FirstStage, need: Need) -> Rules {
        let privilege = match (self.request.is_privileged(), stage.sum) {
            (false, _) => Privilege::User,
            (true, false) => Privilege::Supervisor,
            (true, true) => Privilege::SupervisorUser,
        };
        self.rules(need, privilege)
    }

    #[inline(always)]
    fn first_stage_walk<F: Format, const BIG_ENDIAN: bool>(
        &mut self,
        stage: FirstStage,
        iohgatp: Iohgatp,
        need: Need,
    ) -> Result<Page, Stop> {
        let iova = self.request.iova.0;
        // MODE has been checked: 8 to 10.
        let levels = if F::PTE_BYTES == 4 { 2 } else { (stage.iosatp.mode() & 3) + 3 };
        // Sv32 takes 32 bits, zero-extended (section "Translation control"); the others are sign-extended.
        let unused = 64u32.wrapping_sub(F::width(levels)) & 63;
        let canonical =
            if F::PTE_BYTES == 4 { iova >> 32 == 0 } else { (iova << unused) as i64 >> unused == iova as i64 };
        if !canonical {
            return Err(self.page_fault());
        }
        let rules = self.first_stage_rules(stage, need);
        let mut recalled = self.words.recall(Stage::First, Purpose::Final, &self.tags);
        let mut level = recalled.map_or(levels - 1, |(level, _)| level.min(levels - 1));
        let mut table = stage.iosatp.ppn() << 12;
        let mut pointer = stage.pointer;
        let mut global = 0;
        loop {
            let gpa = table + F::offset(iova, level, F::INDEX_BITS);
            self.purpose = Purpose::FirstStage { level, pointer };
            let pte = if let Some((_, image)) = recalled.take() {
                Pte(swap(image, F::PTE_BYTES, BIG_ENDIAN))
            } else {
                let addr = if F::PTE_BYTES == 4 || BIG_ENDIAN {
                    self.second_stage_again(iohgatp, gpa, Need::READ)?.addr
                } else {
                    self.second_stage(iohgatp, gpa, Need::READ)?.addr
                };
                match self.load_word(addr, F::PTE_BYTES, Role::FirstStage { level }, None, BIG_ENDIAN) {
                    Ok(pte) => Pte(pte),
                    Err(miss) => return Err(self.first_stage_miss(miss)),
                }
            };
            let entry = if level > 0 && rules.is_pointer(pte) {
                Entry::Table(pte)
            } else if let Some(page) = rules.usual_page(pte, iova, F::shift(level)) {
                Entry::Page(page)
            } else {
                self.first_stage_entry::<F>(stage, iohgatp, need, gpa, level, pte)?
            };
            match entry {
                Entry::Table(pte) => {
                    // What lies below a global entry is global.
                    global |= pte.0;
                    table = pte.ppn() << 12;
                }
                Entry::Page(mut page) => {
                    page.bits |= global & G;
                    self.decide(Decision::Take(Spa(page.addr)));
                    return Ok(page);
                }
            }
            pointer = Pointer::Pte;
            level -= 1;
            self.decide(Decision::Descend(Spa(table)));
        }
    }

    /// What an entry says that is neither a pointer nor a usual page: judged by every rule, and updated.
    #[cold]
    #[inline(never)]
    fn first_stage_entry<F: Format>(
        &mut self,
        stage: FirstStage,
        iohgatp: Iohgatp,
        need: Need,
        gpa: u64,
        level: u8,
        mut pte: Pte,
    ) -> Result<Entry, Stop> {
        let (iova, be) = (self.request.iova.0, self.tc.sbe());
        let role = Role::FirstStage { level };
        let rules = self.first_stage_rules(stage, need);
        for _ in 0..=MAX_UPDATES {
            let (missing, page) = match rules.judge(pte, iova, level, F::shift(level), self.tc.sade()) {
                Verdict::Table => return Ok(Entry::Table(pte)),
                Verdict::Page(page) => return Ok(Entry::Page(page)),
                Verdict::Update(missing, page) => (missing, page),
                Verdict::Fault => return Err(self.page_fault()),
            };
            // The update is an implicit write: the second stage must allow it and mark its page dirty.
            let addr = Spa(self.second_stage_again(iohgatp, gpa, Need::UPDATE)?.addr);
            let word = WordRef { addr, bytes: F::PTE_BYTES, role, tags: self.tags };
            let read = match self.update(&word, be, pte.0, pte.0 | missing) {
                Ok(true) => return Ok(Entry::Page(page)),
                // Somebody else has changed the entry: it is read anew, where the guest has it by now.
                Ok(false) => {
                    let addr = self.second_stage_again(iohgatp, gpa, Need::READ)?.addr;
                    self.load_word(addr, F::PTE_BYTES, role, None, be)
                }
                Err(miss) => Err(miss),
            };
            pte = Pte(read.map_err(|miss| self.first_stage_miss(miss))?);
        }
        Err(Stop::Unavailable)
    }

    #[cold]
    #[inline(never)]
    fn first_stage_miss(&self, miss: Miss) -> Stop {
        miss.stop(Cause::access_fault(self.access()), Cause::PtCorrupt)
    }

    #[cold]
    #[inline(never)]
    fn page_fault(&self) -> Stop {
        Stop::Fault(Cause::page_fault(self.access()), 0)
    }
}
