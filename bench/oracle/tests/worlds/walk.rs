// SPDX-License-Identifier: Apache-2.0
//! One walk of the toy formats, with every outcome that it may have. Where it can use more than one value, it goes on
//! with each of them.

use std::cell::RefCell;

use crate::covers::Use;
use crate::faults::Fault;
use crate::moment::{Holder, Invalid, Kept, Moment};
use crate::trace::{Answer, Request};
use crate::world::{DDT, LEAF, PAS};

/// What a stage leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Led {
    page: u64,
    rights: u64,
    /// The leaf, where there is one
    leaf: Option<Use>,
}

/// Where a walk may lead: nowhere (a fault), or on.
type Ways<T> = Vec<Option<T>>;

/// Values of the words of a device context.
#[derive(Clone, Copy, Debug)]
struct Context {
    tc: u64,
    iohgatp: u64,
    ta: u64,
    fsc: u64,
    msiptp: u64,
    mask: u64,
    pattern: u64,
}

/// The first stage: `fsc`, PSCID, and which context names the root.
#[derive(Clone, Copy, Debug)]
struct First {
    fsc: u64,
    pscid: u32,
    holder: Holder,
}

const fn mode(root: u64) -> u64 {
    root >> 60
}

const fn ppn(root: u64) -> u64 {
    root & ((1 << 44) - 1)
}

const fn pte_page(pte: u64) -> u64 {
    pte >> 10 & ((1 << 44) - 1)
}

const fn is_leaf(pte: u64) -> bool {
    pte & 0b1010 != 0
}

fn gscid(iohgatp: u64) -> Option<u16> {
    (mode(iohgatp) != 0).then_some((iohgatp >> 44) as u16)
}

/// A walk for a request.
pub struct Walk<'a> {
    /// When
    at: &'a Moment<'a>,
    request: Request,
    /// What may be kept of it
    found: RefCell<Vec<Kept>>,
}

impl<'a> Walk<'a> {
    /// All answers that a walk may come to, and what may be kept of it.
    pub fn go(at: &'a Moment<'a>, request: Request) -> (Vec<Answer>, Vec<Kept>) {
        let walk = Walk { at, request, found: RefCell::default() };
        let mut answers = Vec::new();
        for context in walk.contexts() {
            match context {
                Some(context) => walk.with_context(&context, &mut answers),
                None => answers.push(Answer::Refused),
            }
        }
        (answers, walk.found.into_inner())
    }

    fn has(&self, fault: Fault) -> bool {
        self.at.faults.has(fault)
    }

    fn keep(&self, kept: Kept) {
        let mut found = self.found.borrow_mut();
        if !found.contains(&kept) {
            found.push(kept);
        }
    }

    /// What was kept and may still be there: entries by their tags.
    fn entries<'s>(&'s self, is: impl Fn(&Use) -> Option<Use> + 's) -> impl Iterator<Item = (Use, u64)> + 's {
        self.at.kept.iter().filter_map(move |(kept, made)| match kept {
            Kept::Entry(used, value) => {
                let used = is(used)?;
                self.at.is_there(*made, &used).then_some((used, *value))
            }
            _ => None,
        })
    }

    fn contexts(&self) -> Ways<Context> {
        let device = self.request.device;
        let extended = self.at.record.world.extended;
        let base = DDT + u64::from(device) * if extended { 64 } else { 32 };
        let word = |index: u64, invalid| self.at.usable(base + 8 * index, |_| Use::Device(device), invalid);
        let rest = |index: u64| if index < 4 || extended { word(index, Invalid::Never) } else { vec![0] };
        let mut ways = Vec::new();
        for tc in word(0, Invalid::Context) {
            if tc & 1 == 0 {
                ways.push(None);
                continue;
            }
            let mut all = vec![[tc, 0, 0, 0, 0, 0, 0]];
            for index in 1..7 {
                let values = rest(index as u64);
                all = all
                    .iter()
                    .flat_map(|words| {
                        values.iter().map(move |value| {
                            let mut words = *words;
                            words[index] = *value;
                            words
                        })
                    })
                    .collect();
            }
            ways.extend(all.into_iter().map(|[tc, iohgatp, ta, fsc, msiptp, mask, pattern]| {
                let context = Context { tc, iohgatp, ta, fsc, msiptp, mask, pattern };
                is_well_formed(&context).then_some(context)
            }));
        }
        ways
    }

