//! The process to translate an IOVA, and how ATS translation requests are answered.

use crate::directory::pdtp_bits;
use crate::first::FirstStage;
use crate::table::{Need, Page};
use crate::walk::{Stop, Walk};
use crate::{
    Cause, Config, DdtMode, Decision, DeviceContext, Fault, Fsc, Gpa, Kind, Outcome, Pbmt, Permissions, Pointer,
    ProcessId, Pte, Purpose, Request, Response, Spa, Step, Ta, Target, Trace, Translation, Words,
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
/// let config = Config::new(Capabilities(0), Fctl(0), Ddtp(0).with_mode(DdtMode::Bare));
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
        Err(stop) => walk.refuse(stop),
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
        Stop::Unavailable => Outcome::Unavailable,
        Stop::Fault(cause, iotval2) => Outcome::Fault(walk.fault(cause, iotval2)),
    })
}

/// What the process has found.
enum Found {
    /// The address is used as it is.
    Identity { ta: Ta },
    /// Pages of both stages
    Pages { ta: Ta, first: Page, second: Page, target: Target },
}

impl<W: Words, T: Trace> Walk<'_, W, T> {
    /// The whole process, step by step as the specification numbers it.
    #[inline(always)]
    fn run(&mut self) -> Result<Found, Stop> {
        let request = self.request;
        let levels = match self.config.ddtp.mode() {
            DdtMode::Levels(levels) => levels,
            DdtMode::Bare if request.kind == Kind::Untranslated => return Ok(Found::Identity { ta: Ta(0) }),
            DdtMode::Bare => return Err(Cause::TypeDisallowed.into()),
            // A reserved mode cannot be written; nothing is allowed then.
            DdtMode::Off | DdtMode::Reserved(_) => return Err(Cause::AllInboundDisallowed.into()),
        };
        let dc = self.locate_device_context(levels)?;
        let tc = dc.tc;
        // Step 7
        if request.kind != Kind::Untranslated && !tc.en_ats() {
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
        let bare = FirstStage { iosatp: Fsc(0), pointer: Pointer::DeviceContext, sum: false };
        let stage = match request.kind {
            Kind::Translated if !tc.t2gpa() => return Ok(Found::Identity { ta: dc.ta }),
            Kind::Translated => bare,
            _ => self.select_first_stage(&dc, bare)?,
        };
        // Step 17
        let need = Need::of(request);
        let first = self.first_stage(stage, dc.iohgatp, need)?;
        let gpa = Gpa(first.addr);
        // Step 18
        if dc.is_msi(gpa) {
            let (spa, target) = self.msi(dc.msiptp, dc.msi_addr_mask, gpa.0)?;
            if target == Target::Msi {
                // An MRIF is no translated address: that it lies too high is found by the store into it.
                self.check_width(spa.0)?;
            }
            return Ok(Found::Pages { ta: dc.ta, first, second: Page::msi(spa.0), target });
        }
        // Step 19
        self.purpose = Purpose::Final;
        let mut second = self.second_stage(dc.iohgatp, gpa.0, need)?;
        second.size_log2 = second.size_log2.min(dc.msi_free_size_log2(gpa).into());
        self.check_width(second.addr)?;
        Ok(Found::Pages { ta: dc.ta, first, second, target: Target::Memory })
    }

    /// Steps 10 to 16: where the first stage is described.
    #[inline(always)]
    fn select_first_stage(&mut self, dc: &DeviceContext, bare: FirstStage) -> Result<FirstStage, Stop> {
        if !dc.tc.pdtv() {
            if dc.fsc.mode() != 0 {
                self.tags.pscid = Some(dc.ta.pscid());
            }
            return Ok(FirstStage { iosatp: dc.fsc, ..bare });
        }
        let default = if dc.tc.dpe() { Some(ProcessId(0)) } else { None };
        let (Some(process), Some(bits)) = (self.request.process.or(default), pdtp_bits(dc.fsc.mode())) else {
            return Ok(bare);
        };
        let pc = self.locate_process_context(dc.fsc, bits, dc.iohgatp, process)?;
        if self.request.is_privileged() && !pc.ta.ens() {
            return Err(Cause::TypeDisallowed.into());
        }
        if pc.fsc.mode() != 0 {
            self.tags.pscid = Some(pc.ta.pscid());
        }
        Ok(FirstStage { iosatp: pc.fsc, pointer: Pointer::ProcessContext, sum: pc.ta.sum() })
    }

    /// "The physical address space addressable by the IOMMU ranges from 0 to 2^PAS - 1" (section "IOMMU capabilities").
    #[inline(always)]
    fn check_width(&self, spa: u64) -> Result<(), Stop> {
        if self.config.choices.check_output_width && spa > self.spa_max {
            Err(Cause::access_fault(self.access).into())
        } else {
            Ok(())
        }
    }

    /// The translation that this comes to.
    #[inline(always)]
    fn translation(&self, found: &Found) -> Translation {
        let (ta, first, second, target) = match found {
            Found::Identity { ta } => {
                let identity = Translation::identity(self.request.iova.0);
                return Translation { rcid: ta.rcid(), mcid: ta.mcid(), ..identity };
            }
            Found::Pages { ta, first, second, target } => (ta, first, second, *target),
        };
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
            gscid: self.tags.gscid,
            pscid: self.tags.pscid,
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

    /// The outcome where the walk ends early: for an ATS request it may be a Success response without permissions.
    #[cold]
    #[inline(never)]
    fn refuse(&mut self, stop: Stop) -> Outcome {
        let Stop::Fault(cause, iotval2) = stop else { return Outcome::Unavailable };
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
