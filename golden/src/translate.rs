//! The process to translate an IOVA, and how ATS translation requests are answered.

use crate::directory::pdtp_bits;
use crate::first::FirstStage;
use crate::walk::{Need, Page, Stop, Walk};
use crate::{
    Cause, Config, DdtMode, Decision, DeviceContext, Fault, Fsc, Gpa, Kind, Outcome, Pbmt, Permissions, Pointer,
    ProcessId, Purpose, Request, Response, Spa, Step, Target, Trace, Translation, Words,
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
    let result = walk.run();
    let outcome = match result {
        Ok(translation) => Outcome::Translated(translation),
        Err(Stop::Unavailable) => Outcome::Unavailable,
        Err(Stop::Fault(cause, iotval2)) => walk.refuse(cause, iotval2),
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

impl<W: Words, T: Trace> Walk<'_, W, T> {
    /// The whole process, step by step as the specification numbers it.
    #[inline(always)]
    fn run(&mut self) -> Result<Translation, Stop> {
        let request = self.request;
        let levels = match self.config.ddtp.mode() {
            DdtMode::Levels(levels) => levels,
            DdtMode::Bare if request.kind == Kind::Untranslated => {
                return Ok(Translation::identity(request.iova.0));
            }
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
        if request.kind == Kind::Translated {
            if !tc.t2gpa() {
                return Ok(Translation {
                    rcid: dc.ta.rcid(),
                    mcid: dc.ta.mcid(),
                    ..Translation::identity(request.iova.0)
                });
            }
            return self.two_stage(&dc, bare);
        }
        let stage = self.select_first_stage(&dc, bare)?;
        self.two_stage(&dc, stage)
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

    /// Steps 17 to 20.
    #[inline(always)]
    fn two_stage(&mut self, dc: &DeviceContext, stage: FirstStage) -> Result<Translation, Stop> {
        let need = Need::of(self.request);
        let first = self.first_stage(stage, dc.iohgatp, need)?;
        let gpa = first.addr;
        if dc.is_msi(Gpa(gpa)) {
            let (spa, target) = self.msi(dc, gpa)?;
            let page = Page { addr: spa.0, bits: 0b0110, size_log2: 12, pbmt: 0 };
            return self.finish(dc, first, page, target);
        }
        let mut page = self.second_stage(dc.iohgatp, gpa, Purpose::Final, need)?;
        page.size_log2 = page.size_log2.min(dc.msi_free_size_log2(Gpa(gpa)).into());
        self.finish(dc, first, page, Target::Memory)
    }

    #[inline(always)]
    fn finish(&mut self, dc: &DeviceContext, first: Page, second: Page, target: Target) -> Result<Translation, Stop> {
        if self.config.choices.check_output_width && second.addr > self.spa_max {
            return Err(Cause::access_fault(self.access).into());
        }
        let granted = first.bits & second.bits;
        // Svpbmt: the first stage overrides the second unless it says PMA.
        let pbmt = match if first.pbmt != 0 { first.pbmt } else { second.pbmt } {
            1 => Pbmt::Nc,
            2 => Pbmt::Io,
            _ => Pbmt::Pma,
        };
        let mut translation = Translation {
            spa: Spa(second.addr),
            size_log2: first.size_log2.min(second.size_log2) as u8,
            pbmt,
            permissions: Permissions {
                read: granted & 0b0010 != 0,
                write: granted & 0b0100 != 0,
                execute: granted & 0b1000 != 0,
            },
            target,
            global: first.bits & 0x20 != 0,
            untranslated_only: false,
            privileged: self.request.is_privileged(),
            denied_by: None,
            gscid: self.tags.gscid,
            pscid: self.tags.pscid,
            rcid: dc.ta.rcid(),
            mcid: dc.ta.mcid(),
        };
        if let Kind::Ats { execute, .. } = self.request.kind {
            self.complete_ats(dc, first.addr, execute, &mut translation);
        }
        Ok(translation)
    }

    /// Makes a translation the completion of an ATS translation request (section "PCIe ATS translation request
    /// handling").
    fn complete_ats(&self, dc: &DeviceContext, gpa: u64, execute: bool, translation: &mut Translation) {
        let permissions = &mut translation.permissions;
        // PCIe knows neither execute-only nor write-only translations without the read permission.
        permissions.execute &= execute && permissions.read;
        translation.untranslated_only = matches!(translation.target, Target::Mrif(_));
        translation.global &= self.request.process.is_some() && translation.target == Target::Memory;
        if dc.tc.t2gpa() {
            translation.spa = Spa(gpa);
        }
    }

    /// The outcome of a fault: for an ATS request it may be a Success response without permissions.
    #[cold]
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
