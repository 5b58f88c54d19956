// SPDX-License-Identifier: Apache-2.0
//! The process to translate an IOVA, and how ATS translation requests are answered.

use crate::directory::pdtp_bits;
use crate::first::FirstStage;
use crate::table::{Need, Page};
use crate::walk::{Stop, Walk};
use crate::{
    Cause, Config, DdtMode, Decision, DeviceContext, Fault, Gpa, Gscid, Kind, MsiTable, Outcome, Pbmt, Permissions,
    Pointer, ProcessId, Pscid, Pte, Purpose, Request, Response, Spa, Step, Ta, Tags, Target, Trace, Translation, Words,
};

/// Translates a request (section "Process to translate an IOVA").
///
/// Every word of memory comes from `words`; nothing is kept from one call to the next. For an ATS translation request
/// the outcome is its completion: a translation with `denied_by` set is a Success response without permissions.
///
/// ```
/// use golden::{
///     Access, Capabilities, Config, Ddtp, DdtMode, DeviceId, Fctl, Iova, Outcome, Read, Request, Update, WordRef, Words,
///     translate,
/// };
///
/// struct NoMemory;
/// impl Words for NoMemory {
///     fn read(&mut self, _: &WordRef) -> Read {
///         Read::AccessFault
///     }
///     fn compare_exchange(&mut self, _: &WordRef, _: u64, _: u64) -> Update {
///         Update::AccessFault
///     }
/// }
///
/// let caps = Capabilities(0).with_pas(56);
/// let config = Config::new(caps, Fctl(0), Ddtp(0).with_mode(DdtMode::Bare));
/// let request = Request::untranslated(DeviceId(1), Access::Read, Iova(0x1234));
/// let Outcome::Translated(translation) = translate(&config, &mut NoMemory, &request) else { panic!("refused") };
/// assert_eq!(translation.spa.0, 0x1234);
/// ```
#[inline]
pub fn translate<W: Words>(config: &Config, words: &mut W, request: &Request) -> Outcome {
    translate_traced(config, words, request, &mut ())
}

/// As [`translate`], and hands each step to `trace`.
#[inline]
pub fn translate_traced<W: Words, T: Trace>(
    config: &Config,
    words: &mut W,
    request: &Request,
    trace: &mut T,
) -> Outcome {
    let mut walk = Walk::new(config, words, request, trace);
    let outcome = match walk.run() {
        Ok(found) => Outcome::Translated(walk.translation(&found)),
        Err(stop) => walk.end_early(stop),
    };
    if T::ENABLED {
        match outcome {
            Outcome::Translated(translation) => trace.step(Step::Translated(translation)),
            Outcome::Fault(fault) => trace.step(Step::Fault(fault)),
            Outcome::Unavailable => {}
        }
    }
    outcome
}

/// Locates the device context of a request (steps 1 to 6 of section "Process to translate an IOVA"), as the handling of
/// page requests needs it.
///
/// # Errors
/// The outcome of the request when there is none: a fault, or unavailable.
pub fn locate_device_context<W: Words>(
    config: &Config,
    words: &mut W,
    request: &Request,
) -> Result<DeviceContext, Outcome> {
    let mut trace = ();
    let mut walk = Walk::new(config, words, request, &mut trace);
    let located = match config.ddtp.mode() {
        DdtMode::Bare => Err(Cause::TypeDisallowed.into()),
        DdtMode::Levels(levels) => walk.locate_device_context(levels),
        DdtMode::Off | DdtMode::Reserved(_) => Err(Cause::AllInboundDisallowed.into()),
    };
    located.map_err(|stop| match stop {
        Stop::Fault(cause, iotval2) => Outcome::Fault(walk.fault(cause, iotval2)),
        stop => walk.end_early(stop),
    })
}

/// The highest physical address that there can be.
const WIDEST: u64 = (1 << 56) - 1;

/// What the process has found.
struct Found {
    ta: Ta,
    gscid: Option<Gscid>,
    pscid: Option<Pscid>,
    first: Page,
    second: Page,
    target: Target,
}

