//! The second stage: guest physical to supervisor physical address (Privileged specification, "Two-Stage Address
//! Translation").

use crate::walk::{MAX_UPDATES, Miss, Need, Page, Scheme, Stop, Walk, leaf_range};
use crate::{Cause, Decision, Gpa, Iohgatp, Pte, Purpose, Role, Spa, Trace, WordRef, Words};

impl<W: Words, T: Trace> Walk<'_, W, T> {
    /// Translates `gpa`. Identity when the second stage is Bare.
    #[inline]
    pub(crate) fn second_stage(
        &mut self,
        iohgatp: Iohgatp,
        gpa: u64,
        purpose: Purpose,
        need: Need,
    ) -> Result<Page, Stop> {
        let Some(scheme) = Scheme::new(iohgatp.mode(), self.config.fctl.gxl(), 2) else {
            return Ok(Page::identity(gpa));
        };
        let outer = self.tags.gpa.replace(Gpa(gpa));
        let page = self.second_stage_walk(scheme, iohgatp, gpa, purpose, need);
        self.tags.gpa = outer;
        page
    }

    #[inline]
    fn second_stage_walk(
        &mut self,
        scheme: Scheme,
        iohgatp: Iohgatp,
        gpa: u64,
        purpose: Purpose,
        need: Need,
    ) -> Result<Page, Stop> {
        // With SXL, guest physical addresses have 34 bits whatever the scheme (section "Translation control").
        let width = if self.tc.sxl() { 34 } else { scheme.width() };
        if gpa >> width != 0 {
            return Err(self.guest_page_fault(gpa, purpose, need));
        }
        let be = self.config.fctl.be();
        let mut table = iohgatp.ppn() << 12;
        let mut level = scheme.levels - 1;
        let mut updates = 0;
        loop {
            let word = WordRef {
                addr: Spa(table + scheme.offset(gpa, level)),
                bytes: scheme.pte_bytes(),
                role: Role::SecondStage { level, purpose },
                tags: self.tags,
            };
            let pte = Pte(self.load_word(&word, be).map_err(|miss| self.second_stage_miss(miss, purpose))?);
            if !pte.v() || pte.0 & 0b0110 == 0b0100 {
                return Err(self.guest_page_fault(gpa, purpose, need));
            }
            if !pte.is_leaf() {
                if level == 0 || pte.0 & self.pointer_reserved() != 0 {
                    return Err(self.guest_page_fault(gpa, purpose, need));
                }
                table = pte.ppn() << 12;
                level -= 1;
                self.decide(Decision::Descend(Spa(table)));
                continue;
            }
            // All guest accesses count as user accesses: U must be set. G is ignored.
            if pte.0 & self.leaf_reserved != 0
                || pte.pbmt() == 3
                || !pte.u()
                || pte.0 & need.permissions != need.permissions
            {
                return Err(self.guest_page_fault(gpa, purpose, need));
            }
            let Some((base, size_log2)) = leaf_range(pte, scheme, level) else {
                return Err(self.guest_page_fault(gpa, purpose, need));
            };
            let missing = missing_bits(pte, need);
            if missing != 0 && self.tc.gade() {
                let updated = self
                    .update(&word, be, pte.0, pte.0 | missing)
                    .map_err(|miss| self.second_stage_miss(miss, purpose))?;
                if !updated {
                    updates += 1;
                    if updates == MAX_UPDATES {
                        return Err(Stop::Unavailable);
                    }
                    continue;
                }
            } else if fatal(missing, need) {
                return Err(self.guest_page_fault(gpa, purpose, need));
            }
            let page = page(gpa, base, size_log2, Pte(pte.0 | if self.tc.gade() { missing } else { 0 }));
            self.decide(Decision::Take(Spa(page.addr)));
            return Ok(page);
        }
    }

    /// An access fault or corruption met while the second stage was walked.
    #[cold]
    fn second_stage_miss(&self, miss: Miss, purpose: Purpose) -> Stop {
        match purpose {
            // Section "Process to locate the Process-context".
            Purpose::ProcessDirectory { .. } => miss.stop(Cause::PdtAccessFault, Cause::PdtCorrupt),
            _ => miss.stop(Cause::access_fault(self.access), Cause::PtCorrupt),
        }
    }

    /// The guest-page fault, of the original access type, with its `iotval2` (section "Fault/Event-Queue").
    #[cold]
    fn guest_page_fault(&self, gpa: u64, purpose: Purpose, need: Need) -> Stop {
        let implicit = u64::from(purpose != Purpose::Final);
        let write = u64::from(implicit == 1 && need == Need::UPDATE) << 1;
        Stop::Fault(Cause::guest_page_fault(self.access), (gpa & !3) | write | implicit)
    }
}

/// A and D bits that the access needs and the leaf does not have.
#[inline]
pub(crate) const fn missing_bits(pte: Pte, need: Need) -> u64 {
    // An ATS request that may write makes the page dirty only if it may be written at all.
    let dirty = need.dirty && (!need.lenient || pte.w());
    let wanted = 0x40 | if dirty { 0x80 } else { 0 };
    wanted & !pte.0
}

/// The missing bits refuse the access, where hardware may not set them.
#[inline]
pub(crate) const fn fatal(missing: u64, need: Need) -> bool {
    missing & 0x40 != 0 || (missing != 0 && !need.lenient)
}

/// The page that a leaf maps around `addr`.
#[inline]
pub(crate) const fn page(addr: u64, base: u64, size_log2: u32, pte: Pte) -> Page {
    let offset = addr & ((1 << size_log2) - 1);
    let permissions = pte.0 & if pte.d() { 0b1110 } else { 0b1010 };
    Page { addr: base | offset, size_log2: size_log2 as u8, permissions, pbmt: pte.pbmt(), global: false }
}
