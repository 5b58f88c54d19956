// SPDX-License-Identifier: Apache-2.0
//! Going on behind what the device must not do: known divergences are waived, and others may be gone past as well, each
//! kind reported once.

use std::cmp::Reverse;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::verdict::{Finding, Kind};

/// What a known divergence is recognized by. What is not said fits anything; `*` stands for any text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// See [`Finding::rule`]
    pub rule: String,
    /// See [`Finding::detail`]
    pub detail: Option<String>,
    /// See [`Finding::structure`]
    pub structure: Option<String>,
    /// See [`Finding::command`]
    pub command: Option<String>,
}

impl Pattern {
    /// How much it says.
    fn says(&self) -> usize {
        let stars = |pattern: &String| usize::from(!pattern.contains('*'));
        let further = [&self.detail, &self.structure, &self.command].into_iter().flatten();
        stars(&self.rule) + further.map(|pattern| 1 + stars(pattern)).sum::<usize>()
    }

    /// It says nothing that a finding of this kind is not.
    pub fn fits(&self, kind: &Kind) -> bool {
        let fits = |pattern: &Option<String>, text: Option<&str>| match pattern {
            None => true,
            Some(pattern) => matches(pattern, text.unwrap_or_default()),
        };
        matches(&self.rule, &kind.rule)
            && fits(&self.detail, Some(&kind.detail))
            && fits(&self.structure, kind.structure.as_deref())
            && fits(&self.command, kind.command.as_deref())
    }
}

/// Whether a text is as a pattern says, in which `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(first) else { return false };
    (0..=text.len()).any(|at| text.is_char_boundary(at) && matches(rest, &text[at..]))
}

/// How far a run goes on behind what the device must not do. By default it does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lenience {
    /// Divergences of these kinds are waived.
    pub waived: Vec<Pattern>,
    /// So many other kinds are gone past; the next one ends the run.
    pub keep_going: usize,
}

impl Lenience {
    /// The first divergence ends the run.
    pub fn is_strict(&self) -> bool {
        self.waived.is_empty() && self.keep_going == 0
    }
}

/// A divergence that a run went past, and those of its kind that followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Divergence {
    /// The first of its kind
    pub first: Finding,
    /// How many there were
    pub count: u64,
    /// Which waiver it falls under, as its place in those that were waived for the run; null: it counts
    pub waiver: Option<usize>,
}

impl Divergence {
    /// What a run went past, and behind that what ended it, where the run is named after something before.
    pub fn all(past: &[Divergence], ended_by: Option<&Finding>) -> Vec<Divergence> {
        let is_named_after_another = past.iter().any(|divergence| divergence.waiver.is_none());
        let last = ended_by.filter(|_| is_named_after_another);
        let last = last.map(|finding| Divergence { first: finding.clone(), count: 1, waiver: None });
        past.iter().cloned().chain(last).collect()
    }
}

/// Codes of causes end before this.
const MOST_CAUSES: u32 = 512;

/// What a run went past so far.
#[derive(Debug, Default)]
pub struct Divergences {
    lenience: Lenience,
    seen: Vec<Divergence>,
}

impl Divergences {
    /// None yet; the run goes on as far as this says.
    pub fn new(lenience: Lenience) -> Self {
        Divergences { lenience, seen: Vec::new() }
    }

    /// The first divergence ends the run.
    pub fn is_strict(&self) -> bool {
        self.lenience.is_strict()
    }

    /// All of them, in the order in which their kinds came.
    pub fn all(&self) -> &[Divergence] {
        &self.seen
    }

    /// Whether the run may go past this refusal, which nothing waives, with some cause in its record.
    pub fn may_go_past_unwaived(&self, refused: &Finding) -> bool {
        self.has_room() || self.unwaived().any(|known| known.first.rule == refused.rule)
    }

    fn unwaived(&self) -> impl Iterator<Item = &Divergence> {
        self.seen.iter().filter(|known| known.waiver.is_none())
    }

    /// One more kind that nobody has waived may be gone past.
    fn has_room(&self) -> bool {
        self.unwaived().count() < self.lenience.keep_going
    }

    /// A waiver that fits a refusal as it is, or with some cause.
    pub fn waiver_of_refusal(&self, refused: &Finding) -> Option<usize> {
        let mut kind = refused.kind();
        let without = self.waiver(&kind);
        let causes = || {
            (0..MOST_CAUSES).find_map(|cause| {
                kind.detail = format!("{}, with cause {cause}", refused.detail);
                self.waiver(&kind)
            })
        };
        without.or_else(causes)
    }