impl<W: Words, T: Trace> Walk<'_, W, T> {
    /// The whole process, step by step as the specification numbers it.
    #[inline(always)]
    fn run(&mut self) -> Result<Found, Stop> {
        let request = self.request;
        let levels = match self.config.ddtp.mode() {
            DdtMode::Levels(levels) => levels,
            DdtMode::Bare if request.is_untranslated() => return Err(self.identity(Ta(0))),
            DdtMode::Bare => return Err(Cause::TypeDisallowed.into()),
            // A reserved mode cannot be written; nothing is allowed then.
            DdtMode::Off | DdtMode::Reserved(_) => return Err(Cause::AllInboundDisallowed.into()),
        };
        let dc = self.locate_device_context(levels)?;
        let tc = dc.tc;
        // Step 7
        if !request.is_untranslated() && !tc.en_ats() {
            return Err(Cause::TypeDisallowed.into());
        }
        if let Some(process) = request.process {
            let too_wide = match pdtp_bits(dc.fsc.mode()) {
                Some(bits) => process.0 >> bits != 0,
                None => false,
            };
            if !tc.pdtv() || too_wide {
                return Err(Cause::TypeDisallowed.into());
            }
        }
        // Steps 8 and 9
        let stage = match request.kind {
            Kind::Translated if !tc.t2gpa() => return Err(self.identity(dc.ta)),
            Kind::Translated => FirstStage::BARE,
            _ => self.select_first_stage(&dc)?,
        };
        let (ta, gscid, pscid) = (dc.ta, dc.iohgatp.gscid(), stage.pscid());
        self.tags.pscid = pscid;
        // Step 17
        let need = Need::of(request);
        let first = self.first_stage(stage, dc.iohgatp, need)?;
        let gpa = Gpa(first.addr);
        // Step 18
        let table = self.msi_table(&dc, gpa);
        if table.is_msi(gpa) {
            let (spa, target) = self.msi(&table, gpa.0)?;
            if target == Target::Msi {
                // An MRIF is no translated address: that it lies too high is found by the store into it.
                self.check_width(spa.0)?;
            }
            return Ok(Found { ta, gscid, pscid, first, second: Page::msi(spa.0), target });
        }
        // Step 19
        self.purpose = Purpose::Final;
        let mut second = self.second_stage(dc.iohgatp, gpa.0, need)?;
        second.size_log2 = second.size_log2.min(table.msi_free_size_log2(gpa).into());
        self.check_width(second.addr)?;
        Ok(Found { ta, gscid, pscid, first, second, target: Target::Memory })
    }

    /// Steps 10 to 16: where the first stage is described.
    #[inline(always)]
    fn select_first_stage(&mut self, dc: &DeviceContext) -> Result<FirstStage, Stop> {
        if !dc.tc.pdtv() {
            return Ok(FirstStage { iosatp: dc.fsc, tag: dc.ta.pscid(), pointer: Pointer::DeviceContext, sum: false });
        }
        let default = if dc.tc.dpe() { Some(ProcessId(0)) } else { None };
        let (Some(process), Some(bits)) = (self.request.process.or(default), pdtp_bits(dc.fsc.mode())) else {
            return Ok(FirstStage::BARE);
        };
        let pc = self.locate_process_context(dc.fsc, bits, dc.iohgatp, process)?;
        if self.request.is_privileged() && !pc.ta.ens() {
            return Err(Cause::TypeDisallowed.into());
        }
        Ok(FirstStage { iosatp: pc.fsc, tag: pc.ta.pscid(), pointer: Pointer::ProcessContext, sum: pc.ta.sum() })
    }

    /// The MSI page table by which an address is looked at.
    #[inline(always)]
    fn msi_table(&mut self, dc: &DeviceContext, gpa: Gpa) -> MsiTable {
        let configured = dc.msi_table();
        // Without a second stage nothing of it is tagged by a GSCID.
        let Some(gscid) = dc.iohgatp.gscid() else { return configured };
        let tags = Tags { gscid: Some(gscid), gpa: Some(gpa), ..self.tags };
        self.words.msi_table(&tags, configured)
    }

    /// The address of the request is the physical one.
    #[inline(always)]
    fn identity(&self, ta: Ta) -> Stop {
        self.check_width(self.request.iova.0).err().unwrap_or(Stop::Identity(ta))
    }

    /// "The physical address space addressable by the IOMMU ranges from 0 to 2^PAS - 1" (section "IOMMU capabilities").
    /// PAS is 56 at most: no bus has room for what is wider.
    #[inline(always)]
    fn check_width(&self, spa: u64) -> Result<(), Stop> {
        if self.config.choices.check_output_width && spa > self.spa_max || spa > WIDEST {
            Err(Cause::access_fault(self.access()).into())
        } else {
            Ok(())
        }
    }

    /// The translation that this comes to.
    #[inline(always)]
    fn translation(&self, found: &Found) -> Translation {
        let Found { ta, gscid, pscid, first, second, target } = *found;
        // Svpbmt: the first stage overrides the second unless it says PMA.
        let pbmt = match if first.pbmt != 0 { first.pbmt } else { second.pbmt } {
            1 => Pbmt::Nc,
            2 => Pbmt::Io,
            _ => Pbmt::Pma,
        };
        let granted = Pte(first.bits & second.bits);
        let mut translation = Translation {
            spa: Spa(second.addr),
            size_log2: first.size_log2.min(second.size_log2) as u8,
            pbmt,
            permissions: Permissions { read: granted.r(), write: granted.w(), execute: granted.x() },
            target,
            global: Pte(first.bits).g(),
            untranslated_only: false,
            privileged: self.request.is_privileged(),
            denied_by: None,
            gscid,
            pscid,
            rcid: ta.rcid(),
            mcid: ta.mcid(),
        };
        if let Kind::Ats { execute, .. } = self.request.kind {
            self.complete_ats(first.addr, execute, &mut translation);
        }
        translation
    }

    /// Makes a translation the completion of an ATS translation request (section "PCIe ATS translation request
    /// handling").
    fn complete_ats(&self, gpa: u64, execute: bool, translation: &mut Translation) {
        let permissions = &mut translation.permissions;
        // PCIe knows neither execute-only nor write-only translations without the read permission.
        permissions.execute &= execute && permissions.read;
        translation.untranslated_only = matches!(translation.target, Target::Mrif(_));
        translation.global &= self.request.process.is_some() && translation.target == Target::Memory;
        if self.tc.t2gpa() {
            translation.spa = Spa(gpa);
        }
    }

    /// The outcome where the walk ends early.
    #[inline(never)]
    fn end_early(&mut self, stop: Stop) -> Outcome {
        match stop {
            Stop::Identity(ta) => Outcome::Translated(Translation {
                rcid: ta.rcid(),
                mcid: ta.mcid(),
                ..Translation::identity(self.request.iova.0)
            }),
            Stop::Unavailable => Outcome::Unavailable,
            Stop::Fault(cause, iotval2) => self.refuse(cause, iotval2),
        }
    }

    /// The outcome of a fault: for an ATS request it may be a Success response without permissions.
    fn refuse(&mut self, cause: Cause, iotval2: u64) -> Outcome {
        self.decide(Decision::Refuse(cause));
        if self.request.is_ats() && cause.is_denied_by_ats() {
            return Outcome::Translated(Translation {
                permissions: Permissions::default(),
                privileged: self.request.is_privileged(),
                size_log2: 12,
                denied_by: Some(cause),
                gscid: self.tags.gscid,
                pscid: self.tags.pscid,
                ..Translation::identity(self.request.iova.0)
            });
        }
        Outcome::Fault(self.fault(cause, iotval2))
    }

    /// The fault, with what the record of it shows.
    #[cold]
    fn fault(&self, cause: Cause, iotval2: u64) -> Fault {
        let request = self.request;
        Fault {
            cause,
            iotval: request.iova.0,
            iotval2,
            ttyp: request.ttyp(),
            device: request.device,
            process: request.process,
            privileged: request.is_privileged(),
            // DTF counts from where the device context has been located; until then it is taken to be 0.
            reported: !self.tc.dtf() || cause.reported_despite_dtf(),
            response: if request.is_ats() { cause.response() } else { Response::UnsupportedRequest },
        }
    }
}