    fn with_context(&self, context: &Context, answers: &mut Vec<Answer>) {
        let guest = gscid(context.iohgatp);
        for first in self.first_stages(context) {
            let Some(first) = first else {
                answers.push(Answer::Refused);
                continue;
            };
            let pscid = (mode(first.fsc) != 0).then_some(first.pscid);
            answers.extend(self.results(guest, pscid));
            for led in self.first(context, &first) {
                let Some(led) = led.filter(|led| self.allows(led.rights)) else {
                    answers.push(Answer::Refused);
                    continue;
                };
                for end in self.last(context, led.page) {
                    let global = matches!(led.leaf, Some(Use::First { global: true, .. }));
                    if let Some(end) = &end
                        && (guest.is_some() || pscid.is_some())
                    {
                        self.keep(Kept::Result {
                            gscid: guest,
                            pscid: pscid.map(|pscid| (pscid, global)),
                            page: self.request.page,
                            rights: led.rights & end.rights,
                            to: end.page,
                            of: led.leaf.iter().chain(&end.leaf).copied().collect(),
                            device: self.request.device,
                        });
                    }
                    let end = end.filter(|end| self.allows(end.rights));
                    // What lies beyond physical addresses may be refused, or handed on to memory.
                    if end.as_ref().is_none_or(|end| end.page >> (PAS - 12) != 0) {
                        answers.push(Answer::Refused);
                    }
                    answers.extend(end.map(|end| Answer::Page(end.page)));
                }
            }
        }
    }

    fn allows(&self, rights: u64) -> bool {
        rights & if self.request.write { 4 } else { 2 } != 0
    }

    /// Rule 5: results of whole walks.
    fn results(&self, guest: Option<u16>, process: Option<u32>) -> Vec<Answer> {
        let mut answers = Vec::new();
        if self.has(Fault::NoResults) {
            return answers;
        }
        for (kept, made) in self.at.kept {
            let Kept::Result { gscid, pscid, page, rights, to, of, device } = kept else { continue };
            let tags = *gscid == guest
                && *page == self.request.page
                && match (pscid, process) {
                    (Some((pscid, global)), Some(process)) => *pscid == process || *global,
                    (None, None) => true,
                    _ => false,
                };
            // Covering is judged at the use: under the tags of this request.
            let goes = |used: &Use| match (*used, process) {
                (Use::Second { .. } | Use::Msi { .. }, _) if self.has(Fault::ResultsSurviveGvma) => false,
                (Use::First { gscid, page, level, leaf, global, .. }, Some(pscid)) => {
                    !self.at.is_there(*made, &Use::First { gscid, pscid, page, level, leaf, global })
                }
                (used, _) => !self.at.is_there(*made, &used),
            };
            let gone = self.has(Fault::ResultsGoWithContext) && !self.at.is_there(*made, &Use::Device(*device));
            if tags && !gone && !of.iter().any(goes) {
                answers.push(if self.allows(*rights) { Answer::Page(*to) } else { Answer::Refused });
            }
        }
        answers
    }

    /// Where the first stage is described.
    fn first_stages(&self, context: &Context) -> Ways<First> {
        let device = self.request.device;
        let bare = First { fsc: 0, pscid: 0, holder: Holder::Device(device) };
        let (directory, default) = (context.tc >> 5 & 1 == 1, context.tc >> 9 & 1 == 1);
        if !directory {
            if self.request.process.is_some() {
                return vec![None];
            }
            return vec![Some(First { fsc: context.fsc, pscid: (context.ta >> 12) as u32 & 0xF_FFFF, ..bare })];
        }
        let Some(process) = self.request.process.or(default.then_some(0)) else { return vec![Some(bare)] };
        if mode(context.fsc) == 0 {
            return vec![Some(bare)];
        }
        let mut ways = Vec::new();
        for table in self.second(context.iohgatp, ppn(context.fsc), Some(Holder::Device(device))) {
            let Some(table) = table else {
                ways.push(None);
                continue;
            };
            let at = (table.page << 12) + 16 * u64::from(process);
            let used = |_| Use::Process(device, process);
            for ta in self.at.usable(at, used, Invalid::Context) {
                if ta & 1 == 0 {
                    ways.push(None);
                    continue;
                }
                for fsc in self.at.usable(at + 8, used, Invalid::Never) {
                    let holder = Holder::Process(device, process);
                    let first = First { fsc, pscid: (ta >> 12) as u32 & 0xF_FFFF, holder };
                    ways.push(matches!(mode(fsc), 0 | 8).then_some(first));
                }
            }
        }
        ways
    }

