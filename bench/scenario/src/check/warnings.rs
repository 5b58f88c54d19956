// SPDX-License-Identifier: Apache-2.0
//! What is legal and still most likely a mistake.

use crate::at::At;
use crate::diagnostic::Problem;
use crate::dma::{Dma, Result};
use crate::domain::{Domain, DomainKind};
use crate::expect::{Expectation, Limit};
use crate::file::Scenario;
use crate::place::Place;
use crate::step::{Attachment, Step};

/// A transaction that a step makes, or all those of a stream.
struct Access<'a> {
    device: Option<&'a str>,
    first: u64,
    last: u64,
    place: Place,
}

impl Scenario {
    /// What the author probably did not mean, in any of the variants. A scenario with warnings can be played.
    pub fn warnings(&self) -> Vec<Problem> {
        let mut warnings = Vec::new();
        for variant in self.variants() {
            if let Ok(own) = self.with(&variant)
                && !own.faults_are_expected(&own.expectation(&variant))
            {
                warnings.extend(own.nothing_succeeds());
            }
        }
        warnings.sort_by_key(|problem| problem.place);
        warnings.dedup();
        warnings
    }

    /// Somewhere it says that devices see faults: in what a run must show, or in a step.
    pub fn faults_are_expected(&self, expectation: &Expectation) -> bool {
        let some = |limit: &Limit| limit.min > 0;
        expectation.device_faults.as_ref().is_some_and(some)
            || expectation.faults.values().any(some)
            || expectation.only_faults.as_ref().is_some_and(|causes| !causes.is_empty())
            || self.all_steps().iter().any(|step| matches!(&step.value, Step::Dma(dma) if dma.expect == Result::Fault))
    }

    /// All steps, those of repetitions and operations included.
    pub(crate) fn all_steps(&self) -> Vec<&At<Step>> {
        let mut all = Vec::new();
        let mut left: Vec<&At<Step>> = self.steps.iter().rev().collect();
        while let Some(step) = left.pop() {
            all.push(step);
            left.extend(step.value.inner().into_iter().rev());
        }
        all
    }

    /// All DMA goes to where no domain of its device has ever a mapping.
    fn nothing_succeeds(&self) -> Option<Problem> {
        let steps = self.all_steps();
        // What these do to contexts and tables is not known here.
        let opaque = |step: &&At<Step>| matches!(step.value, Step::Store(_) | Step::SetContext(_));
        if steps.iter().any(opaque) {
            return None;
        }
        let accesses: Vec<Access> = steps.iter().filter_map(|step| access(step)).collect();
        let first = accesses.first()?;
        if accesses.iter().any(|access| self.may_succeed(access, &steps)) {
            return None;
        }
        let problem = Problem::new(first.place, "no stream and no other DMA can succeed", "mapped nowhere").help(
            "map the range in a domain of the device; or say that faults are expected: \
             `expect: [{ device-faults: { min: 1 } }]`",
        );
        Some(problem.warning())
    }

    fn may_succeed(&self, access: &Access, steps: &[&At<Step>]) -> bool {
        let Some((name, device)) = access.device.and_then(|name| Some((name, self.devices.get(name)?))) else {
            return false;
        };
        let attached = |step: &&At<Step>| match &step.value {
            Step::Attach(Attachment { device, domain, .. }) | Step::Replace(Attachment { device, domain, .. }) => {
                (device.value == name).then_some(domain.value.clone())
            }
            _ => None,
        };
        let domains = device.domain.iter().map(|own| own.value.clone()).chain(steps.iter().filter_map(attached));
        domains.into_iter().any(|domain| self.reaches(&domain, access, steps))
    }

    /// The domain may map an address of this access at some time.
    fn reaches(&self, name: &str, access: &Access, steps: &[&At<Step>]) -> bool {
        let overlaps = |first: u64, last: u64| first <= access.last && access.first <= last;
        match self.domain_kind(name) {
            Some(DomainKind::Identity) | None => return true,
            Some(DomainKind::Blocked) => return false,
            Some(DomainKind::Paging | DomainKind::Nested) => {}
        }
        let Some(domain) = self.domains.get(name) else { return true };
        let window = |domain: &Domain| {
            domain
                .msi
                .as_ref()
                .is_some_and(|msi| overlaps(msi.address.0, msi.address.0.saturating_add(msi.bytes().saturating_sub(1))))
        };
        let later = steps.iter().filter_map(|step| match &step.value {
            Step::Map(map) if map.domain.value == name => Some(&map.range),
            _ => None,
        });
        let mut mappings = domain.map.iter().map(|mapping| &mapping.value).chain(later);
        window(domain) || mappings.any(|mapping| overlaps(mapping.iova.0, mapping.last()))
    }
}

fn access(step: &At<Step>) -> Option<Access<'_>> {
    let (device, iova, bytes) = match &step.value {
        Step::Stream(stream) => (Some(stream.device.as_str()), &stream.range.iova, stream.range.size.0),
        Step::Dma(dma @ Dma { device, .. }) => {
            let iova = dma.read.as_ref().or(dma.write.as_ref()).or(dma.fetch.as_ref())?;
            (device.as_ref().map(|device| device.as_str()), iova, dma.bytes.0)
        }
        _ => return None,
    };
    let last = iova.0.saturating_add(bytes.saturating_sub(1));
    Some(Access { device, first: iova.0, last, place: iova.place })
}
