// SPDX-License-Identifier: Apache-2.0
//! What devices keep of translations by ATS: a translated request by one that an operation retired is software's fault,
//! if no ATS.INVAL had taken it from the device (rule S6 of MODEL.md).
//!
//! A device may use what it was given until it has completed an invalidation request that names it. Where several of its
//! translations lead to an address, the one that is kindest to software counts; an address that it was never given is the
//! device's own word, and nobody else's fault.

use events::{Cycle, InvalidationRequest, TranslationCompletion, range_log2};
use golden::{Access, Config, DeviceId, Iova, Kind, Outcome, Request, Response, WordRef};

use super::Oracle;
use super::choice::Choice;
use super::chooser::{Chooser, Reach};
use super::explain::{Explanation, walk};
use super::software::{Broken, Retired, Served, StaleUse};
use super::usable::Knowledge;
use super::view::View;
use super::window::Window;

/// Translations that are noted at most. What goes beyond is forgotten, and then nothing is said of its use.
const MOST: usize = 4096;

/// So many combinations are tried for an explanation that is kinder to software.
const TRIES: u32 = 4096;

/// A translation that a device was given.
#[derive(Clone, Debug)]
struct Kept {
    /// What it had asked for
    request: Request,
    came: TranslationCompletion,
    /// How that was explained, and when it was
    explanation: Explanation,
    window: Window,
    /// The ITag of an invalidation request that names it and that the device has not completed
    named: Option<u8>,
}

/// A use of one that memory did not bear out any more, where no operation had promised anything.
#[derive(Clone, Debug)]
struct Use {
    kept: Kept,
    choice: Choice,
    changed: Cycle,
    served: Served,
}

/// See the module.
#[derive(Debug, Default)]
pub struct DeviceCaches {
    kept: Vec<Kept>,
    uses: Vec<Use>,
}

/// The offset within a range of so many bytes, as a mask.
fn within(log2: u32) -> u64 {
    1u64.checked_shl(log2).map_or(u64::MAX, |bytes| bytes - 1)
}

impl Kept {
    fn within(&self) -> u64 {
        within(range_log2(self.came.addr.0, self.came.s))
    }

    /// An invalidation request takes it from its device.
    fn is_named_by(&self, inval: &InvalidationRequest) -> bool {
        let both = self.within() | within(range_log2(inval.addr.0, inval.s));
        self.request.device == inval.device
            && (inval.process.is_some() && inval.global || self.request.process == inval.process)
            && (self.request.iova.0 ^ inval.addr.0) & !both == 0
    }

    /// The untranslated address for which a device would make this translated request, if this permits it.
    fn serves(&self, request: &Request) -> Option<Iova> {
        let permitted = match request.access {
            Access::Read => self.came.r,
            Access::Write => self.came.w,
            Access::Execute => self.came.x,
        };
        let within = self.within();
        let is_of = self.request.device == request.device && self.request.process == request.process;
        let leads = is_of && permitted && (self.came.addr.0 ^ request.iova.0) & !within == 0;
        leads.then_some(Iova(self.request.iova.0 & !within | request.iova.0 & within))
    }

    /// The same translation, whenever it came.
    fn is_like(&self, other: &Kept) -> bool {
        let of = |kept: &Kept| TranslationCompletion { tag: 0, ..kept.came };
        self.request == other.request && of(self) == of(other)
    }
}

impl DeviceCaches {
    /// A device was given a translation.
    pub fn given(
        &mut self,
        request: &Request,
        came: &TranslationCompletion,
        explanation: &Explanation,
        window: Window,
    ) {
        if !(came.r || came.w) || came.u {
            return;
        }
        let explanation = explanation.clone();
        let kept = Kept { request: *request, came: *came, explanation, window, named: None };
        match self.kept.iter_mut().find(|known| known.named.is_none() && known.is_like(&kept)) {
            // By what memory held it is kinder to software.
            Some(known) if !kept.explanation.stale || known.explanation.stale => *known = kept,
            Some(_) => {}
            None => {
                if self.kept.len() == MOST {
                    self.kept.clear();
                }
                self.kept.push(kept);
            }
        }
    }

    /// A device took an invalidation request.
    pub fn named(&mut self, inval: &InvalidationRequest) {
        for kept in self.kept.iter_mut().filter(|kept| kept.is_named_by(inval)) {
            kept.named = Some(inval.itag);
        }
    }

    /// A device has completed invalidation requests, by a bit for each ITag: what they named it uses no more.
    pub fn forgotten(&mut self, device: DeviceId, itags: u32) {
        let is_gone = |kept: &Kept| kept.named.is_some_and(|itag| itags >> (itag & 31) & 1 != 0);
        self.kept.retain(|kept| kept.request.device != device || !is_gone(kept));
    }
}