    /// All of them, and these refusals, of which it is not known how they would have been named.
    pub fn with_open<'o>(&self, open: impl Iterator<Item = &'o Finding>) -> Vec<Divergence> {
        let mut all = self.seen.clone();
        for first in open {
            let kind = first.kind();
            match all.iter_mut().find(|known| known.first.kind() == kind) {
                Some(known) => known.count += 1,
                None => {
                    let waiver = self.waiver_of_refusal(first);
                    all.push(Divergence { first: first.clone(), count: 1, waiver });
                }
            }
        }
        all
    }

    /// The waiver for a kind: of those that say as much, the first.
    fn waiver(&self, kind: &Kind) -> Option<usize> {
        let fitting = self.lenience.waived.iter().enumerate().filter(|(_, pattern)| pattern.fits(kind));
        fitting.max_by_key(|(at, pattern)| (pattern.says(), Reverse(*at))).map(|(at, _)| at)
    }

    /// Whether the run may go past this one. If so, it is noted.
    pub fn note(&mut self, finding: &Finding) -> bool {
        let kind = finding.kind();
        if let Some(known) = self.seen.iter_mut().find(|known| known.first.kind() == kind) {
            known.count += 1;
            return true;
        }
        let waiver = self.waiver(&kind);
        let goes_on = waiver.is_some() || self.has_room();
        if goes_on {
            self.seen.push(Divergence { first: finding.clone(), count: 1, waiver });
        }
        goes_on
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Blame, Rule, Violation};
    use super::*;

    fn found(rule: Rule, detail: &str) -> Finding {
        Violation::new(rule, detail, "right", "wrong").found(7)
    }

    fn pattern(rule: &str) -> Pattern {
        Pattern { rule: rule.to_owned(), ..Pattern::default() }
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, fits) in [
            ("cqh", "cqh", true),
            ("cqh", "cqht", false),
            ("cq*", "cqh", true),
            ("*", "", true),
            ("another *", "another address", true),
            ("*address", "another address", true),
            ("*other*add*", "another address", true),
            ("*add*other", "another address", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn what_a_pattern_does_not_say_fits_anything() {
        let kind = |structure: Option<&str>| Kind {
            blame: Blame::DutViolation,
            rule: "translation".to_owned(),
            detail: "refused".to_owned(),
            structure: structure.map(str::to_owned),
            command: None,
        };
        assert!(pattern("translation").fits(&kind(None)));
        assert!(!pattern("refusal").fits(&kind(None)));
        let leaf = Pattern { structure: Some("first-*".to_owned()), ..pattern("translation") };
        assert!(leaf.fits(&kind(Some("first-stage-pte"))) && !leaf.fits(&kind(None)));
    }

    #[test]
    fn a_waived_kind_never_ends_the_run_and_others_do_after_so_many() {
        let lenience = Lenience { waived: vec![pattern("register")], keep_going: 1 };
        let mut divergences = Divergences::new(lenience);
        assert!(divergences.note(&found(Rule::Register, "cqh")));
        assert!(divergences.note(&found(Rule::Register, "fqt")));
        assert!(divergences.note(&found(Rule::Register, "cqh")));
        assert!(divergences.note(&found(Rule::Refusal, "a")));
        assert!(divergences.note(&found(Rule::Refusal, "a")), "of one kind");
        assert!(!divergences.note(&found(Rule::Refusal, "b")), "one kind more than may be");
        let counts: Vec<_> = divergences.all().iter().map(|seen| (seen.count, seen.waiver)).collect();
        assert_eq!(counts, [(2, Some(0)), (1, Some(0)), (2, None)]);
    }

    #[test]
    fn the_waiver_that_says_most_counts() {
        let exact = Pattern { detail: Some("cqh".to_owned()), ..pattern("register") };
        let some = Pattern { detail: Some("cq*".to_owned()), ..pattern("register") };
        let waived = vec![pattern("register"), some, exact, pattern("register")];
        let mut divergences = Divergences::new(Lenience { waived, keep_going: 0 });
        for detail in ["cqh", "cqt", "fqt"] {
            assert!(divergences.note(&found(Rule::Register, detail)));
        }
        let used: Vec<_> = divergences.all().iter().map(|seen| seen.waiver).collect();
        assert_eq!(used, [Some(2), Some(1), Some(0)]);
    }

    #[test]
    fn without_lenience_the_first_divergence_ends_the_run() {
        let mut divergences = Divergences::default();
        assert!(divergences.is_strict() && !divergences.note(&found(Rule::Register, "cqh")));
    }
}