    fn first(&self, context: &Context, first: &First) -> Ways<Led> {
        let page = self.request.page;
        if mode(first.fsc) == 0 {
            return vec![Some(Led { page, rights: LEAF, leaf: None })];
        }
        let guest = gscid(context.iohgatp);
        let mut ways = Vec::new();
        let by_tags = |used: &Use| match *used {
            Use::First { gscid, pscid, page: of, level, leaf, global }
                if (gscid == guest || self.has(Fault::AnyGscid))
                    && (pscid == first.pscid || global || self.has(Fault::AnyPscid))
                    && of >> (9 * level) == page >> (9 * level) =>
            {
                Some(Use::First { gscid: guest, pscid: first.pscid, page, level, leaf, global })
            }
            _ => None,
        };
        if !self.has(Fault::FirstByRoot) {
            for (used, value) in self.entries(by_tags) {
                self.first_entry(context, first, used, value, &mut ways);
            }
        }
        let root = Use::First { gscid: guest, pscid: first.pscid, page, level: 3, leaf: false, global: false };
        self.first_table(context, first, root, ppn(first.fsc), &mut ways);
        ways
    }

    /// Through the table that an entry of the level above points to.
    fn first_table(&self, context: &Context, first: &First, above: Use, table: u64, ways: &mut Ways<Led>) {
        let Use::First { gscid, pscid, page, level, global: beneath, .. } = above else { return };
        let level = level - 1;
        let holder = (level == 2).then_some(first.holder);
        for table in self.second(context.iohgatp, table, holder) {
            let Some(table) = table else {
                ways.push(None);
                continue;
            };
            let at = (table.page << 12) + 8 * (page >> (9 * level) & 0x1FF);
            let used = |value: u64| {
                let (leaf, global) = (is_leaf(value), beneath || value & 0x20 != 0);
                Use::First { gscid, pscid, page, level, leaf, global }
            };
            for value in self.at.usable(at, used, Invalid::Entry) {
                if value & 1 == 1 {
                    self.keep(Kept::Entry(used(value), value));
                }
                self.first_entry(context, first, used(value), value, ways);
            }
        }
    }

    fn first_entry(&self, context: &Context, first: &First, used: Use, value: u64, ways: &mut Ways<Led>) {
        let Use::First { page, level, .. } = used else { return };
        match leads(value, level, page) {
            Some(Lead::Page(page)) => ways.push(Some(Led { page, rights: value, leaf: Some(used) })),
            Some(Lead::Table(table)) => self.first_table(context, first, used, table, ways),
            None => ways.push(None),
        }
    }

    /// From the guest address to memory: by an MSI table or by the second stage.
    fn last(&self, context: &Context, page: u64) -> Ways<Led> {
        let is_file = mode(context.msiptp) != 0 && (page ^ context.pattern) & !context.mask == 0;
        if !is_file {
            return self.second(context.iohgatp, page, None);
        }
        let guest = gscid(context.iohgatp);
        let used = Use::Msi { gscid: guest, page };
        let at = (ppn(context.msiptp) << 12) + 16 * (page & context.mask);
        let mut values = self.at.usable(at, |_| used, Invalid::Entry);
        for value in values.iter().filter(|value| *value & 1 == 1) {
            self.keep(Kept::Entry(used, *value));
        }
        if !self.has(Fault::MsiByRoot) {
            values.extend(self.entries(|kept| (*kept == used).then_some(used)).map(|(_, value)| value));
        }
        let led = |value: u64| Led { page: pte_page(value), rights: 6, leaf: Some(used) };
        values.into_iter().map(|value| (value & 7 == 7).then(|| led(value))).collect()
    }

