//! The first stage: I/O virtual to guest physical address (Privileged specification, "Supervisor" and "Two-Stage
//! Address Translation").

use crate::walk::{
    Cursor, Format, MAX_UPDATES, Miss, Need, Page, Rv32, Rv64, Stop, Walk, fatal, leaf_range, missing_bits, page, swap,
};
use crate::{Cause, Decision, Fsc, Iohgatp, Pointer, Pte, Purpose, Role, Spa, Stage, Trace, WordRef, Words};

/// The U and G bits of a PTE.
const U: u64 = 0x10;
const G: u64 = 0x20;

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

/// An entry as the walk has found it.
#[derive(Clone, Copy)]
struct Entry {
    pte: Pte,
    /// Its address in the guest
    gpa: u64,
    bytes: u8,
    level: u8,
    /// log2 of the size of a page there
    shift: u32,
    purpose: Purpose,
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
            if self.tc.sxl() {
                self.first_stage_rv32(stage, iohgatp, need)
            } else {
                self.first_stage_walk::<Rv64>(stage, iohgatp, need)
            }
        }
    }

    #[inline(never)]
    fn first_stage_rv32(&mut self, stage: FirstStage, iohgatp: Iohgatp, need: Need) -> Result<Page, Stop> {
        self.first_stage_walk::<Rv32>(stage, iohgatp, need)
    }

    #[inline(always)]
    fn first_stage_walk<F: Format>(&mut self, stage: FirstStage, iohgatp: Iohgatp, need: Need) -> Result<Page, Stop> {
        let iova = self.request.iova.0;
        let levels = F::levels(stage.iosatp.mode());
        // Sv32 takes 32 bits, zero-extended (section "Translation control"); the others are sign-extended.
        let width = F::width(levels);
        let canonical = if F::PTE_BYTES == 4 {
            iova >> 32 == 0
        } else {
            ((iova << (64 - width)) as i64 >> (64 - width)) as u64 == iova
        };
        if !canonical {
            return Err(self.page_fault());
        }
        // A user access needs U; a privileged one must not have it, unless SUM lets it read and write user pages.
        let privileged = self.request.is_privileged();
        let (u_set, u_clear) = match (privileged, stage.sum && need.permissions() & 0b1000 == 0) {
            (false, _) => (U, 0),
            (true, false) => (0, U),
            (true, true) => (0, 0),
        };
        let be = self.tc.sbe();
        let mut at = Cursor::root::<F>(stage.iosatp.ppn() << 12, levels, width, F::INDEX_BITS, iova);
        let mut pointer = stage.pointer;
        let mut global = 0;
        let mut updates = 0;
        let mut recalled = self.words.recall(Stage::First, Purpose::Final, &self.tags);
        if let Some((level, _)) = recalled {
            at.skip_to::<F>(level);
        }
        loop {
            let gpa = at.slot;
            let purpose = Purpose::FirstStage { level: at.level, pointer };
            let pte = if let Some((_, image)) = recalled.take() {
                Pte(swap(image, F::PTE_BYTES, be))
            } else {
                let addr = self.second_stage(iohgatp, gpa, purpose, Need::READ)?.addr;
                let role = Role::FirstStage { level: at.level };
                match self.load_word(addr, F::PTE_BYTES, role, None, be) {
                    Ok(pte) => Pte(pte),
                    Err(miss) => return Err(self.first_stage_miss(miss)),
                }
            };
            global |= pte.0;
            if at.level > 0 && self.is_pointer(pte) {
                at.descend::<F>(pte);
                pointer = Pointer::Pte;
                self.decide(Decision::Descend(Spa(pte.ppn() << 12)));
                continue;
            }
            let shift = at.shift::<F>();
            let mut page = if let Some(page) = self.plain_leaf(pte, need.plain() | u_set, u_clear, iova, shift) {
                page
            } else {
                if pte.0 & (u_set | u_clear) != u_set {
                    return Err(self.page_fault());
                }
                let entry = Entry { pte, gpa, bytes: F::PTE_BYTES, level: at.level, shift, purpose };
                match self.first_stage_leaf(&entry, iohgatp, need)? {
                    Some(page) => page,
                    None if updates == MAX_UPDATES => return Err(Stop::Unavailable),
                    None => {
                        updates += 1;
                        continue;
                    }
                }
            };
            if privileged && pte.u() {
                // Never to be executed with supervisor privilege, whatever SUM says.
                page.bits &= 0b0110;
            }
            page.bits |= global & G;
            self.decide(Decision::Take(Spa(page.addr)));
            return Ok(page);
        }
    }

    /// The page of an entry that is neither a pointer nor a plain leaf; none: it has changed under an update of A and D.
    /// Its U bit has been found to fit.
    #[cold]
    #[inline(never)]
    fn first_stage_leaf(&mut self, entry: &Entry, iohgatp: Iohgatp, need: Need) -> Result<Option<Page>, Stop> {
        let (iova, pte) = (self.request.iova.0, entry.pte);
        if !self.is_valid_leaf(pte) || pte.0 & need.permissions() != need.permissions() {
            return Err(self.page_fault());
        }
        let Some((base, size_log2)) = leaf_range(pte, entry.level, entry.shift) else {
            return Err(self.page_fault());
        };
        let missing = missing_bits(pte, need);
        if missing != 0 && self.tc.sade() {
            // The update is an implicit write: the second stage must allow it and mark its page dirty.
            let writable = self.second_stage_again(iohgatp, entry.gpa, entry.purpose, Need::UPDATE)?;
            let word = WordRef {
                addr: Spa(writable.addr),
                bytes: entry.bytes,
                role: Role::FirstStage { level: entry.level },
                tags: self.tags,
            };
            let new = Pte(pte.0 | missing);
            return match self.update(&word, self.tc.sbe(), pte.0, new.0) {
                Ok(true) => Ok(Some(page(iova, base, size_log2, new))),
                Ok(false) => Ok(None),
                Err(miss) => Err(self.first_stage_miss(miss)),
            };
        }
        if fatal(missing, need) {
            return Err(self.page_fault());
        }
        Ok(Some(page(iova, base, size_log2, pte)))
    }

    #[cold]
    #[inline(never)]
    fn first_stage_miss(&self, miss: Miss) -> Stop {
        miss.stop(Cause::access_fault(self.access), Cause::PtCorrupt)
    }

    #[cold]
    #[inline(never)]
    fn page_fault(&self) -> Stop {
        Stop::Fault(Cause::page_fault(self.access), 0)
    }
}