/// How a use of a translation stands.
enum Standing {
    /// Software has kept all promises
    Fine,
    /// Memory does not bear it out any more
    Stale(Option<Retired>),
}

impl Oracle {
    /// A translated request went through: may its device still use what it was given for it?
    pub(super) fn judge_translated(&mut self, request: &Request, window: Window) {
        if request.kind != Kind::Translated {
            return;
        }
        let mut first: Option<(Kept, Option<Retired>)> = None;
        for at in 0..self.device_caches.kept.len() {
            let Some(iova) = self.device_caches.kept[at].serves(request) else { continue };
            let kept = self.device_caches.kept[at].clone();
            match self.standing(&kept, iova, request, window) {
                Standing::Fine => return,
                Standing::Stale(retired) => {
                    first.get_or_insert((kept, retired));
                }
            }
        }
        let Some((kept, retired)) = first else { return };
        let explanation = kept.explanation.clone();
        let served = Served { request: *request, window, explanation, freed: None, refused: None };
        if let Some(Retired { choice, operation, returned, .. }) = retired {
            let missing = kept.missing();
            self.hazard(Broken::Stale { choice, operation, returned, missing }, &served);
            return;
        }
        let changes = StaleUse::changes(&kept.explanation.choices, self.search.facts(), |_| true);
        let Some((choice, changed)) = changes.filter(|(_, changed)| *changed < window.offered).last() else { return };
        if !self.device_caches.uses.iter().any(|known| known.kept.is_like(&kept) && known.changed == changed) {
            self.device_caches.uses.push(Use { kept, choice, changed, served });
        }
    }

    fn standing(&mut self, kept: &Kept, iova: Iova, request: &Request, window: Window) -> Standing {
        if self.is_right_at_rest(kept, iova, request, window) {
            return Standing::Fine;
        }
        let Some(retired) = self.software.retired(&kept.explanation.choices, self.search.facts(), window) else {
            return Standing::Stale(None);
        };
        if self.is_kinder(kept, window) { Standing::Stale(None) } else { Standing::Stale(Some(retired)) }
    }

    /// By memory at rest around the request, or as it is now, the device would be given the same again.
    fn is_right_at_rest(&self, kept: &Kept, iova: Iova, request: &Request, window: Window) -> bool {
        let kind = Kind::Ats { no_write: request.access != Access::Write, execute: request.access == Access::Execute };
        let ask = Request { kind, iova, access: Access::Read, ..kept.request };
        let leads = |config: &Config, mut view: View<'_>| match golden::translate(config, &mut view, &ask) {
            Outcome::Translated(right) => {
                let permitted = match request.access {
                    Access::Read => right.permissions.read,
                    Access::Write => right.permissions.write,
                    Access::Execute => right.permissions.execute,
                };
                permitted && right.spa.0 >> 12 == request.iova.0 >> 12
            }
            // The device can reach nothing by it any more; whether it still does is judged with the request itself.
            Outcome::Fault(fault) => fault.response == Response::UnsupportedRequest,
            _ => false,
        };
        let (memory, histories) = (&self.search.memory, &self.search.histories);
        let moments = self.software.moments(window, histories).cycles;
        let then = |&cycle: &Cycle| {
            self.configs_at_rest(cycle).iter().any(|config| leads(config, View::at(memory, histories, cycle)))
        };
        leads(&self.search.config(), View::now(memory)) || moments.iter().any(then)
    }

    /// The translation can be explained by what no operation had retired when it was used.
    fn is_kinder(&mut self, kept: &Kept, window: Window) -> bool {
        let Kept { request: asked, came, window: then, .. } = kept;
        let mut found = false;
        for reach in Reach::ALL {
            let software = &self.software;
            let fits = |known: &Knowledge<'_>, word: &WordRef, value: u64| {
                !software.is_retired(word, value, known.histories, window)
            };
            let visit = |outcome: &Outcome, chooser: &Chooser<'_>, tries: u32| {
                found = super::ats::is_answer(asked, outcome, chooser.is_global(), came)
                    && software.retired(chooser.choices(), chooser.known().facts(), window).is_none();
                found || tries > TRIES
            };
            self.search.replay_only(Some(&fits), *then, reach, TRIES, walk(asked), visit);
            if found {
                return true;
            }
        }
        false
    }

    /// At rest: what devices kept of what was changed, and used, has been invalidated.
    pub(super) fn judge_kept_uses(&mut self) {
        for Use { kept, choice, changed, served } in std::mem::take(&mut self.device_caches.uses) {
            let is_kept = |known: &Kept| known.is_like(&kept) && known.named.is_none() && known.window == kept.window;
            if self.device_caches.kept.iter().any(is_kept) {
                let missing = kept.missing();
                self.hazard(Broken::NeverInvalidated { choice, changed, missing }, &served);
            }
        }
    }
}