    /// The second stage, for an address in general or for a pointer that a context may hold translated.
    fn second(&self, iohgatp: u64, page: u64, holder: Option<Holder>) -> Ways<Led> {
        let Some(guest) = gscid(iohgatp) else { return vec![Some(Led { page, rights: LEAF, leaf: None })] };
        let mut ways = Vec::new();
        let by_tags = |used: &Use| match *used {
            Use::Second { gscid, page: of, level, leaf }
                if (gscid == guest || self.has(Fault::AnyGscid)) && of >> (9 * level) == page >> (9 * level) =>
            {
                Some(Use::Second { gscid: guest, page, level, leaf })
            }
            _ => None,
        };
        if !self.has(Fault::SecondByRoot) {
            for (used, value) in self.entries(by_tags) {
                self.second_entry(used, value, &mut ways);
            }
        }
        self.second_table(Use::Second { gscid: guest, page, level: 3, leaf: false }, ppn(iohgatp), &mut ways);
        if let Some(holder) = holder.filter(|_| !self.has(Fault::PointerNotHeld)) {
            for led in ways.iter().flatten() {
                self.keep(Kept::Pointer(holder, page, led.page));
            }
            for (kept, made) in self.at.kept {
                let Kept::Pointer(of, from, to) = *kept else { continue };
                let used = match of {
                    Holder::Device(device) => Use::Device(device),
                    Holder::Process(device, process) => Use::Process(device, process),
                };
                let there = self.has(Fault::PointerHeldForEver) || self.at.is_there(*made, &used);
                if of == holder && from == page && there {
                    ways.push(Some(Led { page: to, rights: LEAF, leaf: None }));
                }
            }
        }
        let mut distinct: Ways<Led> = Vec::new();
        for way in ways {
            if !distinct.contains(&way) {
                distinct.push(way);
            }
        }
        distinct
    }

    fn second_table(&self, above: Use, table: u64, ways: &mut Ways<Led>) {
        let Use::Second { gscid, page, level, .. } = above else { return };
        let level = level - 1;
        // The root table has four pages.
        let index = page >> (9 * level) & if level == 2 { 0x7FF } else { 0x1FF };
        let used = |value: u64| Use::Second { gscid, page, level, leaf: is_leaf(value) };
        for value in self.at.usable((table << 12) + 8 * index, used, Invalid::Entry) {
            if value & 1 == 1 {
                self.keep(Kept::Entry(used(value), value));
            }
            self.second_entry(used(value), value, ways);
        }
    }

    fn second_entry(&self, used: Use, value: u64, ways: &mut Ways<Led>) {
        let Use::Second { page, level, .. } = used else { return };
        match leads(value, level, page) {
            Some(Lead::Page(page)) => ways.push(Some(Led { page, rights: value, leaf: Some(used) })),
            Some(Lead::Table(table)) => self.second_table(used, table, ways),
            None => ways.push(None),
        }
    }
}

/// What an entry leads to.
enum Lead {
    Page(u64),
    Table(u64),
}

fn leads(pte: u64, level: u32, page: u64) -> Option<Lead> {
    let below = (1u64 << (9 * level)) - 1;
    match (pte & 1 == 1, is_leaf(pte)) {
        (true, true) => {
            (pte & 0x10 != 0 && pte_page(pte) & below == 0).then(|| Lead::Page(pte_page(pte) | page & below))
        }
        (true, false) => (level > 0).then(|| Lead::Table(pte_page(pte))),
        (false, _) => None,
    }
}

/// The checks of a context that words of different times can fail.
fn is_well_formed(context: &Context) -> bool {
    let (directory, default) = (context.tc >> 5 & 1 == 1, context.tc >> 9 & 1 == 1);
    let first = match mode(context.fsc) {
        0 => true,
        1 => directory,
        8 => !directory,
        _ => false,
    };
    let second = mode(context.iohgatp) == 0 || mode(context.iohgatp) == 8 && ppn(context.iohgatp) & 3 == 0;
    let msi = mode(context.msiptp) == 0 || mode(context.msiptp) == 1 && mode(context.iohgatp) != 0;
    first && second && msi && (directory || !default)
}
