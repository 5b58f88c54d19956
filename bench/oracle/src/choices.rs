// SPDX-License-Identifier: Apache-2.0
//! What the specification leaves to the implementation (rule D7 of MODEL.md). A choice is free until the description of
//! an RTL binds it; the oracle tries what it has seen of the device first.

use golden::{Capabilities, SpecVersion};
use serde::{Deserialize, Serialize};

/// One way to make them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choices {
    /// Those that the golden model knows
    pub golden: golden::Choices,
    /// An error answer on `ptw_*` is taken for corrupt data, not for an access fault
    pub port_error_is_corruption: bool,
}

/// How many choices there are.
const COUNT: usize = 6;

/// Choices that the description of an RTL binds, in the order of [`Bound::NAMES`]. What it leaves out is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound([Option<bool>; COUNT]);

impl Bound {
    /// Nothing is bound.
    pub const FREE: Bound = Bound([None; COUNT]);

    /// The names of all choices, as a description has them. CHOICES.md says what each means.
    pub const NAMES: [&str; COUNT] = [
        "output-width-checked",
        "context-addresses-checked",
        "msi-needs-second-stage",
        "bare-first-stage-global",
        "gxl-writable",
        "port-error-is-corruption",
    ];

    /// What is bound, by its names.
    pub fn bound(&self) -> Vec<(String, bool)> {
        let named = Self::NAMES.iter().zip(self.0);
        named.filter_map(|(name, value)| Some(((*name).to_owned(), value?))).collect()
    }

    /// Binds a choice by its name; false if there is none of this name.
    pub fn bind(&mut self, name: &str, value: bool) -> bool {
        let Some(at) = Self::NAMES.iter().position(|known| *known == name) else { return false };
        self.0[at] = Some(value);
        true
    }
}

impl Choices {
    /// In the order of their names.
    fn all(&mut self) -> [&mut bool; COUNT] {
        let Choices { golden, port_error_is_corruption } = self;
        [
            &mut golden.check_output_width,
            &mut golden.check_context_addresses,
            &mut golden.reject_msi_without_second_stage,
            &mut golden.bare_first_stage_is_global,
            &mut golden.gxl_writable,
            port_error_is_corruption,
        ]
    }
}

/// What is known of the choices of a device.
#[derive(Clone, Copy, Debug)]
pub struct KnownChoices {
    /// As they are thought to be
    now: Choices,
    free: [bool; COUNT],
}

impl KnownChoices {
    /// What the specification recommends, but for what is bound.
    pub fn new(version: SpecVersion, capabilities: Capabilities, bound: &Bound) -> KnownChoices {
        let golden = golden::Choices { be_writable: capabilities.end(), ..golden::Choices::recommended(version) };
        let mut now = Choices { golden, port_error_is_corruption: false };
        for (choice, bound) in now.all().into_iter().zip(bound.0) {
            *choice = bound.unwrap_or(*choice);
        }
        KnownChoices { now, free: bound.0.map(|bound| bound.is_none()) }
    }

    /// As they are thought to be.
    pub fn now(&self) -> &Choices {
        &self.now
    }

    /// The same with one free choice made otherwise, then with two, by its place among these; none when there are no
    /// more. One request seldom shows more than two choices at once.
    pub fn otherwise(&self, place: usize) -> Option<KnownChoices> {
        let is_free = |mask: &usize| (0..COUNT).all(|at| mask >> at & 1 == 0 || self.free[at]);
        let of = |ones: u32| (1..1 << COUNT).filter(move |mask: &usize| mask.count_ones() == ones).filter(is_free);
        let mask = of(1).chain(of(2)).nth(place)?;
        let mut made = *self;
        for (at, choice) in made.now.all().into_iter().enumerate() {
            *choice ^= mask >> at & 1 == 1;
        }
        Some(made)
    }

    /// What an error answer on `ptw_*` is taken for: corrupt data or an access fault, if that is bound.
    pub fn error_is_corruption(&self) -> Option<bool> {
        let [.., is_free] = self.free;
        (!is_free).then_some(self.now.port_error_is_corruption)
    }

    /// How many of them are free.
    pub fn free(&self) -> usize {
        self.free.iter().filter(|free| **free).count()
    }

    /// As they are thought to be, and then otherwise.
    pub fn all(self) -> impl Iterator<Item = KnownChoices> {
        std::iter::once(self).chain((0..).map_while(move |place| self.otherwise(place)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_bound_is_not_tried_otherwise() {
        let mut bound = Bound::FREE;
        assert!(bound.bind("output-width-checked", false) && !bound.bind("output-width", false));
        let made = KnownChoices::new(SpecVersion::V20260222, Capabilities(0), &bound);
        assert!(!made.now().golden.check_output_width);
        let others: Vec<_> = made.all().skip(1).collect();
        let free = COUNT - 1;
        assert_eq!(others.len(), free + free * (free - 1) / 2);
        assert!(others.iter().all(|other| !other.now().golden.check_output_width));
        assert!(others.iter().any(|other| other.now().golden.check_context_addresses));
        assert!(others.iter().any(|other| other.now().port_error_is_corruption));
    }
}