impl Kept {
    /// What software left out.
    fn missing(&self) -> String {
        let Kept { request, window, named, .. } = self;
        let process = request.process.map_or_else(String::new, |process| format!(", PASID {process:#x}"));
        let (device, iova, given) = (request.device, request.iova, window.end);
        match named {
            None => format!(
                "missing: ATS.INVAL to device {device:#x}{process} for {iova:#x}, of which it keeps the translation \
                 that it was given in cycle {given}"
            ),
            Some(itag) => format!(
                "missing: a fence behind the ATS.INVAL to device {device:#x}{process} for {iova:#x}: the device has not \
                 completed it (ITag {itag})"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use golden::{ProcessId, Spa, Translation};

    use super::*;

    fn given(process: Option<u32>, addr: u64, came: u64, s: bool) -> DeviceCaches {
        let request = Request {
            process: process.map(ProcessId),
            kind: Kind::Ats { no_write: false, execute: false },
            ..Request::untranslated(DeviceId(5), Access::Read, Iova(addr))
        };
        let outcome = Outcome::Translated(Translation::identity(came));
        let explanation = Explanation {
            outcome,
            choices: Vec::new(),
            roots: Vec::new(),
            msi_table: None,
            stale: false,
            other_root: false,
        };
        let came = TranslationCompletion { addr: Spa(came), s, r: true, ..TranslationCompletion::default() };
        let mut caches = DeviceCaches::default();
        caches.given(&request, &came, &explanation, Window::new(1, 2));
        caches.given(&request, &came, &explanation, Window::new(3, 4));
        caches
    }

    fn inval(process: Option<u32>, addr: u64, s: bool, global: bool) -> InvalidationRequest {
        let process = process.map(ProcessId);
        InvalidationRequest { device: DeviceId(5), process, addr: Iova(addr), s, global, itag: 3 }
    }

    fn is_forgotten(mut caches: DeviceCaches, inval: &InvalidationRequest) -> bool {
        assert_eq!(caches.kept.len(), 1, "each once");
        caches.named(inval);
        caches.forgotten(DeviceId(6), 1 << 3);
        caches.forgotten(DeviceId(5), !(1 << 3));
        assert_eq!(caches.kept.len(), 1, "another device, and other ITags");
        caches.forgotten(DeviceId(5), 1 << 3);
        caches.kept.is_empty()
    }

    #[test]
    fn a_translation_is_kept_until_an_invalidation_that_names_it_is_complete() {
        let one = || given(None, 0x4000_3123, 0x8000_5000, false);
        assert!(is_forgotten(one(), &inval(None, 0x4000_3000, false, false)));
        assert!(!is_forgotten(one(), &inval(None, 0x4000_2000, false, false)), "another page");
        assert!(is_forgotten(one(), &inval(None, 0x4000_2000, true, false)), "8 KiB");
        assert!(!is_forgotten(one(), &inval(Some(1), 0x4000_3000, false, false)), "of a process");
        assert!(is_forgotten(one(), &inval(None, 0x7fff_ffff_ffff_f000, true, false)), "everything");
        let large = given(Some(7), 0x4020_1000, 0x802f_f000, true);
        assert!(is_forgotten(large, &inval(Some(7), 0x403f_f000, false, false)), "a page of a range");
        let of_process = || given(Some(7), 0x4000_3000, 0x8000_5000, false);
        assert!(!is_forgotten(of_process(), &inval(Some(8), 0x4000_3000, false, false)));
        assert!(is_forgotten(of_process(), &inval(Some(8), 0x4000_3000, false, true)), "of all processes");
    }

    #[test]
    fn a_translated_request_comes_by_what_its_device_was_given() {
        let kept = &given(None, 0x4020_1000, 0x802f_f000, true).kept[0];
        let ask = |device: u32, access, iova| Request {
            kind: Kind::Translated,
            ..Request::untranslated(DeviceId(device), access, Iova(iova))
        };
        assert_eq!(kept.serves(&ask(5, Access::Read, 0x8021_2340)), Some(Iova(0x4021_2340)));
        assert_eq!(kept.serves(&ask(5, Access::Write, 0x8021_2340)), None, "only reads were granted");
        assert_eq!(kept.serves(&ask(6, Access::Read, 0x8021_2340)), None);
        assert_eq!(kept.serves(&ask(5, Access::Read, 0x8041_2340)), None);
    }
}
